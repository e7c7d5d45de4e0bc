package catalog

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/uuid"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

var (
	update = flag.Bool("update", false, "rewrite the golden files")
	seed   = flag.Uint64("seed", 0, "seed of the random tests; 0 takes one from the clock")
)

// random gives a generator whose seed is printed and can be given back by -seed.
func random(t *testing.T) *rand.Rand {
	t.Helper()
	s := *seed
	if s == 0 {
		s = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d; again with: go test -run '^%s$' -seed %d", s, t.Name(), s)
	return rand.New(rand.NewPCG(s, 1))
}

// newFS has an empty directory d0, d1 … for each of n drives.
func newFS(t *testing.T, n int) *vfs.MemFS {
	t.Helper()
	fs := vfs.NewMem()
	for i := range n {
		if err := fs.MkdirAll(driveDir(i), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return fs
}

func driveDir(i int) string   { return fmt.Sprintf("/d%d", i) }
func catalogDir(i int) string { return driveDir(i) + "/catalog" }

func openTestReplica(t *testing.T, fs vfs.FS, dir string) *Replica {
	t.Helper()
	r, err := OpenReplica(fs, dir, ReplicaOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func closeReplica(t *testing.T, r *Replica) {
	t.Helper()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
}

func digest(t *testing.T, r *Replica) uint64 {
	t.Helper()
	sum, err := r.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

func dump(t *testing.T, r *Replica) string {
	t.Helper()
	var b strings.Builder
	if err := r.Dump(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// sameContent fails with the lines that differ.
func sameContent(t *testing.T, what string, a, b *Replica) {
	t.Helper()
	if digest(t, a) == digest(t, b) {
		return
	}
	x, y := strings.Split(dump(t, a), "\n"), strings.Split(dump(t, b), "\n")
	for _, l := range x {
		if !slices.Contains(y, l) {
			t.Logf("first only:  %s", l)
		}
	}
	for _, l := range y {
		if !slices.Contains(x, l) {
			t.Logf("second only: %s", l)
		}
	}
	t.Fatalf("%s: contents differ", what)
}

func batchOf(lsn uint64, records ...Record) Batch {
	b := Batch{LSN: lsn, UID: lsn * 7919, Place: Place{
		Segment: drive.SegmentID(1<<32 | 1), Stripe: uint32(lsn), Offset: int64(lsn) * 4096, D: 4, Column: 4096,
	}}
	for _, r := range records {
		b.Records = AppendRecord(b.Records, r)
	}
	return b
}

func driveUUID(i int) uuid.UUID {
	return uuid.UUID{0: 0xd0, 15: byte(i + 1)}
}

func drives(n int) []uuid.UUID {
	out := make([]uuid.UUID, n)
	for i := range out {
		out[i] = driveUUID(i)
	}
	return out
}

func extent(segment uint64, start, length int64) Extent {
	return Extent{Segment: drive.SegmentID(segment), Stripe: 3, Offset: 8192, D: 4, Column: 131072, Start: start, Length: length}
}
