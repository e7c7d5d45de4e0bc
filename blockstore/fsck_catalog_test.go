package blockstore

import (
	"bytes"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/holdfast-storage/holdfast/blockstore/catalog"
)

// forget takes an object out of the replica in dir, which is whole and readable
// all the same, as a bug would leave it.
func forget(t *testing.T, dir, key string) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	r, err := catalog.OpenReplica(vfs.Default, dir, catalog.ReplicaOptions{})
	must(err)
	lsn, uid := r.Applied()
	c := catalog.New(catalog.Options{})
	must(c.Attach(r, "replica"))
	snap, err := c.Snapshot(t.Context())
	must(err)
	var entries []catalog.Entry
	for {
		page, err := snap.Next(t.Context(), 1<<20)
		must(err)
		if len(page) == 0 {
			break
		}
		entries = append(entries, page...)
	}
	must(snap.Close())
	must(c.Close())
	before := len(entries)
	entries = slices.DeleteFunc(entries, func(e catalog.Entry) bool { return bytes.HasSuffix(e.Key, []byte(key)) })
	if len(entries) != before-1 {
		t.Fatalf("%d of %d entries are left", len(entries), before)
	}
	r, err = catalog.MakeReplica(vfs.Default, dir, catalog.ReplicaOptions{})
	must(err)
	must(r.ApplyEntries(entries))
	must(r.EndEntries(lsn, uid))
	must(r.Flush())
	must(r.Close())
}

// TestFsckReplicaDiffers: a replica that says something else than the others is
// found by looking, and replaced by a repair; when all are made again, it is said
// which of them were wrong.
func TestFsckReplicaDiffers(t *testing.T) {
	o := checkedPool(t)
	dir := filepath.Join(o.Dirs[1], "catalog")
	forget(t, dir, "40000")
	r := fsckOf(t, FsckOptions{Options: o})
	if r.Well() || len(r.Findings) != 1 || r.Findings[0].Kind != FindingReplica {
		t.Errorf("by looking: %+v", r)
	}
	r = fsckOf(t, FsckOptions{Options: o, Repair: true})
	if len(r.Findings) == 0 || r.Findings[0].Kind != FindingReplica || !r.Findings[0].Mended || r.Replicas != 3 {
		t.Errorf("the repair: %+v", r)
	}
	// If it was the wrong one that served, it has given its counts to the others.
	again := fsckOf(t, FsckOptions{Options: o})
	if again.Well() != r.Well() || !r.Well() && !strings.Contains(again.Findings[0].Text, "counts are wrong") {
		t.Errorf("afterwards: %+v", again)
	}
	if r = fsckOf(t, FsckOptions{Options: o, RebuildCatalog: true}); !r.Well() || r.Replicas != 3 {
		t.Errorf("made again: %+v", r)
	}
	if r = fsckOf(t, FsckOptions{Options: o}); !r.Well() || len(r.Findings) != 0 || r.Replicas != 3 {
		t.Errorf("at last: %+v", r)
	}

	// Most replicas wrong: only the journal can tell.
	o = checkedPool(t)
	for _, d := range o.Dirs {
		if names, err := vfs.Default.List(filepath.Join(d, "catalog")); err == nil && len(names) > 0 && d != o.Dirs[0] {
			forget(t, filepath.Join(d, "catalog"), "700000")
		}
	}
	r = fsckOf(t, FsckOptions{Options: o, RebuildCatalog: true})
	wrong := 0
	for _, f := range r.Findings {
		if f.Kind == FindingReplica && f.Mended && strings.Contains(f.Text, "what the journal says") {
			wrong++
		}
	}
	if !r.Well() || wrong != 2 || r.Replicas != 3 {
		t.Errorf("made again: %+v", r)
	}
	stillThere(t, o)
}
