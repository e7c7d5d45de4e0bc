package blockstore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"time"

	"github.com/holdfast-storage/holdfast/blockstore/catalog"
	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// request is one change on its way into a batch.
type request struct {
	// decide judges the change against the catalog plus what goes before it in
	// the batch, and returns its record; an error rejects the change alone.
	decide func(*decision) (catalog.Record, error)
	// body is the body that goes into the batch beside the record, if any.
	body [][]byte
	size int64
	// record is about how long the record is, if it may be long, in bytes.
	record int64
	// done gets the outcome, once; then answered is set by who waited for it.
	done     chan outcome
	answered bool
}

// cost is about what the change takes of a batch, in bytes.
func (r *request) cost() int64 { return r.size + r.record + recordEstimate }

type outcome struct {
	version uint64
	err     error
}

// submit hands a client's change to the committer and waits until it is durable and
// applied, or rejected. When ctx ends first, the change may happen yet.
func (p *Pool) submit(ctx context.Context, r *request) (uint64, error) {
	defer p.gate.Client().End()
	return p.submitOwn(ctx, r)
}

// submitOwn is submit for what no client waits for.
func (p *Pool) submitOwn(ctx context.Context, r *request) (uint64, error) {
	if err := p.handOver(ctx, r); err != nil {
		return 0, err
	}
	return p.outcome(r)
}

