package blockstore

import (
	"context"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// journalBatch is the batch that a walk over a journal segment is in: its data
// is put together from its stripes, so that its records can be held against
// the catalog.
type journalBatch struct {
	at   drive.Batch
	next int // part
	data []byte

	// The batch before is held against the catalog meanwhile: one waits for the
	// drives, the other for the processor.
	checking chan []Finding // nil: none is
	spare    []byte         // the data of one that was checked
}

// checkBatch takes in the stripe at hand, and checks the batch's records once all
// of it is there. Its data columns are good by now.
func (m *mender) checkBatch(ctx context.Context) {
	st := &m.stripe
	b, h := &st.batch, &st.head
	if h.Batch.Part == 0 {
		b.at, b.next, b.data = h.Batch, 0, b.data[:0]
	}
	if h.Batch.LSN != b.at.LSN || h.Batch.UID != b.at.UID || h.Batch.Part != b.next {
		b.next = -1 // a part is missing
		return
	}
	b.next++
	for i := range h.D {
		b.data = append(b.data, st.shards[i]...)
	}
	if b.next < h.Batch.Parts {
		return
	}
	m.seg.mu.Lock()
	last := m.seg.last
	m.seg.mu.Unlock()
	if b.at.LSN > last {
		return // void: it lies elsewhere, or was never acknowledged
	}
	records, err := batchRecords(b.data)
	if err != nil {
		m.find(m.finding(-1, FindingRecord, "the batch's records do not decode: "+err.Error(), false))
		return
	}
	m.checked()
	lsn, stripe, data, out := b.at.LSN, h.Stripe, b.data, make(chan []Finding, 1)
	b.data, b.spare, b.checking = b.spare, data, out
	m.p.wg.Go(func() {
		list := m.p.checkRecords(ctx, m.work, lsn, records)
		for i := range list {
			list[i].Segment, list[i].Stripe = m.seg.id, stripe
		}
		out <- list
	})
}

// checked takes in what was found about the batch that is held against the
// catalog, if one is. Its data is not needed any more then.
func (m *mender) checked() {
	b := &m.stripe.batch
	if b.checking == nil {
		return
	}
	for _, f := range <-b.checking {
		m.find(f)
	}
	b.checking = nil
}
