package blockstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/uuid"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// newDir is a directory that is to become a drive, after it was looked at.
type newDir struct {
	path   string
	info   vfs.FileInfo // nil: it does not exist yet
	free   uint64       // bytes; 0 if that cannot be known
	device vfs.DeviceID // zero if that cannot be known
	erase  bool         // it holds what a former drive of this pool left
}

// checkDir looks at a directory that is to become a drive: beside the others, and
// in the place of the member instead, if that is not zero. Nothing is changed.
//
// Errors: ErrDirInUse, the file system's.
func (p *Pool) checkDir(v *membership, dir string, others []newDir, instead uuid.UUID, o ChangeOptions) (newDir, error) {
	if dir == "" {
		return newDir{}, fmt.Errorf("%w: no directory was given", ErrDirInUse)
	}
	return patiently(p.patience, func() (newDir, error) { return p.checkDirNow(v, filepath.Clean(dir), others, instead, o) }, nil)
}

func (p *Pool) checkDirNow(v *membership, dir string, others []newDir, instead uuid.UUID, o ChangeOptions) (newDir, error) {
	n := newDir{path: dir}
	refuse := func(format string, args ...any) (newDir, error) {
		return n, fmt.Errorf("%w: %s %s", ErrDirInUse, dir, fmt.Sprintf(format, args...))
	}
	var err error
	if n.info, err = p.opt.FS.Stat(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return n, err
	}
	if err != nil {
		n.info = nil
	}
	for _, m := range v.label.Members {
		d := v.here()[m.ID]
		if d == nil {
			continue
		}
		if filepath.Clean(d.Dir()) == dir || p.sameDir(n.info, d.Dir()) {
			return refuse("is drive %d of this pool", m.Slot)
		}
	}
	for _, other := range others {
		if other.path == dir || n.info != nil && other.info != nil && drive.SameFile(n.info, other.info) {
			return refuse("is given twice")
		}
	}
	if err := p.checkLabel(v, &n, o); err != nil {
		return n, err
	}
	p.measureDir(&n)
	if slot, shared := p.sharesDevice(v, n, others, instead); shared && !o.Force {
		if slot == 0 {
			return refuse("is on the same disk as another of the directories; with --force it is used all the same")
		}
		return refuse("is on the disk of drive %d, and the pool's drives have one each; when that disk fails, both do; with --force it is used all the same", slot)
	}
	return n, nil
}

func (p *Pool) sameDir(info vfs.FileInfo, dir string) bool {
	if info == nil {
		return false
	}
	other, err := p.opt.FS.Stat(dir)
	return err == nil && drive.SameFile(info, other)
}

// checkLabel refuses a directory that holds anything, unless it is what a drive
// left behind that is no member of this pool any more.
func (p *Pool) checkLabel(v *membership, n *newDir, o ChangeOptions) error {
	refuse := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s %s", ErrDirInUse, n.path, fmt.Sprintf(format, args...))
	}
	l, err := drive.ReadLabel(p.opt.FS, n.path)
	switch {
	case errors.Is(err, drive.ErrNotFound), errors.Is(err, drive.ErrNoLabel):
		vacant, err := drive.Vacant(p.opt.FS, n.path)
		if err == nil && !vacant {
			err = refuse("is not empty")
		}
		return err
	case errors.Is(err, drive.ErrChecksum), errors.Is(err, drive.ErrMalformed), errors.Is(err, drive.ErrVersion):
		return refuse("holds a drive whose label cannot be read: %v", err)
	case err != nil:
		return err
	case l.Pool != p.id:
		return refuse("holds a drive of another pool, %v", l.Pool)
	}
	if m, member := v.member(l.Drive); member {
		return refuse("holds drive %d of this pool, which is %v; to use it again: holdfast drive clear %d, or drive online %d",
			m.Slot, m.State, m.Slot, m.Slot)
	}
	left, err := drive.Left(drive.Options{FS: p.opt.FS}, n.path)
	if err != nil {
		return err
	}
	if (left || !l.Retired()) && !o.Force {
		return refuse("holds what a former drive of this pool left; with --force that is erased")
	}
	n.erase = true
	return nil
}

