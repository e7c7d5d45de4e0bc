package blockstore

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// checkedPool makes a pool of 4+2 over six real directories with an object of
// every way to store one, and closes it.
func checkedPool(t *testing.T) Options {
	t.Helper()
	o := Options{Dirs: dirsOf(6, t.TempDir()), Init: true, Logger: testLogger(), Patience: calmPatience}
	p := openPool(t, o)
	if err := p.CreateBucket(t.Context(), "bucket"); err != nil {
		t.Fatal(err)
	}
	for i, n := range []int{0, 300, 40_000, 700_000, 2_000_000} {
		putBytes(t, p, "bucket", fmt.Sprint(n), randomBody(uint64(i), n))
	}
	if err := errors.Join(replicated(t.Context(), p), p.Close(t.Context())); err != nil {
		t.Fatal(err)
	}
	o.Init = false
	return o
}

// stillThere reads all of checkedPool's objects.
func stillThere(t *testing.T, o Options) {
	t.Helper()
	p := openPool(t, o)
	for i, n := range []int{0, 300, 40_000, 700_000, 2_000_000} {
		wantBytes(t, p, "bucket", fmt.Sprint(n), randomBody(uint64(i), n))
	}
	page, err := p.List(t.Context(), "bucket", ListOptions{Max: 10})
	if err != nil || len(page.Objects) != 5 {
		t.Errorf("%d objects are listed: %v", len(page.Objects), err)
	}
	if err := p.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// fsckOf runs Fsck and wants it to change nothing unless it was asked to.
func fsckOf(t *testing.T, o FsckOptions) FsckReport {
	t.Helper()
	before := treeOf(t, o.Dirs...)
	r, err := Fsck(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if !o.Repair && !o.RebuildCatalog && treeOf(t, o.Dirs...) != before {
		t.Error("looking has changed the drives")
	}
	for _, f := range r.Findings {
		t.Logf("finding %+v", f)
	}
	for _, n := range r.Notes {
		t.Logf("note: %s", n)
	}
	return r
}

// bulkFiles are the paths of a bulk segment's files.
func bulkFiles(t *testing.T, o Options) (list []string) {
	t.Helper()
	docs, err := inspectAll(t.Context(), nil, o.Dirs...)
	if err != nil {
		t.Fatal(err)
	}
	segment := ""
	for _, f := range docsOf[InspectedFile](docs) {
		if f.Kind == "bulk" && (segment == "" || f.Segment == segment) {
			segment, list = f.Segment, append(list, f.Path)
		}
	}
	if len(list) != 6 {
		t.Fatalf("bulk files %v", list)
	}
	return list
}

func flip(t *testing.T, path string, at int64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 1)
	_, err = f.ReadAt(b, at)
	b[0] ^= 0x10
	if err == nil {
		_, err = f.WriteAt(b, at)
	}
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestFsckHealthy(t *testing.T) {
	o := checkedPool(t)
	stages := make(map[string]bool)
	var last FsckProgress
	r := fsckOf(t, FsckOptions{Options: o, Progress: func(p FsckProgress) { stages[p.Stage], last = true, p }})
	if !r.Well() || len(r.Findings)+len(r.Notes) != 0 {
		t.Errorf("of a pool that is well: %+v", r)
	}
	if r.Objects != 5 || r.Drives != 6 || r.Members != 6 || r.Replicas != 3 || r.Segments == 0 || r.Stripes == 0 || r.WrittenBytes != 0 {
		t.Errorf("report %+v", r)
	}
	if last.Segments != r.Segments || last.Of != r.Segments || last.ReadBytes == 0 || len(stages) < 4 {
		t.Errorf("progress %+v in %v", last, stages)
	}
	r = fsckOf(t, FsckOptions{Options: o, Repair: true})
	if !r.Well() || r.MendedBlocks != 0 {
		t.Errorf("repairing a pool that is well: %+v", r)
	}
	stillThere(t, o)
}

// TestFsckGoldenPool: one without a lock's file and without a catalog.
func TestFsckGoldenPool(t *testing.T) {
	r := fsckOf(t, FsckOptions{Options: Options{Dirs: dirsOf(3, goldenPool)}})
	if !r.Well() || len(r.Notes) != 1 || r.Objects == 0 {
		t.Errorf("%+v", r)
	}
}

func TestFsckRepairs(t *testing.T) {
	o := checkedPool(t)
	files := bulkFiles(t, o)
	flip(t, files[0], 9000)
	if err := os.Remove(files[1]); err != nil {
		t.Fatal(err)
	}
	r := fsckOf(t, FsckOptions{Options: o})
	kinds := make(map[string]int)
	for _, f := range r.Findings {
		kinds[f.Kind]++
		if f.Mended || !slices.Contains(f.Objects, "bucket/700000") && !slices.Contains(f.Objects, "bucket/2000000") {
			t.Errorf("finding %+v", f)
		}
	}
	if r.Well() || kinds[FindingChecksum] != 1 || kinds[FindingMissing] == 0 {
		t.Errorf("report %+v", r)
	}
	r = fsckOf(t, FsckOptions{Options: o, Repair: true})
	if !r.Well() || r.MendedBlocks == 0 || len(r.Findings) == 0 {
		t.Errorf("report of the repair %+v", r)
	}
	if r = fsckOf(t, FsckOptions{Options: o}); !r.Well() || len(r.Findings) != 0 {
		t.Errorf("report after the repair %+v", r)
	}
	stillThere(t, o)
}

func TestFsckLost(t *testing.T) {
	o := checkedPool(t)
	for _, path := range bulkFiles(t, o) {
		flip(t, path, 9000)
	}
	for _, repair := range []bool{false, true} {
		r := fsckOf(t, FsckOptions{Options: o, Repair: repair})
		i := slices.IndexFunc(r.Findings, func(f Finding) bool { return f.Kind == FindingLost && !f.Mended })
		if r.Well() || i < 0 || !slices.Contains(r.Findings[i].Objects, "bucket/700000") {
			t.Errorf("repair %v: %+v", repair, r)
		}
	}
}

func TestFsckDriveAway(t *testing.T) {
	o := checkedPool(t)
	o.Dirs = o.Dirs[1:]
	r := fsckOf(t, FsckOptions{Options: o})
	if r.Well() || r.Drives != 5 || r.UnreadFiles == 0 || len(r.Findings) != 1 || r.Findings[0].Kind != FindingDrive {
		t.Errorf("%+v", r)
	}
	o.Dirs = o.Dirs[2:]
	if _, err := Fsck(t.Context(), FsckOptions{Options: o}); !errors.Is(err, ErrQuorum) {
		t.Errorf("with three of six: %v", err)
	}
}

func TestFsckStrangers(t *testing.T) {
	o := checkedPool(t)
	stray := filepath.Join(o.Dirs[0], "segments", "00000001-00000063")
	for _, path := range []string{stray, filepath.Join(o.Dirs[1], "core")} {
		if err := os.WriteFile(path, []byte("rubbish"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if r := fsckOf(t, FsckOptions{Options: o}); !r.Well() || len(r.Notes) != 2 {
		t.Errorf("%+v", r)
	}
	if r := fsckOf(t, FsckOptions{Options: o, Repair: true}); !r.Well() || len(r.Notes) != 2 {
		t.Errorf("%+v", r)
	}
	if _, err := os.Stat(stray); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file that nothing needs is still there: %v", err)
	}
	if _, err := os.Stat(filepath.Join(o.Dirs[1], "core")); err != nil {
		t.Errorf("what is not of Holdfast was removed: %v", err)
	}
}

func TestFsckRebuildCatalog(t *testing.T) {
	o := checkedPool(t)
	r := fsckOf(t, FsckOptions{Options: o, RebuildCatalog: true})
	if !r.Well() || !r.Rebuilt || r.Replicas != 3 || len(r.Findings) != 0 || !strings.Contains(strings.Join(r.Notes, "\n"), "3 of the 3 replicas") {
		t.Errorf("of good replicas: %+v", r)
	}
	stillThere(t, o)
	for _, dir := range o.Dirs {
		if err := os.RemoveAll(filepath.Join(dir, "catalog")); err != nil {
			t.Fatal(err)
		}
	}
	r = fsckOf(t, FsckOptions{Options: o, RebuildCatalog: true})
	if !r.Well() || !r.Rebuilt || r.Replicas != 3 || len(r.Findings) != 0 {
		t.Errorf("of none: %+v", r)
	}
	stillThere(t, o)

	// Damage in one replica's tables: found by looking, gone afterwards.
	damaged := 0
	err := filepath.WalkDir(filepath.Join(o.Dirs[0], "catalog"), func(path string, e os.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".sst") {
			flip(t, path, 20)
			damaged++
		}
		return err
	})
	if err != nil || damaged == 0 {
		t.Fatalf("%d tables: %v", damaged, err)
	}
	if r = fsckOf(t, FsckOptions{Options: o}); r.Well() || r.Findings[0].Kind != FindingReplica {
		t.Errorf("of a damaged replica: %+v", r)
	}
	if r = fsckOf(t, FsckOptions{Options: o, RebuildCatalog: true}); !r.Well() || r.Replicas != 3 {
		t.Errorf("of a damaged replica, made again: %+v", r)
	}
	if r = fsckOf(t, FsckOptions{Options: o}); !r.Well() || len(r.Findings) != 0 {
		t.Errorf("afterwards: %+v", r)
	}
	stillThere(t, o)
}

func TestFsckRefusals(t *testing.T) {
	o := checkedPool(t)
	p := openPool(t, o)
	for _, f := range []FsckOptions{{Options: o}, {Options: o, Repair: true}, {Options: o, RebuildCatalog: true}} {
		if _, err := Fsck(t.Context(), f); !errors.Is(err, drive.ErrLocked) {
			t.Errorf("a pool in use: %v", err)
		}
	}
	if err := p.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := Fsck(t.Context(), FsckOptions{Options: Options{Dirs: dirsOf(2, t.TempDir())}}); !errors.Is(err, ErrNoPool) {
		t.Errorf("no pool: %v", err)
	}
}
