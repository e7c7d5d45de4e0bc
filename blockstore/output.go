package blockstore

import (
	"cmp"
	"errors"
	"fmt"
	"math/bits"
	"time"

	"github.com/google/uuid"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// output is a set of writes to the files of one segment, and their syncs. One
// goroutine per file feeds that file's drive, so that a drive whose queue is
// full holds up nobody else (R13).
type output struct {
	p       *Pool
	seg     *segment
	depth   int    // operations that may be under way per file
	used    uint64 // files written to
	hung    uint64 // files given up on
	queues  []chan *fileWork
	results chan ioResult // one per file when its queue is closed and done
	late    *countdown    // of sends to queues that are full
}

// newOutput prepares writes to a segment, with up to depth operations under
// way per file.
func (p *Pool) newOutput(seg *segment, depth int) *output {
	return &output{
		p: p, seg: seg, depth: depth,
		queues:  make([]chan *fileWork, seg.width()),
		results: make(chan ioResult, seg.width()),
	}
}

// send queues work for its file, starting the feeder at first use. It says no if the
// file's drive does not get on with what it has; then the work is dropped.
func (o *output) send(w *fileWork) bool {
	i, bit := w.file, uint64(1)<<w.file
	if o.hung&bit != 0 {
		w.drop()
		return false
	}
	q := o.queues[i]
	if q == nil {
		q = make(chan *fileWork, o.depth)
		o.queues[i], o.used = q, o.used|bit
		o.seg.mu.Lock()
		id := o.seg.drives[i]
		o.seg.mu.Unlock()
		o.p.wg.Go(func() { o.feed(i, id, q) })
	}
	select {
	case q <- w:
		return true
	default:
	}
	o.late = o.late.again(o.p.patience)
	defer o.late.Stop()
	select {
	case q <- w:
		return true
	case <-o.late.C:
		o.hung |= bit
		o.seg.mu.Lock()
		id := o.seg.drives[i]
		o.seg.mu.Unlock()
		o.p.wg.Go(func() { o.p.hung(id) })
		w.drop()
		return false
	}
}

// feed hands one file's operations to its drive and reports the first error of
// all of them, once every one is over.
func (o *output) feed(i int, id uuid.UUID, q <-chan *fileWork) {
	d := o.p.members.now().drives[id]
	f, err := o.p.file(o.p.ctx, o.seg, i, false)
	a := o.p.answersOf(o.depth)
	a.err = err
	for w := range q {
		if a.err != nil {
			w.drop()
			continue
		}
		for a.pending == o.depth {
			a.take()
		}
		a.pending++
		w.begin(f, a.done)
	}
	for a.pending > 0 {
		a.take()
	}
	err = a.err
	if o.depth == uploadDepth { // else it is not of an upload, and of any length
		a.err = nil
		o.p.answers.put(a)
	}
	o.results <- ioResult{id, o.p.proven(id, d, err)}
}

// fileAnswers are what operations of one file come to. Its memory is used again once every one has been answered, since
// only operations under way know of done.
type fileAnswers struct {
	done    chan error // has room for as many as may be under way
	pending int
	err     error // the first
}

func (p *Pool) answersOf(depth int) *fileAnswers {
	if depth == uploadDepth {
		if a := p.answers.get(); a != nil {
			return a
		}
	}
	return &fileAnswers{done: make(chan error, depth)}
}

func (a *fileAnswers) take() {
	err := <-a.done
	a.pending--
	a.err = cmp.Or(a.err, err)
}

// proven judges what came of the writes and syncs to a drive.
func (p *Pool) proven(id uuid.UUID, d *drive.Drive, err error) error {
	switch {
	case p.members.now().drives[id] != d:
		// The drive was away meanwhile, and is open anew or not at all. What came
		// of this is no fault of the drive as it is now, and no merit.
		return fmt.Errorf("%w, %w: %w", errLeftOut, errAway, cmp.Or(err, errGone))
	case err == nil && d != nil:
		// Descriptors of a directory that is gone go on working and prove
		// nothing (R13).
		return d.Present()
	}
	return err
}

// errGone: the drive was closed under what was written to it.
var errGone = errors.New("it was away meanwhile")

// write queues the stripe's blocks. The buffers are held until written.
func (o *output) write(st *stripe) {
	for i := range st.columns() {
		id := o.seg.driveOf(drive.ColumnOf(i, st.d, st.seg.k), st.no)
		o.send(o.writing(st.file(i), id, st.bufs[i], st.block(i), st.offset))
	}
}

// full is called when a file's drive has no room. An upload's next stripe then
// goes to another segment, without that drive.
func (o *output) full(id uuid.UUID, file int) {
	o.p.space.exhausted(id)
	if o.seg.kind == drive.Bulk {
		o.p.lacking(o.seg, 1<<file)
	}
}

// sync queues a sync of every file written to, and ends the output.
func (o *output) sync() {
	for i, q := range o.queues {
		if q != nil {
			o.send(o.work(i))
		}
	}
	o.release()
}

// release ends the feeders; what is queued still runs.
func (o *output) release() {
	for i, q := range o.queues {
		if q != nil {
			close(q)
			o.queues[i] = nil
		}
	}
}

// wait returns the drives that failed, those that did not answer in time
// among them. Call it once, after sync.
func (o *output) wait(patience time.Duration) map[uuid.UUID]error {
	bad := make(map[uuid.UUID]error)
	answered := make(map[uuid.UUID]bool)
	late := countDown(patience, nil)
	defer late.Stop()
	for i, id := range o.seg.drives {
		if o.hung&(1<<i) != 0 {
			answered[id], bad[id] = true, errHung
		}
	}
	for left := bits.OnesCount64(o.used &^ o.hung); left > 0; {
		select {
		case r := <-o.results:
			if !answered[r.drive] { // one given up on may answer yet
				left--
			}
			answered[r.drive] = true
			if r.err != nil && bad[r.drive] == nil {
				bad[r.drive] = r.err
			}
		case <-late.C:
			for i, id := range o.seg.drives {
				if o.used&^o.hung&(1<<i) != 0 && !answered[id] {
					bad[id] = errHung
				}
			}
			return bad
		}
	}
	return bad
}
