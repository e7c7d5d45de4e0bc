package suite

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/holdfast-storage/holdfast/bench"
	"github.com/holdfast-storage/holdfast/bench/s3"
)

// space is what small objects take up on the drives.
func space() family {
	const (
		objects               = 100_000
		size                  = 4 * kib
		path                  = "space for 10⁵ objects of 4 KiB, 32 clients"
		segments, catalog, of = "segments", "catalog", "bodies"
	)
	share := func(folder string) row {
		return row{path: path, figure: folder, of: of, unit: bench.Bytes,
			got: pick{side: folder, figure: bytesOf}, limit: []pick{{side: of, figure: bytesOf}}, atMost: true, once: true,
			about: "blocks allocated to the files of all drives, as loaded: a count, taken once"}
	}
	promised, beside := share(segments), share(catalog)
	promised.bound, beside.beside = 2.2, true
	return family{
		name: "space", seconds: 14, room: 3 * gib,
		rows: []row{promised, beside},
		measure: func(ctx context.Context, s *stage) (map[string]bench.Series, error) {
			p, err := s.pool(ctx)
			if err != nil {
				return nil, err
			}
			load := s3.Load{Operation: bench.Put, Size: size, Clients: 32, Keys: objects, Written: objects * size}
			side, err := p.at(path, load).make(ctx)
			if err != nil {
				return nil, err
			}
			s.tell("storing 100,000 objects")
			sample, err := side.Run(ctx, 10*time.Minute) // it ends when all is written
			if err != nil {
				return nil, err
			}
			result := map[string]bench.Series{of: {Name: of, Samples: []bench.Sample{{Ops: 1, Bytes: sample.Bytes}}}}
			for _, folder := range []string{segments, catalog} {
				bytes, err := p.bytesIn(folder)
				if err != nil {
					return nil, err
				}
				result[folder] = bench.Series{Name: folder, Samples: []bench.Sample{{Ops: 1, Bytes: bytes}}}
			}
			return result, nil
		},
	}
}

// bytesIn is what a folder takes up on all drives; holes do not count.
func (p *pool) bytesIn(folder string) (bytes int64, err error) {
	for _, dir := range p.dirs {
		entries, err := os.ReadDir(filepath.Join(dir, folder))
		if err != nil {
			return 0, err
		}
		for _, entry := range entries {
			var st unix.Stat_t
			if err := unix.Stat(filepath.Join(dir, folder, entry.Name()), &st); err != nil {
				return 0, err
			}
			bytes += st.Blocks * 512
		}
	}
	return bytes, nil
}
