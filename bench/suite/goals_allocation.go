package suite

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/holdfast-storage/holdfast/bench"
	"github.com/holdfast-storage/holdfast/bench/s3"
)

const (
	// bulkPuts and bulkGets are how many large objects a run sends or reads: what a server allocates besides is to be small
	// in each. PUTs fill drives.
	bulkPuts, bulkGets = 12, 48
	// bulkAtMost bounds how long that may take.
	bulkAtMost = 5 * time.Second
	// smallSpan is enough for some thousand small ones.
	smallSpan = 300 * time.Millisecond
)

// allocation is the garbage of a request, beyond what the bare server makes of it, which is net/http's. Each load has a
// pool of its own, so that none pays for what another one leaves to be done.
func allocation() family {
	f := family{name: "allocation", seconds: 44, room: 10 * gib}
	all := []struct {
		path string
		load s3.Load
		span time.Duration
	}{
		{"", s3.Load{Operation: bench.Put, Size: 4 * kib, Clients: 32}, smallSpan},
		{"", s3.Load{Operation: bench.Put, Size: 64 * mib, Clients: 4, Stored: 512 * mib, Operations: bulkPuts}, bulkAtMost},
		{"", s3.Load{Operation: bench.Get, Size: 4 * kib, Clients: 32}, smallSpan},
		{"", s3.Load{Operation: bench.Get, Size: 64 * mib, Clients: 4, Stored: 512 * mib, Operations: bulkGets}, bulkAtMost},
	}
	doubts := map[string]float64{} // by path, bytes for each operation: the largest of all runs
	for i := range all {
		x := &all[i]
		x.path = fmt.Sprintf("%s %s, %s", x.load.Operation, sizeName(x.load.Size), clientsName(x.load.Clients))
		f.rows = append(f.rows, row{
			path: x.path, figure: "allocated per operation outside net/http", unit: bench.Bytes,
			got: pick{side: x.path, figure: bytesPerOp}, bound: 2 * kib, atMost: true,
			about: "less what the bare server allocates for the same; with what the server has to do afterwards, and does meanwhile by itself",
			said:  func(series bench.Series) string { return known(series, doubts[x.path]) },
		})
	}
	f.measure = func(ctx context.Context, s *stage) (map[string]bench.Series, error) {
		result := map[string]bench.Series{}
		for _, x := range all {
			if !s.family.wants(x.path) {
				continue
			}
			p, err := s.pool(ctx)
			if err != nil {
				return nil, err
			}
			bare, err := s.bareServer(ctx)
			if err != nil {
				return nil, err
			}
			mine, its := p.at(x.path, x.load), s.bareAt(x.path, x.load)
			series, err := s.contest(ctx, x.span, player{x.path, func(ctx context.Context) (bench.Side, error) {
				a, err := mine.make(ctx)
				if err != nil {
					return a, err
				}
				b, err := its.make(ctx)
				daemons, bares := &heap{server: p.admin, pid: p.PID}, &heap{server: newAdmin(*bare), pid: bare.PID}
				bares.server.base = bare.Endpoint
				return beyond(daemons.counted(a), bares.counted(b), func() {
					doubts[x.path] = max(doubts[x.path], daemons.doubt+bares.doubt)
				}), err
			}})
			if err != nil {
				return nil, err
			}
			maps.Copy(result, series)
			if err := s.clear(); err != nil {
				return nil, err
			}
		}
		return result, nil
	}
	return f
}

// known says how far the figure is, and that one below 0 is none.
func known(series bench.Series, doubt float64) string {
	text := fmt.Sprintf("; known to ±%.0f B", doubt)
	if series.Median(bytesPerOp) < 0 {
		text += ": below 0, it is not to be told from what the bare server allocates"
	}
	return text
}

// beyond is what a has more of for each operation than b; done is called after each run.
func beyond(a, b bench.Side, done func()) bench.Side {
	run := func(ctx context.Context, span time.Duration) (bench.Sample, error) {
		x, err := a.Run(ctx, span)
		if err != nil {
			return x, err
		}
		y, err := b.Run(ctx, span)
		if err == nil {
			x.Bytes -= int64(bytesPerOp(y) * float64(x.Ops))
			done()
		}
		return x, err
	}
	return bench.Side{Name: a.Name, Run: run}
}
