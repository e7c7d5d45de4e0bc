package growth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/holdfast-storage/holdfast/bench"
	"github.com/holdfast-storage/holdfast/bench/engine"
	"github.com/holdfast-storage/holdfast/blockstore"
)

// Serve holds a pool over the directories and does what the lines of in say,
// until they end. It is the process that [Options].Start starts.
func Serve(ctx context.Context, in io.Reader, out io.Writer, dirs []string) (err error) {
	s := &server{dirs: dirs, out: json.NewEncoder(out), runners: make(map[load]*engine.Runner)}
	defer func() { err = errors.Join(err, s.close(ctx)) }()
	for lines := json.NewDecoder(in); ; {
		var r request
		if err := lines.Decode(&r); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		a, err := s.answer(ctx, r)
		if err != nil {
			a.Error = err.Error()
		}
		a.End = true
		if err := s.write(a); err != nil {
			return err
		}
	}
}

type server struct {
	dirs    []string
	pool    *blockstore.Pool
	runners map[load]*engine.Runner
	mu      sync.Mutex // for out
	out     *json.Encoder
}

func (s *server) write(a answer) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.Encode(a)
}

func (s *server) answer(ctx context.Context, r request) (a answer, err error) {
	if s.pool == nil && r.Do != doOpen {
		return a, errors.New("the pool is not open")
	}
	began := time.Now()
	switch r.Do {
	case doOpen:
		return s.open(ctx, r.Init)
	case doFill:
		a.Sample, err = s.fill(ctx, r.Objects)
	case doLoad:
		a.Sample, err = s.load(ctx, r)
	case doWhole:
		err = s.whole(ctx)
	case doMemory:
		a.Bytes = resident()
	case doClose:
		err = s.close(ctx)
	default:
		err = fmt.Errorf("nobody knows how to %q", r.Do)
	}
	a.Seconds = time.Since(began).Seconds()
	return a, err
}

func (s *server) open(ctx context.Context, create bool) (a answer, err error) {
	began := time.Now()
	if s.pool, err = blockstore.Open(ctx, blockstore.Options{Dirs: s.dirs, Init: create}); err != nil {
		return a, err
	}
	a.Seconds = time.Since(began).Seconds()
	status, err := s.pool.Status(ctx)
	a.Data, a.Parity = status.Pool.Data, status.Pool.Parity
	return a, err
}

func (s *server) fill(ctx context.Context, n int64) (*bench.Sample, error) {
	began, cpu := time.Now(), bench.OwnCPU()
	err := engine.Fill(ctx, s.pool, engine.Filling{
		Bucket: bucket, Size: objectBytes, To: n, Key: key,
		Told: func(done int64) { _ = s.write(answer{Done: done}) }, // who does not hear it has gone; the last answer tells
	})
	return &bench.Sample{Ops: n, Bytes: n * objectBytes, Elapsed: time.Since(began), CPU: bench.OwnCPU() - cpu}, err
}

func (s *server) load(ctx context.Context, r request) (*bench.Sample, error) {
	runner := s.runners[r.Load]
	if runner == nil {
		var err error
		runner, err = engine.NewRunner(s.pool, engine.Load{
			Operation: r.Load.Operation, Size: objectBytes, Clients: r.Load.Clients, Keys: r.Objects, There: true,
			FirstPage: r.Load.FirstPage, Bucket: bucket, Prefix: prefix, Key: key,
		})
		if err == nil {
			err = runner.Prepare(ctx)
		}
		if err != nil {
			return nil, err
		}
		s.runners[r.Load] = runner
	}
	sample, err := runner.Side().Run(ctx, r.Span)
	return &sample, err
}

// wholePeriod is between two looks at the catalog's replicas.
const wholePeriod = 10 * time.Millisecond

// whole waits for the catalog's replicas, one more than there is parity.
func (s *server) whole(ctx context.Context) error {
	look := time.NewTicker(wholePeriod)
	defer look.Stop()
	for {
		status, err := s.pool.Status(ctx)
		if err != nil {
			return err
		}
		whole := 0
		for _, d := range status.Drives {
			if d.Catalog == "serving" || d.Catalog == "replica" {
				whole++
			}
		}
		if whole > status.Pool.Parity {
			return nil
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (s *server) close(ctx context.Context) error {
	if s.pool == nil {
		return nil
	}
	err := s.pool.Close(context.WithoutCancel(ctx))
	s.pool = nil
	return err
}
