package catalog

import (
	"bytes"
	"fmt"
	"math"
	"slices"
)

// decodedBatch is a batch whose records were decoded, once for all replicas.
type decodedBatch struct {
	lsn, uid uint64
	records  []Record
	place    Place
	alive    uint64 // a bucket that is known to be there before the batch; 0: none
	apart    bool   // no record reads an entry that another one changes
}

// decodeBatch refuses what no replica could apply, before any of them meets it.
func decodeBatch(b Batch) (decodedBatch, error) { return new(decoding).batch(b) }

// decoding is the memory that batches are decoded in, one after the other.
//
// Invariant: that of a batch is used again only when everybody who computed with it
// has answered (end). Who was left behind in a drive that hangs keeps it.
type decoding struct {
	records []Record
	puts    []*Put // what most records are: the first used are in records
	used    int
	coder   coder
	text    []byte // of the extents of one record after the other
	one     [1]Extent
}

// decodingMax is how many records' memory is kept for the next batch.
const decodingMax = 1 << 10

// batch is decodeBatch in that memory, which is the batch's until end.
func (m *decoding) batch(b Batch) (decodedBatch, error) {
	d := decodedBatch{lsn: b.LSN, uid: b.UID, place: b.Place}
	if b.LSN == 0 || b.LSN > math.MaxUint64>>16 {
		return d, fmt.Errorf("%w: batch of LSN %d", ErrRecord, b.LSN)
	}
	m.records, m.used = m.records[:0], 0
	err := decodeRecords(b.Records, m.empty, func(r Record) (err error) {
		m.records = append(m.records, r)
		var body *Body
		switch r := r.(type) {
		case *Put:
			body = &r.Body
		case *PartPut:
			body = &r.Body
		case *Setting:
			r.Value = bytes.Clone(r.Value) // the text may be used again before who is left behind has read it
			return nil
		default:
			return nil
		}
		ext := body.resolveIn(m.one[:0], b.Place)
		m.text, err = m.coder.encode(m.text[:0], func(c *coder) { extents(c, 1, &ext) })
		return err
	})
	if err != nil {
		return d, fmt.Errorf("batch %d: %w", b.LSN, err)
	}
	d.records = m.records
	return d, nil
}

// empty is newRecord.
func (m *decoding) empty(t Type) Record {
	if t != TypePut {
		return newRecord(t)
	}
	if m.used == len(m.puts) {
		m.puts = append(m.puts, new(Put))
	}
	r := m.puts[m.used]
	*r = Put{}
	m.used++
	return r
}

// end says that the batch was computed with. left: somebody may still do so.
func (m *decoding) end(left bool) {
	if left || len(m.records) > decodingMax {
		*m = decoding{}
	}
}

// apart says whether the records neither read nor change an entry that another one changes,
// but for the counts, which are kept beside them: as those that store or delete different
// objects, which is what most batches do. objects are the hashes of what they change, one
// of each, and are put into order; that two objects have one hash errs on the side of no.
func apart(records []Record, objects []uint64) bool {
	for _, r := range records {
		switch r.(type) {
		case *Put, *Delete:
		default:
			return false
		}
	}
	slices.Sort(objects)
	for i := 1; i < len(objects); i++ {
		if objects[i-1] == objects[i] {
			return false
		}
	}
	return true
}
