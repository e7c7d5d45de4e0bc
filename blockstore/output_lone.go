package blockstore

import (
	"github.com/google/uuid"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// writeLone queues the blocks of the only stripe of an output, and syncs behind
// them: one operation for each file, which the committer puts into the drive's queue
// and which the drive's own writer answers. So a small commit goes from goroutine to
// goroutine twice, not four times. A file that is not open, or whose drive has no room
// in its queue, gets a goroutine of its own, so that it holds up nobody else (R13).
//
// The writer looks for the drive's label before it answers. A drive that hangs in that is
// given up on as one that hangs in a sync is, by wait.
func (o *output) writeLone(st *stripe) {
	for i := range st.columns() {
		o.used |= 1 << st.file(i)
	}
	for i := range st.columns() {
		o.writeSync(st.file(i), st.bufs[i], st.block(i), st.offset)
	}
}

// writeSync queues one block. Its buffer is held until it is written and synced.
func (o *output) writeSync(file int, buf *buffer, block []byte, off int64) {
	id, d, f := o.open(file)
	o.p.space.take(id, int64(len(block)))
	buf.Hold()
	answer := func(d *drive.Drive, err error) {
		o.p.space.landed(id, int64(len(block)))
		buf.Release()
		if drive.IsNoSpace(err) {
			o.full(id, file)
		}
		o.results <- ioResult{id, o.p.proven(id, d, err)}
	}
	if f != nil && f.TryWriteSync(block, off, func(err error) { answer(d, err) }) {
		return
	}
	o.p.wg.Go(func() {
		d := o.p.members.now().drives[id]
		f, err := o.p.file(o.p.ctx, o.seg, file, false)
		if err != nil {
			answer(d, err)
			return
		}
		f.WriteSync(block, off, func(err error) { answer(d, err) })
	})
}

// open gives a file that is open on a drive that takes part; nil if it is not.
func (o *output) open(file int) (uuid.UUID, *drive.Drive, *drive.File) {
	v := o.p.members.now()
	o.seg.mu.Lock()
	id, f := o.seg.drives[file], o.seg.files[file]
	o.seg.mu.Unlock()
	d := v.drives[id]
	if f == nil || d == nil || v.why[id] != nil {
		return id, nil, nil
	}
	o.p.files.used(o.seg)
	return id, d, f
}
