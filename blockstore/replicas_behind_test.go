package blockstore

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
	"github.com/holdfast-storage/holdfast/blockstore/faultfs"
)

// heard is a log that can be asked.
type heard struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (h *heard) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.text.Write(p)
}

func (h *heard) says(text string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.Contains(h.text.String(), text)
}

// behindPool is a closed pool of three replicas, and what the catalog's directory on its second
// drive was before the pool was opened and something stored so many times more.
func behindPool(t *testing.T, times int) (Options, *faultfs.FS, *faultfs.Snapshot, map[string][]byte) {
	t.Helper()
	p, o, fsys := poolWithBucket(t, 6, nil)
	o.Init = false
	was := storeNamed(t, p, "first")
	closePool(t, p)
	old := fsys.Snapshot(catalogOf(o, 1))
	for i := range times {
		p = openPool(t, o)
		maps.Copy(was, storeNamed(t, p, fmt.Sprint("later-", i)))
		closePool(t, p)
	}
	return o, fsys, old, was
}

func catalogOf(o Options, i int) string { return path.Join(o.Dirs[i], drive.CatalogName) }

// storeNamed stores a few objects, one batch of the journal each.
func storeNamed(t *testing.T, p *Pool, prefix string) map[string][]byte {
	t.Helper()
	bodies := make(map[string][]byte)
	for i := range 8 {
		key := fmt.Sprintf("%s-%d", prefix, i)
		bodies[key] = randomBody(uint64(len(prefix)*100+i), 3000+i)
		putBytes(t, p, "bucket", key, bodies[key])
	}
	return bodies
}

// openHeard opens the pool, and demands that it has all its replicas, that they agree, and that what was stored is there.
func openHeard(t *testing.T, o Options, stored map[string][]byte) *heard {
	t.Helper()
	h := new(heard)
	o.Logger = slog.New(slog.NewTextHandler(h, nil))
	p := openPool(t, o)
	if n := wholeReplicas(p); n != 3 {
		t.Errorf("%d replicas", n)
	}
	r, err := p.CrossCheck(t.Context(), nil, nil)
	if err != nil || len(r.Findings) > 0 {
		t.Errorf("%+v, %v", r.Findings, err)
	}
	for key, body := range stored {
		wantBytes(t, p, "bucket", key, body)
	}
	closePool(t, p)
	return h
}

const replicaMade = "catalog replica made"

// TestReplicaBehindIsBroughtUp: one that ends in the last journal segment but one takes the rest of
// the journal when the pool is opened, and is not copied from another.
func TestReplicaBehindIsBroughtUp(t *testing.T) {
	o, fsys, old, stored := behindPool(t, 1)
	fsys.Restore(catalogOf(o, 1), old)
	if h := openHeard(t, o, stored); h.says(replicaMade) {
		t.Errorf("a replica was made anew:\n%s", h.text.String())
	}
}

// TestReplicaFarBehindIsMade: the journal is not read that far back for it.
func TestReplicaFarBehindIsMade(t *testing.T) {
	o, fsys, old, stored := behindPool(t, 3)
	fsys.Restore(catalogOf(o, 1), old)
	if h := openHeard(t, o, stored); !h.says(replicaMade) {
		t.Error("no replica was made anew")
	}
}

// TestReplicaBehindADamagedJournal: what can only be read from where the best replica is keeps nobody
// from opening the pool.
func TestReplicaBehindADamagedJournal(t *testing.T) {
	p, o, fsys := poolWithBucket(t, 6, nil)
	o.Init = false
	stored := storeNamed(t, p, "first")
	must(t, replicated(t.Context(), p))
	old, journal, good := fsys.Snapshot(catalogOf(o, 1)), p.journal.seg.id, p.journal.seg.end
	storeNamed(t, p, "lost")
	closePool(t, p)
	p = openPool(t, o)
	maps.Copy(stored, storeNamed(t, p, "later"))
	closePool(t, p)
	for _, dir := range o.Dirs {
		must(t, fsys.Corrupt(path.Join(dir, "segments", journal.String()), good, 8*drive.PageBytes, func(p []byte) { clear(p) }))
	}
	fsys.Restore(catalogOf(o, 1), old)
	h := openHeard(t, o, stored)
	if !h.says("the journal cannot be read from where") || !h.says(replicaMade) || h.says("rebuilding the catalog") {
		t.Errorf("the replica was not made from another:\n%s", h.text.String())
	}
}

// TestForeignReplicaBehind: a replica that is behind, and of another branch of the log, is closed by
// itself. The others stay.
func TestForeignReplicaBehind(t *testing.T) {
	p, o, fsys := poolWithBucket(t, 6, nil)
	o.Init = false
	stored := storeNamed(t, p, "first")
	closePool(t, p)
	fork := fsys.Snapshot("/pool")
	p = openPool(t, o)
	putBytes(t, p, "bucket", "of another branch", []byte("x"))
	closePool(t, p)
	foreign := fsys.Snapshot(catalogOf(o, 1))

	fsys.Restore("/pool", fork)
	p = openPool(t, o)
	maps.Copy(stored, storeNamed(t, p, "later"))
	closePool(t, p)
	fsys.Restore(catalogOf(o, 1), foreign)
	h := openHeard(t, o, stored)
	if !h.says("of another branch") || !h.says(replicaMade) || h.says("rebuilding the catalog") {
		t.Errorf("the replica was not made from another:\n%s", h.text.String())
	}
}

// TestNoReplicaTooMany: one that was left on a drive which has none any more is not taken up
// beside those that the catalog is to have.
func TestNoReplicaTooMany(t *testing.T) {
	o, fsys, old, stored := behindPool(t, 1)
	fsys.Restore(catalogOf(o, 4), old)
	if h := openHeard(t, o, stored); h.says(replicaMade) {
		t.Errorf("a replica was made anew:\n%s", h.text.String())
	}
}

// TestOddReplicaIsRemoved: a replica that was found to differ from the others leaves nothing that an
// opening could bring up.
func TestOddReplicaIsRemoved(t *testing.T) {
	w := filled(t, shape{4, 2, 6}, 8)
	dirs, _ := w.replicaDirs(t)
	w.tamper(t, badSetting, dirs[0])
	r, err := w.p.CrossCheck(t.Context(), nil, nil)
	if err != nil || len(r.Findings) != 1 || r.Findings[0].Kind != FindingReplica {
		t.Fatalf("%+v, %v", r.Findings, err)
	}
	must(t, replicated(t.Context(), w.p))
	for range 1000 { // it closes by itself, and goes then
		if _, err = w.fs.Stat(path.Join(dirs[0], drive.CatalogName)); err != nil {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the replica is left: %v", err)
	}
	must(t, w.p.Close(t.Context()))
	w.p = nil
	w.mustOpen(t)
	now, _ := w.replicaDirs(t)
	if len(now) != 3 || slices.Contains(now, dirs[0]) {
		t.Errorf("replicas are in %v; that in %s was wrong", now, dirs[0])
	}
}
