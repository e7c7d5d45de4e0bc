package blockstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/google/uuid"

	"github.com/holdfast-storage/holdfast/blockstore/catalog"
	"github.com/holdfast-storage/holdfast/blockstore/drive"
	"github.com/holdfast-storage/holdfast/erasure"
)

// found is what the directories given to Open hold.
type found struct {
	drives map[uuid.UUID]*drive.Drive
	epochs map[uuid.UUID]uint32 // of the labels as found
	heard  map[uuid.UUID]uint32 // the highest epoch that those know of, if only as reserved
	top    drive.Label          // the newest
	empty  []string             // directories without a label, or absent
	broken map[string]error     // directories that cannot be read: drives that fail
}

// Open opens a pool read-write, recovering it first (R8, R9), or makes one of
// empty directories if asked to.
//
// Errors: ErrOptions, ErrNoPool, ErrForeign, ErrQuorum, ErrDamaged,
// ErrUnavailable, drive.ErrLocked.
func Open(ctx context.Context, o Options) (*Pool, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	f, err := discover(o)
	if err != nil {
		return nil, err
	}
	p, err := newPool(o, f)
	if err != nil {
		return nil, errors.Join(err, closeDrives(f.drives))
	}
	if err := p.start(ctx, f); err != nil {
		return nil, errors.Join(err, p.shutDown())
	}
	return p, nil
}

// discover opens the drives, or makes them.
func discover(o Options) (*found, error) {
	labels, empty, broken, err := readLabels(o)
	if err != nil {
		return nil, err
	}
	if len(labels) == 0 {
		for _, dir := range slices.Sorted(maps.Keys(broken)) {
			return nil, fmt.Errorf("%s: %w", dir, broken[dir]) // it may be anything
		}
		if !o.Init {
			return nil, fmt.Errorf("%w: none of the %d directories holds a drive; a new pool is made with --init", ErrNoPool, len(o.Dirs))
		}
		if err := create(o); err != nil {
			return nil, err
		}
		if labels, empty, broken, err = readLabels(o); err != nil {
			return nil, err
		}
	}
	if o.Init {
		finished, err := finishCreation(o, labels, empty)
		if err != nil {
			return nil, err
		}
		if finished {
			if labels, empty, broken, err = readLabels(o); err != nil {
				return nil, err
			}
		}
	}
	f := &found{
		drives: make(map[uuid.UUID]*drive.Drive), epochs: make(map[uuid.UUID]uint32), heard: make(map[uuid.UUID]uint32),
		empty: empty, broken: broken,
	}
	f.top, err = newest(labels)
	if err != nil {
		return nil, err
	}
	if err := checkAgainst(o, f.top, labels, empty, broken); err != nil {
		return nil, err
	}
	locked := make(map[string]drive.Label)
	for dir, l := range labels {
		d, err := patiently(o.Patience, func() (*drive.Drive, error) {
			return drive.Open(drive.Options{FS: o.FS, Logger: o.Logger}, dir)
		}, func(d *drive.Drive) { _ = d.Close() })
		if err != nil && failsAsDrive(err) {
			o.Logger.Error("a drive cannot be opened", "path", dir, "error", err)
			broken[dir] = err
			continue
		}
		if err != nil {
			return nil, errors.Join(err, closeDrives(f.drives))
		}
		l = d.Label() // as it is now that nobody else can change it
		f.drives[l.Drive], f.epochs[l.Drive], f.heard[l.Drive], locked[dir] = d, l.Epoch, max(l.Epoch, l.Reserved), l
	}
	if len(locked) > 0 {
		f.top, err = newest(locked)
	}
	if err != nil {
		return nil, errors.Join(err, closeDrives(f.drives))
	}
	return f, nil
}

// failsAsDrive says whether an error is that of a drive that does not work,
// which counts as a missing one, and not of something that a person must set
// right first.
func failsAsDrive(err error) bool {
	for _, other := range []error{
		drive.ErrVersion, drive.ErrLocked,
		fs.ErrPermission, syscall.ENOTDIR, ErrForeign,
	} {
		if errors.Is(err, other) {
			return false
		}
	}
	return true
}

