package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// TestReplaceEach fails every drive of six, one per pool, and replaces it, waiting until that is done; and again with a
// spare and nobody typing. Afterwards any two other drives are removed, and every object is equal.
func TestReplaceEach(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(seedOf(t), 0))
	for _, c := range []struct {
		name string
		lose func(d *process, i int)
	}{
		{"replace", replaceByHand},
		{"spare", useSpare},
	} {
		for i := range 6 {
			seed := rng.Uint64()
			t.Run(fmt.Sprintf("%s=%d", c.name, i+1), func(t *testing.T) {
				t.Parallel()
				replaceEach(t, rand.New(rand.NewPCG(seed, 0)), i, c.lose)
			})
		}
	}
}

// replaceEach has a pool lose drive i, and then does without any two others.
func replaceEach(t *testing.T, rng *rand.Rand, i int, lose func(*process, int)) {
	d := newProcess(t, 6, "--segment-size", "1MiB", "--rebuild-after", "1s")
	d.begin()
	s := newShelf()
	d.fill(s, "before", 25, rng)
	lose(d, i)
	// d.dirs are now those that hold everything.
	d.wantAll(s)
	d.fill(s, "after", 5, rng)
	d.must("verify", testBucket)
	d.stop()
	var others []int
	for n := range d.dirs {
		if n != i {
			others = append(others, n)
		}
	}
	for a := range others {
		for b := a + 1; b < len(others); b++ {
			startWithout(t, d, s, others[a], others[b])
		}
	}
}

// startWithout copies a stopped daemon's drives but for two, and wants everything of the copy.
func startWithout(t *testing.T, d *process, s *shelf, a, b int) {
	t.Helper()
	less := newProcess(t, 0)
	for n, dir := range d.dirs {
		if n == a || n == b {
			continue
		}
		to := filepath.Join(less.home, filepath.Base(dir))
		if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		less.dirs = append(less.dirs, to)
	}
	less.start()
	less.wantAll(s)
	less.kill()
	for _, dir := range less.dirs {
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	}
}

// replaceByHand fails a drive and replaces it: its directory, erased, or another one.
func replaceByHand(d *process, i int) {
	d.t.Helper()
	lost, fresh := d.dirs[i], d.dirs[i]
	d.must("drive", "fail", lost)
	if err := os.RemoveAll(lost); err != nil {
		d.t.Fatal(err)
	}
	if i%2 == 0 {
		fresh += ".new"
	}
	d.must("drive", "replace", fmt.Sprint(i+1), fresh, "--wait")
	d.must("status")
	d.dirs[i] = fresh
}

// useSpare gives the pool a spare and erases a drive; the rest is the daemon's.
func useSpare(d *process, i int) {
	d.t.Helper()
	spare, lost := filepath.Join(d.home, "spare"), d.dirs[i]
	d.must("drive", "spare", spare)
	if err := erase(lost); err != nil {
		d.t.Fatal(err)
	}
	// The drive that is lost stays on the list, with nothing on it any more.
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		r, _, err := d.admin.status(d.t.Context())
		if err != nil {
			d.t.Fatal(err)
		}
		used := slices.ContainsFunc(r.Drives, func(dr driveReport) bool { return dr.Path == spare && dr.State == stateOnline })
		if used && r.worst() == 0 && r.Rebuild != nil && r.Rebuild.SegmentsLeft == 0 {
			break
		}
		if time.Now().After(deadline) {
			text, _ := d.run("status")
			d.t.Fatalf("the spare is not used, or not filled:\n%s", text)
		}
	}
	d.dirs[i] = spare
}
