package blockstore

import (
	"context"
	"errors"
	"math/bits"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
	"github.com/holdfast-storage/holdfast/blockstore/faultfs"
)

// TestJointChangeCrash crashes in every change of who votes, after every sync of
// a label. Opened again over any subset of the drives, there are never two that
// open the pool and have no drive in common; over all of them it opens, with all
// that was in it, and the change has happened or has not.
func TestJointChangeCrash(t *testing.T) {
	add := func(dirs ...string) func(context.Context, *Pool) error {
		return func(ctx context.Context, p *Pool) error {
			_, err := p.AddDrives(ctx, dirs, false, ChangeOptions{})
			return err
		}
	}
	fail := func(ctx context.Context, p *Pool) error {
		_, err := p.FailDrive(ctx, "1", ChangeOptions{})
		return err
	}
	replace := func(ctx context.Context, p *Pool) error {
		_, err := p.ReplaceDrive(ctx, "1", "/pool/n", ChangeOptions{})
		return err
	}
	for name, c := range map[string]struct {
		before, change func(context.Context, *Pool) error
	}{
		"add":              {nil, add("/pool/n")},
		"add two":          {nil, add("/pool/n", "/pool/o")},
		"replace, in use":  {nil, replace},
		"replace, faulted": {fail, replace},
		// Without joint labels, the one that comes back and a drive that has not
		// heard of the change would be as many as the new one and another.
		"replace, back later": {func(ctx context.Context, p *Pool) error {
			p.opt.FS.(*faultfs.FS).Detach("/pool/d1")
			return p.exclude(ctx, map[uuid.UUID]error{p.members.now().label.Members[0].ID: drive.ErrRemoved})
		}, replace},
		"evacuated": {func(ctx context.Context, p *Pool) error {
			if err := replace(ctx, p); err != nil {
				return err
			}
			for range 3 {
				if err := mendButSettle(ctx, p); err != nil {
					return err
				}
			}
			return nil
		}, func(ctx context.Context, p *Pool) error { return p.SettleDrives(ctx) }},
		"remove": {add("/pool/n"), func(ctx context.Context, p *Pool) error {
			_, err := p.RemoveDrive(ctx, "4", ChangeOptions{})
			return err
		}},
		"a spare": {func(ctx context.Context, p *Pool) error {
			if _, err := p.AddDrives(ctx, []string{"/pool/n"}, true, ChangeOptions{}); err != nil {
				return err
			}
			return fail(ctx, p)
		}, func(ctx context.Context, p *Pool) error { return p.UseSpares(ctx) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, shape{2, 1, 3}, smallSegment, 1)
			w.opt.RebuildAfter = 1
			w.mustOpen(t)
			must(t, w.createBucket(t.Context(), "bucket", fuss{}))
			w.mustPut(t, "small", 300)
			w.mustPut(t, "large", 300<<10)
			if c.before != nil {
				must(t, c.before(t.Context(), w.p))
			}
			var mu sync.Mutex
			var images []*faultfs.FS
			shoot := func() {
				mu.Lock()
				defer mu.Unlock()
				images = append(images, w.fs.Kill(), w.fs.PowerCut(newRand(uint64(len(images))), 0), w.fs.PowerCut(newRand(uint64(len(images))), 50))
			}
			w.fs.AfterSync(func(op faultfs.Op) {
				if strings.HasSuffix(op.Path, "label.new") || op.Kind == faultfs.SyncDir && !strings.Contains(op.Path, drive.CatalogName) && !strings.Contains(op.Path, "segments") {
					shoot()
				}
			})
			before := w.p.members.now().label
			must(t, c.change(t.Context(), w.p))
			shoot()
			abandon(w.p, w.fs)
			w.p = nil
			if len(images) < 3*8 {
				t.Fatalf("%d images", len(images))
			}
			step := 1
			if testing.Short() {
				step = 11 // no multiple of the ways
			}
			for i, image := range images {
				if name == "replace, back later" {
					image.Plug(w.dirs[0])
				}
				if t.Failed() {
					t.Logf("image %d of %d", i, len(images))
					return
				}
				w.tryImage(t, image, before, i%step == 0)
			}
		})
	}
}

// mendButSettle is mendRound up to where drives would be settled.
func mendButSettle(ctx context.Context, p *Pool) error {
	if err := p.SealOpen(ctx); err != nil {
		return err
	}
	work, err := p.Work(ctx)
	if err != nil {
		return err
	}
	for _, w := range work {
		if _, err := p.Mend(ctx, w.Segment, MendOptions{Move: true}); err != nil {
			return err
		}
	}
	return nil
}

