package blockstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// A batch's data, which its stripes hold one after another:
//
//	0  4  length of the records, R bytes
//	4  4  number of records
//	8  R  records
//	…     bodies of small objects, each where its record says (from 0)
//
// A body of at most wholeBytes lies within one column, so that reading it
// takes one drive.
const (
	batchHeaderBytes = 8
	wholeBytes       = 16 << 10
	batchRecordsMax  = math.MaxUint16 // a version has 16 bits for the record's number
)

var errBatch = errors.New("batch does not decode")

// batch is a batch in memory, before it has a place.
type batch struct {
	lsn, uid uint64
	records  []byte
	count    int
	bodies   []placedBody
	raw      []byte // instead of records and bodies: the data as read back
	size     int64  // bytes of data in all
	d        int    // data columns, as laid out
	length   int    // payload bytes per column
	copy     bool
	ahead    *ahead // nil: it is not applied by who writes it
}

type placedBody struct {
	at     int64 // in the batch's data
	pieces [][]byte
}

// layout is how a batch is spread over columns.
type layout struct {
	d, length int
	at        []int64 // of each body
	size      int64
}

// layOut chooses the layout that stores the fewest bytes; among equals the one
// with the fewest columns, since each is one more file to sync. A lone object of
// 4 KiB goes into one column of two pages: a page each for two columns would be
// fewer bytes, and a file more to sync, and one more to read ever after.
func layOut(recordBytes int, bodies []int64, k, m int) layout {
	var best layout
	var bestBytes int64
	for d := 1; d <= k; d++ {
		l := layOutOver(recordBytes, bodies, d)
		if l.length > drive.MaxColumnBytes {
			l.length = drive.MaxColumnBytes
			l.size = l.place(recordBytes, bodies, nil)
		}
		stripes := (l.size + int64(d*l.length) - 1) / int64(d*l.length)
		bytes := stripes * int64(d+m) * drive.BlockBytes(drive.Journal, d, m, l.length)
		if best.d == 0 || bytes < bestBytes {
			best, bestBytes = l, bytes
		}
		if l.size <= pageBytes/2 {
			break // one block: more columns only cost more
		}
	}
	best.at = make([]int64, len(bodies))
	best.place(recordBytes, bodies, best.at)
	return best
}

// layOutOver finds the shortest columns with which everything fits into d, and
// none that is to lie whole is longer than a column.
func layOutOver(recordBytes int, bodies []int64, d int) layout {
	total, whole := int64(batchHeaderBytes+recordBytes), int64(0)
	for _, n := range bodies {
		total += n
		if n <= wholeBytes {
			whole = max(whole, n)
		}
	}
	length := int(max((total+int64(d)-1)/int64(d), whole))
	for {
		l := layout{d: d, length: length}
		l.size = l.place(recordBytes, bodies, nil)
		over := l.size - int64(d*length)
		if over <= 0 || length >= drive.MaxColumnBytes {
			return l
		}
		length += int((over + int64(d) - 1) / int64(d))
	}
}

// place puts the bodies one after another into columns of the layout's length, and says
// how long the data gets. Where each begins is noted in at, unless that is nil.
func (l layout) place(recordBytes int, bodies []int64, at []int64) (size int64) {
	next := int64(batchHeaderBytes + recordBytes)
	for i, n := range bodies {
		if n <= wholeBytes && n <= int64(l.length) {
			if room := int64(l.length) - next%int64(l.length); n > room {
				next += room
			}
		}
		if at != nil {
			at[i] = next
		}
		next += n
	}
	return next
}

// copyTo fills cols (the payloads of a part's data columns, b.length bytes
// each) with the batch's data from the offset from on.
func (b *batch) copyTo(cols [][]byte, from int64) {
	for _, c := range cols {
		clear(c)
	}
	var head [batchHeaderBytes]byte
	binary.LittleEndian.PutUint32(head[0:], uint32(len(b.records)))
	binary.LittleEndian.PutUint32(head[4:], uint32(b.count))
	put := func(at int64, src []byte) {
		at -= from
		for len(src) > 0 {
			if at < 0 {
				skip := min(int64(len(src)), -at)
				src, at = src[skip:], at+skip
				continue
			}
			c := int(at / int64(b.length))
			if c >= len(cols) {
				return
			}
			n := copy(cols[c][at%int64(b.length):], src)
			src, at = src[n:], at+int64(n)
		}
	}
	if b.raw != nil {
		put(0, b.raw)
		return
	}
	put(0, head[:])
	put(batchHeaderBytes, b.records)
	for _, body := range b.bodies {
		at := body.at
		for _, piece := range body.pieces {
			put(at, piece)
			at += int64(len(piece))
		}
	}
}

// batchRecords finds the records in a batch's data.
func batchRecords(data []byte) ([]byte, error) {
	if len(data) < batchHeaderBytes {
		return nil, fmt.Errorf("%w: %d bytes are too few", errBatch, len(data))
	}
	n := binary.LittleEndian.Uint32(data)
	if int64(n) > int64(len(data)-batchHeaderBytes) {
		return nil, fmt.Errorf("%w: %d bytes of records in %d bytes of data", errBatch, n, len(data))
	}
	return data[batchHeaderBytes : batchHeaderBytes+int(n)], nil
}

// batchRecordsEnd is where the records in a batch's data end, by its first bytes.
func batchRecordsEnd(data []byte) int64 {
	if len(data) < batchHeaderBytes {
		return batchHeaderBytes
	}
	return batchHeaderBytes + int64(binary.LittleEndian.Uint32(data))
}
