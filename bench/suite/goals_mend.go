package suite

import (
	"context"
	"fmt"
	"runtime"

	"github.com/holdfast-storage/holdfast/bench"
	"github.com/holdfast-storage/holdfast/bench/engine"
	"github.com/holdfast-storage/holdfast/bench/limits"
)

// scrubbing is reading and verifying everything.
func scrubbing() family {
	const scrub, limit = "scrub, uncapped, idle", "direct read limit"
	return family{
		name: scrub, seconds: 22, room: 4 * gib,
		rows: []row{{
			path: scrub, figure: "rate", of: limit, unit: bench.BytesPerSecond,
			got: pick{side: scrub, figure: bench.ByteRate}, limit: []pick{{side: limit, figure: bench.ByteRate}}, bound: 0.80,
			about: "of the segments' files; the limit reads the same files of all drives side by side, with O_DIRECT",
		}},
		measure: func(ctx context.Context, s *stage) (map[string]bench.Series, error) {
			stored, err := s.stored(ctx, 768*mib, 4*mib)
			if err != nil {
				return nil, err
			}
			return s.contest(ctx, spanOps, these(scrub, stored.Scrub()), these(limit, stored.Read()))
		},
	}
}

// rebuilding is making again what a lost drive held, of small objects and of large ones.
func rebuilding() family {
	f := family{name: "rebuild, idle", seconds: 42, room: 4 * gib}
	object := []int64{4 * kib, 64 * mib}
	path := func(size int64) string { return fmt.Sprintf("rebuild, idle, objects of %s", sizeName(size)) }
	rate := func(size int64, side string) pick {
		return pick{side: side + path(size), figure: bench.ByteRate}
	}
	const read, buffered, direct, bare = "read limit, ", "write limit, buffered, ", "write limit, direct, ", "bare copy, "
	for _, size := range object {
		write := rate(size, buffered)
		write.or = []string{direct + path(size)}
		f.rows = append(f.rows, row{
			path: path(size), figure: "rate", of: "min(read, write) limit", unit: bench.BytesPerSecond,
			got: rate(size, ""), limit: []pick{rate(size, read), write}, bound: 0.80,
			about: "of the lost drive's columns; read: k columns for each of its, O_DIRECT, nothing else; write: its own, synced, nothing else, " +
				"the better of buffered and O_DIRECT",
		}, row{
			path: path(size), figure: "rate beside a copy", of: "bare copy", unit: bench.BytesPerSecond,
			got: rate(size, ""), limit: []pick{rate(size, bare)}, beside: true,
			about: "which reads, writes and syncs what a rebuild does, and no more: all columns that are left, its own, and its own again; " +
				"O_DIRECT, huge pages, nothing waiting for anything else",
		})
	}
	f.measure = func(ctx context.Context, s *stage) (map[string]bench.Series, error) {
		result := map[string]bench.Series{}
		for _, size := range object {
			if !s.family.wants(path(size)) {
				continue
			}
			bytes := int64(768 * mib)
			if size < mib {
				bytes = 384 * mib // which take as much room as the others
			}
			stored, err := s.stored(ctx, bytes, size)
			if err != nil {
				return nil, err
			}
			players := []player{these(bare+path(size), stored.Copy(stored.CanDirect())), these(read+path(size), stored.ReadColumns()), these(buffered+path(size), stored.WriteColumns(false))}
			if stored.CanDirect() {
				players = append(players, these(direct+path(size), stored.WriteColumns(true)))
			}
			series, err := s.contest(ctx, spanOps, append(players, these(path(size), stored.Rebuild()))...)
			if err != nil {
				return nil, err
			}
			for name, one := range series {
				result[name] = one
			}
			if err := s.clear(); err != nil {
				return nil, err
			}
		}
		return result, nil
	}
	return f
}

// stored is a pool without a daemon that holds so many bytes in objects of that size.
func (s *stage) stored(ctx context.Context, bytes, object int64) (*engine.Stored, error) {
	stored, err := engine.Store(ctx, engine.Content{
		Dirs: s.newDirs(), Parity: s.parity, Bytes: bytes, ObjectBytes: object,
		Told: func(done, all int64) { s.tell(fmt.Sprintf("storing %d of %d objects", done, all)) },
	})
	if err != nil {
		return nil, err
	}
	s.later(func() error { return stored.Close(context.WithoutCancel(ctx)) })
	s.asServed()
	return stored, nil
}

// asServed has as many goroutines run at once as in the daemon, for what is measured without one, until the family is cleared.
func (s *stage) asServed() {
	processors := runtime.GOMAXPROCS(0)
	s.later(func() error {
		runtime.GOMAXPROCS(processors)
		return nil
	})
	runtime.GOMAXPROCS(limits.Places(processors))
}
