//go:build !amd64

package md5

// best is what there is for other processors: crypto/md5.
func best() kernels { return kernels{name: "none"} }

func all() []kernels { return nil }
