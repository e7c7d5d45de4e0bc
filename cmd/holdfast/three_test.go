package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// TestThree takes three of six drives away from a daemon under load, one more than its parity. What cannot be served is
// answered with 503, writes are refused, no byte is wrong and nothing is said not to exist. A start with three missing
// says which and does not open; when one of them comes back everything is there.
func TestThree(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(seedOf(t), 0))
	for _, c := range []struct {
		name string
		gone []int // in this order; the last one comes back
		gap  time.Duration
	}{
		{"at once", []int{0, 1, 2}, 0},
		{"while the one before is being left out", []int{5, 1, 3}, 20 * time.Millisecond},
		{"one after another", []int{2, 4, 0}, 800 * time.Millisecond}, // what is written between goes to fewer drives
	} {
		seed := rng.Uint64()
		t.Run(c.name, func(t *testing.T) { loseThree(t, rand.New(rand.NewPCG(seed, 0)), c.gone, c.gap) })
	}
}

func loseThree(t *testing.T, rng *rand.Rand, indexes []int, gap time.Duration) {
	d := newProcess(t, 6, "--segment-size", "8MiB")
	d.begin()
	s := newShelf()
	d.fill(s, "before", 40, rng)

	writers := d.writers(s, rng)
	var gone []string
	for i, index := range indexes {
		if i > 0 {
			time.Sleep(gap)
		}
		dir := d.dirs[index]
		if err := os.Rename(dir, dir+".moved"); err != nil {
			t.Fatal(err)
		}
		gone = append(gone, dir)
	}
	slices.Sort(gone)
	open, err := writers()
	if err != nil {
		t.Fatal(err)
	}

	deadline := time.Now().Add(noticed)
	for {
		report, _, err := d.admin.status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if report.Pool.State == stateUnavail && len(report.away()) == 3 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("status does not show in time that three drives are gone: %+v", report)
		}
		time.Sleep(10 * time.Millisecond)
	}
	if text, code := d.run("status"); code != exitNo || !namesLost(text, gone) {
		t.Errorf("status has exit code %d, want %d, and must name %v:\n%s", code, exitNo, gone, text)
	}
	served, refused := d.readWhatIsLeft(s)
	t.Logf("%d objects served whole, %d answered with 503; %d PUTs were under way", served, refused, len(open))
	d.wantNoWrites(s)

	// Three missing: no start, whether they are named or not.
	d.stop()
	left := slices.DeleteFunc(slices.Clone(d.dirs), func(dir string) bool { return slices.Contains(gone, dir) })
	for _, args := range [][]string{left, d.dirs} {
		said := d.refused(exitFailed, args...)
		for _, index := range indexes {
			if want := fmt.Sprintf("drive %d ", index+1); !strings.Contains(said, want) {
				t.Errorf("it does not say %q:\n%s", want, said)
			}
		}
	}
	for _, dir := range gone {
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%s was created", dir)
		}
	}

	// One comes back, and later the others.
	back := d.dirs[indexes[2]]
	if err := os.Rename(back+".moved", back); err != nil {
		t.Fatal(err)
	}
	d.start(append(left, back)...)
	d.settleOpen(s, open)
	d.wantAll(s)
	d.fill(s, "after", 10, rng)
	d.wantAll(s)
	d.stop()
	for _, index := range indexes[:2] {
		if err := os.Rename(d.dirs[index]+".moved", d.dirs[index]); err != nil {
			t.Fatal(err)
		}
	}
	d.start()
	d.wantAll(s)
}

// writers puts objects until the returned function is called, or a PUT is refused. It returns those that were put and
// not acknowledged.
func (d *process) writers(s *shelf, rng *rand.Rand) func() (map[string]content, error) {
	ctx, stop := context.WithCancel(d.t.Context())
	group, groupCtx := errgroup.WithContext(ctx)
	open := newShelf()
	for i := range 4 {
		rng := rand.New(rand.NewPCG(rng.Uint64(), 0))
		group.Go(func() error {
			for n := 0; groupCtx.Err() == nil; n++ {
				key, c := fmt.Sprintf("during/%d/%04d", i, n), randomContent(rng)
				err := d.store(context.WithoutCancel(ctx), s, key, c)
				// A server that answers before it has read a long body closes the connection behind its answer, and a client that
				// is still writing may see only that.
				cut := errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET)
				if cut || isStatus(err, http.StatusServiceUnavailable) {
					open.note(key, c)
				} else if err != nil {
					return fmt.Errorf("put %s: %w", key, err)
				}
				time.Sleep(5 * time.Millisecond) // enough are under way, and all are read again four times
			}
			return nil
		})
	}
	return func() (map[string]content, error) {
		time.Sleep(100 * time.Millisecond)
		stop()
		err := group.Wait()
		return open.snapshot(), err
	}
}

// readWhatIsLeft reads everything on the shelf: each object comes whole, or is refused with 503, or, if its beginning
// could be read, is cut.
func (d *process) readWhatIsLeft(s *shelf) (served, refused int) {
	d.t.Helper()
	for key, c := range s.snapshot() {
		found, err := d.getEqual(d.t.Context(), key, c)
		var wrong *wrongByte
		switch {
		case errors.As(err, &wrong):
			d.t.Errorf("%s: %v", key, err)
		case err == nil && found:
			served++
		case err == nil:
			d.t.Errorf("%s: 404", key)
		case found, isStatus(err, http.StatusServiceUnavailable): // found: an error after the headers
			refused++
		default:
			d.t.Errorf("%s: %v", key, err)
		}
	}
	return served, refused
}

// wantNoWrites wants every kind of change to be answered with 503.
func (d *process) wantNoWrites(s *shelf) {
	d.t.Helper()
	var deleted string
	for key := range s.snapshot() {
		deleted = key
		break
	}
	for _, size := range []int64{0, 100, 300 << 10, 3 << 20} {
		_, err := d.put(d.t.Context(), testBucket, "refused", content{1, size}.reader(), size, nil)
		if !isStatus(err, http.StatusServiceUnavailable) {
			d.t.Errorf("PUT of %d bytes: %v, want 503", size, err)
		}
	}
	for _, r := range []request{
		{method: http.MethodDelete, path: "/" + testBucket + "/" + deleted},
		{method: http.MethodPut, path: "/another"},
	} {
		if err := d.call(d.t.Context(), r.method, r.path); !isStatus(err, http.StatusServiceUnavailable) {
			d.t.Errorf("%s %s: %v, want 503", r.method, r.path, err)
		}
	}
}

// settleOpen finds out what became of PUTs that were not acknowledged: the object is there whole, or not at all.
func (d *process) settleOpen(s *shelf, open map[string]content) {
	d.t.Helper()
	for key, c := range open {
		found, err := d.getEqual(d.t.Context(), key, c)
		if err != nil {
			d.t.Errorf("get %s, not acknowledged: %v", key, err)
		}
		if found {
			s.note(key, c)
		}
	}
}
