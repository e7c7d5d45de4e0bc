package blockstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/bits"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// stripeWork is the stripe that a mender is at, and its scratch memory.
type stripeWork struct {
	head   drive.Header // of a good block; Sums are copied
	n      int          // stored columns
	good   uint64       // stored indexes
	shards [maxColumns][]byte
	made   [maxColumns][]byte // whole blocks that were computed, by stored index
	batch  journalBatch
}

// examine judges the stripe that begins at off, and has what is wrong made
// good. A size of 0 says that none begins there.
func (m *mender) examine(ctx context.Context, off int64) (size int64, no uint32, err error) {
	for _, l := range m.lanes {
		l.block.valid, l.block.good = false, false
		if !l.last {
			if err := l.read(ctx, m, off); err != nil {
				return 0, 0, err
			}
		}
	}
	leader := m.leader()
	if leader == nil {
		if err := m.readLast(ctx, off); err != nil {
			return 0, 0, err
		}
		if leader = m.leader(); leader == nil {
			return 0, 0, nil
		}
	}
	st := &m.stripe
	sums := append(st.head.Sums[:0], leader.block.head.Sums...)
	st.head = leader.block.head
	st.head.Sums = sums
	st.n = st.head.D + m.seg.m
	size, no = st.head.BlockBytes(), st.head.Stripe
	if off+size > m.end {
		return 0, 0, nil // void: behind what was acknowledged
	}
	m.gather()
	if bits.OnesCount64(st.good) < st.head.D {
		if err := m.lastResort(ctx, off); err != nil {
			return 0, 0, err
		}
	}
	if bits.OnesCount64(st.good) < st.head.D {
		m.doubt(no, no+1)
		return size, no, m.keepWhatIsLeft(ctx, off)
	}
	if err := m.settleStripe(ctx, off); err != nil {
		return 0, 0, err
	}
	return size, no, nil
}

// read takes in the block at off, if the file can be read.
func (l *lane) read(ctx context.Context, m *mender, off int64) error {
	if l.in == nil || l.in.err != nil {
		return nil
	}
	err := l.block.read(ctx, m, l.in, l.index, off)
	if err != nil && l.in.err == nil {
		return err // the context's, or the pace's
	}
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		m.p.log.Warn("a segment's file cannot be read on", "drive", l.id, "segment", m.seg.id, "error", err)
		l.bad = true
	}
	return nil
}

// read looks for a block at off, and verifies it. Only what keeps from reading
// at all is an error.
func (b *laneBlock) read(ctx context.Context, m *mender, r *reader, index int, off int64) error {
	b.valid, b.good = false, false
	if err := r.load(ctx, off, drive.PageBytes, m.pace); err != nil {
		return err
	}
	err := drive.DecodeHeader(r.get(off, drive.PageBytes), &b.head)
	var short drive.ErrTooShort
	if errors.As(err, &short) {
		if err := r.load(ctx, off, short.Need, m.pace); err != nil {
			return err
		}
		err = drive.DecodeHeader(r.get(off, short.Need), &b.head)
	}
	h := &b.head
	if err != nil || h.Pool != m.p.id || h.Segment != m.seg.id || h.Offset != off || h.Kind != m.seg.kind ||
		h.K != m.seg.k || h.M != m.seg.m || drive.FileOf(h.Column, h.Stripe, m.seg.width()) != index {
		return nil
	}
	b.valid = true
	size := int(h.BlockBytes())
	if err := r.load(ctx, off, size, m.pace); err != nil {
		return err
	}
	b.bytes = r.get(off, size)
	// What is not payload is zero. No checksum covers it, and no reader looks at
	// it; but a scrub leaves nothing that is not as it was written.
	start := h.PayloadStart()
	b.good = isZero(b.bytes[h.Size():start]) && isZero(b.bytes[start+h.Length:])
	payload, stored := b.bytes[start:], h.Stored()
	b.good = b.good && h.CheckPieces(stored, 0, h.Pieces(), payload[:h.Length])
	return nil
}

