package suite

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-storage/holdfast/bench"
	"github.com/holdfast-storage/holdfast/bench/s3"
)

// newOptions are options over six directories, with servers that are none.
func newOptions(t *testing.T) (Options, *fakes) {
	t.Helper()
	o := Options{Turns: bench.Turns{Rounds: 3, Span: time.Millisecond}, Mending: startFakeMending}
	for range 6 {
		o.Dirs = append(o.Dirs, t.TempDir())
	}
	servers := &fakes{t: t}
	o.Launcher = servers
	t.Cleanup(func() {
		servers.gone()
		for _, dir := range o.Dirs {
			if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) > 0 {
				t.Errorf("left behind: %q", left)
			}
		}
	})
	return o, servers
}

// steady is a side whose samples are all the same but for the time, which grows by a second from run to run.
func steady(ops, bytes int64) bench.Side {
	run := 0
	return bench.Side{Run: func(context.Context, time.Duration) (bench.Sample, error) {
		run++
		return bench.Sample{Ops: ops, Bytes: bytes, Elapsed: time.Duration(run) * time.Second}, nil
	}}
}

func oneRow(path string, bound float64, got, limit string) row {
	return row{path: path, figure: "rate", of: limit, unit: bench.OpsPerSecond, got: pick{side: got, figure: bench.OpsRate}, limit: []pick{{side: limit, figure: bench.OpsRate}}, bound: bound}
}

func fakeFamilies(ran *[]string) []family {
	return []family{
		{name: "first", seconds: 3, rows: []row{oneRow("PUT of one", 0.8, "a", "b"), oneRow("GET of one", 0.2, "c", "b")},
			measure: func(ctx context.Context, s *stage) (map[string]bench.Series, error) {
				*ran = append(*ran, "first")
				if _, err := s.pool(ctx, "--etag", "fast"); err != nil {
					return nil, err
				}
				return s.contest(ctx, time.Second, these("a", steady(10, 0)), these("b", steady(20, 0)), these("c", steady(5, 0)))
			}},
		{name: "second", seconds: 1, rows: []row{{path: "memory", figure: "resident", unit: bench.Bytes, got: pick{side: "m", figure: bytesOf}, bound: 100, atMost: true}},
			measure: func(context.Context, *stage) (map[string]bench.Series, error) {
				*ran = append(*ran, "second")
				return map[string]bench.Series{"m": {Samples: []bench.Sample{{Bytes: 70}, {Bytes: 90}, {Bytes: 80}}}}, nil
			}},
	}
}

func TestRun(t *testing.T) {
	o, servers := newOptions(t)
	o.Only = " one" // neither the limits nor memory
	var ran []string
	var done []float64
	o.Progress = func(p Progress) { done = append(done, p.Done) }
	result, err := run(t.Context(), o, fakeFamilies(&ran))
	if err != nil {
		t.Fatal(err)
	}
	if result.Data != 4 || result.Parity != 2 || !slices.Equal(ran, []string{"first"}) || len(result.Limits) > 0 {
		t.Errorf("ran %q over %d+%d, limits %v", ran, result.Data, result.Parity, result.Limits)
	}
	if len(result.Goals) != 2 {
		t.Fatalf("%d goals: %+v", len(result.Goals), result.Goals)
	}
	g := result.Goals[0]
	// The rounds' rates fall, their ratio does not.
	if g.Path != "PUT of one" || math.Abs(g.Value-0.5) > 1e-9 || g.Met() || g.Rounds != 3 || g.Least != g.Most {
		t.Errorf("%+v", g)
	}
	if g := result.Goals[1]; math.Abs(g.Value-0.25) > 1e-9 || !g.Met() {
		t.Errorf("%+v", g)
	}
	if !slices.IsSorted(done) || done[len(done)-1] > 1 {
		t.Errorf("progress goes %v", done)
	}
	if last := servers.flags[len(servers.flags)-1]; !slices.Contains(last, "--init") || !slices.Contains(last, "fast") {
		t.Errorf("the daemon's flags are %q", last)
	}
}

func TestOnly(t *testing.T) {
	for only, want := range map[string]int{"GET OF": 1, "memory": 1, "rate": 2, "nothing of the kind": 0} {
		t.Run(only, func(t *testing.T) {
			o, _ := newOptions(t)
			o.Only = only
			var ran []string
			result, err := run(t.Context(), o, fakeFamilies(&ran))
			if want == 0 {
				if err == nil || !strings.Contains(err.Error(), only) {
					t.Errorf("error %v", err)
				}
			} else if err != nil {
				t.Error(err)
			}
			if len(result.Goals) != want {
				t.Errorf("%d goals, want %d: %+v", len(result.Goals), want, result.Goals)
			}
		})
	}
}

