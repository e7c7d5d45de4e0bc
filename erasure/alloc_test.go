//go:build !race

package erasure

import (
	"fmt"
	"slices"
	"testing"
)

// TestNoAllocation: in steady state nothing is allocated, whatever the geometry.
func TestNoAllocation(t *testing.T) {
	rng := random(t)
	for _, g := range [][3]int{{4, 2, 4}, {4, 2, 1}, {8, 3, 8}, {12, 4, 12}, {17, 3, 17}, {32, 8, 32}} {
		k, m, d := g[0], g[1], g[2]
		t.Run(fmt.Sprintf("%d+%d d=%d", k, m, d), func(t *testing.T) {
			const size = 128 << 10
			c := code(t, k, m)
			shards := columns(rng, d+m, size)
			data, parity := shards[:d], shards[d:]
			inPlace := slices.Clone(shards)
			inPlace[0], inPlace[1] = inPlace[d+m-1], inPlace[d+m-2]
			all := uint64(1)<<(d+m) - 1
			for name, f := range map[string]func() error{
				"encode": func() error { return c.Encode(data, parity) },
				"verify": func() error {
					_, err := c.Verify(data, parity)
					return err
				},
				"reconstruct":     func() error { return c.Reconstruct(d, shards, all&^0b11, 0b11) },
				"reconstruct one": func() error { return c.Reconstruct(d, shards, all&^0b1, 0b1) },
				"in place":        func() error { return c.Reconstruct(d, inPlace, all&^0b11, 0b11) },
			} {
				got := testing.AllocsPerRun(50, func() {
					if err := f(); err != nil {
						t.Error(err)
					}
				})
				if got != 0 {
					t.Errorf("%s allocates %v times a run", name, got)
				}
			}
		})
	}
}