// isZero says whether all bytes are zero: the first one is, and each is as the one before.
func isZero(b []byte) bool { return len(b) == 0 || b[0] == 0 && bytes.Equal(b[1:], b[:len(b)-1]) }

// leader is the file whose block most other good ones go with (R1).
func (m *mender) leader() *lane {
	var best *lane
	most := -1
	for i, l := range m.lanes {
		if !l.block.valid {
			continue
		}
		votes := 0
		for _, o := range m.lanes[i:] {
			if o.block.valid && o.block.head.SameStripe(&l.block.head) {
				votes++
				if o.block.good {
					votes += len(m.lanes)
				}
			}
		}
		if votes > most {
			best, most = l, votes
		}
		if votes >= (len(m.lanes)+1)*(l.block.head.D+m.seg.m) {
			return best // all of them
		}
	}
	return best
}

// laneOf is the file that holds a stored column of the stripe.
func (m *mender) laneOf(stored int) *lane {
	h := &m.stripe.head
	return m.lanes[m.seg.fileOf(drive.ColumnOf(stored, h.D, h.K), h.Stripe)]
}

// gather notes which columns are good.
func (m *mender) gather() {
	st := &m.stripe
	st.good = 0
	start := st.head.PayloadStart()
	for i := range st.n {
		b := &m.laneOf(i).block
		if b.good && b.head.SameStripe(&st.head) {
			st.good |= 1 << i
			st.shards[i] = b.bytes[start:][:st.head.Length]
		}
	}
}

// lastResort reads what is on drives that were left out: verified like
// everything else, it is better than nothing.
func (m *mender) lastResort(ctx context.Context, off int64) error {
	if err := m.readLast(ctx, off); err != nil {
		return err
	}
	m.gather()
	return nil
}

func (m *mender) readLast(ctx context.Context, off int64) error {
	for _, l := range m.lanes {
		if l.last && !l.block.valid {
			if err := l.read(ctx, m, off); err != nil {
				return err
			}
		}
	}
	return nil
}

// keepWhatIsLeft takes along, into files that move, the good blocks of a stripe
// that cannot be read from what is here: others of it may come back, and then
// each counts. It notes which files lack theirs.
func (m *mender) keepWhatIsLeft(ctx context.Context, off int64) error {
	st := &m.stripe
	thin := badStripe{d: st.head.D}
	for i := range st.n {
		l := m.laneOf(i)
		if st.good&(1<<i) == 0 {
			thin.files |= 1 << l.index
			continue
		}
		if l.moves {
			done, err := l.has(ctx, m, off)
			if err != nil {
				return err
			}
			if !done {
				l.out.put(ctx, off, l.block.bytes)
			}
		}
	}
	if m.thin == nil {
		m.thin = make(map[uint32]badStripe)
	}
	m.thin[st.head.Stripe] = thin
	return nil
}

// settleStripe makes good what a stripe that can be read lacks.
func (m *mender) settleStripe(ctx context.Context, off int64) error {
	st := &m.stripe
	all := uint64(1)<<st.n - 1
	agree, err := m.complete(all &^ st.good)
	if err != nil {
		return err
	}
	if !agree {
		// All checksums hold, and yet parity disagrees: nothing here can be told
		// from the rest, so nothing is mended (R2).
		m.find(m.finding(-1, FindingParity, "all checksums hold, but parity disagrees with the data", false))
	}
	wrote := 0
	for i := range st.n {
		l := m.laneOf(i)
		good := st.good&(1<<i) != 0
		if !good && !l.last {
			m.lacking(i, l, agree)
		}
		switch {
		case l.out == nil || !agree && !good:
			l.bad = l.bad || !good
		case !l.moves && l.in != nil && l.in.err != nil:
			// What cannot be read on is not known to be bad: it is not written (R4).
		case l.moves:
			done, err := l.has(ctx, m, off)
			if err != nil {
				return err
			}
			if !done {
				wrote += l.out.put(ctx, off, m.blockOf(i))
			}
		case !good:
			wrote += l.out.put(ctx, off, m.blockOf(i))
			l.mended++
		}
	}
	if agree && m.o.Records && m.seg.kind == drive.Journal {
		m.checkBatch(ctx)
	}
	if wrote > 0 {
		return m.pace(ctx, wrote)
	}
	return nil
}

