package erasure

import (
	"bytes"
	"testing"
)

// TestProducts: where there is a kernel for several columns, it computes what the
// definition says, with every factor, and leaves alone what is behind.
func TestProducts(t *testing.T) {
	rng, f := random(t), newField()
	for factor := range 256 {
		const size = 600
		in := columns(rng, 3, size)
		factors := []byte{byte(factor), byte(rng.IntN(256)), byte(factor)}
		var affine []uint64
		for _, c := range factors {
			affine = append(affine, f.affineOf(c))
		}
		want := make([]byte, size)
		out := bytes.Clone(want)
		n := products(out, in, affine)
		for s, c := range factors {
			for i := range n {
				want[i] ^= refMul(c, in[s][i])
			}
		}
		if !bytes.Equal(out, want) {
			t.Fatalf("factors %v: the first %d bytes are wrong, or others were touched", factors, n)
		}
	}
}