// patiently calls f, and gives it up when it takes longer than that; what it
// returns then goes to discard. A drive that hangs holds up nobody (R13).
func patiently[T any](patience time.Duration, f func() (T, error), discard func(T)) (T, error) {
	type result struct {
		v   T
		err error
	}
	results, gone := make(chan result), make(chan struct{})
	go func() {
		v, err := f()
		select {
		case results <- result{v, err}:
		case <-gone:
			if err == nil && discard != nil {
				discard(v)
			}
		}
	}()
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case r := <-results:
		return r.v, r.err
	case <-late.C:
		close(gone)
		var none T
		return none, errHung
	}
}

// readLabels looks into every directory.
func readLabels(o Options) (labels map[string]drive.Label, empty []string, broken map[string]error, err error) {
	labels, broken = make(map[string]drive.Label), make(map[string]error)
	byDrive := make(map[uuid.UUID]string)
	seen := make(map[string]bool)
	for _, dir := range o.Dirs {
		if clean := filepath.Clean(dir); seen[clean] {
			return nil, nil, nil, fmt.Errorf("%w: %s is given twice", ErrOptions, dir)
		} else {
			seen[clean] = true
		}
		l, err := patiently(o.Patience, func() (drive.Label, error) { return drive.ReadLabel(o.FS, dir) }, nil)
		if errors.Is(err, drive.ErrNotFound) || errors.Is(err, drive.ErrNoLabel) {
			_, err = patiently(o.Patience, func() (struct{}, error) { return struct{}{}, mustBeVacant(o, dir) }, nil)
			if err == nil {
				empty = append(empty, dir)
				continue
			}
		}
		switch {
		case err != nil && failsAsDrive(err):
			o.Logger.Error("a drive cannot be read", "path", dir, "error", err)
			broken[dir] = err
			continue
		case err != nil:
			return nil, nil, nil, err
		}
		if other, ok := byDrive[l.Drive]; ok {
			return nil, nil, nil, fmt.Errorf("%w: %s and %s hold the same drive (%v); one of them is a copy: take it away", ErrForeign, other, dir, l.Drive)
		}
		byDrive[l.Drive], labels[dir] = dir, l
	}
	return labels, empty, broken, nil
}

// mustBeVacant refuses a directory that holds something but no label.
func mustBeVacant(o Options, dir string) error {
	vacant, err := drive.Vacant(o.FS, dir)
	if err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	if !vacant {
		return fmt.Errorf("%w: %s holds files but no label: it is not a drive of Holdfast", ErrForeign, dir)
	}
	return nil
}

// newest is the label of the newest epoch; of one epoch, that with the highest
// checkpoint (R8).
func newest(labels map[string]drive.Label) (drive.Label, error) {
	var top drive.Label
	var of string
	for _, dir := range slices.Sorted(maps.Keys(labels)) {
		l := labels[dir]
		if of != "" && l.Pool != top.Pool {
			return top, fmt.Errorf("%w: %s belongs to pool %v, %s to pool %v", ErrForeign, of, top.Pool, dir, l.Pool)
		}
		if of == "" || l.Epoch > top.Epoch || l.Epoch == top.Epoch && l.Checkpoint.LSN > top.Checkpoint.LSN {
			top, of = l, dir
		}
	}
	return top, nil
}

// checkAgainst refuses what does not go with the pool that was found.
func checkAgainst(o Options, top drive.Label, labels map[string]drive.Label, empty []string, broken map[string]error) error {
	if o.Parity != 0 && o.Parity != top.Parity {
		return fmt.Errorf("%w: --parity %d, but the pool was made with parity %d", ErrOptions, o.Parity, top.Parity)
	}
	known := make(map[uuid.UUID]bool)
	for _, m := range slices.Concat(top.Members, top.Old) {
		known[m.ID] = true
	}
	for dir, l := range labels {
		if !known[l.Drive] {
			return fmt.Errorf("%w: %s was a drive of this pool and is no longer", ErrForeign, dir)
		}
	}
	// An empty directory is where a missing drive should be, unless none is
	// missing: it never becomes a drive by itself (R12).
	if missing := len(known) - len(labels) - len(broken); len(empty) > missing {
		return fmt.Errorf("%w: %s is empty and no drive of the pool is missing; to add it: holdfast drive add %s",
			ErrForeign, empty[0], empty[0])
	}
	return nil
}

