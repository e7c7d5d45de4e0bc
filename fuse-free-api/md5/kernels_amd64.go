package md5

import "golang.org/x/sys/cpu"

// all are the kernels that run on this processor and system.
func all() (list []kernels) {
	if cpu.X86.HasAVX512F && cpu.X86.HasAVX512VL {
		list = append(list, kernels{name: "AVX-512", alone: blockAVX512, together: blocksAVX512})
	}
	if cpu.X86.HasAVX2 {
		list = append(list, kernels{name: "AVX2", together: blocksAVX2})
	}
	return list
}

//go:noescape
func blockAVX512(state *[4]uint32, p *byte, blocks int)

//go:noescape
func blocksAVX512(states *[4][Lanes]uint32, p *[Lanes]*byte, blocks int)

//go:noescape
func blocksAVX2(states *[4][Lanes]uint32, p *[Lanes]*byte, blocks int)
