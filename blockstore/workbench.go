package blockstore

import "github.com/holdfast-storage/holdfast/blockstore/catalog"

// workbench is what the committer makes batches in, one after the other, so that a
// batch costs no memory for each of its changes. It refers to nothing of a batch that
// is over.
//
// Invariant: the text of a batch's records is used again only when the batch was
// applied, and what it changes was computed once (ahead.once): then nobody reads it
// any more. Else it is left to who may.
type workbench struct {
	p       *Pool
	dec     *decision
	enc     catalog.Encoder
	results []outcome
	records []catalog.Record
	sizes   []int64 // of bodies
	bodyOf  []int   // the records' requests, -1 where there is no body
	bodies  []placedBody
	encoded []byte // the records, as text
}

// workbenchMax is how many changes it keeps memory for, and workbenchText how much text, in bytes.
const (
	workbenchMax  = 1 << 10
	workbenchText = 1 << 20
)

// outcomes are n of them, all good.
func (w *workbench) outcomes(n int) []outcome {
	if cap(w.results) < n {
		w.results = make([]outcome, n, max(n, 32))
	}
	w.results = w.results[:n]
	clear(w.results)
	return w.results
}

// text is room for about n bytes of records, which are the caller's.
func (w *workbench) text(n int) []byte {
	text := w.encoded
	if w.encoded = nil; cap(text) < n {
		text = make([]byte, 0, n)
	}
	return text
}

// clear lets go of the batch.
func (w *workbench) clear() {
	if len(w.results) > workbenchMax {
		*w = workbench{p: w.p, dec: newDecision(w.p), encoded: w.encoded}
	}
	w.dec.begin(0)
	if cap(w.encoded) > workbenchText {
		w.encoded = nil
	}
	clear(w.records)
	clear(w.bodies)
}
