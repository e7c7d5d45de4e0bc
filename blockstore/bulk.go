package blockstore

import (
	"context"
	"sync"

	"github.com/google/uuid"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// bulkOpenMax is how many bulk segments are open at once. Uploads are spread
// over them: one that has a segment for itself writes runs of stripes, each of which
// is one extent; of those that share one every stripe is. So it is at least as many
// as the parts that clients send at once of a large object, which may have
// catalog.MaxExtents in all.
const bulkOpenMax = 16

// bulkSet is the open bulk segments. They are begun as they are needed.
type bulkSet struct {
	p     *Pool
	slots [bulkOpenMax]bulkSlot

	mu      sync.Mutex
	uploads [bulkOpenMax]int // by slot
}

type bulkSlot struct {
	mu  sync.Mutex
	seg *segment
}

// join picks the slot for a new upload: the first of those that the fewest use.
func (b *bulkSet) join() (slot int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, n := range b.uploads {
		if n < b.uploads[slot] {
			slot = i
		}
	}
	b.uploads[slot]++
	return slot
}

// leave is called when an upload has ended.
func (b *bulkSet) leave(slot int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.uploads[slot]--
}

// segment is the slot's open segment; a new one if the last is full, or if one
// of its drives takes part no more.
func (b *bulkSet) segment(ctx context.Context, slot int) (*segment, error) {
	s := &b.slots[slot]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seg != nil {
		v := b.p.members.now()
		s.seg.mu.Lock()
		sealed := s.seg.sealed
		s.seg.mu.Unlock()
		if !sealed && v.readOnly == nil && b.p.space.admits(s.seg.drives) && s.seg.filesOn(v.accepts) == 1<<s.seg.width()-1 {
			return s.seg, nil
		}
		b.p.retire(s.seg)
		s.seg = nil
	}
	seg, err := b.p.newSegment(ctx, drive.Bulk)
	if err != nil {
		return nil, err
	}
	b.p.segments.add(seg)
	b.p.unpin(seg.drives...)
	b.p.announce(seg.opened())
	s.seg = seg
	return seg, nil
}

// retire seals every open segment that has a file on a drive that takes no new
// data any more, or all of them.
func (b *bulkSet) retire(all bool) {
	v := b.p.members.now()
	for i := range b.slots {
		s := &b.slots[i]
		s.mu.Lock()
		if s.seg != nil && (all || s.seg.filesOn(v.accepts) != 1<<s.seg.width()-1) {
			b.p.retire(s.seg)
			s.seg = nil
		}
		s.mu.Unlock()
	}
}

// retire seals a segment and has the journal say so. Files on drives that take
// part no more are suspect: they may lack some of what was written.
func (p *Pool) retire(seg *segment) {
	v := p.members.now()
	suspect := seg.filesOn(func(id uuid.UUID) bool { return !v.isLive(id) })
	if seg.seal(suspect) {
		p.announceSeal(seg)
	}
}

// lacking seals a segment whose files, as bits, did not take all that was
// written to them, and has the journal say so (see upload.judge).
func (p *Pool) lacking(seg *segment, files uint64) {
	if seg.lack(files) {
		p.announceSeal(seg)
	}
}

// announceSeal puts a segment's seal into the next batch. Of several the last
// one counts, so it is taken as it is now, in one step with its place among them.
func (p *Pool) announceSeal(seg *segment) {
	p.announceMu.Lock()
	defer p.announceMu.Unlock()
	p.announced = append(p.announced, seg.sealRecord())
}
