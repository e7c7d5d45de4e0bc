package blockstore

import (
	"cmp"
	"errors"
	"fmt"
	"math/bits"
	"slices"

	"github.com/holdfast-storage/holdfast/blockstore/catalog"
	"github.com/holdfast-storage/holdfast/blockstore/drive"
	"github.com/holdfast-storage/holdfast/erasure"
)

// batchGroup is the files of one segment that are at hand.
type batchGroup struct{ files []*walkedFile }

func (g *batchGroup) close() {
	for _, w := range g.files {
		_ = w.f.Close() // nothing was written
	}
	g.files = nil
}

// gatheredStripe is one stripe of a journal, of which some columns are at hand.
type gatheredStripe struct {
	head    drive.Header // of one of its blocks, without Sums
	table   uint64
	columns map[int]*walkedFile // by stored index
}

// gatheredBatch is the stripes of a batch by part, those of which something is
// at hand.
type gatheredBatch struct {
	first uint32
	parts map[int]*gatheredStripe
	any   *gatheredStripe
}

// batches shows the batches of a segment in the order of their stripes.
func (in *inspection) batches(g *batchGroup) error {
	for _, b := range g.gather() {
		if err := in.ctx.Err(); err != nil {
			return err
		}
		if err := in.batch(b); err != nil {
			return err
		}
	}
	return nil
}

func (g *batchGroup) gather() []*gatheredBatch {
	type stripeKey struct {
		no, d, length int
		offset        int64
		table         uint64
		batch         drive.Batch
	}
	type batchKey struct {
		first    uint32
		lsn, uid uint64
		parts    int
	}
	stripes := make(map[stripeKey]*gatheredStripe)
	batches := make(map[batchKey]*gatheredBatch)
	var list []*gatheredBatch
	for _, w := range g.files {
		for _, blk := range w.blocks {
			h := blk.head
			key := stripeKey{int(h.Stripe), h.D, h.Length, h.Offset, blk.table, h.Batch}
			st := stripes[key]
			if st == nil {
				st = &gatheredStripe{head: h, table: blk.table, columns: make(map[int]*walkedFile)}
				stripes[key] = st
				bk := batchKey{h.Stripe - uint32(h.Batch.Part), h.Batch.LSN, h.Batch.UID, h.Batch.Parts}
				b := batches[bk]
				if b == nil {
					b = &gatheredBatch{first: bk.first, parts: make(map[int]*gatheredStripe), any: st}
					batches[bk] = b
					list = append(list, b)
				}
				if old := b.parts[h.Batch.Part]; old == nil || len(old.columns) < old.head.D {
					b.parts[h.Batch.Part] = st
				}
			}
			st.columns[h.Stored()] = w
		}
	}
	slices.SortStableFunc(list, func(a, b *gatheredBatch) int { return cmp.Compare(a.first, b.first) })
	return list
}

// inspectRecordsMax bounds what is read of a batch's records.
const inspectRecordsMax = 64 << 20

var errColumns = errors.New("the columns at hand are too few")

// batch shows a batch and as many of its records as the columns at hand hold.
func (in *inspection) batch(b *gatheredBatch) error {
	h := b.any.head
	doc := InspectedBatch{
		Type: "batch", Segment: h.Segment.String(), LSN: h.Batch.LSN, UID: hexOf(h.Batch.UID), FirstStripe: b.first,
		Parts: h.Batch.Parts, DataColumns: h.D, ColumnBytes: h.Length, Copy: h.Copy,
	}
	var records []any
	head, err := b.data(batchHeaderBytes)
	if err == nil {
		length := int64(leUint32(head))
		doc.Records = int64(leUint32(head[4:]))
		var data []byte
		if length > inspectRecordsMax {
			err = fmt.Errorf("%w: %d bytes of records", errBatch, length)
		} else {
			data, err = b.data(batchHeaderBytes + int(length))
		}
		if len(data) > batchHeaderBytes {
			bad := catalog.DecodeRecords(data[batchHeaderBytes:], func(r catalog.Record) error {
				doc.Shown++
				records = append(records, describe(h.Batch.LSN, doc.Shown-1, r)...)
				return nil
			})
			if err == nil {
				err = bad
			}
		}
	}
	if err != nil {
		doc.Error = err.Error()
	}
	if err := in.see(doc); err != nil {
		return err
	}
	for _, r := range records {
		if err := in.see(r); err != nil {
			return err
		}
	}
	return nil
}

func leUint32(b []byte) uint32 {
	return uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
}

// describe gives a record, and behind a restate the entries that it carries.
func describe(lsn uint64, index int, r catalog.Record) []any {
	docs := []any{InspectedRecord{"record", lsn, index, sequence(lsn, index), r.Type().String(), catalog.DescribeRecord(r)}}
	restate, ok := r.(*catalog.Restate)
	if !ok {
		return docs
	}
	for _, e := range restate.Entries {
		doc := InspectedEntry{Type: "entry"}
		var err error
		if doc.Kind, doc.Fields, err = catalog.DescribeEntry(e); err != nil {
			doc.Error, doc.Key = err.Error(), fmt.Sprintf("%x", e.Key)
		}
		docs = append(docs, doc)
	}
	return docs
}

// data reads the first n bytes of a batch's data. With an error there may be
// fewer: those before the first column that is not at hand.
func (b *gatheredBatch) data(n int) ([]byte, error) {
	var data []byte
	for part := 0; len(data) < n && part < b.any.head.Batch.Parts; part++ {
		st := b.parts[part]
		if st == nil {
			return data, fmt.Errorf("%w: none of part %d is here", errColumns, part)
		}
		more, err := st.data(n - len(data))
		data = append(data, more...)
		if err != nil {
			return data, fmt.Errorf("part %d: %w", part, err)
		}
	}
	if len(data) < n {
		return data, fmt.Errorf("%w: %d bytes of header and records in %d of data", errBatch, n, len(data))
	}
	return data[:n], nil
}

// data reads the first n bytes of the stripe's data, or all there is.
func (st *gatheredStripe) data(n int) ([]byte, error) {
	d := st.head.D
	need := min(d, (n+st.head.Length-1)/st.head.Length)
	have := 0
	for have < need && st.columns[have] != nil {
		have++
	}
	cols := make([][]byte, d+st.head.M)
	var mask uint64
	read := func(i int) error {
		col, err := st.column(i)
		if err == nil {
			cols[i] = col
			mask |= 1 << i
		}
		return err
	}
	if have < need && len(st.columns) >= d {
		for i := range st.columns {
			if bits.OnesCount64(mask) < d {
				if err := read(i); err != nil {
					return nil, err
				}
			}
		}
		code, err := erasure.New(st.head.K, st.head.M)
		if err != nil {
			return nil, err
		}
		want := (uint64(1)<<d - 1) &^ mask
		for i := range d {
			if want&(1<<i) != 0 {
				cols[i] = make([]byte, st.head.Length)
			}
		}
		if err := code.Reconstruct(d, cols, mask, want); err != nil {
			return nil, err
		}
		have = need
	} else {
		for i := range have {
			if err := read(i); err != nil {
				return nil, err
			}
		}
	}
	data := slices.Concat(cols[:have]...)
	if have < need {
		return data, fmt.Errorf("%w: %d of %d are here, and column %d is not among them", errColumns, len(st.columns), d, have)
	}
	return data, nil
}

// column reads a column that was found good.
func (st *gatheredStripe) column(stored int) ([]byte, error) {
	b := make([]byte, st.head.Length)
	p := pageReader{r: st.columns[stored].f}
	return b, p.read(b, st.head.Offset+int64(st.head.PayloadStart()))
}
