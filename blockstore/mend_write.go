package blockstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// blockWriter writes blocks to a file in the order of their offsets. Blocks that
// touch go in one write. It remembers what it wrote, so that it can be read
// back.
type blockWriter struct {
	p     *Pool
	d     *drive.Drive
	f     *drive.File
	owned bool // the file is closed with the writer

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

func (p *Pool) newBlockWriter(d *drive.Drive, f *drive.File, owned bool) *blockWriter {
	w := &blockWriter{p: p, d: d, f: f, owned: owned, free: make(chan []byte, writeRuns), results: make(chan error, writeRuns)}
	for range writeRuns {
		w.free <- nil
	}
	return w
}

// put takes a block, which is copied. It returns how many bytes that are.
func (w *blockWriter) put(off int64, block []byte) int {
	if w.err != nil {
		return 0
	}
	if len(w.run) > 0 && (off != w.at+int64(len(w.run)) || len(w.run)+len(block) > mendChunkMax) {
		w.flush()
	}
	if len(w.run) == 0 {
		w.at = off
	}
	if w.run == nil {
		if w.run = w.take(); w.run == nil {
			return 0
		}
	}
	w.run = append(w.run, block...)
	w.blocks = append(w.blocks, writtenBlock{off, int32(len(block)), xxhash.Sum64(block)})
	w.bytes += int64(len(block))
	return len(block)
}

// take waits for memory for a run: for a write before to end.
func (w *blockWriter) take() []byte {
	late := time.NewTimer(w.p.patience)
	defer late.Stop()
	for {
		select {
		case b := <-w.free:
			if b == nil {
				b = make([]byte, 0, mendChunkMax)
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
func (w *blockWriter) flush() {
	if len(w.run) == 0 || w.err != nil {
		return
	}
	for w.pending == writeRuns {
		if !w.await() {
			return
		}
	}
	run, off, id := w.run, w.at, w.d.ID()
	w.run = nil
	w.pending++
	w.p.space.take(id, int64(len(run)))
	w.f.WriteAt(run, off, func(err error) {
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
	w.flush()
	for w.pending > 0 && w.await() {
	}
	if w.err != nil {
		return w.err
	}
	if len(w.blocks) == 0 {
		return nil
	}
	done := make(chan error, 1)
	w.f.Sync(func(err error) { done <- err })
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
	if err := w.f.Uncached(); err != nil {
		return err
	}
	last := w.blocks[len(w.blocks)-1]
	var bytes int64
	r := &reader{p: w.p, f: w.f, chunk: mendChunkMin, end: last.off + int64(last.n), bytes: &bytes}
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
