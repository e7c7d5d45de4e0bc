//go:build !amd64

package erasure

// products leaves everything to the kernels for one column.
func products([]byte, [][]byte, []uint64) int { return 0 }