// TestAbsolute: a figure that stands for itself is its own median.
func TestAbsolute(t *testing.T) {
	var ran []string
	f := fakeFamilies(&ran)[1]
	series, _ := f.measure(t.Context(), nil)
	if g := f.rows[0].goal(series); g.Value != 80 || g.Got != 80 || g.Least != 70 || g.Most != 90 || !g.Met() {
		t.Errorf("%+v", g)
	}
}

// TestLowerLimit: of several limits the lower one of each round counts.
func TestLowerLimit(t *testing.T) {
	at := func(values ...int64) (s bench.Series) {
		for _, v := range values {
			s.Samples = append(s.Samples, bench.Sample{Bytes: v})
		}
		return s
	}
	r := row{got: pick{side: "a", figure: bytesOf}, limit: []pick{{side: "b", figure: bytesOf}, {side: "c", figure: bytesOf}}, bound: 1}
	series := map[string]bench.Series{"a": at(10, 10, 10), "b": at(10, 40, 40), "c": at(40, 20, 40)}
	if g := r.goal(series); g.Value != 0.5 || g.Limit != 20 || g.Least != 0.25 || g.Most != 1 {
		t.Errorf("%+v", g)
	}
}

// TestBetterWay: of two ways to do what limits a row, the better one of each round counts, before the lowest limit does.
func TestBetterWay(t *testing.T) {
	at := func(values ...int64) (s bench.Series) {
		for _, v := range values {
			s.Samples = append(s.Samples, bench.Sample{Bytes: v})
		}
		return s
	}
	r := row{got: pick{side: "a", figure: bytesOf}, bound: 1, limit: []pick{{side: "b", figure: bytesOf}, {side: "c", figure: bytesOf, or: []string{"d"}}}}
	series := map[string]bench.Series{"a": at(10, 10, 10), "b": at(100, 100, 20), "c": at(20, 40, 40), "d": at(40, 20, 80)}
	if g := r.goal(series); g.Value != 0.25 || g.Limit != 40 || g.Most != 0.5 {
		t.Errorf("%+v", g)
	}
	if !slices.Equal(r.sides(), []string{"a", "b", "c", "d"}) {
		t.Errorf("sides %q", r.sides())
	}
	without := maps.Clone(series)
	delete(without, "d") // which need not be possible
	if g := r.goal(without); g.Value != 0.5 {
		t.Errorf("%+v", g)
	}
	delete(series, "c") // nor this
	if g := r.goal(series); g.Value != 0.5 || g.Limit != 20 || g.Rounds != 3 {
		t.Errorf("%+v", g)
	}
}

func TestFailingSide(t *testing.T) {
	o, _ := newOptions(t)
	broken := errors.New("broken")
	families := []family{{name: "a family", rows: []row{oneRow("x", 1, "good", "bad")},
		measure: func(ctx context.Context, s *stage) (map[string]bench.Series, error) {
			if _, err := s.pool(ctx); err != nil {
				return nil, err
			}
			bad := bench.Side{Run: func(context.Context, time.Duration) (bench.Sample, error) { return bench.Sample{}, broken }}
			return s.contest(ctx, time.Second, these("good", steady(1, 1)), these("bad", bad))
		}}}
	o.Only = "x"
	_, err := run(t.Context(), o, families)
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), "a family: bad: ") {
		t.Errorf("error %v", err)
	}
}

// TestUnsupported: what this system cannot tell is said, and the rest is measured.
func TestUnsupported(t *testing.T) {
	o, _ := newOptions(t)
	var ran []string
	families := append([]family{{name: "a family", rows: []row{oneRow("GET of none", 1, "a", "b")},
		measure: func(context.Context, *stage) (map[string]bench.Series, error) {
			return nil, fmt.Errorf("direct reads: %w", errors.ErrUnsupported)
		}}}, fakeFamilies(&ran)...)
	o.Only = " of "
	result, err := run(t.Context(), o, families)
	if err != nil || len(result.Goals) != 2 || len(result.Notes) != 1 || !strings.Contains(result.Notes[0], "a family: direct reads") {
		t.Errorf("%d goals, notes %q: %v", len(result.Goals), result.Notes, err)
	}
}

