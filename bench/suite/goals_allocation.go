package suite

import (
	"context"
	"fmt"
	"time"

	"github.com/holdfast-storage/holdfast/bench"
	"github.com/holdfast-storage/holdfast/bench/s3"
)

// allocated is the metric of what the Go heap has given out.
const allocated = "go_memstats_alloc_bytes_total"

// allocation is the garbage of a request, beyond what the bare server makes of
// it, which is net/http's.
func allocation() family {
	f := family{name: "allocation", seconds: 34, room: 6 * gib}
	type one struct {
		path string
		load s3.Load
	}
	var all []one
	for _, operation := range []bench.Operation{bench.Put, bench.Get} {
		for _, load := range []s3.Load{
			{Operation: operation, Size: 4 * kib, Clients: 32},
			{Operation: operation, Size: 64 * mib, Clients: 4, Stored: 512 * mib, Written: 384 * mib},
		} {
			path := fmt.Sprintf("%s %s, %s", operation, sizeName(load.Size), clientsName(load.Clients))
			all = append(all, one{path, load})
			f.rows = append(f.rows, row{
				path: path, figure: "allocated per operation outside net/http", unit: bench.Bytes,
				got: pick{side: path, figure: bytesPerOp}, bound: 2 * kib, atMost: true, about: "less what the bare server allocates for the same",
			})
		}
	}
	f.measure = func(ctx context.Context, s *stage) (map[string]bench.Series, error) {
		bare, err := s.bareServer(ctx)
		if err != nil {
			return nil, err
		}
		p, err := s.pool(ctx)
		if err != nil {
			return nil, err
		}
		other := newAdmin(*bare)
		other.base = bare.Endpoint
		var players []player
		for _, x := range all {
			mine, its := p.at(x.path, x.load), s.bareAt(x.path, x.load)
			players = append(players, player{x.path, func(ctx context.Context) (bench.Side, error) {
				a, err := mine.make(ctx)
				if err != nil {
					return a, err
				}
				b, err := its.make(ctx)
				return beyond(counted(a, p.admin), counted(b, other)), err
			}})
		}
		return s.contest(ctx, spanBulk, players...)
	}
	return f
}

// counted is the side with the bytes that the server has allocated meanwhile.
// To ask for them allocates, too, which is taken off.
func counted(side bench.Side, server *admin) bench.Side {
	run := func(ctx context.Context, span time.Duration) (bench.Sample, error) {
		var at [3]float64
		var sample bench.Sample
		var err error
		for i := range at {
			if i == 2 {
				if sample, err = side.Run(ctx, span); err != nil {
					return sample, err
				}
			}
			if at[i], err = server.metric(ctx, allocated); err != nil {
				return sample, err
			}
		}
		sample.Bytes = max(0, int64((at[2]-at[1])-(at[1]-at[0])))
		return sample, nil
	}
	return bench.Side{Name: side.Name, Run: run}
}

// beyond is what a has more of for each operation than b.
func beyond(a, b bench.Side) bench.Side {
	run := func(ctx context.Context, span time.Duration) (bench.Sample, error) {
		x, err := a.Run(ctx, span)
		if err != nil {
			return x, err
		}
		y, err := b.Run(ctx, span)
		if err == nil {
			x.Bytes -= int64(bytesPerOp(y) * float64(x.Ops))
		}
		return x, err
	}
	return bench.Side{Name: a.Name, Run: run}
}
