package erasure

import (
	"fmt"
	"slices"
	"testing"

	"github.com/klauspost/reedsolomon"
)

const benchColumn = 128 << 10

var benchCodes = [][2]int{{4, 2}, {8, 3}, {12, 4}, {17, 3}}

func bench(b *testing.B, f func(b *testing.B, c *Code, data, parity [][]byte)) {
	for _, g := range benchCodes {
		b.Run(fmt.Sprintf("%d+%d", g[0], g[1]), func(b *testing.B) {
			c := code(b, g[0], g[1])
			data := columns(random(b), g[0], benchColumn)
			parity := refOr(c, data)
			b.SetBytes(int64(g[0] * benchColumn))
			b.ReportAllocs()
			f(b, c, data, parity)
		})
	}
}

func BenchmarkEncode(b *testing.B) {
	bench(b, func(b *testing.B, c *Code, data, parity [][]byte) {
		for b.Loop() {
			if err := c.Encode(data, parity); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	bench(b, func(b *testing.B, c *Code, data, parity [][]byte) {
		for b.Loop() {
			if ok, err := c.Verify(data, parity); err != nil || !ok {
				b.Fatal(ok, err)
			}
		}
	})
}

// BenchmarkReconstruct computes two lost data columns.
func BenchmarkReconstruct(b *testing.B) {
	bench(b, func(b *testing.B, c *Code, data, parity [][]byte) {
		shards := slices.Concat(data, parity)
		all := uint64(1)<<len(shards) - 1
		for b.Loop() {
			if err := c.Reconstruct(c.K(), shards, all&^0b110, 0b110); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkReconstructPiece computes one lost 4 KiB piece, as a small degraded read does.
func BenchmarkReconstructPiece(b *testing.B) {
	for _, g := range benchCodes {
		b.Run(fmt.Sprintf("%d+%d", g[0], g[1]), func(b *testing.B) {
			c := code(b, g[0], g[1])
			shards := columns(random(b), g[0]+g[1], 4096)
			all := uint64(1)<<len(shards) - 1
			b.SetBytes(4096)
			b.ReportAllocs()
			for b.Loop() {
				if err := c.Reconstruct(c.K(), shards, all&^0b10, 0b10); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkLibrary is the library by itself, whole columns at once: on one
// goroutine and with its own choice of goroutines. The package comment rests on it.
func BenchmarkLibrary(b *testing.B) {
	for _, split := range []bool{false, true} {
		name, opts := "one", []reedsolomon.Option{reedsolomon.WithMaxGoroutines(1)}
		if split {
			name, opts = "split", []reedsolomon.Option{reedsolomon.WithAutoGoroutines(benchColumn)}
		}
		for _, g := range benchCodes {
			b.Run(fmt.Sprintf("%s/%d+%d", name, g[0], g[1]), func(b *testing.B) {
				rows := newField().parityRows(g[0], g[1])
				encoder, err := reedsolomon.New(g[0], g[1], append(opts, reedsolomon.WithCustomMatrix(rows))...)
				if err != nil {
					b.Fatal(err)
				}
				shards := columns(random(b), g[0]+g[1], benchColumn)
				b.SetBytes(int64(g[0] * benchColumn))
				b.ReportAllocs()
				for b.Loop() {
					if err := encoder.Encode(shards); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkNewPattern is the price of a pattern of losses seen for the first time.
func BenchmarkNewPattern(b *testing.B) {
	f := newField()
	for _, g := range benchCodes {
		b.Run(fmt.Sprintf("%d+%d", g[0], g[1]), func(b *testing.B) {
			used := (uint64(1)<<(g[0]+1) - 1) &^ 0b10
			for b.Loop() {
				if rows := f.decodeRows(g[0], used, 0b10); len(rows) != 1 {
					b.Fatal(len(rows))
				}
			}
		})
	}
}
