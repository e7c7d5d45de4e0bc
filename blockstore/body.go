package blockstore

import "github.com/holdfast-storage/holdfast/blockstore/catalog"

// storedBody is a body that was taken in to its end: in memory, to go into the
// batch beside its record (inline), or in stripes that are durable. It counts
// for nothing until a record names it. It is the upload's until that is closed.
type storedBody struct {
	Finished
	size     int64
	checksum catalog.Checksum
	inline   [][]byte
	extents  []catalog.Extent
}

// store takes the body in. Finish is called when all of it was read, and may be nil.
func (u *upload) store(finish func() (Finished, error)) (b storedBody, err error) {
	if err := u.receive(); err != nil {
		return b, err
	}
	b.size = u.total
	if u.inline() {
		b.inline = u.inMemory()
		u.sumRest()
		u.sum.write(u.intake) // which stays there
		u.digest.pieces(b.inline)
	}
	b.checksum = u.sum.end()
	u.digest.end()
	if finish != nil {
		if b.Finished, err = finish(); err != nil {
			return b, err
		}
	}
	if u.inline() {
		return b, nil
	}
	if err := u.settle(); err != nil {
		return b, err
	}
	b.extents = u.extents()
	return b, nil
}

// body is what a record says of it. Where in the batch an inline one lies is said
// when that is laid out.
func (b *storedBody) body() catalog.Body { return catalog.Body{Extents: b.extents} }

// request is a change that carries the body, with about so many bytes of record beside it.
func (b *storedBody) request(recordBytes int64) *request {
	r := &request{}
	b.fill(r, recordBytes)
	return r
}

// fill makes r such a change.
func (b *storedBody) fill(r *request, recordBytes int64) {
	r.record = recordBytes + int64(extentBytes*len(b.extents))
	if b.extents == nil {
		r.body, r.size = b.inline, b.size
	}
}
