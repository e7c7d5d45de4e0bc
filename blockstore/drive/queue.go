package drive

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// queue carries out the operations on a drive's files with goroutines of the
// drive's own: one for writes and syncs, in the order in which they came, and a
// few for reads. Both sides are bounded.
type queue struct {
	writes, reads chan task
	held          atomic.Pointer[task] // the next write, which was taken from writes too early
	spare         *task                // memory for held, the writer's: whoever takes held out of it has its memory
	stop          chan struct{}
	workers       sync.WaitGroup
	writing       atomic.Int64   // when the write or sync under way began; 0: none is
	reading       []atomic.Int64 // the same of each reader's read
}

// task is one operation. It holds its file open and counts as pending on the
// drive until it is finished.
type task struct {
	file *File
	p    []byte
	off  int64
	sync bool // behind the write of p, if there is one
	// through: past the page cache, if that can be
	through bool
	done    func(error) // of writes and syncs
	read    *read       // of reads
}

// read is what goes with a read: its caller may have left before it is over.
type read struct {
	ctx    context.Context
	hold   Hold
	result chan error  // has room for the result
	taken  atomic.Bool // by a reader, or by the caller that left before one came
}

func (q *queue) start(d *Drive, depth, readers int) {
	q.writes, q.reads = make(chan task, depth), make(chan task, depth)
	q.stop = make(chan struct{})
	q.workers.Go(q.write)
	q.reading = make([]atomic.Int64, readers)
	for i := range readers {
		q.workers.Go(func() { q.readAll(&q.reading[i]) })
	}
	q.workers.Go(func() { q.refuse(d) })
}

// Stuck says for how long the write or sync that the drive is at has been under
// way; 0 if it is at none. What waits behind it is not counted.
func (d *Drive) Stuck() time.Duration { return since(&d.queue.writing) }

// StuckReading is Stuck for reads: that of the oldest one that the drive is at.
func (d *Drive) StuckReading() (longest time.Duration) {
	for i := range d.queue.reading {
		longest = max(longest, since(&d.queue.reading[i]))
	}
	return longest
}

func since(began *atomic.Int64) time.Duration {
	at := began.Load()
	if at == 0 {
		return 0
	}
	return max(0, time.Since(time.Unix(0, at)))
}

// stopAndWait ends the workers. Nothing may be pending.
func (q *queue) stopAndWait() {
	close(q.stop)
	q.workers.Wait()
}

func (q *queue) write() {
	run := make([]task, 0, RunMax)
	for {
		if t := q.held.Swap(nil); t != nil {
			run = append(run, *t)
			q.spare, *t = t, task{}
		} else {
			select {
			case t := <-q.writes:
				run = append(run, t)
			case <-q.stop:
				return
			}
		}
		q.writing.Store(time.Now().UnixNano())
		run = q.gather(run)
		n, err := writeRun(run)
		q.writing.Store(0)
		for i := range run {
			if i < n {
				run[i].finish(nil)
			} else {
				run[i].finish(err)
			}
		}
		clear(run)
		run = run[:0]
	}
}

// gather adds to a write past the page cache what waits and follows on it. The
// first that does not is held back: where refuse finds it too.
func (q *queue) gather(run []task) []task {
	if !run[0].suits() || !run[0].file.hasDirect() {
		return run
	}
	for len(run) < RunMax {
		select {
		case t := <-q.writes:
			if !t.follows(&run[len(run)-1]) {
				held := q.spare
				if q.spare = nil; held == nil {
					held = new(task)
				}
				*held = t
				q.held.Store(held)
				return run
			}
			run = append(run, t)
		default:
			return run
		}
	}
	return run
}

// writeRun carries out one operation, or writes that follow on each other, and says
// how many of them are well done. The others ended with the error.
func writeRun(run []task) (done int, err error) {
	d, f := run[0].file.drive, run[0].file
	if err := d.Failed(); err != nil {
		return 0, err
	}
	if run[0].suits() {
		n, err := f.writeThrough(run)
		for done < len(run) && n >= len(run[done].p) {
			done, n = done+1, n-len(run[done].p)
		}
		if err != nil {
			return done, d.writeFailed("write", f.path, err)
		}
	}
	for ; done < len(run); done++ {
		if err := d.Failed(); err != nil { // meanwhile
			return done, err
		}
		if err := run[done].write(); err != nil {
			return done, err
		}
	}
	return done, nil
}

func (q *queue) readAll(began *atomic.Int64) {
	for {
		select {
		case t := <-q.reads:
			if t.read.taken.Swap(true) {
				continue // its caller has left and let everything go
			}
			began.Store(time.Now().UnixNano())
			err := t.readNow()
			began.Store(0)
			t.finish(err)
		case <-q.stop:
			return
		}
	}
}

// refuse empties the queue of writes once the drive has failed: the one worker
// may hang in the operation that failed it, and what waits behind it would never
// be answered.
func (q *queue) refuse(d *Drive) {
	select {
	case <-d.failed:
	case <-q.stop:
		return
	}
	for {
		if t := q.held.Swap(nil); t != nil {
			t.finish(d.Failed())
		}
		select {
		case t := <-q.writes:
			t.finish(d.Failed())
		case <-q.stop:
			return
		}
	}
}

// enqueueWrite waits for room in the queue, but not on a drive that has failed.
func (q *queue) enqueueWrite(t task) {
	select {
	case q.writes <- t:
	case <-t.file.drive.failed:
		t.finish(t.file.drive.Failed())
	}
}

// tryWrite queues a write if there is room, and says whether there was.
func (q *queue) tryWrite(t task) bool {
	select {
	case q.writes <- t:
		return true
	default:
		return false
	}
}

func (t *task) write() error {
	d, f := t.file.drive, t.file
	if len(t.p) > 0 || !t.sync {
		_, err := f.f.WriteAt(t.p, t.off)
		if err := d.writeFailed("write", f.path, err); err != nil || !t.sync {
			return err
		}
	}
	return d.syncFailed(f.path, f.f.SyncData())
}

// readNow reads, unless the caller has gone while the task waited.
func (t *task) readNow() error {
	if err := t.read.ctx.Err(); err != nil {
		return err
	}
	return t.file.readDirect(t.p, t.off)
}

// finish answers the caller. The file and the drive are let go before, so that
// who has the answer of a last operation may close them.
func (t *task) finish(err error) {
	t.file.end()
	if t.read == nil {
		t.done(err)
		return
	}
	if t.read.hold != nil {
		t.read.hold.Release()
	}
	t.read.result <- err
}
