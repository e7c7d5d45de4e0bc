package blockstore

// digester gives a body's bytes to a client's Digest, in their order: of a body in
// stripes on a goroutine of its own, a stripe behind the one that is being filled,
// so that what a client hashes by costs time beside reading and encoding, not on top.
//
// It holds the columns of one stripe at a time, and who brings it the next one
// waits until it has let go of that. So an upload has at most one stripe more in
// memory than without it. It waits for nothing but its upload: no memory, no drive,
// no client; within Digest at most for what other uploads have computed there. So
// what it holds always comes back, and an upload that waits for memory, and itself
// holds none, may leave a stripe with it (R21).
type digester struct {
	digest  func([]byte) // nil: nobody wants it
	stripes chan digestible
	ended   chan struct{}

	// Where the lists of columns lie, in turn: when one is taken over, the one before it
	// is done with.
	lists *[2][maxColumns]*buffer
	turn  int
}

// digestible is bytes that lie in columns, each filled to length but the last.
type digestible struct {
	cols   []*buffer
	length int
	bytes  int64
}

// take gives it a stripe, or part of one. The columns' payload must stay as it is
// until they are let go of, or until settle returns.
func (d *digester) take(cols []*buffer, length int, bytes int64) {
	if d.digest == nil {
		return
	}
	if d.stripes == nil {
		d.stripes, d.ended = make(chan digestible), make(chan struct{})
		go d.run()
	}
	s := digestible{cols: append(d.lists[d.turn][:0], cols...), length: length, bytes: bytes}
	d.turn = 1 - d.turn
	for _, c := range s.cols {
		c.Hold()
	}
	d.stripes <- s
}

func (d *digester) run() {
	defer close(d.ended)
	for s := range d.stripes {
		for _, c := range s.cols {
			n := min(s.bytes, int64(s.length))
			d.digest(c.payload()[:n])
			s.bytes -= n
			c.Release()
		}
	}
}

// settle waits until all that was taken is digested.
func (d *digester) settle() {
	if d.stripes != nil {
		d.stripes <- digestible{} // which is taken when the one before it is done
	}
}

// end waits for the goroutine, if there is one. Nothing is taken afterwards.
func (d *digester) end() {
	if d.stripes != nil {
		close(d.stripes)
		<-d.ended
		d.stripes, d.digest = nil, nil
	}
}

// pieces digests what came in memory, all of the body.
func (d *digester) pieces(list [][]byte) {
	if d.digest == nil {
		return
	}
	for _, b := range list {
		d.digest(b)
	}
}
