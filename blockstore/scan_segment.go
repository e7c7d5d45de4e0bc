package blockstore

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"sync"

	"github.com/google/uuid"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// A segment's file may have moved to a drive that no header names but its own
// (Remap), and the file that it was copied from may be back with the drive that
// it was on. So a segment is looked for on every drive that is here, and every
// file of it is evidence: what a block is, it says itself. Which of two files of
// one index the pool reads is not a matter of evidence, but of the segment table.

// foundFile is one file of a segment on a drive that is here.
type foundFile struct {
	drive uuid.UUID
	index int         // -1 if nothing tells
	made  []uuid.UUID // the drives that its header names, by index; nil if that is not good
}

// fileSet is a set of a segment's found files, by their place in the list. A
// drive has one file of a segment at most.
type fileSet [drive.MaxMembers / 64]uint64

func (s *fileSet) add(n int)     { s[n/64] |= 1 << (n % 64) }
func (s fileSet) has(n int) bool { return n >= 0 && s[n/64]&(1<<(n%64)) != 0 }

// scanSegment reads a segment's files on all the drives given, each synced and
// dropped from the cache first, so that what is found is what would be found
// after a power cut (R9). A drive without a file, or one that fails, adds
// nothing.
func (p *Pool) scanSegment(ctx context.Context, head drive.FileHeader, drives map[uuid.UUID]*drive.Drive, payloads bool) *foundSegment {
	s := &foundSegment{head: head, stripes: make(map[uint32][]*foundStripe), batches: make(map[uint64][]*foundBatch), mute: make(map[uuid.UUID]bool), end: drive.FirstBlock}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for id, d := range drives {
		wg.Go(func() {
			err := p.scanOn(ctx, d, head, payloads, func(f *foundFile) func(foundBlock) {
				mu.Lock()
				defer mu.Unlock()
				n := len(s.files)
				s.files = append(s.files, f)
				return func(b foundBlock) {
					mu.Lock()
					s.add(n, b)
					mu.Unlock()
				}
			})
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				p.log.Warn("a segment's file could not be read", "drive", id, "segment", head.Segment, "error", err)
				mu.Lock()
				s.mute[id] = true
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return s
}

// scanOn scans one file of a segment, if there is one; enter takes it in and
// says where its blocks go.
func (p *Pool) scanOn(ctx context.Context, d *drive.Drive, head drive.FileHeader, payloads bool, enter func(*foundFile) func(foundBlock)) error {
	f, err := patiently(p.patience, func() (*drive.File, error) {
		f, err := d.OpenFile(head.Segment)
		if err == nil && !p.observer {
			if err = syncUncached(f); err != nil {
				f.Close()
			}
		}
		return f, err
	}, (*drive.File).Close)
	if err != nil {
		return err
	}
	defer f.Close()
	file := &foundFile{drive: d.ID(), index: -1}
	w := window{ctx: ctx, f: f, late: p.patience, chunk: drive.FileHeaderBytes}
	page, err := w.bytes(0, drive.FileHeaderBytes)
	if errors.Is(err, errHung) {
		return err
	}
	if err == nil {
		h, err := drive.DecodeFileHeader(page)
		if err == nil && h.Pool == p.id && h.Drive == d.ID() && h.Segment == head.Segment && h.K == head.K && h.M == head.M {
			file.index, file.made = h.Index, h.Drives
		}
	}
	if file.index < 0 {
		return p.scanUnnamed(ctx, f, file, head, payloads, enter)
	}
	index, found := file.index, enter(file)
	return scanFile(ctx, f, p.id, p.patience, payloads, func(b foundBlock) {
		h := &b.head
		if drive.FileOf(h.Column, h.Stripe, head.K+head.M) == index && h.K == head.K && h.M == head.M && h.Kind == head.Kind {
			found(b) // else a valid block in a place that is not its own
		}
	})
}

// scanUnnamed scans a file whose first page is not good. Which one it is, most
// of its blocks say; without any, the drives that the segment was made on.
func (p *Pool) scanUnnamed(ctx context.Context, f *drive.File, file *foundFile, head drive.FileHeader, payloads bool, enter func(*foundFile) func(foundBlock)) error {
	blocks := make(map[int][]foundBlock)
	most := slices.Index(head.Drives, file.drive)
	err := scanFile(ctx, f, p.id, p.patience, payloads, func(b foundBlock) {
		h := &b.head
		if h.K != head.K || h.M != head.M || h.Kind != head.Kind {
			return
		}
		h.Sums = nil
		i := drive.FileOf(h.Column, h.Stripe, head.K+head.M)
		blocks[i] = append(blocks[i], b)
		if len(blocks[i]) > len(blocks[most]) {
			most = i
		}
	})
	file.index = most
	found := enter(file)
	for _, b := range blocks[most] {
		found(b)
	}
	return err
}

// add notes one block of the n-th file.
func (s *foundSegment) add(n int, b foundBlock) {
	h := &b.head
	at := stripeAt{no: h.Stripe, offset: h.Offset, d: h.D, length: h.Length}
	var st *foundStripe
	for _, o := range s.stripes[h.Stripe] {
		if o.at == at && o.batch == h.Batch && o.table == b.table {
			st = o
		}
	}
	if st == nil {
		st = &foundStripe{at: at, batch: h.Batch, table: b.table, copy: h.Copy}
		s.stripes[h.Stripe] = append(s.stripes[h.Stripe], st)
		s.addToBatch(st)
		s.next = max(s.next, h.Stripe+1)
		s.end = max(s.end, h.Offset+h.BlockBytes())
	}
	if b.good {
		st.good |= 1 << h.Stored()
		st.in.add(n)
	}
	if h.Kind == drive.Journal {
		s.base, s.prev = h.Batch.Base, h.Batch.Prev
		s.own = s.own || !h.Copy
	}
}

func (s *foundSegment) addToBatch(st *foundStripe) {
	if s.head.Kind != drive.Journal {
		return
	}
	first := st.at.no - uint32(st.batch.Part)
	for _, b := range s.batches[st.batch.LSN] {
		if b.uid == st.batch.UID && b.first == first && len(b.parts) == st.batch.Parts {
			if old := b.parts[st.batch.Part]; old == nil || !old.readable() {
				b.parts[st.batch.Part] = st
			}
			return
		}
	}
	b := &foundBatch{lsn: st.batch.LSN, uid: st.batch.UID, first: first, parts: make([]*foundStripe, st.batch.Parts)}
	b.parts[st.batch.Part] = st
	s.batches[b.lsn] = append(s.batches[b.lsn], b)
}

// batch picks the batch of an LSN: a readable one if there is one.
func (s *foundSegment) batch(lsn uint64) *foundBatch {
	var best *foundBatch
	for _, b := range s.batches[lsn] {
		if best == nil || !best.readable() && b.readable() {
			best = b
		}
	}
	return best
}

// fileOn is the place in the list of a drive's file of that index; -1 if there
// is none.
func (s *foundSegment) fileOn(id uuid.UUID, index int) int {
	return slices.IndexFunc(s.files, func(f *foundFile) bool { return f.drive == id && f.index == index })
}

// original says of a file whether it was made with the segment, and so took part
// in all that was written to it. One that was made later, to move a column, holds
// what was copied so far: that a block is not there says nothing.
//
// The headers tell. One of another index names the drive where a file was when
// that one was made; so it never names a drive to which a file was still being
// moved when the pool went down.
func (s *foundSegment) original(f *foundFile) bool {
	voted := false
	for _, g := range s.files {
		if g.index != f.index && g.made != nil {
			if voted = true; g.made[f.index] == f.drive {
				return true
			}
		}
	}
	if voted {
		return false
	}
	for _, g := range s.files {
		if g.index == f.index && g.made != nil && g.made[f.index] != f.drive {
			return false
		}
	}
	return s.head.Drives[f.index] == f.drive
}

// homes says for every index which drive's file to read until the segment table
// tells: the one that holds most; if none is here, the drive that the segment was
// made on.
func (s *foundSegment) homes() []uuid.UUID {
	held := make([]int, len(s.files))
	for _, list := range s.stripes {
		for _, st := range list {
			for n := range s.files {
				if st.in.has(n) {
					held[n]++
				}
			}
		}
	}
	homes := slices.Clone(s.head.Drives)
	best := make([]int, len(homes))
	for i := range best {
		best[i] = -1
	}
	for n, f := range s.files {
		if f.index < 0 {
			continue
		}
		b := best[f.index]
		if b < 0 || held[n] > held[b] || held[n] == held[b] && f.drive == s.head.Drives[f.index] {
			best[f.index], homes[f.index] = n, f.drive
		}
	}
	return homes
}