// handOver gives a change to the committer. From then on its body is the
// committer's, so the outcome must be waited for.
func (p *Pool) handOver(ctx context.Context, r *request) error {
	if r.done == nil {
		r.done = make(chan outcome, 1)
	}
	r.answered = false
	select {
	case <-p.stopped:
		return ErrClosed
	default:
	}
	select {
	case p.requests <- r: // mostly there is room, and to ask ctx for its end costs memory
		return nil
	default:
	}
	select {
	case p.requests <- r:
		return nil
	case <-p.stopped:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// outcome waits for what became of a change that was handed over.
func (p *Pool) outcome(r *request) (uint64, error) {
	select {
	case o := <-r.done:
		r.answered = true
		return o.version, o.err
	case <-p.committed:
		select {
		case o := <-r.done:
			r.answered = true
			return o.version, o.err
		default:
			return 0, ErrClosed
		}
	}
}

// commitLoop is the committer: group commit without timers. While one batch is
// on its way, the next one gathers in the channel (R5).
func (p *Pool) commitLoop() {
	defer close(p.committed)
	g := newGathering()
	bench := &workbench{p: p, dec: newDecision(p)}
	last, took := 0, time.Duration(0)
	for {
		reqs := p.gather(g, last, min(took/gatherShare, gatherMax))
		if len(reqs) == 0 {
			return
		}
		began := time.Now()
		n := p.commit(bench, reqs)
		g.took(n)
		last, took = n, time.Since(began)
	}
}

// gathering is what the committer gathers changes in, one batch's after the other.
type gathering struct {
	reqs  []*request  // of the batch at hand
	carry []*request  // that did not fit, for the next one; not in the memory of reqs
	late  *time.Timer // runs only while changes are waited for
}

func newGathering() *gathering {
	g := &gathering{late: time.NewTimer(time.Hour)}
	g.late.Stop()
	return g
}

// took says that the first n changes were taken; the others are carried on.
func (g *gathering) took(n int) {
	if rest := g.reqs[n:]; len(rest)+len(g.carry) > 0 {
		g.carry = slices.Concat(rest, g.carry)
	}
	clear(g.reqs)
	g.reqs = g.reqs[:0]
}

// gather takes what waits, up to one stripe of data. It returns none when the
// pool closes and nothing waits any more. last is how many the last batch had,
// patience how long their next changes are worth waiting for, all of them together.
// What came before, and did not fit, is taken first; what does not fit is carried on.
func (p *Pool) gather(g *gathering, last int, patience time.Duration) []*request {
	want := last + len(p.requests)
	var bytes int64
	add := func(r *request) bool {
		cost := r.cost()
		if len(g.reqs) > 0 && (bytes+cost > p.batchBytes || len(g.reqs) == batchRequestsMax) {
			g.carry = append(g.carry, r)
			return false
		}
		g.reqs, bytes = append(g.reqs, r), bytes+cost
		return true
	}
	if carried := g.carry; len(carried) > 0 {
		g.carry = nil
		for i, r := range carried {
			if !add(r) {
				g.carry = carried[i:]
				return g.reqs
			}
		}
	} else {
		select {
		case r := <-p.requests:
			add(r)
		case <-p.stopped:
			select {
			case r := <-p.requests: // came in before the stop
				add(r)
			default:
				return nil
			}
		}
	}
	// Those whose last change was just acknowledged are about to ask for the
	// next one: give them a turn. Else clients that do one change after the
	// other fall into two halves, each of which waits for the other's commit.
	runtime.Gosched()
	if len(g.reqs) >= want && len(p.requests) == 0 {
		return g.reqs
	}
	g.late.Reset(patience)
	defer g.late.Stop()
	for len(g.reqs) < want || len(p.requests) > 0 {
		select {
		case r := <-p.requests:
			if !add(r) {
				return g.reqs
			}
		case <-g.late.C:
			return g.reqs
		}
	}
	return g.reqs
}

const (
	recordEstimate   = 256     // bytes of a record and its share of padding
	batchRequestsMax = 1 << 12 // keeps well below batchRecordsMax with announcements
	gatherShare      = 5       // of the time a commit takes, waited for further changes
	// batchEntriesMax is about how many bytes of objects' entries a batch reads from the
	// catalog and writes there, but for one more object. Short records can ask for long
	// entries: an object of ten thousand parts has a MiB and more.
	batchEntriesMax = 4 << 20
)

// gatherMax bounds that: a commit that took long says nothing of when the next
// changes come.
const gatherMax = 2 * time.Millisecond

// commit makes one batch of the requests and sees it through. It says how many it
// took; the others are for the next one.
func (p *Pool) commit(w *workbench, reqs []*request) (taken int) {
	results := w.outcomes(len(reqs))
	finish := func() {
		for i, r := range reqs {
			r.done <- results[i]
		}
	}
	// When the batch fails, so does every answer that was judged by what it
	// would have changed: those from the first accepted change on.
	accepted := len(reqs)
	failAll := func(err error) {
		for i := range results {
			if i >= accepted || results[i].err == nil {
				results[i] = outcome{err: err}
			}
		}
	}
	defer finish()
	if v := p.members.now(); v.readOnly != nil {
		failAll(v.readOnly)
		return len(reqs)
	}
	defer w.clear()
	j := p.journal
	b := &batch{lsn: j.next(), uid: p.newUID()}
	dec := w.dec
	dec.begin(b.lsn)
	records, bodies, bodyOf := w.records[:0], w.sizes[:0], w.bodyOf[:0]
	// Records are encoded once to see that they are valid and how long they are, and again
	// with the places of the bodies, which do not change their lengths.
	b.records = w.text(len(reqs) * recordEstimate)
	for i, r := range reqs {
		if dec.entries >= batchEntriesMax {
			reqs, results = reqs[:i], results[:i]
			break
		}
		dec.index = len(records)
		rec, err := r.decide(dec)
		if err == nil && r.size > 0 {
			setInline(rec, 1, r.size) // its place comes below
		}
		if err == nil {
			b.records, err = w.enc.AppendValid(b.records, rec)
		}
		if err != nil {
			dec.reject()
			results[i].err = err
			continue
		}
		dec.accept()
		accepted = min(accepted, i)
		results[i].version = sequence(b.lsn, len(records))
		body := -1
		if r.size > 0 {
			body, bodies = i, append(bodies, r.size)
		}
		records, bodyOf = append(records, rec), append(bodyOf, body)
	}
	w.records, w.sizes, w.bodyOf = records, bodies, bodyOf
	if len(records) == 0 {
		return len(reqs) // nothing to wait for: all were rejected by what is durable
	}
	// A journal segment that begins with this batch announces itself in it. Its
	// layout depends on that segment, so this is judged by an estimate.
	for i := range reqs {
		b.size += reqs[i].cost()
	}
	b.d, b.length = 1, int(min(b.size, drive.MaxColumnBytes))
	if err := j.ready(p.ctx, b); err != nil {
		failAll(err)
		return len(reqs)
	}
	announced := p.announcements()
	for _, rec := range announced {
		b.records = w.enc.Append(b.records, rec)
	}
	l := layOut(len(b.records), bodies, j.seg.k, j.seg.m)
	b.count, b.size, b.d, b.length = len(records)+len(announced), l.size, l.d, l.length
	if len(bodies) > 0 {
		b.bodies = w.bodies[:0]
		b.place(l, reqs, records, bodyOf, &w.enc)
		w.bodies = b.bodies
		for _, rec := range announced {
			b.records = w.enc.Append(b.records, rec)
		}
	}
	if err := p.commitBatch(b); err != nil {
		p.announceAgain(announced)
		failAll(err)
		return len(reqs)
	}
	p.tally(len(records))
	if b.ahead.once() {
		w.encoded = b.records[:0]
	}
	return len(reqs)
}

// place gives the bodies their places, and the records that carry them say where.
func (b *batch) place(l layout, reqs []*request, records []catalog.Record, bodyOf []int, enc *catalog.Encoder) {
	b.records = b.records[:0]
	for n, rec := range records {
		if i := bodyOf[n]; i >= 0 {
			at := l.at[len(b.bodies)]
			setInline(rec, at, reqs[i].size)
			b.bodies = append(b.bodies, placedBody{at, reqs[i].body})
		}
		b.records = enc.Append(b.records, rec)
	}
}

// commitBatch makes a batch durable and applies it.
func (p *Pool) commitBatch(b *batch) error {
	b.ahead = &ahead{p: p}
	place, err := p.journal.write(p.ctx, b)
	if err != nil {
		b.ahead.drop()
		if !errors.Is(err, ErrNoSpace) && !errors.Is(err, ErrReadOnly) && !errors.Is(err, ErrUnavailable) {
			err = fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		return err
	}
	p.journal.acknowledge(b)
	p.acked.Store(b.lsn)
	err = b.ahead.apply(p.ctx, b, place)
	if err != nil {
		// It is durable, and will be there after a restart; until then the
		// catalog is behind, so nothing more may be decided by it.
		err = fmt.Errorf("%w: the catalog took no change: %w", ErrUnavailable, err)
		p.members.stop(err)
		return err
	}
	return nil
}

// announce puts a record into the next batch.
func (p *Pool) announce(recs ...catalog.Record) {
	p.announceMu.Lock()
	p.announced = append(p.announced, recs...)
	p.announceMu.Unlock()
}

// announceAgain puts records back that a failed batch took along.
func (p *Pool) announceAgain(recs []catalog.Record) {
	p.announceMu.Lock()
	p.announced = append(recs, p.announced...)
	p.announceMu.Unlock()
}

func (p *Pool) announcements() []catalog.Record {
	p.announceMu.Lock()
	defer p.announceMu.Unlock()
	recs := p.announced
	p.announced = nil
	return recs
}

// setInline says of a record that carries a body where in the batch that is.
func setInline(rec catalog.Record, at, size int64) {
	body := catalog.Body{Inline: true, At: at, Size: size}
	switch r := rec.(type) {
	case *catalog.Put:
		r.Body = body
	case *catalog.PartPut:
		r.Body = body
	default:
		panic(fmt.Sprintf("blockstore: a record of type %d has no body", rec.Type()))
	}
}

// newUID draws a batch's identity. Zero means none.
func (p *Pool) newUID() uint64 {
	var b [8]byte
	for {
		if _, err := io.ReadFull(p.rand, b[:]); err != nil {
			panic("blockstore: no randomness: " + err.Error())
		}
		if uid := binary.LittleEndian.Uint64(b[:]); uid != 0 {
			return uid
		}
	}
}
