package suite

import (
	"context"

	"github.com/holdfast-storage/holdfast/bench"
	"github.com/holdfast-storage/holdfast/bench/limits"
	"github.com/holdfast-storage/holdfast/bench/s3"
)

// mediumPut is what a byte costs where the ETag is an MD5.
func mediumPut() family {
	const (
		unsigned = "PUT 1 MiB, 8 clients, MD5, unsigned payload"
		signed   = "PUT 1 MiB, 8 clients, MD5, signed payload"
		md5      = "crypto/md5 alone"
		own      = "the daemon's MD5 alone"
		clients  = 8
	)
	cost := func(got, figure, limit string) row {
		return row{path: got, figure: figure, of: limit, unit: bench.SecondsPerGiB,
			got: pick{side: got, figure: cpuPerGiB}, limit: []pick{{side: limit, figure: cpuPerGiB}}, atMost: true, beside: true}
	}
	const figure = "server CPU per GiB"
	goal, beside := cost(unsigned, figure, md5), cost(signed, figure, md5)
	goal.bound, goal.beside, beside.about = 1.6, false, "the server takes the payload's SHA-256 as well"
	ours := cost(unsigned, figure+" beside its own MD5", own)
	ours.about = "which hashes uploads beside each other: as many streams at the same time, in cache, and nothing else"
	return family{
		name: "PUT 1 MiB", seconds: 14, room: 5 * gib,
		rows: []row{goal, beside, ours},
		measure: func(ctx context.Context, s *stage) (map[string]bench.Series, error) {
			p, err := s.pool(ctx)
			if err != nil {
				return nil, err
			}
			load := func(payload s3.Payload) s3.Load {
				return s3.Load{Operation: bench.Put, Size: mib, Clients: clients, Payload: payload, Stored: 256 * mib, Written: 128 * mib}
			}
			return s.contest(ctx, spanBulk, p.at(unsigned, load(s3.Unsigned)), p.at(signed, load(s3.Signed)), these(md5, limits.MD5()), these(own, limits.OwnMD5s(clients)))
		},
	}
}

// largePut is one stream, which MD5 holds up.
func largePut() family {
	const put, md5, own = "PUT 64 MiB, 1 client, MD5", "crypto/md5 alone", "the daemon's MD5 alone"
	rate := func(figure, limit string) row {
		return row{path: put, figure: figure, of: limit, unit: bench.BytesPerSecond,
			got: pick{side: put, figure: bench.ByteRate}, limit: []pick{{side: limit, figure: bench.ByteRate}}}
	}
	goal, ours := rate("rate", md5), rate("rate beside its own MD5", own)
	goal.bound, ours.beside, ours.about = 0.85, true, "one stream, in cache, on one core"
	return family{
		name: put, seconds: 11, room: 5 * gib,
		rows: []row{goal, ours},
		measure: func(ctx context.Context, s *stage) (map[string]bench.Series, error) {
			p, err := s.pool(ctx)
			if err != nil {
				return nil, err
			}
			load := s3.Load{Operation: bench.Put, Size: 64 * mib, Clients: 1, Stored: 512 * mib, Written: 256 * mib}
			return s.contest(ctx, spanBulk, p.at(put, load), these(md5, limits.MD5()), these(own, limits.OwnMD5()))
		},
	}
}

// fastPut is large objects where no ETag is to be computed.
func fastPut() family {
	const put, bare, limit = "PUT 64 MiB, 4 clients, --etag fast", "bare PUT", "write limit, "
	var written []string
	for _, way := range []limits.Writing{limits.Buffered, limits.Direct, limits.DirectRuns} {
		written = append(written, limit+way.String())
	}
	return family{
		name: put, seconds: 20, room: 8 * gib,
		rows: []row{
			{
				path: put, figure: "rate", of: "lower of HTTP limit and write limit", unit: bench.BytesPerSecond,
				got: pick{side: put, figure: bench.ByteRate}, limit: []pick{{side: bare, figure: bench.ByteRate}, bestRate(written)}, bound: 0.80,
				about: "the write limit is (k+m)/k of the bytes to new files on the same drives, synced (fdatasync): the best of buffered, O_DIRECT, " +
					"and O_DIRECT with as many blocks in a write as the daemon has",
			},
			{
				path: put, figure: "server CPU per GiB", of: "bare server", unit: bench.SecondsPerGiB,
				got: pick{side: put, figure: cpuPerGiB}, limit: []pick{{side: bare, figure: cpuPerGiB}}, bound: 3, atMost: true,
			},
		},
		measure: func(ctx context.Context, s *stage) (map[string]bench.Series, error) {
			p, err := s.pool(ctx, "--etag", "fast")
			if err != nil {
				return nil, err
			}
			files, err := limits.NewFiles(limits.Shape{Dirs: s.homes, Data: s.data, Parity: s.parity, Bytes: 256 * mib})
			if err != nil {
				return nil, err
			}
			s.later(files.Close)
			// Two objects of each client, so that one is on its way while another ends. The drives take (k+m)/k of it, past the page cache.
			load := s3.Load{Operation: bench.Put, Size: 64 * mib, Clients: 4, Stored: 512 * mib, Written: 512 * mib}
			bareLoad := load
			bareLoad.Written = 0 // it keeps nothing
			players := []player{p.at(put, load), s.bareAt(bare, bareLoad)}
			for _, way := range files.Writings() {
				players = append(players, these(limit+way.String(), files.Write(limits.Redundant, way)))
			}
			return s.contest(ctx, spanBulk, players...)
		},
	}
}