// measureDir finds out about the disk that a directory is on, or will be.
func (p *Pool) measureDir(n *newDir) {
	at := n.path
	for {
		if info, err := p.opt.FS.Stat(at); err == nil {
			n.device = info.DeviceID()
			break
		}
		above := p.opt.FS.PathDir(at)
		if above == at {
			return
		}
		at = above
	}
	if u, err := p.opt.FS.GetDiskUsage(at); err == nil {
		n.free = u.AvailBytes
	}
}

// sharesDevice says whether a new drive would be on one disk with another, where
// the pool's drives have one each so far; with which member, or 0 if with
// another new one.
func (p *Pool) sharesDevice(v *membership, n newDir, others []newDir, instead uuid.UUID) (slot int, shared bool) {
	if n.device == (vfs.DeviceID{}) {
		return 0, false
	}
	seen := make(map[vfs.DeviceID]bool)
	for _, m := range v.label.Members {
		if m.ID == instead || !v.isHere(m.ID) {
			continue
		}
		device := p.space.device(m.ID)
		if device == (vfs.DeviceID{}) || seen[device] {
			return 0, false // not one each, or not to be known
		}
		seen[device] = true
		if device == n.device {
			slot = m.Slot
		}
	}
	if slot != 0 || len(seen) < 2 {
		return slot, slot != 0
	}
	return 0, slices.ContainsFunc(others, func(o newDir) bool { return o.device == n.device })
}

// makeDrive makes a drive of a directory, with a label that names it nowhere
// yet: by itself it opens nothing.
func (p *Pool) makeDrive(v *membership, n newDir) (*drive.Drive, error) {
	id, err := uuid.NewRandomFromReader(p.rand)
	if err != nil {
		return nil, err
	}
	l := drive.Label{Pool: p.id, Drive: id, Reserved: v.label.Epoch, Membership: v.label.Clone()}
	for _, d := range v.live {
		l.CreatedUnix = d.Label().CreatedUnix
	}
	opts := drive.Options{FS: p.opt.FS, Logger: p.log}
	d, err := patiently(p.patience, func() (*drive.Drive, error) {
		if n.erase {
			if err := drive.Erase(opts, n.path, p.id); err != nil {
				return nil, err
			}
		}
		return drive.Create(opts, n.path, l)
	}, func(d *drive.Drive) { _ = d.Close() })
	if errors.Is(err, drive.ErrNotEmpty) || errors.Is(err, drive.ErrLocked) {
		return nil, fmt.Errorf("%w: %w", ErrDirInUse, err)
	}
	if err != nil {
		return nil, fmt.Errorf("making a drive of %s: %w", n.path, err)
	}
	p.look(map[uuid.UUID]*drive.Drive{id: d})
	return d, nil
}

// unmakeDrives takes back drives that did not become members after all. Of one
// that may have taken a label that names it, the label is kept.
func (p *Pool) unmakeDrives(drives map[uuid.UUID]*drive.Drive, why error) {
	for id, d := range drives {
		if err := d.Close(); err != nil {
			p.log.Warn("a drive that was made in vain does not close", "drive", id, "error", err)
			continue
		}
		if errors.Is(why, ErrReadOnly) {
			continue
		}
		if err := drive.Erase(drive.Options{FS: p.opt.FS}, d.Dir(), p.id); err != nil {
			p.log.Warn("a drive that was made in vain is left behind", "path", d.Dir(), "error", err)
		}
	}
}

// admitNew makes open new drives members, by a change that names them.
func (p *Pool) admitNew(ctx context.Context, drives map[uuid.UUID]*drive.Drive, change func(*membership, *drive.Membership) error) error {
	for id, d := range drives {
		p.book.moved(id, d.Dir())
	}
	gone, err := p.members.alter(ctx, drives, change)
	v := p.members.now()
	vain := make(map[uuid.UUID]*drive.Drive)
	for id, d := range drives {
		if v.drives[id] != d {
			p.book.forget(id)
			vain[id] = d
		}
	}
	p.letGo(gone)
	if p.members.closed.Load() { // it may have closed what it had before
		return errors.Join(err, closeDrives(drives))
	}
	if len(vain) > 0 {
		p.unmakeDrives(vain, err)
	}
	return err
}

// listed says what to do so that a restart finds a directory.
func (p *Pool) listed(dir string) string {
	if slices.ContainsFunc(p.opt.Dirs, func(d string) bool { return filepath.Clean(d) == filepath.Clean(dir) }) {
		return ""
	}
	return "from now on, start holdfast serve with " + dir + " among its directories"
}
