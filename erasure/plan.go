package erasure

import (
	"crypto/subtle"
	"sync"

	"github.com/klauspost/reedsolomon"
)

const (
	// chunkBytes is how much of each column is worked on at a time, so that the
	// sums stay in the first-level cache. Measured from 1 to 16 KiB.
	chunkBytes = 8 << 10
	// cachedPlans bounds the plans kept for reconstruction. Two drives of twelve
	// missing make 66 pairs of columns; a plan takes well under one KiB.
	cachedPlans = 512
)

// plan computes some columns of a stripe from others: the product of a matrix
// with the source columns. Both are named by stored index, ascending. A plan is
// never changed once it is made.
type plan struct {
	sources, targets []int
	rows             [][]byte   // by target, then by source
	affine           [][]uint64 // the same, for products
}

func (f *field) newPlan(used, want uint64, rows [][]byte) *plan {
	p := &plan{sources: indexes(used), targets: indexes(want), rows: rows, affine: make([][]uint64, len(rows))}
	for t, row := range rows {
		for _, factor := range row {
			p.affine[t] = append(p.affine[t], f.affineOf(factor))
		}
	}
	return p
}

// run computes bytes [from,to) of the targets from the same bytes of the
// sources. s.outputs takes them, one slice of to-from bytes per target.
func (p *plan) run(s *scratch, stored [][]byte, from, to int) {
	in, outputs := s.inputs[:len(p.sources)], s.outputs[:len(p.targets)]
	for i, source := range p.sources {
		in[i] = stored[source][from:to]
	}
	done := 0
	for t, out := range outputs {
		done = products(out, in, p.affine[t])
	}
	if done < to-from {
		p.each(in, outputs, done)
	}
}

// each computes the targets from byte done on, with the kernels for one column.
func (p *plan) each(sources, outputs [][]byte, done int) {
	var kernel reedsolomon.LowLevel
	for s, source := range sources {
		in := source[done:]
		for t, out := range outputs {
			out = out[done:]
			switch factor := p.rows[t][s]; {
			case s == 0:
				kernel.GalMulSlice(factor, in, out)
			case factor == 1:
				subtle.XORBytes(out, out, in)
			case factor != 0:
				kernel.GalMulSliceXor(factor, in, out)
			}
		}
	}
}

// write computes the targets whole into their own columns.
func (p *plan) write(s *scratch, stored [][]byte, size int) {
	for from := 0; from < size; from += chunkBytes {
		to := min(from+chunkBytes, size)
		for t, target := range p.targets {
			s.outputs[t] = stored[target][from:to]
		}
		p.run(s, stored, from, to)
	}
}

// inPlace says whether a target is one of the sources.
func (p *plan) inPlace(stored [][]byte) bool {
	for _, target := range p.targets {
		for _, source := range p.sources {
			if &stored[target][0] == &stored[source][0] {
				return true
			}
		}
	}
	return false
}

// replace is write of targets that are sources too: what is computed is laid aside
// until the sources were read.
func (p *plan) replace(s *scratch, stored [][]byte, size int) {
	for from := 0; from < size; from += chunkBytes {
		to := min(from+chunkBytes, size)
		s.aside(len(p.targets), to-from)
		p.run(s, stored, from, to)
		for t, target := range p.targets {
			copy(stored[target][from:to], s.outputs[t])
		}
	}
}

// scratch is what one operation needs beside the caller's columns.
type scratch struct {
	stored  [maxData + maxParity][]byte // the columns by stored index
	inputs  [maxData][]byte             // what a run reads
	outputs [maxParity][]byte           // where it writes
	apart   []byte                      // outputs that are no columns; nil before the first
}

// aside has n outputs of size bytes, a chunk at most, be memory of the scratch.
func (s *scratch) aside(n, size int) {
	if s.apart == nil { // encoding does not need it, and what is pooled comes and goes
		s.apart = make([]byte, maxParity*chunkBytes)
	}
	for i := range n {
		s.outputs[i] = s.apart[i*chunkBytes:][:size]
	}
}

// store lists data and parity by stored index.
func (s *scratch) store(data, parity [][]byte) [][]byte {
	n := copy(s.stored[:], data)
	n += copy(s.stored[n:], parity)
	return s.stored[:n]
}

// release forgets the caller's columns, so that a pooled scratch keeps none alive.
func (s *scratch) release() {
	clear(s.stored[:])
	clear(s.inputs[:])
	clear(s.outputs[:])
}

// planKey names a plan of reconstruction. used has exactly d bits.
type planKey struct {
	d          int
	used, want uint64
}

// planCache keeps the last cachedPlans plans made; the oldest goes first.
type planCache struct {
	mu    sync.RWMutex
	plans map[planKey]*plan
	order []planKey // a ring once it is full
	next  int
}

func (c *planCache) get(key planKey) *plan {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.plans[key]
}

func (c *planCache) put(key planKey, p *plan) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.plans[key]; ok {
		return // made by two at once
	}
	if len(c.order) < cachedPlans {
		c.order = append(c.order, key)
	} else {
		delete(c.plans, c.order[c.next])
		c.order[c.next] = key
		c.next = (c.next + 1) % cachedPlans
	}
	c.plans[key] = p
}
