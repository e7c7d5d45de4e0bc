package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// TestPairs takes every pair of six drives away from a daemon under load, one drive erased, the other moved. Both are
// named by status within a second or at the next write, nothing that was acknowledged is missing or changed, new
// objects are stored, and all of it holds after a start without the two.
func TestPairs(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(seedOf(t), 0))
	for a := range 6 {
		for b := a + 1; b < 6; b++ {
			erased, moved, writes := a, b, b%2 == 0
			if (a+b)%2 == 0 {
				erased, moved = b, a
			}
			seed := rng.Uint64()
			t.Run(fmt.Sprintf("erase=%d,move=%d", erased+1, moved+1), func(t *testing.T) {
				losePair(t, rand.New(rand.NewPCG(seed, 0)), erased, moved, writes)
			})
		}
	}
}

// noticed is how soon status must show that a drive is gone. The promise is a second, and the log of the test says how
// long it took; the rest is for a machine that is busy.
const noticed = 30 * time.Second

// losePair has one drive erased and another moved. If the load does not write when they go, nothing but looking after
// the drives can notice.
func losePair(t *testing.T, rng *rand.Rand, erased, moved int, writes bool) {
	d := newProcess(t, 6, "--segment-size", "8MiB")
	d.begin()
	s := newShelf()
	d.fill(s, "before", 30, rng)

	l := d.load(s, rng, writes)
	l.awaitSteps(t, 20)
	gone := []string{d.dirs[erased], d.dirs[moved]}
	if err := erase(gone[0]); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(gone[1], gone[1]+".moved"); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	d.awaitStatus(began.Add(noticed), stateDegraded, gone)
	took := time.Since(began)
	text, code := d.run("status")
	if code != exitNo || !namesLost(text, gone) {
		t.Fatalf("status has exit code %d, want %d, and must name %v:\n%s", code, exitNo, gone, text)
	}
	l.awaitSteps(t, 20)
	acknowledged, refused := l.end(t)
	t.Logf("both noticed after %v; %d PUTs acknowledged meanwhile, %d of those under way refused", took.Round(time.Millisecond), acknowledged, refused)
	d.wantAll(s)
	d.fill(s, "after", 15, rng)
	d.wantAll(s)

	d.stop()
	d.start(slices.DeleteFunc(slices.Clone(d.dirs), func(dir string) bool { return slices.Contains(gone, dir) })...)
	d.wantAll(s)
	d.fill(s, "without", 5, rng)
	d.wantAll(s)
}

// erase removes a directory in which a daemon may be making files all the while: what it makes between the reading of a
// directory and its removal takes another round.
func erase(dir string) (err error) {
	for range 100 {
		if err = os.RemoveAll(dir); !errors.Is(err, syscall.ENOTEMPTY) {
			return err
		}
	}
	return err
}

// load is clients that read what is on the shelf and, if wanted, add to it.
type load struct {
	group                       *errgroup.Group
	stop                        context.CancelFunc
	steps, acknowledged, denied atomic.Int64
}

// load starts them. A GET that fails, or finds what was not put, fails the test. A PUT may be answered with 503 when
// drives go that hold a part of it already (R6).
func (d *process) load(s *shelf, rng *rand.Rand, writes bool) *load {
	ctx, stop := context.WithCancel(d.t.Context())
	l := &load{stop: stop}
	l.group, ctx = errgroup.WithContext(ctx)
	prefix := fmt.Sprintf("during/%016x", rng.Uint64()) // no key is put twice, also not by the next load
	for i := range 6 {
		rng := rand.New(rand.NewPCG(rng.Uint64(), 0))
		write := writes && i < 3
		l.group.Go(func() error {
			for n := 0; ctx.Err() == nil; n++ {
				if err := l.step(ctx, d, s, rng, write, fmt.Sprintf("%s/%d/%04d", prefix, i, n)); err != nil && ctx.Err() == nil {
					return err
				}
				l.steps.Add(1)
			}
			return nil
		})
	}
	return l
}

func (l *load) step(ctx context.Context, d *process, s *shelf, rng *rand.Rand, write bool, key string) error {
	if write {
		// Not cancelled: it is to be known what became of it.
		err := d.store(context.WithoutCancel(ctx), s, key, randomContent(rng))
		switch {
		case isStatus(err, http.StatusServiceUnavailable):
			l.denied.Add(1)
		case err != nil:
			return fmt.Errorf("put %s: %w", key, err)
		default:
			l.acknowledged.Add(1)
		}
		return nil
	}
	key, c, ok := s.any(rng)
	if !ok {
		return nil
	}
	found, err := d.getEqual(ctx, key, c)
	if err == nil && !found {
		err = errors.New("it is gone")
	}
	if err != nil {
		return fmt.Errorf("get %s: %w", key, err)
	}
	return nil
}

// awaitSteps lets the clients do so many things more.
func (l *load) awaitSteps(t testing.TB, n int64) {
	t.Helper()
	until, late := l.steps.Load()+n, time.Now().Add(time.Minute)
	for l.steps.Load() < until {
		if time.Now().After(late) {
			l.stop()
			t.Fatalf("the clients do not get on: %v", l.group.Wait())
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// end stops the clients. Their errors are the test's.
func (l *load) end(t testing.TB) (acknowledged, denied int64) {
	t.Helper()
	l.stop()
	if err := l.group.Wait(); err != nil {
		t.Fatal(err)
	}
	return l.acknowledged.Load(), l.denied.Load()
}

// awaitStatus asks the admin API until the pool is in that state and exactly the drives in gone are REMOVED.
func (d *process) awaitStatus(deadline time.Time, state string, gone []string) {
	d.t.Helper()
	for {
		report, _, err := d.admin.status(d.t.Context())
		if err != nil {
			d.t.Fatal(err)
		}
		var removed []string
		for _, drive := range report.Drives {
			if drive.State == stateRemoved {
				removed = append(removed, drive.Path)
			}
		}
		slices.Sort(removed)
		if want := slices.Sorted(slices.Values(gone)); report.Pool.State == state && slices.Equal(removed, want) {
			return
		}
		if time.Now().After(deadline) {
			text, _ := json.Marshal(report)
			d.t.Fatalf("status does not show in time that the pool is %s without %s: %s", state, strings.Join(gone, " and "), text)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