func TestCancelled(t *testing.T) {
	o, _ := newOptions(t)
	ctx, cancel := context.WithCancel(t.Context())
	families := []family{{name: "a family", rows: []row{oneRow("x", 1, "a", "b")},
		measure: func(ctx context.Context, s *stage) (map[string]bench.Series, error) {
			p, err := s.pool(ctx)
			if err != nil {
				return nil, err
			}
			ends := steady(1, 1)
			return s.contest(ctx, time.Second, s.bareAt("b", s3.Load{Operation: bench.Get, Size: 100, Clients: 2}),
				these("a", bench.Side{Run: func(ctx context.Context, span time.Duration) (bench.Sample, error) {
					if !exists(p.dirs[0]) {
						t.Error("the pool is nowhere")
					}
					cancel()
					return ends.Run(ctx, span)
				}}))
		}}}
	o.Only = "x"
	if _, err := run(ctx, o, families); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// TestDuring has a side run while the daemon scrubs or rebuilds, which ends sooner than the side does.
func TestDuring(t *testing.T) {
	o, _ := newOptions(t)
	s, err := newStage(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.end(); err != nil {
			t.Error(err)
		}
	}()
	p, err := s.pool(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	before := slices.Clone(p.dirs)
	for name, during := range map[string]func(bench.Side) bench.Side{"scrub": p.duringScrub, "rebuild": p.duringRebuild} {
		side := during(bench.Side{Name: "load", Run: func(ctx context.Context, span time.Duration) (bench.Sample, error) {
			return bench.Sample{Ops: 7}, pause(ctx, span)
		}})
		sample, err := side.Run(t.Context(), 10*pollPeriod)
		if err != nil || sample.Ops != 7 || sample.Background < 1<<20 || !strings.Contains(side.Name, name) {
			t.Errorf("%s: %+v, %v", side.Name, sample, err)
		}
	}
	if p.replaced < 2 {
		t.Errorf("%d drives were replaced, but the first was filled long before the side was done", p.replaced)
	}
	for i, dir := range before[:p.replaced] {
		if exists(dir) || dir == p.dirs[i] {
			t.Errorf("%s was not replaced", dir)
		}
	}
	if err := p.lose(t.Context(), 2); err != nil {
		t.Error(err)
	}
}

// TestProgress: work that is begun again counts on.
func TestProgress(t *testing.T) {
	var p progress
	for _, done := range []int64{100, 100, 130, 10, 40, 40} {
		p.see(done)
	}
	if p.bytes != 60 {
		t.Errorf("%d bytes, want 30 of each run", p.bytes)
	}
}

// TestBeWorking: a run beside which work rested is taken again, and not for ever.
func TestBeWorking(t *testing.T) {
	for rests, want := range map[int]int{0: 1, 2: 3, 100: restTries} {
		runs := 0
		side := beWorking(bench.Side{Run: func(context.Context, time.Duration) (s bench.Sample, err error) {
			if runs++; runs > rests {
				s.Background = 7
			}
			return s, nil
		}})
		sample, err := side.Run(t.Context(), time.Second)
		if err != nil || runs != want || sample.Background > 0 != (rests < restTries) {
			t.Errorf("%d rests: %d runs, want %d; %+v, %v", rests, runs, want, sample, err)
		}
	}
}

// TestAtWork: where background work stands still, it is no comfort that nobody notices it.
func TestAtWork(t *testing.T) {
	at := func(background ...int64) (s bench.Series) {
		for _, b := range background {
			s.Samples = append(s.Samples, bench.Sample{Background: b, Elapsed: time.Second})
		}
		return s
	}
	if err := atWork(at(7, 5)); err != nil {
		t.Error(err)
	}
	if err := atWork(at(7, 0)); err == nil || !strings.Contains(err.Error(), "round 2") {
		t.Errorf("error %v", err)
	}
}

func TestRoom(t *testing.T) {
	o, _ := newOptions(t)
	o.Only = "x"
	families := []family{{name: "a large family", room: 1 << 60, rows: []row{oneRow("x", 1, "a", "b")}}}
	if _, err := run(t.Context(), o, families); err == nil || !strings.Contains(err.Error(), "roomier") {
		t.Errorf("error %v", err)
	}
	if len(o.Dirs) > 0 {
		if _, err := os.Stat(o.Dirs[0]); err != nil {
			t.Errorf("a directory that was given is gone: %v", err)
		}
	}
}
