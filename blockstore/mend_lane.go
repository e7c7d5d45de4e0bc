package blockstore

import (
	"context"
	"errors"
	"io/fs"
	"sync"

	"github.com/google/uuid"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// lane is one file of a segment that is being mended: where it is read from,
// and where it is written to.
type lane struct {
	index int
	id    uuid.UUID    // of the drive that it is read from
	in    *reader      // nil: it cannot be read
	to    uuid.UUID    // of the drive that it will be on
	prior *reader      // what the new file has already, when a move is taken up again
	out   *blockWriter // nil: nothing is written
	moves bool
	last  bool // it is on a drive that was left out: read only if there is no other way

	block laneBlock
	old   laneBlock // of prior

	bad       bool  // it lacks a block that could not be made good
	headless  bool  // the file's first page is not good
	touched   bool  // a block was found bad
	mended    int64 // blocks written in place
	readBytes int64
}

// laneBlock is what a file holds where a stripe's block should be.
type laneBlock struct {
	head  drive.Header
	bytes []byte // the block; valid until the next one is read
	valid bool   // the header is that of a block of this place
	good  bool   // and all its pieces hold
}

// wholePages is the bytes of the pages that so many bytes touch.
func wholePages(n int64) int64 { return (n + drive.PageBytes - 1) &^ (drive.PageBytes - 1) }

// openLanes opens what can be read, and decides which files get another drive.
func (m *mender) openLanes(ctx context.Context) error {
	v := m.p.members.now()
	m.epoch = v.label.Epoch
	taken := make(map[uuid.UUID]bool) // a drive holds one file of a segment
	for _, id := range m.drives {
		taken[id] = true
	}
	for i, id := range m.drives {
		m.lanes = append(m.lanes, &lane{index: i, id: id, to: id, last: !v.isLive(id)})
	}
	if err := m.openAll(ctx, v); err != nil {
		return err
	}
	// Only then: a new file says what its siblings say.
	for _, l := range m.lanes {
		if m.p.fate(v, l.id) == fileMoves && m.o.Move && !m.o.ReadOnly {
			if err := m.moveElsewhere(ctx, v, l, taken); err != nil {
				return err
			}
		}
		if !l.moves && !l.last && !m.o.ReadOnly {
			if err := m.mendInPlace(ctx, v, l); err != nil {
				return err
			}
		}
		if l.last && l.out == nil || l.in == nil && l.out == nil {
			m.report.Unread++
		}
	}
	return nil
}

// openAll opens the files to be read, all at the same time.
func (m *mender) openAll(ctx context.Context, v *membership) error {
	all := make([]openedFile, len(m.lanes))
	var wg sync.WaitGroup
	for i, l := range m.lanes {
		if d := v.drives[l.id]; d != nil {
			dirty := m.mayBeDirty(l)
			wg.Go(func() { all[i] = m.open(ctx, d, dirty) })
		}
	}
	wg.Wait()
	for i, l := range m.lanes {
		switch o := all[i]; {
		case o.f != nil:
			l.in, l.headless = m.reader(o.f, l, l.id), o.headless
			if m.made == nil {
				m.made = o.made
			}
			if l.headless && m.o.ReadOnly && !l.last {
				m.find(m.badHead(l, false))
			}
		case o.err == nil || l.last || ctx.Err() != nil || errors.Is(o.err, fs.ErrNotExist):
		default:
			m.p.log.Warn("a segment's file cannot be opened", "drive", l.id, "segment", m.seg.id, "error", o.err)
		}
	}
	return ctx.Err()
}

// mayBeDirty says whether a file may hold what no sync took to the drive: its drive
// failed, or was away, with writes on their way. Dropping the cache leaves such
// pages where they are, and they would be taken for what is on the drive.
func (m *mender) mayBeDirty(l *lane) bool {
	return !m.o.ReadOnly && !l.last && (m.suspect|m.marked)&(1<<l.index) != 0
}

// openedFile is a file that was opened to be read, or why it was not.
type openedFile struct {
	f        *drive.File
	made     []uuid.UUID // the drives that its first page names
	headless bool        // the first page is not good
	err      error
}

// open opens a file of the segment for reading what is on the drive, not what
// is in the page cache (R17).
func (m *mender) open(ctx context.Context, d *drive.Drive, dirty bool) (o openedFile) {
	o.f, o.err = patiently(m.p.patience, func() (*drive.File, error) {
		f, err := d.OpenFile(m.seg.id)
		if err != nil {
			return nil, err
		}
		if dirty {
			err = syncUncached(f)
		}
		if err == nil {
			err = f.PastCache()
		}
		if err != nil {
			f.Close()
			return nil, err
		}
		return f, nil
	}, (*drive.File).Close)
	if o.err == nil {
		m.readHead(ctx, &o)
	}
	if errors.Is(o.err, errHung) {
		m.p.readHung(d.ID())
	}
	return o
}

// readHead reads the file's first page. It may be damaged, or not to be read at all: blocks say
// themselves what they are. A page of a newer version is left alone.
func (m *mender) readHead(ctx context.Context, o *openedFile) {
	w := window{ctx: ctx, f: o.f, late: m.p.patience, buf: aligned(drive.FileHeaderBytes)[:0]}
	page, err := w.bytes(0, drive.FileHeaderBytes)
	if err != nil {
		o.f.Close()
		o.f, o.err = nil, err
		return
	}
	head, err := o.f.DecodeHeader(page)
	o.made, o.headless = head.Drives, err != nil && !errors.Is(err, drive.ErrVersion)
}

// mendInPlace prepares the file to take blocks that it lacks. A file that is
// not there at all is made anew.
func (m *mender) mendInPlace(ctx context.Context, v *membership, l *lane) error {
	d := v.drives[l.id]
	if l.in != nil {
		l.out = m.newBlockWriter(d, l.in.f, false)
		if l.headless {
			m.mendHead(ctx, d, l)
		}
		return nil
	}
	f, err := m.create(d, l)
	switch {
	case err == nil:
		l.out = m.newBlockWriter(d, f, true)
		l.touched = true
	case ctx.Err() != nil:
		return ctx.Err()
	default: // the others can be mended all the same
		m.failed[l.index] = err
	}
	return nil
}

// mendHead writes the file's first page anew. One is enough to know a segment by; so
// they are mended one by one, or there would be none some day.
func (m *mender) mendHead(ctx context.Context, d *drive.Drive, l *lane) {
	var page [drive.FileHeaderBytes]byte
	m.header(d, l).EncodeTo(page[:])
	l.out.put(ctx, 0, page[:])
	l.touched = true
	l.mended++
	d.CountChecksum()
	m.find(m.badHead(l, true))
}

func (m *mender) badHead(l *lane, mended bool) Finding {
	return Finding{Kind: FindingFirstPage, Segment: m.seg.id, Column: -1, Drive: l.id, Text: "the first page of the file is not good", Mended: mended}
}

// moveElsewhere finds the file another drive. If there is none, it stays where
// it is: Work says that a drive is waited for.
func (m *mender) moveElsewhere(ctx context.Context, v *membership, l *lane, taken map[uuid.UUID]bool) error {
	for _, id := range m.p.targets(v, m.seg, taken) {
		if !m.p.pin(id) { // it does not leave the pool until the table names the file
			continue
		}
		d := v.drives[id]
		f, resumed, err := m.begin(ctx, d, l)
		if err != nil {
			m.p.unpin(id)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			m.p.log.Warn("a drive does not take a file that is to move to it", "drive", id, "segment", m.seg.id, "error", err)
			continue
		}
		taken[id] = true
		l.to, l.moves = id, true
		l.out = m.newBlockWriter(d, f, true)
		if resumed {
			l.prior = m.reader(f, l, id)
		}
		return nil
	}
	return nil
}

// begin makes the new file, or takes up one that was begun before.
func (m *mender) begin(ctx context.Context, d *drive.Drive, l *lane) (f *drive.File, resumed bool, err error) {
	type result struct {
		f       *drive.File
		resumed bool
	}
	r, err := patiently(m.p.patience, func() (result, error) {
		f, h, err := d.OpenSegment(m.seg.id)
		if err == nil && h.Index == l.index && h.K == m.seg.k && h.M == m.seg.m && h.Kind == m.seg.kind {
			// What is not durable must not be taken for it.
			if err := errors.Join(syncUncached(f), f.PastCache()); err != nil {
				f.Close()
				return result{}, err
			}
			return result{f, true}, nil
		}
		if err == nil {
			f.Close()
		}
		if !errors.Is(err, fs.ErrNotExist) {
			// Something else of that name: nothing counts it, since the table
			// names another drive.
			if err := d.RemoveSegment(m.seg.id); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return result{}, err
			}
		}
		f, err = d.CreateSegment(m.header(d, l))
		return result{f: f}, err
	}, func(r result) { r.f.Close() })
	return r.f, r.resumed, err
}

