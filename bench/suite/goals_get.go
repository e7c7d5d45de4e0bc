package suite

import (
	"context"
	"fmt"

	"github.com/holdfast-storage/holdfast/bench"
	"github.com/holdfast-storage/holdfast/bench/s3"
)

// largeGet is large objects from the page cache.
func largeGet() family {
	f := family{name: "GET 64 MiB", seconds: 26, room: 2 * gib}
	type pair struct {
		get, bare string
		load      s3.Load
	}
	var pairs []pair
	for _, clients := range []int{1, 4} {
		get := "GET 64 MiB, " + clientsName(clients)
		pairs = append(pairs, pair{get, "bare " + get, s3.Load{Operation: bench.Get, Size: 64 * mib, Clients: clients, Stored: 512 * mib}})
		f.rows = append(f.rows, row{
			path: get, figure: "rate", of: "HTTP limit", unit: bench.BytesPerSecond,
			got: pick{side: get, figure: bench.ByteRate}, limit: []pick{{side: "bare " + get, figure: bench.ByteRate}}, bound: 0.75,
		})
	}
	f.measure = func(ctx context.Context, s *stage) (map[string]bench.Series, error) {
		p, err := s.pool(ctx)
		if err != nil {
			return nil, err
		}
		var players []player
		for _, x := range pairs {
			players = append(players, p.at(x.get, x.load), s.bareAt(x.bare, x.load))
		}
		return s.contest(ctx, spanOps, players...)
	}
	return f
}

// sizes are those of the matrix.
func sizes() []int64 { return []int64{4 * kib, 64 * kib, mib, 16 * mib, 128 * mib} }

// drivesGone is reading while as many drives are gone as may fail. Two pools
// hold the same, and one of them loses its drives when it is full.
func drivesGone() family {
	f := family{name: "GET, m drives gone", seconds: 48, room: 6 * gib}
	name := func(size int64) string { return "GET " + sizeName(size) + ", m drives gone" }
	for _, size := range sizes() {
		f.rows = append(f.rows, row{
			path: name(size), figure: "rate", of: "healthy", unit: bench.BytesPerSecond,
			got: pick{side: name(size), figure: bench.ByteRate}, limit: []pick{{side: "healthy " + name(size), figure: bench.ByteRate}}, bound: 0.85,
			about: fmt.Sprintf("%d clients, page cache warm", goneClients),
		})
	}
	f.measure = func(ctx context.Context, s *stage) (map[string]bench.Series, error) {
		var pools [2]*pool
		var sides [2][]player
		for i, prefix := range []string{"healthy ", ""} {
			p, err := s.pool(ctx)
			if err != nil {
				return nil, err
			}
			pools[i] = p
			for _, size := range sizes() {
				if !s.family.wants(name(size)) {
					continue
				}
				load := s3.Load{Operation: bench.Get, Size: size, Clients: goneClients, Keys: 4000, Stored: 256 * mib}
				p := p.at(prefix+name(size), load)
				s.tell("preparing: " + p.name)
				side, err := p.make(ctx)
				if err != nil {
					return nil, err
				}
				sides[i] = append(sides[i], these(p.name, side))
			}
		}
		if err := pools[1].lose(ctx, s.parity); err != nil {
			return nil, err
		}
		var players []player
		for i := range sides[0] { // those of one size after each other
			players = append(players, sides[0][i], sides[1][i])
		}
		return s.contest(ctx, spanBulk, players...)
	}
	return f
}

// goneClients is how many clients read while drives are gone.
const goneClients = 8

func clientsName(n int) string {
	if n == 1 {
		return "1 client"
	}
	return fmt.Sprintf("%d clients", n)
}

// sizeName is a size as it is said: 4 KiB, 128 MiB.
func sizeName(n int64) string {
	switch {
	case n >= mib && n%mib == 0:
		return fmt.Sprintf("%d MiB", n/mib)
	case n >= kib && n%kib == 0:
		return fmt.Sprintf("%d KiB", n/kib)
	}
	return fmt.Sprintf("%d B", n)
}
