package blockstore

import (
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// driveBook is what the pool knows of drives beside the membership.
type driveBook struct {
	mu      sync.Mutex
	paths   map[uuid.UUID]string       // where a drive was last seen
	dirs    []string                   // directories that may hold drives: those of Options, and added ones
	watched map[*drive.Drive]bool      // looked after by a goroutine
	serving bool                       // watch has begun
	asking  map[string]bool            // directories whose label is being read
	later   map[uuid.UUID]patience     // drives that came back of late
	pins    map[uuid.UUID]int          // files on their way to a drive that the segment table does not name yet
	standIn map[uuid.UUID]*standInNote // by the drive that is away, as far as read from the settings

	emptying map[uuid.UUID]*bool // drives that were being emptied, as far as read from the settings

	closing map[uuid.UUID]*drive.Drive // members that take no part, of which something is under way yet

	returning sync.Mutex // one drive at a time
}

// patience says when something is tried again, and how long to wait after that.
type patience struct {
	next  time.Time
	pause time.Duration
}

func newDriveBook(dirs []string) *driveBook {
	return &driveBook{
		paths: make(map[uuid.UUID]string), dirs: slices.Clone(dirs), watched: make(map[*drive.Drive]bool),
		asking: make(map[string]bool), later: make(map[uuid.UUID]patience), pins: make(map[uuid.UUID]int),
		standIn: make(map[uuid.UUID]*standInNote), emptying: make(map[uuid.UUID]*bool), closing: make(map[uuid.UUID]*drive.Drive),
	}
}

// knowPaths notes where the drives of an opening were found.
func (p *Pool) knowPaths(f *found) {
	for id, d := range f.drives {
		p.book.moved(id, d.Dir())
	}
}

// moved notes a drive's path.
func (b *driveBook) moved(id uuid.UUID, dir string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.paths[id] = dir
	if !slices.Contains(b.dirs, dir) {
		b.dirs = append(b.dirs, dir)
	}
}

// path is where a drive was last seen; empty if it was not.
func (b *driveBook) path(id uuid.UUID) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.paths[id]
}

// forget takes a directory out of those that are looked into.
func (b *driveBook) forget(id uuid.UUID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.paths, id)
	delete(b.later, id)
	delete(b.standIn, id)
	delete(b.emptying, id)
	delete(b.closing, id)
}

// membersChanged is called after every change of membership. It does not wait.
func (p *Pool) membersChanged() {
	p.noteMembers()
	p.noteLoss()
	p.watchNew()
	p.workGrew()
	p.wantReplicas()
}

// awaySince is from when on a member has not taken part in this opening; the
// time now if it does.
func (p *Pool) awaySince(id uuid.UUID) time.Time { return p.members.since(id) }

// pin holds drives that are about to get files which the segment table does not
// name yet, so that none of them leaves the pool meanwhile. It says no if one of
// them accepts no files any more. Who has pinned unpins, once the files are in
// the table or given up.
//
// A drive leaves in this order: it accepts nothing more, then nobody has it
// pinned, then no segment names it. So no file is on its way to it at the end.
func (p *Pool) pin(ids ...uuid.UUID) bool {
	p.book.mu.Lock()
	defer p.book.mu.Unlock()
	v := p.members.now()
	for _, id := range ids {
		if !v.accepts(id) {
			return false
		}
	}
	for _, id := range ids {
		p.book.pins[id]++
	}
	return true
}

// unpin ends a pin.
func (p *Pool) unpin(ids ...uuid.UUID) {
	p.book.mu.Lock()
	defer p.book.mu.Unlock()
	for _, id := range ids {
		if p.book.pins[id]--; p.book.pins[id] == 0 {
			delete(p.book.pins, id)
		}
	}
}

func (p *Pool) pinned(id uuid.UUID) bool {
	p.book.mu.Lock()
	defer p.book.mu.Unlock()
	return p.book.pins[id] > 0
}

// heldBytes is how much of segments a drive holds by the segment table, and in
// how many files.
func (p *Pool) heldBytes(id uuid.UUID) (bytes int64, files int) {
	for _, s := range p.segments.all() {
		s.mu.Lock()
		for _, on := range s.drives {
			if on == id {
				bytes, files = bytes+s.end, files+1
			}
		}
		s.mu.Unlock()
	}
	return bytes, files
}

// orphans is how many files lie, by the segment table, on drives that are no
// members: their columns have to be made anew.
func (p *Pool) orphans(v *membership) int {
	n := 0
	for _, s := range p.segments.all() {
		s.mu.Lock()
		for _, id := range s.drives {
			if _, member := v.member(id); !member {
				n++
			}
		}
		s.mu.Unlock()
	}
	return n
}

// closeFilesOn closes what is open on a drive, of all segments.
func (p *Pool) closeFilesOn(id uuid.UUID) {
	for _, s := range p.segments.all() {
		s.mu.Lock()
		for i, on := range s.drives {
			if on == id && s.files[i] != nil {
				s.files[i].Close()
				s.files[i] = nil
				p.files.n.Add(-1)
			}
		}
		s.mu.Unlock()
	}
}

// letGo closes drives that are no part of the pool any more. One that hangs is
// left to itself. One that took no writes any more gets its last label now, if it
// takes that after all.
func (p *Pool) letGo(gone map[uuid.UUID]*drive.Drive) {
	p.dropReplicas()
	for id := range gone {
		p.closeFilesOn(id)
		p.book.forget(id)
	}
	if err := closeDrives(gone); err != nil {
		p.log.Warn("a drive that left the pool does not close", "error", err)
	}
	for id, d := range gone {
		if d.Failed() == nil {
			continue
		}
		_, err := patiently(p.patience, func() (struct{}, error) { return struct{}{}, p.retireFailed(id, d.Dir()) }, nil)
		if err != nil {
			p.log.Warn("a drive left the pool and does not take a label that says so", "drive", id, "path", d.Dir(), "error", err)
		}
	}
}

// retireFailed gives a drive that failed, and was closed, its last label.
func (p *Pool) retireFailed(id uuid.UUID, dir string) error {
	l, err := drive.ReadLabel(p.opt.FS, dir)
	if err != nil || l.Drive != id || l.Pool != p.id {
		return err // another one is there by now
	}
	d, err := drive.Open(drive.Options{FS: p.opt.FS, Logger: p.log}, dir)
	if err != nil {
		return err
	}
	if d.ID() == id {
		now := p.members.now().label
		l.Reserved, l.Membership = max(l.Reserved, now.Epoch), now
		err = d.WriteLabel(l)
	}
	return errors.Join(err, d.Close())
}

// look asks drives for their room, as far as they answer in time.
func (p *Pool) look(drives map[uuid.UUID]*drive.Drive) {
	for _, d := range drives {
		_, _ = patiently(p.patience, func() (struct{}, error) { p.space.look(d); return struct{}{}, nil }, nil)
	}
}
