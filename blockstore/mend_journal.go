package blockstore

import (
	"context"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// journalBatch is the batch that a walk over a journal segment is in: its data
// is put together from its stripes, as far as its records go, so that they can be held
// against the catalog.
//
// The batches before it are held against the catalog meanwhile, each by a goroutine
// of its own, which owns its data and its findings until the walk takes them in.
// The walk does so in the order of the batches, before it begins with one too many,
// and waits for all at its end, however it ends. None of them ends the walk; once its
// context has ended they end without findings.
type journalBatch struct {
	at   drive.Batch
	next int // part
	data []byte

	checking []batchCheck // the first began first
	spare    [][]byte     // the data of those that were checked
}

// batchCheck is a batch that is held against the catalog.
type batchCheck struct {
	data []byte
	out  chan []Finding
}

// batchChecks is how many batches are held against the catalog at a time while nothing
// is held back (R18): checking small objects takes longer than reading them, and much
// of that is waiting for the catalog's goroutines. Else it is one.
const batchChecks = 2

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
		if int64(len(b.data)) < batchRecordsEnd(b.data) { // bodies are nothing to it
			b.data = append(b.data, st.shards[i]...)
		}
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
		m.checked(0) // findings come in the order of the batches
		m.find(m.finding(-1, FindingRecord, "the batch's records do not decode: "+err.Error(), false))
		return
	}
	most := 1
	if m.work.Free() {
		most = batchChecks
	}
	m.checked(most - 1)
	lsn, stripe, out := b.at.LSN, h.Stripe, make(chan []Finding, 1)
	b.checking = append(b.checking, batchCheck{b.data, out})
	b.data = nil
	if n := len(b.spare); n > 0 {
		b.data, b.spare = b.spare[n-1], b.spare[:n-1]
	}
	m.p.wg.Go(func() {
		list := m.p.checkRecords(ctx, m.work, lsn, records)
		for i := range list {
			list[i].Segment, list[i].Stripe = m.seg.id, stripe
		}
		out <- list
	})
}

// checked takes in what was found about the batches that are held against the
// catalog, until so many are left. Their data is not needed any more then.
func (m *mender) checked(left int) {
	b := &m.stripe.batch
	for len(b.checking) > left {
		first := b.checking[0]
		for _, f := range <-first.out {
			m.find(f)
		}
		b.checking = append(b.checking[:0], b.checking[1:]...)
		b.spare = append(b.spare, first.data)
	}
}
