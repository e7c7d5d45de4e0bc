package engine

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/holdfast-storage/holdfast/bench"
	"github.com/holdfast-storage/holdfast/erasure"
)

// codecColumn is the payload of a full bulk block, bytes.
const codecColumn = 128 << 10

// Geometries are the codes that are measured: data and parity columns.
func Geometries() [][2]int { return [][2]int{{4, 2}, {8, 3}, {12, 4}, {17, 3}} }

// Codec gives three sides of a code of full stripes: encoding, verifying, and
// reconstructing as many data columns as there is parity. Bytes are those of
// the data columns, and an operation is a stripe, on one goroutine.
func Codec(data, parity int) ([]bench.Side, error) {
	code, err := erasure.New(data, parity)
	if err != nil {
		return nil, err
	}
	columns := make([][]byte, data+parity)
	random := rand.NewChaCha8([32]byte{2})
	for i := range columns {
		columns[i] = make([]byte, codecColumn)
		_, _ = random.Read(columns[i]) // never fails
	}
	if err := code.Encode(columns[:data], columns[data:]); err != nil {
		return nil, err
	}
	all, lost := uint64(1)<<len(columns)-1, uint64(1)<<min(data, parity)-1
	side := func(name string, stripe func() error) bench.Side {
		return bench.Side{Name: fmt.Sprintf("%s %d+%d", name, data, parity), Run: func(ctx context.Context, span time.Duration) (s bench.Sample, err error) {
			began, cpu := time.Now(), bench.OwnCPU()
			for s.Elapsed < span && ctx.Err() == nil {
				if err := stripe(); err != nil {
					return s, err
				}
				s.Ops++
				s.Elapsed = time.Since(began)
			}
			s.CPU, s.Bytes = bench.OwnCPU()-cpu, s.Ops*int64(data)*codecColumn
			return s, ctx.Err()
		}}
	}
	return []bench.Side{
		side("encode", func() error { return code.Encode(columns[:data], columns[data:]) }),
		side("verify", func() error {
			ok, err := code.Verify(columns[:data], columns[data:])
			if err == nil && !ok {
				err = errors.New("parity does not agree with the data that it was computed from")
			}
			return err
		}),
		side("reconstruct", func() error { return code.Reconstruct(data, columns, all&^lost, lost) }),
	}, nil
}