// tryImage looks at the labels that a crash left, and opens them over every subset
// of the drives. Before is the label from before the change.
func (w *world) tryImage(t *testing.T, image *faultfs.FS, before drive.Membership, open bool) {
	t.Helper()
	var dirs []string
	labels := make(map[uuid.UUID]drive.Label)
	for _, dir := range append(append([]string(nil), w.dirs...), "/pool/n", "/pool/o") {
		if l, err := drive.ReadLabel(image, dir); err == nil {
			dirs, labels[l.Drive] = append(dirs, dir), l
		}
	}
	knows := func(id uuid.UUID) bool { return labels[id].Epoch > before.Epoch }
	for id, l := range labels {
		if len(l.Old) == 0 && !sameVoters(l.Members, before.Members) && !enough(knows, l.Parity, l.Members, before.Members) {
			t.Errorf("drive %v has a label without the old members, and no quorum of both knows of the change", id)
		}
	}
	if !open {
		return
	}
	var opened []uint
	all := uint(1)<<len(dirs) - 1
	for set := uint(1); set <= all; set++ {
		if bits.OnesCount(set) < 2 && set != all { // fewer than m+1 open nothing
			continue
		}
		fsys, o := image.Kill(), w.opt
		o.Dirs = nil
		for i, dir := range dirs {
			if set&(1<<i) != 0 {
				o.Dirs = append(o.Dirs, dir)
			}
		}
		p, err := openOn(t.Context(), o, fsys)
		if err != nil {
			if set == all {
				t.Errorf("over all drives, %v: %v", dirs, err)
			} else if !errors.Is(err, ErrQuorum) && !errors.Is(err, ErrForeign) && !errors.Is(err, ErrUnavailable) {
				t.Errorf("over %v: %v", o.Dirs, err)
			}
			continue
		}
		v := p.members.now()
		if v.readOnly == nil {
			opened = append(opened, set)
			if len(v.label.Old) != 0 {
				t.Errorf("over %v: a change is not finished", o.Dirs)
			}
		}
		if set == all {
			if v.readOnly != nil {
				t.Errorf("over all drives: %v", v.readOnly)
			}
			found, err := w.h.check(t.Context(), p, span{w.h.now(), w.h.now()})
			if err != nil {
				t.Errorf("over all drives: %v", err)
			}
			_ = found
		}
		abandon(p, fsys)
	}
	for i, a := range opened {
		for _, b := range opened[i+1:] {
			if a&b == 0 {
				t.Errorf("the sets %b and %b of %v both opened the pool", a, b, dirs)
			}
		}
	}
}

// TestSharedDevice: where the pool's drives have a disk each, a new one on the
// disk of another is refused, unless forced.
func TestSharedDevice(t *testing.T) {
	device := func(path string) vfs.DeviceID {
		info, err := vfs.Default.Stat(path)
		if err != nil {
			t.Skip(err)
		}
		return info.DeviceID()
	}
	a, b, c := device("/"), device("/proc"), device("/dev")
	if a == b || b == c || a == c {
		t.Skip("three file systems are needed for it")
	}
	p, _, _ := poolWithBucket(t, 2, nil)
	v := p.members.now()
	one, two := v.label.Members[0], v.label.Members[1]
	on := func(x, y vfs.DeviceID) {
		p.space.mu.Lock()
		p.space.drive[one.ID], p.space.drive[two.ID] = &room{device: x}, &room{device: y}
		p.space.mu.Unlock()
	}
	on(a, b)
	if slot, shared := p.sharesDevice(v, newDir{device: b}, nil, uuid.UUID{}); !shared || slot != two.Slot {
		t.Errorf("on the disk of drive 2: %d, %v", slot, shared)
	}
	if _, shared := p.sharesDevice(v, newDir{device: c}, nil, uuid.UUID{}); shared {
		t.Error("on a disk of its own")
	}
	if _, shared := p.sharesDevice(v, newDir{device: c}, []newDir{{device: c}}, uuid.UUID{}); !shared {
		t.Error("two new ones on one disk")
	}
	on(a, a)
	if _, shared := p.sharesDevice(v, newDir{device: a}, nil, uuid.UUID{}); shared {
		t.Error("where all are on one disk already")
	}
}
