package blockstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"

	"github.com/google/uuid"

	"github.com/holdfast-storage/holdfast/blockstore/catalog"
	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// finish makes what was written durable, reads it back, has the journal say
// what moved, and removes what is not needed any more.
func (m *mender) finish(ctx context.Context) error {
	errs := m.finishFiles(ctx)
	m.tell()
	for i := range errs {
		m.unmended(m.lanes[i])
	}
	if err := m.blameDrives(ctx, errs); err != nil {
		return err
	}
	var verified uint64
	var moved []*lane
	left := 0
	for _, l := range m.lanes {
		if errs[l.index] == nil {
			m.report.MendedBlocks += l.mended
		}
		if errs[l.index] != nil || l.out != nil && l.bad {
			left++
			continue
		}
		if l.out == nil {
			continue
		}
		stuck := m.stuck&(1<<l.index) != 0
		if stuck && !m.givenUp(l) {
			// The table keeps the drive that may have what is lost, or the suspicion.
			if !l.moves {
				m.seg.restGood(l.index)
			}
			continue
		}
		if !stuck { // else not all of it was there to be verified (R16)
			verified |= 1 << l.index
		}
		switch {
		case l.moves:
			moved = append(moved, l)
			m.report.MovedFiles++
			m.p.remap(m.seg, l.index, l.to)
		case l.touched || (m.suspect|m.marked)&(1<<l.index) != 0:
			m.p.remap(m.seg, l.index, l.id)
		}
	}
	if err := m.p.verifiedNow(ctx, m.seg, verified); err != nil { // after what was announced: durable with it
		return err
	}
	for _, l := range moved {
		m.dropOld(l)
	}
	m.seg.stickAt(m.stuck, m.epoch)
	if m.lacks != 0 {
		m.p.lacking(m.seg, m.lacks)
	}
	m.p.workGrew()
	if left == 0 {
		return nil
	}
	all := []error{fmt.Errorf("segment %v: %d files %w", m.seg.id, left, ErrUnmended)}
	for _, err := range errs {
		all = append(all, err)
	}
	return errors.Join(all...)
}

// givenUp says whether a file that lacks a block of something live may move all
// the same: the drive that it was on has left the pool, so nothing of it can
// come back.
func (m *mender) givenUp(l *lane) bool {
	_, member := m.p.members.now().member(l.id)
	return l.moves && !member
}

// unmended says of the findings about a file that what was written there does
// not count.
func (m *mender) unmended(l *lane) {
	for i := range m.report.Findings {
		if f := &m.report.Findings[i]; f.Drive == l.id {
			f.Mended = false
		}
	}
}

// stickAt notes which files could not be made whole as long as the membership
// stays as it is, so that it is not tried again and again.
func (s *segment) stickAt(files uint64, epoch uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stuck, s.stuckEpoch = files, epoch
}

// finishFiles ends all writers, side by side, and returns what went wrong by
// file index.
func (m *mender) finishFiles(ctx context.Context) map[int]error {
	errs := make(map[int]error)
	for i, err := range m.failed {
		errs[i] = fmt.Errorf("segment %v, file %d, drive %v: %w", m.seg.id, i, m.lanes[i].to, err)
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, l := range m.lanes {
		if l.out == nil {
			continue
		}
		wg.Go(func() {
			if err := l.out.finish(ctx); err != nil {
				mu.Lock()
				errs[l.index] = fmt.Errorf("segment %v, file %d, drive %v: %w", m.seg.id, l.index, l.to, err)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return errs
}

// blameDrives leaves out the drives that failed under what was written to them.
func (m *mender) blameDrives(ctx context.Context, errs map[int]error) error {
	failed := make(map[uuid.UUID]error)
	for i, err := range errs {
		id := m.lanes[i].to
		switch {
		case drive.IsNoSpace(err):
			m.p.space.exhausted(id)
			errs[i] = fmt.Errorf("%w: %w", ErrNoSpace, err)
			if m.lanes[i].moves { // what fits not is of no use
				m.remove(id)
			}
		case drive.IsStarved(err), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), errors.Is(err, errAway), errors.Is(err, drive.ErrClosed):
		default:
			failed[id] = err
		}
	}
	if err := ctx.Err(); err != nil || len(failed) == 0 {
		return err
	}
	return m.p.exclude(ctx, failed)
}

// dropOld removes the file that moved from the drive that it was on. If that
// is away it is done when it returns (reconcile).
func (m *mender) dropOld(l *lane) {
	if m.p.members.now().isLive(l.id) {
		m.remove(l.id)
	}
}

func (m *mender) remove(id uuid.UUID) {
	d := m.p.members.now().drives[id]
	if d == nil {
		return
	}
	_, err := patiently(m.p.patience, func() (struct{}, error) {
		err := d.RemoveSegment(m.seg.id)
		if err == nil {
			err = d.SyncDir()
		}
		return struct{}{}, err
	}, nil)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		m.p.log.Warn("a file that is not needed any more stays where it is for now", "drive", id, "segment", m.seg.id, "error", err)
	}
}

// remap says that a file of a segment is whole and lies on that drive from now
// on, in memory at once and in the journal with the next batch. The seal is
// said again behind it, so that an older one which waits to be written says
// nothing of the new file.
func (p *Pool) remap(seg *segment, index int, to uuid.UUID) {
	p.announceMu.Lock()
	defer p.announceMu.Unlock()
	seg.moveFile(index, to, &p.files)
	p.announced = append(p.announced, &catalog.Remap{ID: seg.id, Index: index, Drive: to}, seg.sealRecord())
}

// moveFile replaces a file's drive. All its blocks are good.
func (s *segment) moveFile(index int, to uuid.UUID, open *openFiles) {
	s.mu.Lock()
	defer s.mu.Unlock()
	drives := append([]uuid.UUID(nil), s.drives...)
	drives[index] = to
	s.drives = drives
	s.suspect &^= 1 << index
	s.unmark(index)
	if f := s.files[index]; f != nil {
		f.Close() // readers that are at it go on; the next ones open the new one
		s.files[index] = nil
		open.n.Add(-1)
	}
}

// restGood notes that all blocks of a file are good but for those of the stripes
// that are lost.
func (s *segment) restGood(index int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unmark(index)
}

// unmark ends what is marked in a file, but for the stripes that are lost.
func (s *segment) unmark(index int) {
	for no, b := range s.bad {
		if b.lost != 0 {
			continue
		}
		if b.files &^= 1 << index; b.files == 0 {
			delete(s.bad, no)
		} else {
			s.bad[no] = b
		}
	}
}
