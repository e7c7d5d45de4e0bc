package s3

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"sync/atomic"

	"github.com/holdfast-storage/holdfast/bench"
)

// keyDigits is how many digits the number in a key has.
const (
	keyDigits = 9
	mostKeys  = 1_000_000_000
)

// objects are what a load and those that share it have on a server.
type objects struct {
	source *source
	root   []byte // /<bucket>
	base   []byte // /<bucket>/<prefix>/<size>/
	prefix string // <prefix>/<size>/ as queries have it
	size   int64
	keys   int64        // at most
	stored atomic.Int64 // those below have been put by Prepare and are there, but for what DELETE takes
	puts   atomic.Int64 // tickets of PUTs that were drawn
	begun  atomic.Int64 // Prepare has begun to put those below
	gone   int64        // those below have been deleted
	made   atomic.Bool  // the bucket is the load's own
	sums   []atomic.Pointer[[]sum]
}

func newObjects(l Load) *objects {
	size := strconv.FormatInt(l.Size, 10)
	o := &objects{
		source: newSource(), root: []byte("/" + l.Bucket), base: []byte("/" + l.Bucket + "/" + l.Prefix + "/" + size + "/"),
		prefix: l.Prefix + "/" + size + "/", size: l.Size, keys: l.Keys,
	}
	if l.There {
		o.stored.Store(o.keys)
		o.puts.Store(o.keys)
	}
	if l.Payload != Unsigned {
		o.sums = make([]atomic.Pointer[[]sum], o.keys)
	}
	return o
}

// appendKey appends the path of object n.
func (o *objects) appendKey(dst []byte, n int64) []byte {
	return appendNumber(append(dst, o.base...), n)
}

func appendNumber(dst []byte, n int64) []byte {
	begin := len(dst)
	for range keyDigits {
		dst = append(dst, '0')
	}
	for i := len(dst) - 1; i >= begin; i-- {
		dst[i] = byte('0' + n%10)
		n /= 10
	}
	return dst
}

// next is the number of the object that a PUT writes: new ones up to the bound, then the oldest again.
func (o *objects) next() int64 { return (o.puts.Add(1) - 1) % o.keys }

// top is how many objects there may be.
func (o *objects) top() int64 { return min(o.keys, max(o.begun.Load(), o.puts.Load())) }

// hashes of object n's body, in pieces of that many bytes, and of nothing if it has none. They are kept.
func (o *objects) hashes(n, piece int64) []sum {
	if kept := o.sums[n].Load(); kept != nil {
		return *kept
	}
	sums := make([]sum, 0, 1+o.size/max(1, piece))
	hash := sha256.New()
	var slices [][]byte
	for at := int64(0); at < o.size || len(sums) == 0; at += piece {
		hash.Reset()
		slices = o.source.pieces(slices[:0], place(n)+at, min(piece, o.size-at))
		for _, slice := range slices {
			hash.Write(slice)
		}
		sums = append(sums, sum(hash.Sum(nil)))
	}
	o.sums[n].Store(&sums)
	return sums
}

// put fills in the request that stores object n.
func (o *objects) put(r *request, body *sent, n int64, payload Payload) {
	*r = request{method: "PUT", path: o.appendKey(r.path[:0], n), payload: r.payload[:0], length: o.size, decoded: -1, to: -1}
	*body = sent{source: o.source, from: place(n), size: o.size}
	switch payload {
	case Signed:
		r.payload = hex.AppendEncode(r.payload, o.hashes(n, o.size)[0][:])
	case Streaming:
		body.sums = o.hashes(n, frameBytes)
		r.payload = append(r.payload, streaming...)
		r.length, r.decoded = framedLength(o.size), o.size
	default:
		r.payload = append(r.payload, unsigned...)
	}
}

// plain fills in a request for object n without a body.
func (o *objects) plain(r *request, method string, n int64) {
	*r = request{method: method, path: o.appendKey(r.path[:0], n), query: r.query[:0], payload: append(r.payload[:0], unsigned...), length: -1, decoded: -1, to: -1}
	if method == "GET" {
		r.coming = o.size
	}
}

// page fills in a request for the keys behind object n.
func (o *objects) page(r *request, n int64) {
	query := append(r.query[:0], "list-type=2&max-keys="...)
	query = strconv.AppendInt(query, bench.ListKeys, 10)
	query = appendQuery(append(query, "&prefix="...), o.prefix)
	if n > 0 {
		query = appendQuery(append(query, "&start-after="...), o.prefix)
		query = appendNumber(query, n-1)
	}
	*r = request{method: "GET", path: append(r.path[:0], o.root...), query: query, payload: append(r.payload[:0], unsigned...), length: -1, decoded: -1, to: -1}
	r.coming = bench.ListKeys << 10
}

// appendQuery encodes what a prefix can have in it.
func appendQuery(dst []byte, text string) []byte {
	for i := range len(text) {
		if text[i] == '/' {
			dst = append(dst, "%2F"...)
		} else {
			dst = append(dst, text[i])
		}
	}
	return dst
}

// counter counts the keys of a page.
type counter struct {
	keys  int64
	bytes int64
	tail  []byte // of the piece before, which may hold half a mark
}

const keyMark = "<Key>"

func (c *counter) reset() { c.keys, c.bytes, c.tail = 0, 0, c.tail[:0] }

func (c *counter) take(piece []byte) {
	c.bytes += int64(len(piece))
	seam := append(c.tail, piece[:min(len(piece), len(keyMark)-1)]...)
	c.keys += int64(bytes.Count(seam, []byte(keyMark)) + bytes.Count(piece, []byte(keyMark)))
	keep := piece
	if len(piece) < len(keyMark) {
		keep = seam
	}
	c.tail = append(c.tail[:0], keep[max(0, len(keep)-len(keyMark)+1):]...)
}
