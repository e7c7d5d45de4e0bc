package suite

import (
	"context"
	"time"

	"github.com/holdfast-storage/holdfast/bench"
	"github.com/holdfast-storage/holdfast/bench/s3"
)

// shelf is objects that several loads read.
type shelf struct {
	endpoint string
	size     int64
}

// target is a server as the client of the loads knows it.
func target(server Server) s3.Target {
	return s3.Target{Endpoint: server.Endpoint, AccessKey: server.AccessKey, SecretKey: server.SecretKey, PID: server.PID}
}

// side is the load on the target, with what it reads stored. Loads that read
// objects of one size read the same ones.
func (s *stage) side(ctx context.Context, t s3.Target, l s3.Load) (bench.Side, error) {
	l.Told = func(what string, done, all int64) {
		if done%max(1, all/100) == 0 {
			s.tell("preparing: " + what)
		}
	}
	reads := l.Operation == bench.Get || l.Operation == bench.Range || l.Operation == bench.Head
	place := shelf{t.Endpoint, l.Size}
	var loader *s3.Loader
	var err error
	if kept := s.shelves[place]; reads && kept != nil {
		loader, err = kept.As(l.Operation, l.Clients)
	} else {
		if reads && l.Prefix == "" {
			l.Prefix = "read"
		}
		loader, err = s3.NewLoad(t, l)
	}
	if err != nil {
		return bench.Side{}, err
	}
	s.later(func() error { loader.Close(); return nil })
	if err := loader.Prepare(ctx); err != nil {
		return bench.Side{}, err
	}
	if reads {
		s.shelves[place] = loader
	}
	if t.Bare || l.There { // it has everything in memory, or it is taken as it is found
		return loader.Side(), nil
	}
	return warmed(loader.Side(), loader), nil
}

// warmer reads all that a side reads.
type warmer interface {
	Warm(ctx context.Context) error
}

// warmed reads everything before the first run of the side, which counts as little as that one: by then the drives are
// lost that are to be.
func warmed(side bench.Side, w warmer) bench.Side {
	warm := false
	return bench.Side{Name: side.Name, Run: func(ctx context.Context, span time.Duration) (bench.Sample, error) {
		if !warm {
			if err := w.Warm(ctx); err != nil {
				return bench.Sample{}, named("warming up", err)
			}
			warm = true
		}
		return side.Run(ctx, span)
	}}
}

// at is a player that puts the load on a pool's daemon.
func (p *pool) at(name string, l s3.Load) player {
	return player{name, func(ctx context.Context) (bench.Side, error) { return p.stage.side(ctx, target(p.Server), l) }}
}

// bareAt is a player that puts the load on the bare server.
func (s *stage) bareAt(name string, l s3.Load) player {
	return player{name, func(ctx context.Context) (bench.Side, error) {
		server, err := s.bareServer(ctx)
		if err != nil {
			return bench.Side{}, err
		}
		t := target(*server)
		t.Bare = true
		return s.side(ctx, t, l)
	}}
}

// these is a player whose side needs no preparation.
func these(name string, side bench.Side) player {
	return player{name, func(context.Context) (bench.Side, error) { return side, nil }}
}
