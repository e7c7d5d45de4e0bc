package growth

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/holdfast-storage/holdfast/bench"
)

// starts is how often a pool is started in each way.
const starts = 5

// What a pool has on the drives.
const (
	segmentBytes = "segment files per object"
	catalogBytes = "catalog per object"
)

// step is one pool, from its making to its end.
type step struct {
	*run
	n     int64
	dirs  []string
	p     *process // nil: none runs
	grown bench.Grown
	goals []bench.Goal
	quiet bool // it is a part of another step, which tells how far it is
}

// step measures a pool of n objects. The goals hold it against the smallest.
func (r *run) step(ctx context.Context, n int64) (bench.Grown, []bench.Goal, error) {
	s := &step{run: r, n: n, dirs: r.dirs(n), grown: bench.Grown{Objects: n}}
	err := s.all(ctx)
	if s.p != nil {
		s.p.kill()
	}
	for _, dir := range s.dirs {
		if r.base == nil || n != r.base.objects {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}
	return s.grown, s.goals, err
}

func (s *step) all(ctx context.Context) error {
	for _, part := range []func(context.Context) error{
		s.fill, s.holdFilling, s.measure, s.crashes, s.restarts, s.rebuild, s.holdRebuilding, s.stay,
	} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	return nil
}

// begin starts a process, opens the pool, and notes how long that took.
func (s *step) begin(ctx context.Context, create bool, took *[]float64) (err error) {
	if s.p, err = start(ctx, s.Start, s.dirs, s.n); err != nil {
		return err
	}
	a, err := s.p.ask(request{Do: doOpen, Init: create}, nil)
	*took = append(*took, a.Seconds)
	s.data, s.parity = a.Data, a.Parity
	return err
}

// stop ends it in order.
func (s *step) stop() error {
	err := s.p.stop()
	s.p = nil
	return err
}

// fill stores the objects, and looks at what they take once all is on the drives.
func (s *step) fill(ctx context.Context) error {
	var ignored []float64
	if err := s.begin(ctx, true, &ignored); err != nil {
		return err
	}
	s.told("storing them", 0)
	a, err := s.p.ask(request{Do: doFill}, func(done int64) {
		s.told("storing them", shareFilled*float64(done)/float64(s.n))
	})
	if err != nil {
		return err
	}
	s.cost(filling, bench.Seconds, "with what it makes the catalog and the journal do until the last is stored", perOp(*a.Sample))
	s.cost(filling+": CPU", bench.Seconds, "", a.Sample.CPU.Seconds()/float64(s.n))
	if err := s.stop(); err != nil {
		return err
	}
	for _, part := range []struct{ name, under string }{{segmentBytes, "segments"}, {catalogBytes, "catalog"}} {
		bytes := int64(0)
		for _, dir := range s.dirs {
			bytes += diskBytes(filepath.Join(dir, part.under))
		}
		s.cost(part.name, bench.Bytes, "on all drives together", float64(bytes)/float64(s.n))
	}
	return nil
}

// crashes kills the process while it stores, and starts it again.
func (s *step) crashes(ctx context.Context) error {
	var took []float64
	for i := range starts {
		s.told("starting after a crash", shareMeasured+(shareStarted-shareMeasured)/2*float64(i)/starts)
		if err := s.p.crash(s.Store); err != nil {
			return err
		}
		if err := s.begin(ctx, false, &took); err != nil {
			return err
		}
	}
	s.total("start after a crash", bench.Seconds, "killed while 32 clients put", took...)
	return s.stop()
}

func (s *step) restarts(ctx context.Context) error {
	var took, memory []float64
	for i := range starts {
		s.told("starting after an orderly end", (shareMeasured+shareStarted)/2+(shareStarted-shareMeasured)/2*float64(i)/starts)
		if err := s.begin(ctx, false, &took); err != nil {
			return err
		}
		a, err := s.p.ask(request{Do: doMemory}, nil)
		if err != nil {
			return err
		}
		memory = append(memory, float64(a.Bytes))
		if err := s.stop(); err != nil {
			return err
		}
	}
	s.total("start after an orderly end", bench.Seconds, "", took...)
	s.total("resident memory once started", bench.Bytes, "of the process that has the pool open", memory...)
	return nil
}

// rebuild has the catalog made again from the journal alone.
func (s *step) rebuild(ctx context.Context) error {
	s.told("making the catalog again", shareStarted)
	for _, dir := range s.dirs {
		if err := os.RemoveAll(filepath.Join(dir, "catalog")); err != nil {
			return err
		}
	}
	var took []float64
	if err := s.begin(ctx, false, &took); err != nil {
		return err
	}
	a, err := s.p.ask(request{Do: doWhole}, nil)
	if err != nil {
		return err
	}
	s.cost(rebuilding, bench.Seconds,
		"from the journal, until the pool serves; with what the loads have put into it, in a small pool many times its objects",
		took[0]/float64(s.n))
	s.total("start without any catalog", bench.Seconds, "the rebuild, until the pool serves", took...)
	s.total("start without any catalog, all replicas whole", bench.Seconds, "", took[0]+a.Seconds)
	return s.stop()
}

// stay keeps the smallest pool for the others.
func (s *step) stay(ctx context.Context) error {
	if s.base != nil || s.n == s.To {
		return nil
	}
	var ignored []float64
	if err := s.begin(ctx, false, &ignored); err != nil {
		return err
	}
	s.run.base, s.p = s.p, nil
	return nil
}

func (s *step) cost(name string, unit bench.Unit, about string, values ...float64) {
	s.grown.Costs = append(s.grown.Costs, line(name, unit, about, values))
}

func (s *step) total(name string, unit bench.Unit, about string, values ...float64) {
	s.grown.Totals = append(s.grown.Totals, line(name, unit, about, values))
}

// told says that so much of the step is done.
func (s *step) told(doing string, share float64) {
	if !s.quiet {
		s.tell(s.n, doing, share)
	}
}
