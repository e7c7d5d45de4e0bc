package blockstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
	"github.com/holdfast-storage/holdfast/blockstore/yield"
)

// blockWriter writes blocks to a file in the order of their offsets. Blocks that
// touch go in one write. It remembers what it wrote, so that it can be read
// back.
type blockWriter struct {
	p     *Pool
	work  *yield.Work
	on    any // the disk, as Turn knows it
	d     *drive.Drive
	f     *drive.File
	owned bool // the file is closed with the writer
	// waited is told since when a write has been waited for.
	waited func(since time.Time)

	run     []byte // the blocks gathered, not yet queued
	at      int64  // where they go
	free    chan []byte
	results chan error
	pending int
	err     error

	blocks []writtenBlock
	bytes  int64 // since takeBytes
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
	w := &blockWriter{p: m.p, work: m.work, on: m.p.diskOf(d.ID()), waited: m.waited, d: d, f: f, owned: owned, free: make(chan []byte, writeRuns), results: make(chan error, writeRuns)}
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
	w.blocks = append(w.blocks, writtenBlock{off, int32(len(block)), xxhash.Sum64(block)})
	w.bytes += int64(len(block))
	return len(block)
}

// most is how many bytes go in one write.
func (w *blockWriter) most() int {
	if w.work.Free() {
		return mendChunkMax
	}
	return yield.Piece
}

// take waits for memory for a run: for a write before to end.
func (w *blockWriter) take() []byte {
	late := time.NewTimer(w.p.patience)
	defer late.Stop()
	for {
		select {
		case b := <-w.free:
			if b == nil {
				b = aligned(mendChunkMax)
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
	w.f.WriteThrough(run, off, func(err error) {
		turn.End()
		w.p.space.landed(id, int64(len(run)))
		w.results <- err
		w.free <- run
	})
}

// await waits for one write to end. It says no if none does.
func (w *blockWriter) await() bool {
	late := time.NewTimer(w.p.patience)
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

// finish makes what was written durable, and reads it back from the drive.
func (w *blockWriter) finish(ctx context.Context, pace func(context.Context, int) error) error {
	w.flush(ctx)
	for w.pending > 0 && w.await() {
	}
	if w.err != nil {
		return w.err
	}
	if len(w.blocks) == 0 {
		return nil
	}
	done := make(chan error, 1)
	turn, err := w.work.Turn(ctx, w.on)
	if err != nil {
		return err
	}
	w.f.Sync(func(err error) {
		turn.End()
		done <- err
	})
	late := time.NewTimer(w.p.patience)
	defer late.Stop()
	select {
	case err := <-done:
		if err != nil {
			return err
		}
	case <-late.C:
		return errHung
	}
	if err := w.d.Present(); err != nil { // open descriptors prove nothing (R13)
		return err
	}
	return w.readBack(ctx, pace)
}

// errReadBack: a drive took a write, said that it is durable, and has something
// else now.
var errReadBack = errors.New("what was written does not read back the same")

func (w *blockWriter) readBack(ctx context.Context, pace func(context.Context, int) error) error {
	if err := w.f.PastCache(); err != nil {
		return err
	}
	last := w.blocks[len(w.blocks)-1]
	var bytes int64
	r := &reader{p: w.p, work: w.work, on: w.on, f: w.f, chunk: mendChunkMax, end: last.off + int64(last.n), bytes: &bytes}
	defer r.wait()
	for _, b := range w.blocks {
		if err := r.load(ctx, b.off, int(b.n), pace); err != nil {
			return err
		}
		if xxhash.Sum64(r.get(b.off, int(b.n))) != b.sum {
			return fmt.Errorf("%s, segment %v, offset %d: %w", w.d.Dir(), w.f.Segment(), b.off, errReadBack)
		}
	}
	return nil
}

// takeBytes is what was written since it was asked last.
func (w *blockWriter) takeBytes() int64 {
	n := w.bytes
	w.bytes = 0
	return n
}

func (w *blockWriter) close() {
	if w.owned {
		w.f.Close()
	}
}