func (m *mender) create(d *drive.Drive, l *lane) (*drive.File, error) {
	return patiently(m.p.patience, func() (*drive.File, error) { return d.CreateSegment(m.header(d, l)) }, (*drive.File).Close)
}

// header is the first page of the file on that drive. It names the drives that
// the segment was made on, as all its files do: so it shows that it came later.
func (m *mender) header(d *drive.Drive, l *lane) drive.FileHeader {
	made := m.made
	if len(made) != len(m.drives) {
		made = m.drives
	}
	return drive.FileHeader{
		Kind: m.seg.kind, Index: l.index, K: m.seg.k, M: m.seg.m,
		Pool: m.p.id, Drive: d.ID(), Segment: m.seg.id, Drives: made,
	}
}

func (m *mender) reader(f *drive.File, l *lane, on uuid.UUID) *reader {
	disk := m.p.diskOf(on)
	return &reader{
		p: m.p, work: m.work, on: disk, f: f, room: m.room, turns: m.p.sharesDisk(disk), end: m.end,
		bytes: &l.readBytes, waited: m.waited,
	}
}

func (l *lane) close() {
	for _, r := range []*reader{l.in, l.prior} {
		if r != nil {
			r.close()
		}
	}
	if l.out != nil {
		l.out.close() // with the file that prior read
	}
}
