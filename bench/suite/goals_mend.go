package suite

import (
	"context"
	"fmt"
	"runtime"
	"strings"

	"github.com/holdfast-storage/holdfast/bench"
	"github.com/holdfast-storage/holdfast/bench/engine"
	"github.com/holdfast-storage/holdfast/bench/limits"
)

// scrubbing is reading and verifying everything.
func scrubbing() family {
	const scrub, limit = "scrub, uncapped, idle", "direct read limit"
	ways := ofReadings(limit)
	return family{
		name: scrub, seconds: 17, room: 4 * gib,
		rows: []row{{
			path: scrub, figure: "rate", of: limit, unit: bench.BytesPerSecond,
			got: pick{side: scrub, figure: bench.ByteRate}, limit: []pick{bestRate(ways)}, bound: 0.80,
			about: "of a segment of 192 MiB a file (a full one has 256); the limit reads the same files of all drives side by side, with O_DIRECT, into huge pages: the best of " + theReadings(),
		}},
		measure: func(ctx context.Context, s *stage) (map[string]bench.Series, error) {
			// One segment, nearly as long as they get: between two of them nothing is read for a moment.
			stored, err := s.stored(ctx, engine.Content{Bytes: 768 * mib, ObjectBytes: 64 * mib, Writers: 1})
			if err != nil {
				return nil, err
			}
			players := []player{these(scrub, stored.Scrub())}
			for i, way := range engine.Readings() {
				players = append(players, these(ways[i], stored.Read(way)))
			}
			return s.contest(ctx, spanOps, players...)
		},
	}
}

// ofReadings are names for the sides that do something in each way of reading.
func ofReadings(name string) (names []string) {
	for _, way := range engine.Readings() {
		names = append(names, name+", "+way.String())
	}
	return names
}

// theReadings is what there is to choose from, in words.
func theReadings() string {
	var ways []string
	for _, way := range engine.Readings() {
		ways = append(ways, way.String())
	}
	return strings.Join(ways, ", ") + " under way for each file"
}

// bestRate is the best of several ways.
func bestRate(ways []string) pick { return pick{side: ways[0], figure: bench.ByteRate, or: ways[1:]} }

// rebuilding is making again what a lost drive held, of small objects and of large ones.
func rebuilding() family {
	f := family{name: "rebuild, idle", seconds: 50, room: 4 * gib}
	object := []int64{4 * kib, 64 * mib}
	path := func(size int64) string { return fmt.Sprintf("rebuild, idle, objects of %s", sizeName(size)) }
	rate := func(size int64, side string) pick {
		return pick{side: side + path(size), figure: bench.ByteRate}
	}
	const read, buffered, direct, bare = "read limit, ", "write limit, buffered, ", "write limit, direct, ", "bare copy, "
	for _, size := range object {
		reads, copies := ofReadings(read+path(size)), ofReadings(bare+path(size))
		written := bestRate([]string{buffered + path(size), direct + path(size)})
		copied := bestRate(append([]string{bare + path(size)}, copies...))
		f.rows = append(f.rows, row{
			path: path(size), figure: "rate", of: "min(read, write) limit", unit: bench.BytesPerSecond,
			got: rate(size, ""), limit: []pick{bestRate(reads), written}, bound: 0.80,
			about: "of the lost drive's columns; read: k columns for each of its, O_DIRECT, nothing else, the best of " + theReadings() + "; write: its own, synced, " +
				"nothing else, the better of buffered and O_DIRECT",
		}, row{
			path: path(size), figure: "rate beside a copy", of: "bare copy", unit: bench.BytesPerSecond,
			got: rate(size, ""), limit: []pick{copied}, beside: true,
			about: "which reads, writes and syncs what a rebuild does, and no more: all columns that are left, its own, and its own again; " +
				"O_DIRECT, huge pages, nothing waiting for anything else, read in the best way of the same",
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
			stored, err := s.stored(ctx, engine.Content{Bytes: bytes, ObjectBytes: size})
			if err != nil {
				return nil, err
			}
			players := []player{these(buffered+path(size), stored.WriteColumns(false))}
			if stored.CanDirect() {
				players = append(players, these(direct+path(size), stored.WriteColumns(true)))
			} else {
				players = append(players, these(bare+path(size), stored.Copy()))
			}
			for i, way := range engine.Readings() {
				players = append(players, these(ofReadings(read + path(size))[i], stored.ReadColumns(way)))
				if stored.CanDirect() {
					players = append(players, these(ofReadings(bare + path(size))[i], stored.CopyDirect(way)))
				}
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

// stored is a pool without a daemon that holds such a content.
func (s *stage) stored(ctx context.Context, content engine.Content) (*engine.Stored, error) {
	content.Dirs, content.Parity = s.newDirs(), s.parity
	content.Told = func(done, all int64) { s.tell(fmt.Sprintf("storing %d of %d objects", done, all)) }
	stored, err := engine.Store(ctx, content)
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