// create makes a new pool of the directories.
func create(o Options) error {
	n := len(o.Dirs)
	parity, width, err := o.geometry(n)
	if err != nil {
		return err
	}
	if n > drive.MaxMembers {
		return fmt.Errorf("%w: %d drives; at most %d", ErrOptions, n, drive.MaxMembers)
	}
	pool, err := uuid.NewRandomFromReader(o.Rand)
	if err != nil {
		return err
	}
	segmentBytes := o.SegmentBytes
	if segmentBytes == 0 {
		segmentBytes = 256 << 20
	}
	l := drive.Label{Pool: pool, CreatedUnix: o.Now().Unix(), Reserved: 1, Membership: drive.Membership{
		Epoch: 1, Parity: parity, Width: width, SegmentBytes: segmentBytes,
	}}
	for i := range n {
		id, err := uuid.NewRandomFromReader(o.Rand)
		if err != nil {
			return err
		}
		l.Members = append(l.Members, drive.Member{ID: id, Slot: i + 1, State: drive.Online, Joined: 1})
	}
	for i, dir := range o.Dirs {
		if err := createDrive(o, dir, l, l.Members[i].ID); err != nil {
			return err
		}
	}
	o.Logger.Info("pool made", "pool", pool, "drives", n, "parity", parity)
	return nil
}

func createDrive(o Options, dir string, l drive.Label, id uuid.UUID) error {
	l.Drive = id
	d, err := drive.Create(drive.Options{FS: o.FS, Logger: o.Logger}, dir, l)
	if err == nil {
		err = d.Close()
	}
	if err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	return nil
}

// finishCreation makes the drives that an interrupted creation did not get to:
// a pool of epoch 1 was never opened, so nothing can be on those that are not
// there. It needs an empty directory for every one of them.
func finishCreation(o Options, labels map[string]drive.Label, empty []string) (bool, error) {
	var l drive.Label
	here := make(map[uuid.UUID]bool)
	for _, l = range labels {
		if l.Epoch != 1 || l.Reserved != 1 {
			return false, nil
		}
		here[l.Drive] = true
	}
	if len(here) == 0 || len(empty) == 0 || len(empty) != len(l.Members)-len(here) {
		return false, nil
	}
	for _, m := range l.Members {
		if here[m.ID] {
			continue
		}
		if err := createDrive(o, empty[0], l, m.ID); err != nil {
			return false, err
		}
		empty = empty[1:]
	}
	o.Logger.Info("pool made, which an interrupted start had begun", "pool", l.Pool)
	return true, nil
}

func newPool(o Options, f *found) (*Pool, error) {
	top := f.top
	p := &Pool{
		opt: o, id: top.Pool, parity: top.Parity, width: top.Width, segmentBytes: top.SegmentBytes,
		patience: o.Patience, log: o.Logger, now: o.Now, rand: o.Rand,
		segments: newSegmentTable(), space: newSpace(o.FS), codes: make(map[int]*erasure.Code),
		requests: make(chan *request, 1024), replicaWanted: make(chan struct{}, 1), stopped: make(chan struct{}), committed: make(chan struct{}),
	}
	if o.SegmentBytes != 0 {
		p.segmentBytes = o.SegmentBytes
	}
	k := top.Width - top.Parity
	if top.Width > len(top.Members) || k < 1 {
		return nil, fmt.Errorf("%w: the label says %d columns over %d drives with parity %d", drive.ErrMalformed, top.Width, len(top.Members), top.Parity)
	}
	p.mem = newMemory(o.MemoryBytes, k, top.Parity)
	p.batchBytes = int64(k) * drive.MaxColumnBytes
	p.inlineMax = min(inlineMax, p.batchBytes/2)
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.members = &members{log: o.Logger, patience: o.Patience}
	p.bulk = &bulkSet{p: p}
	p.cache = catalog.NewCache(16 << 20)
	return p, nil
}

