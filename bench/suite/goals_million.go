package suite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/holdfast-storage/holdfast/bench"
	"github.com/holdfast-storage/holdfast/bench/engine"
	"github.com/holdfast-storage/holdfast/bench/s3"
	"github.com/holdfast-storage/holdfast/blockstore"
)

const (
	millionObjects = 1_000_000
	millionBytes   = 100 // of each body
	millionPrefix  = "million"
)

// million is a pool of many small objects: how it is listed, and how it comes back.
func million() family {
	const list, head, start = "LIST 1,000 of 10⁶ keys", "1,000 HEADs", "start after a crash, 10⁶ objects"
	const get, bareGet = "GET 100 B of 10⁶ objects, 32 clients", "bare GET"
	// A page of a LIST is to be compared with as many HEADs as it has keys.
	thousands := func(s bench.Sample) float64 { return bench.OpsRate(s) / bench.ListKeys }
	return family{
		name: "10⁶ objects", seconds: 62, room: 4 * gib,
		rows: []row{
			{
				path: list, figure: "rate", of: head, unit: bench.OpsPerSecond,
				got: pick{side: list, figure: bench.OpsRate}, limit: []pick{{side: head, figure: thousands}}, bound: 5, about: "32 clients each",
			},
			{
				path: get, figure: "rate", of: "HTTP limit", unit: bench.OpsPerSecond, beside: true,
				got: pick{side: get, figure: bench.OpsRate}, limit: []pick{{side: bareGet, figure: bench.OpsRate}},
				about: "at random of all, of which the catalog remembers 16,384; the page cache has them as they were stored",
			},
			{
				path: start, figure: "time until ready", unit: bench.Seconds,
				got: pick{side: start, figure: elapsed}, bound: 3, atMost: true, about: "SIGKILL while 32 clients store objects of 4 KiB; of the open journal segment ",
				said: func(s bench.Series) string {
					return fmt.Sprintf("%.0f MiB (median) lay on the drives", s.Median(bytesOf)/mib)
				},
			},
		},
		measure: func(ctx context.Context, s *stage) (map[string]bench.Series, error) {
			p, err := s.millions(ctx)
			if err != nil {
				return nil, err
			}
			load := func(operation bench.Operation) s3.Load {
				return s3.Load{Operation: operation, Size: millionBytes, Clients: 32, Keys: millionObjects, Prefix: millionPrefix, There: true}
			}
			series, err := s.contest(ctx, spanOps, p.at(list, load(bench.List)), p.at(head, load(bench.Head)), p.at(get, load(bench.Get)),
				s.bareAt(bareGet, s3.Load{Operation: bench.Get, Size: millionBytes, Clients: 32}))
			if err != nil || !s.family.wants(start) {
				return series, err
			}
			series[start], err = p.crashes(ctx, start)
			return series, err
		},
	}
}

// millions is a pool with that many objects, stored without a daemon, which then serves it.
func (s *stage) millions(ctx context.Context) (*pool, error) {
	p := &pool{stage: s, dirs: s.newDirs()}
	store, err := blockstore.Open(ctx, s.newPool(p.dirs))
	if err != nil {
		return nil, err
	}
	err = engine.Fill(ctx, store, engine.Filling{
		Bucket: "bench", Size: millionBytes, To: millionObjects,
		Key:  func(n int64) string { return fmt.Sprintf("%s/%d/%09d", millionPrefix, millionBytes, n) },
		Told: func(done int64) { s.tell(fmt.Sprintf("storing %d of %d objects", done, millionObjects)) },
	})
	if err = errors.Join(err, store.Close(context.WithoutCancel(ctx))); err != nil {
		return nil, err
	}
	return p, p.start(ctx)
}

// crashTail is what a drive's file of the open journal segment has at least when the daemon is killed: half of what it
// ever has.
const crashTail = 32 * mib

// crashes kills the daemon while it writes, again and again, and says how long it takes to be back, and how much of the
// journal, on all drives together, lay in the segment that was open: its bytes are those of the sample.
func (p *pool) crashes(ctx context.Context, name string) (bench.Series, error) {
	s := p.stage
	series := bench.Series{Name: name}
	rounds := s.turns(0).Rounds
	for round := range rounds {
		s.tellOf(name, round, rounds)
		tail, err := p.crash(ctx)
		if err != nil {
			return series, err
		}
		if err := p.start(ctx); err != nil {
			return series, err
		}
		series.Samples = append(series.Samples, bench.Sample{Ops: 1, Bytes: tail, Elapsed: p.Ready})
	}
	return series, nil
}

// crash kills the daemon under load, as soon as the open journal segment is half full.
func (p *pool) crash(ctx context.Context) (tail int64, err error) {
	loader, err := s3.NewLoad(target(p.Server), s3.Load{Operation: bench.Put, Size: 4 * kib, Clients: 32, Prefix: "crash"})
	if err != nil {
		return 0, err
	}
	defer loader.Close()
	if err := loader.Prepare(ctx); err != nil {
		return 0, err
	}
	loaded, end := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = loader.Side().Run(loaded, awaitAtMost) // it fails when the daemon is gone
	}()
	defer func() {
		end()
		<-ended
	}()
	for began := time.Now(); ; {
		largest, all, err := p.newestSegment()
		if err != nil {
			return 0, err
		}
		if largest >= crashTail {
			return all, p.Kill()
		}
		if time.Since(began) > awaitAtMost {
			return 0, fmt.Errorf("after %v of storing the open journal segment has %d bytes on a drive: %d are wanted", awaitAtMost, largest, int64(crashTail))
		}
		if err := pause(ctx, pollPeriod); err != nil {
			return 0, err
		}
	}
}

// newestSegment is what the segment written to last takes up on the drive that has most of it, and on all of them.
func (p *pool) newestSegment() (largest, all int64, err error) {
	var name string
	var latest time.Time
	taken := make(map[string][]int64)
	for _, dir := range p.dirs {
		entries, err := os.ReadDir(filepath.Join(dir, "segments"))
		if err != nil {
			return 0, 0, err
		}
		for _, entry := range entries {
			info, err := entry.Info()
			if errors.Is(err, fs.ErrNotExist) { // meanwhile
				continue
			}
			if err != nil {
				return 0, 0, err
			}
			taken[info.Name()] = append(taken[info.Name()], engine.Allocated(info))
			if info.ModTime().After(latest) {
				name, latest = info.Name(), info.ModTime()
			}
		}
	}
	for _, bytes := range taken[name] {
		largest, all = max(largest, bytes), all+bytes
	}
	return largest, all, nil
}
