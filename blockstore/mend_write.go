package blockstore

import (
	"context"
	"time"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
	"github.com/holdfast-storage/holdfast/blockstore/yield"
)

// blockWriter writes blocks to a file in the order of their offsets. Blocks that
// touch go in one write. It remembers what it wrote, and reads it back: of a long file
// part by part, while the next one is written.
type blockWriter struct {
	p     *Pool
	work  *yield.Work
	on    any // the disk, as Turn knows it
	room  *mendRoom
	turns bool // one read of the file is under way at a time when it is read back
	d     *drive.Drive
	f     *drive.File
	owned bool // the file is closed with the writer
	// waited is told since when a write has been waited for.
	waited func(since time.Time)
	pace   func(context.Context, int) error

	run     []byte // the blocks gathered, not yet queued
	at      int64  // where they go
	free    chan []byte
	results chan error
	pending int
	err     error

	blocks   []writtenBlock // that are not in the hands of a check
	bytes    int64          // since takeBytes
	unproved int64          // bytes of blocks
	check    chan checked   // of what was written before, under way; nil: none is
}

// writtenBlock is where a block was written, and what it must read as.
type writtenBlock struct {
	off int64
	n   int32
	sum uint64
}

// writeRuns is how many runs of blocks may be on their way to one file.
const writeRuns = 2

func (m *mender) newBlockWriter(d *drive.Drive, f *drive.File, owned bool) *blockWriter {
	disk := m.p.diskOf(d.ID())
	w := &blockWriter{
		p: m.p, work: m.work, on: disk, room: m.room, turns: m.p.sharesDisk(disk), waited: m.waited, pace: m.pace, d: d, f: f, owned: owned,
		free: make(chan []byte, writeRuns), results: make(chan error, writeRuns),
	}
	for range writeRuns {
		w.free <- nil
	}
	return w
}

// put takes a block, which is copied. It returns how many bytes that are.
func (w *blockWriter) put(ctx context.Context, off int64, block []byte) int {
	if w.err != nil {
		return 0
	}
	if len(w.run) > 0 && (off != w.at+int64(len(w.run)) || len(w.run)+len(block) > w.most()) {
		w.flush(ctx)
	}
	if len(w.run) == 0 {
		w.at = off
	}
	if w.run == nil {
		began := time.Now()
		w.run = w.take()
		if w.waited(began); w.run == nil {
			return 0
		}
	}
	w.run = append(w.run, block...)
	w.blocks = append(w.blocks, writtenBlock{off, int32(len(block)), sumOf(block)})
	w.bytes += int64(len(block))
	w.unproved += int64(len(block))
	return len(block)
}

// most is how many bytes go in one write.
func (w *blockWriter) most() int {
	if w.work.Free() {
		return w.room.unit
	}
	return yield.Piece
}

// take waits for memory for a run: for a write before to end.
func (w *blockWriter) take() []byte {
	late := countDown(w.p.patience, nil)
	defer late.Stop()
	for {
		select {
		case b := <-w.free:
			if b == nil {
				b = w.room.take()
			}
			return b[:0]
		case err := <-w.results:
			w.note(err)
		case <-late.C:
			w.err = errHung
			return nil
		}
	}
}

// flush queues what was gathered.
func (w *blockWriter) flush(ctx context.Context) {
	if len(w.run) == 0 || w.err != nil {
		return
	}
	defer w.waited(time.Now())
	for w.pending == writeRuns {
		if !w.await() {
			return
		}
	}
	turn, err := w.work.Turn(ctx, w.on)
	if err != nil {
		w.err = err
		return
	}
	run, off, id := w.run, w.at, w.d.ID()
	w.run = nil
	w.pending++
	w.p.space.take(id, int64(len(run)))
	// Not through the page cache: else the sync would move it all at once, with
	// clients' syncs behind it.
	w.room.Hold()
	w.f.WriteThrough(run, off, func(err error) {
		turn.End()
		w.p.space.landed(id, int64(len(run)))
		w.results <- err
		w.free <- run
		w.room.Release()
	})
	if w.due() {
		w.prove(ctx)
	}
}

// await waits for one write to end. It says no if none does.
func (w *blockWriter) await() bool {
	late := countDown(w.p.patience, nil)
	defer late.Stop()
	select {
	case err := <-w.results:
		w.note(err)
		return true
	case <-late.C:
		w.err = errHung
		return false
	}
}

func (w *blockWriter) note(err error) {
	w.pending--
	if w.err == nil {
		w.err = err
	}
}

// takeBytes is what was written since it was asked last.
func (w *blockWriter) takeBytes() int64 {
	n := w.bytes
	w.bytes = 0
	return n
}

func (w *blockWriter) close() {
	if w.check != nil {
		<-w.check
	}
	if w.owned {
		w.f.Close()
	}
}