// start makes the new epoch, recovers the log and the catalog, and begins to
// serve. What it has opened is closed by shutDown.
func (p *Pool) start(ctx context.Context, f *found) error {
	// Until the first epoch of this opening, there is a view to close drives by.
	p.members.view.Store(&membership{label: f.top.Membership, drives: f.drives, why: make(map[uuid.UUID]error)})
	if err := p.join(f); err != nil {
		var few *tooFewError
		if errors.As(err, &few) && few.readable {
			if err := p.openReadOnly(ctx, f, err); err != nil {
				return err
			}
			p.wg.Go(p.watch)
			return nil
		}
		return err
	}
	for _, d := range p.members.now().live {
		_, _ = patiently(p.patience, func() (struct{}, error) { p.space.look(d); return struct{}{}, nil }, nil)
	}
	if err := p.recover(ctx, f); err != nil {
		return err
	}
	p.committing = true
	go p.commitLoop()
	p.wg.Go(p.watch)
	return nil
}

// join makes the epoch of this opening (R8).
func (p *Pool) join(f *found) error {
	top := f.top.Membership
	faulted := func(id uuid.UUID) bool {
		i := slices.IndexFunc(top.Members, func(m drive.Member) bool { return m.ID == id })
		return i >= 0 && top.Members[i].State == drive.Faulted
	}
	votes := func(id uuid.UUID) bool { return f.drives[id] != nil && !faulted(id) }
	if !enough(votes, top.Parity, top.Members, top.Old) {
		return p.tooFew(f, votes)
	}
	next := top.Clone()
	why := make(map[uuid.UUID]error)
	for i, m := range next.Members {
		here := f.drives[m.ID] != nil
		switch m.State {
		case drive.Online, drive.Removed, drive.Unavail:
			next.Members[i].State = drive.Online
			if !here {
				next.Members[i].State = drive.Unavail
				why[m.ID] = f.missing()
			}
		case drive.Faulted, drive.Offline:
			why[m.ID] = fmt.Errorf("it was left out before: %v", m.State)
		}
	}
	for _, d := range f.drives {
		p.members.top = max(p.members.top, d.Label().Reserved, d.Label().Epoch)
	}
	p.members.change.Lock()
	err := p.members.advance(next, f.drives, f.drives, why)
	p.members.change.Unlock()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrQuorum, err) // a label failed: not the time to guess
	}
	if absent := len(next.Members) - len(p.members.now().live); absent > top.Parity {
		return p.tooFew(f, p.members.now().isLive)
	}
	return nil
}

var errMissing = errors.New("it was not there when the pool was opened")

// missing says of a drive that it is, and where it may belong.
func (f *found) missing() error {
	if where := f.where(); where != "" {
		return fmt.Errorf("%w%s", errMissing, where)
	}
	return errMissing
}

// where tells of the directories that hold no drive, or one that does not work.
func (f *found) where() string {
	where := ""
	if len(f.empty) > 0 {
		where = "; there is no drive at " + strings.Join(f.empty, ", ")
	}
	for _, dir := range slices.Sorted(maps.Keys(f.broken)) {
		where += fmt.Sprintf("; %s: %v", dir, f.broken[dir])
	}
	return where
}

// tooFew says which drives are missing and how many are needed.
func (p *Pool) tooFew(f *found, votes func(uuid.UUID) bool) error {
	members := f.top.Members
	var missing []string
	for _, m := range members {
		if !votes(m.ID) {
			missing = append(missing, fmt.Sprintf("drive %d (%v)", m.Slot, m.ID))
		}
	}
	need := quorum(len(members), f.top.Parity)
	return &tooFewError{
		text: fmt.Sprintf("%d of the pool's %d drives are usable and %d are needed; missing: %s%s; bring them back and start again",
			len(members)-len(missing), len(members), need, strings.Join(missing, ", "), f.where()),
		readable: len(members)-len(f.drives) <= f.top.Parity && len(f.top.Old) == 0,
	}
}

// tooFewError is an ErrQuorum. Readable: enough is there to serve reads.
type tooFewError struct {
	text     string
	readable bool
}

func (e *tooFewError) Error() string { return ErrQuorum.Error() + ": " + e.text }
func (e *tooFewError) Unwrap() error { return ErrQuorum }
