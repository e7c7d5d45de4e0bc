package blockstore

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/holdfast-storage/holdfast/blockstore/faultfs"
)

// TestSingleFaults injects every kind of fault once at every call site, on
// every drive: that which serves the catalog, that with the replica, that
// without one. HOLDFAST_FAULT selects cases by a part of their names.
func TestSingleFaults(t *testing.T) {
	singleFaults(t, func(at opPoint, count int) bool { return at.n == count/2 })
}

// TestSoakSingleFaults injects every kind of fault at every single operation.
func TestSoakSingleFaults(t *testing.T) {
	if !soaking() {
		t.Skip("set HOLDFAST_SOAK for every operation, not only one per call site")
	}
	singleFaults(t, func(opPoint, int) bool { return true })
}

// faultCase is one fault at one operation.
type faultCase struct {
	at   opPoint
	kind faultKind
}

func (c faultCase) String() string {
	return fmt.Sprintf("%s at %v #%d", c.kind.name, c.at.opSite, c.at.n)
}

// keeps is what the power cut leaves: in a soak all mixtures, else one in turn.
func (c faultCase) keeps(all bool) []int {
	mixtures := []int{0, 20, 50, 80, 100}
	if all {
		return mixtures
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(c.String()))
	i := int(h.Sum32()) % len(mixtures)
	return mixtures[i : i+1]
}

// everyday says whether a case belongs in the run of every day: what goes wrong
// below Pebble is the catalog's own tests' concern in all its kinds.
func (c faultCase) everyday() bool {
	if strings.HasPrefix(c.at.class, "catalog ") || c.at.caller == "pebble" {
		switch c.kind.name {
		case "EIO once", "lost", "bit flip on write", "flipped read", "hang":
			return true
		}
		return false
	}
	if c.kind.name == "delay" {
		return c.at.kind == faultfs.Read || c.at.kind == faultfs.Write || c.at.kind == faultfs.Sync
	}
	return true
}

// run runs the case; patience matters only to faults that hang.
func (c faultCase) run(ctx context.Context, thorough bool, patience time.Duration) (*injector, *faultRun, error) {
	in := &injector{at: c.at, fault: c.kind, keeps: c.keeps(thorough), patience: patience}
	r, err := runFault(ctx, in)
	if err == nil {
		err = r.judge()
	}
	return in, r, err
}

// ignoreScheduler: Pebble leaves it behind when a database does not open.
var ignoreScheduler = goleak.IgnoreAnyFunction("github.com/cockroachdb/pebble/v2.(*ConcurrencyLimitScheduler).periodicGranter")

func singleFaults(t *testing.T, take func(at opPoint, count int) bool) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent(), ignoreScheduler)
	dry := &injector{keeps: faultCase{}.keeps(true)}
	if _, err := runFault(t.Context(), dry); err != nil {
		t.Fatalf("without a fault: %v", err)
	}
	only := os.Getenv("HOLDFAST_FAULT")
	thorough := soaking() || only != ""
	var cases []faultCase
	for _, at := range dry.order {
		if at.drive < 0 || only == "" && !take(at, dry.counts[at.opSite]) {
			continue
		}
		for _, k := range faultKinds() {
			c := faultCase{at, k}
			if k.on(at.kind) && strings.Contains(c.String(), only) && (thorough || c.everyday()) {
				cases = append(cases, c)
			}
		}
	}
	var mu sync.Mutex
	unreached := 0
	queue := make(chan faultCase)
	var wg sync.WaitGroup
	for range 2 * runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for c := range queue {
				in, r, err := c.run(t.Context(), thorough, 300*time.Millisecond)
				for _, patience := range []time.Duration{3 * time.Second, 20 * time.Second} {
					if err == nil || !c.kind.hangs {
						break
					}
					// On a busy machine healthy drives take that long, too.
					in, r, err = c.run(t.Context(), thorough, patience)
				}
				if only != "" && r != nil {
					t.Logf("%v: reached %v, %q", c, in.hit(), append(in.notes, r.log...))
				}
				mu.Lock()
				if !in.hit() {
					unreached++
				}
				mu.Unlock()
				if err != nil {
					t.Errorf("%v: %v\n\tagain with: HOLDFAST_FAULT=%q go test -run %s ./blockstore", c, err, c, t.Name())
				}
			}
		})
	}
	for _, c := range cases {
		queue <- c
	}
	close(queue)
	wg.Wait()
	t.Logf("%d operations, %d call sites, %d faults injected, %d not reached", len(dry.order), len(dry.counts), len(cases)-unreached, unreached)
	if unreached*5 > len(cases)+10 {
		t.Errorf("%d of %d faults were not reached", unreached, len(cases))
	}
}

// stuckAfter is when a run counts as stuck: later than any machine's being busy explains.
const stuckAfter = 5 * time.Minute

// runFault runs the script once, under a watch.
func runFault(ctx context.Context, in *injector) (*faultRun, error) {
	r, err := newFaultRun(in)
	if err != nil {
		return nil, err
	}
	done := make(chan error, 1)
	go func() { done <- r.script(ctx) }()
	late := time.NewTimer(stuckAfter)
	defer late.Stop()
	select {
	case err = <-done:
	case <-late.C:
		stacks := make([]byte, 1<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		where := filepath.Join(os.TempDir(), "holdfast-stuck.txt")
		_ = os.WriteFile(where, stacks, 0o600)
		r.fsys.ReleaseHung()
		err = errors.Join(fmt.Errorf("STUCK; the goroutines are in %s", where), <-done)
	}
	r.fsys.SetHook(nil)
	r.fsys.ReleaseHung()
	if err != nil && r.pool != nil {
		_ = r.pool.Close(context.Background())
	}
	return r, err
}

// judge looks at what the run left in the status, and at what the hook saw.
func (r *faultRun) judge() error {
	r.in.mu.Lock()
	defer r.in.mu.Unlock()
	for _, n := range r.in.notes {
		if strings.HasPrefix(n, "BROKEN") {
			return errors.New(n)
		}
	}
	if r.in.fired && r.shouldShow() && !r.shown() {
		return fmt.Errorf("the status does not show it: %+v", r.seen)
	}
	return nil
}

// shouldShow says whether a person must be able to see the fault in the status:
// a drive that refused to take or to give data while the pool ran. What failed
// once while it closed is over when somebody looks again; what hung then was let
// go at once.
func (r *faultRun) shouldShow() bool {
	at, f := r.in.at, r.in.fault
	switch {
	case f.silent || f.hangs && at.kind == faultfs.Read || f.name == "delay" || strings.HasPrefix(f.name, "disk full"):
		return false
	case r.inEnd > 0 && f.hangs || r.inEnd > 1 && f.ever == nil:
		return false
	case at.class != "journal" && at.class != "bulk" && at.class != "segment head":
		return false
	}
	return at.kind == faultfs.Write || at.kind == faultfs.Sync || at.kind == faultfs.Read && f.fault(faultfs.Op{}).Err != nil
}

// shown says whether any status told about the drive.
func (r *faultRun) shown() bool {
	for _, s := range r.seen {
		d := s.Drives[r.in.at.drive]
		if d.State != "ONLINE" || d.ReadErrors+d.WriteErrors+d.ChecksumErrors > 0 {
			return true
		}
	}
	return false
}