// complete computes the missing columns, verifies them by the tables (R3), and
// holds parity against data. It says whether all agrees.
func (m *mender) complete(missing uint64) (bool, error) {
	st := &m.stripe
	code, err := m.p.code(m.seg.k)
	if err != nil {
		return false, err
	}
	h := st.head
	start, size := h.PayloadStart(), int(h.BlockBytes())
	for i := range st.n {
		if missing&(1<<i) == 0 {
			continue
		}
		if cap(st.made[i]) < size {
			st.made[i] = aligned(drive.MaxBlockBytes)
		}
		st.made[i] = st.made[i][:size]
		st.shards[i] = st.made[i][start:][:h.Length]
	}
	if missing != 0 {
		if err := code.Reconstruct(h.D, st.shards[:st.n], st.good, missing); err != nil {
			return false, fmt.Errorf("segment %v: stripe %d: %w", h.Segment, h.Stripe, err)
		}
	}
	for i := range st.n {
		if missing&(1<<i) == 0 {
			continue
		}
		if !h.CheckPieces(i, 0, h.Pieces(), st.shards[i]) {
			return false, nil
		}
		h.Column = drive.ColumnOf(i, h.D, h.K)
		drive.EncodeHeader(st.made[i][:start], &h)
		drive.ClearSlack(st.made[i], &h)
	}
	return code.Verify(st.shards[:h.D], st.shards[h.D:st.n])
}

// blockOf is the block of a stored column: as it was read, or computed.
func (m *mender) blockOf(stored int) []byte {
	if m.stripe.good&(1<<stored) != 0 {
		return m.laneOf(stored).block.bytes
	}
	return m.stripe.made[stored]
}

// has says whether the new file holds the stripe's block already, from a move
// that was cut short.
func (l *lane) has(ctx context.Context, m *mender, off int64) (bool, error) {
	if l.prior == nil || l.prior.err != nil {
		return false, nil
	}
	err := l.old.read(ctx, m, l.prior, l.index, off)
	if err != nil && l.prior.err != nil && ctx.Err() == nil {
		return false, nil
	}
	return err == nil && l.old.good && l.old.head.SameStripe(&m.stripe.head), err
}

// lacking accounts for a block that is not good where it should be.
func (m *mender) lacking(stored int, l *lane, agree bool) {
	known := l.in == nil || m.suspect&(1<<l.index) != 0 // it was away, or is gone: said once
	l.touched = true
	if known {
		return
	}
	kind, text := FindingMissing, "no block is where one should be"
	switch {
	case l.in.err != nil || l.in.holes > 0 && !l.block.valid:
		kind, text = FindingUnreadable, "the drive cannot read it"
	case l.block.valid && !l.block.good:
		kind, text = FindingChecksum, "the checksum of its data does not match"
	case l.block.valid:
		kind, text = FindingMisplaced, "another block lies in its place"
	}
	if d := m.p.members.now().drives[l.id]; d != nil {
		d.CountChecksum()
	}
	if !agree || l.out == nil {
		m.lacks |= m.seg.markBad(drive.ColumnOf(stored, m.stripe.head.D, m.stripe.head.K), m.stripe.head.Stripe, m.stripe.head.D)
	}
	written := agree && l.out != nil && (l.moves || l.in == nil || l.in.err == nil)
	m.find(m.finding(stored, kind, text, written))
}
