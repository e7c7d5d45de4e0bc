package blockstore

import (
	"github.com/google/uuid"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// fileWork is what an output has a feeder do with its file: write a block, or sync.
//
// Its memory is used again, so that a large body costs none for each of its blocks.
// Invariant: it goes back once, by who lets go of it last: the drive's writer when the
// operation is over, however late that is, or, where it never came to the drive, the
// feeder or send. So what a drive that hangs is at stays with the drive, also when the
// upload that it came from has ended long ago. Nobody else touches it once it was sent.
type fileWork struct {
	o     *output
	file  int
	id    uuid.UUID  // the file's drive
	buf   *buffer    // held until the answer; nil: a sync
	block []byte     // to be written
	off   int64      // and where
	done  chan error // the feeder's, which gets the outcome

	answer func(error) // answered, made once
}

// work is a piece of work for a file.
func (o *output) work(file int) *fileWork {
	w, _ := o.p.fileWorks.Get().(*fileWork)
	if w == nil {
		w = &fileWork{}
		w.answer = w.answered
	}
	w.o, w.file = o, file
	return w
}

// writing is the work of writing a block, whose buffer is held from here on.
func (o *output) writing(file int, id uuid.UUID, buf *buffer, block []byte, off int64) *fileWork {
	w := o.work(file)
	w.id, w.buf, w.block, w.off = id, buf, block, off
	o.p.space.take(id, int64(len(block)))
	buf.Hold()
	return w
}

// begin hands it to the file's drive. done gets the outcome, and has room for it.
func (w *fileWork) begin(f *drive.File, done chan error) {
	w.done = done
	switch {
	case w.buf == nil:
		f.Sync(w.answer)
	case w.o.seg.kind == drive.Bulk:
		f.WriteThrough(w.block, w.off, w.answer)
	default:
		f.WriteAt(w.block, w.off, w.answer)
	}
}

// answered is told what became of it.
func (w *fileWork) answered(err error) {
	if w.buf != nil && drive.IsNoSpace(err) {
		w.o.full(w.id, w.file)
	}
	done := w.done
	w.drop()
	done <- err
}

// drop gives back what it holds, and itself. The drive does not have it, or is done with it.
func (w *fileWork) drop() {
	if w.buf != nil {
		w.o.p.space.landed(w.id, int64(len(w.block)))
		w.buf.Release()
	}
	p := w.o.p
	*w = fileWork{answer: w.answer}
	p.fileWorks.Put(w)
}
