package bench

import (
	"runtime"

	"github.com/klauspost/cpuid/v2"

	"github.com/holdfast-storage/holdfast/fuse-free-api/md5"
)

// simd says with which of the processor's instructions the code and the hashes
// are computed: what the code (erasure, and where it leaves that to them reedsolomon's
// kernels for one slice), the checksums of pieces (blockstore/drive, xxhash64 of eight
// beside each other), the MD5s of uploads (fuse-free-api/md5) and Go's crypto/sha256 choose
// by themselves at run time. The limits' MD5 is crypto/md5's, which has none.
func simd() string {
	has := cpuid.CPU.Supports
	code, sha, pieces := "none", "none", "none"
	switch runtime.GOARCH {
	case "amd64":
		switch {
		case has(cpuid.AVX512F, cpuid.GFNI):
			code = "GFNI"
		case has(cpuid.AVX2):
			code = "AVX2"
		case has(cpuid.SSSE3):
			code = "SSSE3"
		}
		if has(cpuid.AVX512F, cpuid.AVX512DQ) {
			pieces = "AVX-512"
		}
		switch {
		case has(cpuid.SHA, cpuid.AVX, cpuid.SSE4, cpuid.SSSE3):
			sha = "SHA-NI"
		case has(cpuid.AVX2, cpuid.BMI2):
			sha = "AVX2"
		}
	case "arm64":
		if has(cpuid.ASIMD) {
			code = "NEON"
		}
		if has(cpuid.SHA2) {
			sha = "SHA2"
		}
	}
	one, several := md5.NewGroup().Instructions()
	return "Reed–Solomon " + code + ", checksums of pieces " + pieces + ", SHA-256 " + sha + ", MD5 of one upload " + one + ", of several " + several
}
