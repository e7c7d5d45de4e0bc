package suite

import (
	"context"

	"github.com/holdfast-storage/holdfast/bench"
	"github.com/holdfast-storage/holdfast/bench/limits"
	"github.com/holdfast-storage/holdfast/bench/s3"
)

// lonePut is what one client waits for: a commit that nobody shares.
func lonePut() family {
	const put, limit = "PUT 4 KiB, 1 client", "commit limit"
	return family{
		name: put, seconds: 14, room: 2 * gib,
		rows: []row{{
			path: put, figure: "rate", of: limit, unit: bench.OpsPerSecond,
			got: pick{side: put, figure: bench.OpsRate}, limit: []pick{{side: limit, figure: bench.OpsRate}}, bound: 0.80,
			about: "beside appending blocks as long to as many files and syncing them in parallel (fdatasync), in lockstep",
		}},
		measure: func(ctx context.Context, s *stage) (map[string]bench.Series, error) {
			p, err := s.pool(ctx)
			if err != nil {
				return nil, err
			}
			files, err := limits.NewFiles(limits.Shape{Dirs: s.homes, Data: s.data, Parity: s.parity, Bytes: 16 * mib})
			if err != nil {
				return nil, err
			}
			s.later(files.Close)
			return s.contest(ctx, spanOps,
				p.at(put, s3.Load{Operation: bench.Put, Size: 4 * kib, Clients: 1}),
				these(limit, files.Commit(limits.LoneCommit(s.parity))))
		},
	}
}

// bestCase is what the readers of small objects find.
const bestCase = "at random of 10,000 objects, all of which the catalog remembers (up to 16,384) and the page cache holds; " +
	"the rows of 10⁶ objects have those of which it remembers few"

// smallObjects is what many clients get of small requests, and what each costs.
func smallObjects() family {
	const (
		put, barePut   = "PUT 4 KiB, 32 clients", "bare PUT"
		get, bareGet   = "GET 4 KiB, 32 clients", "bare GET"
		head, bareHead = "HEAD 4 KiB, 32 clients", "bare HEAD"
		ranged         = "ranged GET 4 KiB of 128 MiB, 32 clients"
	)
	rate := func(of string, bound float64, got, limit string) row {
		return row{path: got, figure: "rate", of: of, unit: bench.OpsPerSecond,
			got: pick{side: got, figure: bench.OpsRate}, limit: []pick{{side: limit, figure: bench.OpsRate}}, bound: bound}
	}
	cpu := row{path: put, figure: "server CPU per operation", of: "bare server", unit: bench.Seconds,
		got: pick{side: put, figure: bench.CPUPerOp}, limit: []pick{{side: barePut, figure: bench.CPUPerOp}}, bound: 2.5, atMost: true}
	get4k, head4k := rate("HTTP limit", 0.65, get, bareGet), rate("HTTP limit", 0.65, head, bareHead)
	get4k.about, head4k.about = bestCase, bestCase
	return family{
		name: "small objects, 32 clients", seconds: 48, room: 3 * gib,
		rows: []row{rate("HTTP limit", 0.50, put, barePut), cpu, get4k, head4k,
			rate("GET 4 KiB", 0.60, ranged, get)},
		measure: func(ctx context.Context, s *stage) (map[string]bench.Series, error) {
			p, err := s.pool(ctx)
			if err != nil {
				return nil, err
			}
			load := func(operation bench.Operation) s3.Load {
				return s3.Load{Operation: operation, Size: 4 * kib, Clients: 32}
			}
			large := s3.Load{Operation: bench.Range, Size: 128 * mib, Clients: 32, Stored: 512 * mib}
			return s.contest(ctx, spanOps,
				p.at(put, load(bench.Put)), s.bareAt(barePut, load(bench.Put)),
				p.at(get, load(bench.Get)), s.bareAt(bareGet, load(bench.Get)),
				p.at(head, load(bench.Head)), s.bareAt(bareHead, load(bench.Head)),
				p.at(ranged, large))
		},
	}
}
