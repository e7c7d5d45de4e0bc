package erasure

import "golang.org/x/sys/cpu"

// products puts the sum of the products of the columns in with the factors, which are
// of affineOf, into out, as many bytes of it as go well together, and says how many
// that are. All of in are as long as out.
//
// GFNI multiplies 64 bytes at once with an 8x8 matrix over GF(2), whatever the
// polynomial of the field. It is taken where AVX-512 has it: in servers since 2021 (Ice Lake, Zen 4).
func products(out []byte, in [][]byte, factors []uint64) (n int) {
	const step = 256
	if n = len(out) / step * step; n == 0 || !cpu.X86.HasAVX512F || !cpu.X86.HasAVX512GFNI {
		return 0
	}
	for _, column := range in {
		_ = column[:n]
	}
	productsOf(&out[0], &in[0], &factors[:len(in)][0], len(in), n)
	return n
}

//go:noescape
func productsOf(out *byte, in *[]byte, factors *uint64, sources, n int)
