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
	)
	cost := func(got string) row {
		return row{path: got, figure: "server CPU per GiB", of: md5, unit: bench.SecondsPerGiB,
			got: pick{side: got, figure: cpuPerGiB}, limit: []pick{{side: md5, figure: cpuPerGiB}}, bound: 1.6, atMost: true}
	}
	beside := cost(signed)
	beside.bound, beside.beside, beside.about = 0, true, "the server takes the payload's SHA-256 as well"
	return family{
		name: "PUT 1 MiB", seconds: 14, room: 5 * gib,
		rows: []row{cost(unsigned), beside},
		measure: func(ctx context.Context, s *stage) (map[string]bench.Series, error) {
			p, err := s.pool(ctx)
			if err != nil {
				return nil, err
			}
			load := func(payload s3.Payload) s3.Load {
				return s3.Load{Operation: bench.Put, Size: mib, Clients: 8, Payload: payload, Stored: 256 * mib, Written: 128 * mib}
			}
			return s.contest(ctx, spanBulk, p.at(unsigned, load(s3.Unsigned)), p.at(signed, load(s3.Signed)), these(md5, limits.MD5()))
		},
	}
}

// largePut is one stream, which MD5 holds up.
func largePut() family {
	const put, md5 = "PUT 64 MiB, 1 client, MD5", "crypto/md5 alone"
	return family{
		name: put, seconds: 10, room: 5 * gib,
		rows: []row{{
			path: put, figure: "rate", of: md5, unit: bench.BytesPerSecond,
			got: pick{side: put, figure: bench.ByteRate}, limit: []pick{{side: md5, figure: bench.ByteRate}}, bound: 0.85,
		}},
		measure: func(ctx context.Context, s *stage) (map[string]bench.Series, error) {
			p, err := s.pool(ctx)
			if err != nil {
				return nil, err
			}
			load := s3.Load{Operation: bench.Put, Size: 64 * mib, Clients: 1, Stored: 512 * mib, Written: 256 * mib}
			return s.contest(ctx, spanBulk, p.at(put, load), these(md5, limits.MD5()))
		},
	}
}

// fastPut is large objects where no ETag is to be computed.
func fastPut() family {
	const put, bare, buffered, direct = "PUT 64 MiB, 4 clients, --etag fast", "bare PUT", "write limit, buffered", "write limit, direct"
	return family{
		name: put, seconds: 22, room: 8 * gib,
		rows: []row{
			{
				path: put, figure: "rate", of: "lower of HTTP limit and write limit", unit: bench.BytesPerSecond,
				got: pick{side: put, figure: bench.ByteRate}, limit: []pick{{side: bare, figure: bench.ByteRate}, {side: buffered, figure: bench.ByteRate, or: []string{direct}}}, bound: 0.80,
				about: "the write limit is (k+m)/k of the bytes to new files on the same drives, synced (fdatasync): the better of buffered and O_DIRECT",
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
			players := []player{p.at(put, load), s.bareAt(bare, bareLoad), these(buffered, files.Write(limits.Redundant, false))}
			if files.CanDirect() {
				players = append(players, these(direct, files.Write(limits.Redundant, true)))
			}
			return s.contest(ctx, spanBulk, players...)
		},
	}
}
