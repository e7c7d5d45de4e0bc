package md5

import (
	"crypto/md5"
	"encoding"
	"encoding/binary"
	"hash"
)

const (
	// Size is the length of an MD5, BlockSize that of what it takes at a time, in bytes.
	Size      = md5.Size
	BlockSize = md5.BlockSize

	// ownBytes are left to crypto/md5: to take over its state and to give it back costs as much as is won of so few.
	ownBytes = 1 << 10
	magic    = "md5\x01" // what the images of crypto/md5's state begin with
	// An image has the four words of the state, the block that was begun, and how many bytes there were.
	imageBytes = len(magic) + Size + BlockSize + 8
)

// standard is crypto/md5's hash.
type standard interface {
	hash.Hash
	encoding.BinaryAppender
	encoding.BinaryUnmarshaler
}

// digest is the MD5 of one stream. What a Write is given is hashed when it returns.
//
// The state is in std, but for the time between take and give.
type digest struct {
	std   standard
	group *Group
	bytes uint64 // hashed
	image [imageBytes]byte

	// Between take and give: the caller's, or if it waits that of the goroutine that leads.
	state [4]uint32
	rest  []byte // whole blocks that are still to be hashed
	lanes lanes  // of the rounds that it leads

	next *digest       // in the queue
	turn chan struct{} // tells who waits that its rest is hashed, or if it is not, that it leads now
}

// lanes are what streams are given to the kernel in, which is called by a pointer: what it is handed has to lie in the
// heap, and a large body has thousands of rounds. So each hash has its own.
type lanes struct {
	states [4][Lanes]uint32
	from   [Lanes]*byte
}

// New makes a hash that the group's others may be computed with. Only one goroutine at a time may use it, as any hash.
func (g *Group) New() hash.Hash {
	if h, ok := g.resting.Get().(hash.Hash); ok {
		return h
	}
	std := md5.New()
	if g.together == nil {
		return std
	}
	return &digest{std: std.(standard), group: g}
}

// Give takes back a hash that New gave, for another stream. Nobody may use it any more.
func (g *Group) Give(h hash.Hash) {
	h.Reset()
	g.resting.Put(h)
}

// imaged says whether crypto/md5 writes the image of its state as take and give know it: it promises to read those of
// earlier versions, and not to write them.
func imaged() bool {
	std, ok := md5.New().(standard)
	if !ok {
		return false
	}
	image, err := std.AppendBinary(nil)
	return err == nil && len(image) == imageBytes && string(image[:len(magic)]) == magic
}

// Reset makes the hash that of nothing.
func (d *digest) Reset() {
	d.std.Reset()
	d.bytes = 0
}

// Size and BlockSize are those of MD5.
func (d *digest) Size() int      { return Size }
func (d *digest) BlockSize() int { return BlockSize }

// Sum appends the MD5 of what was written so far.
func (d *digest) Sum(b []byte) []byte { return d.std.Sum(b) }

// Write hashes p. It does not keep it, and fails if crypto/md5 does, which is where it is forbidden.
func (d *digest) Write(p []byte) (int, error) {
	begin := min(int(-d.bytes%BlockSize), len(p)) // what fills the block that was begun
	whole := (len(p) - begin) &^ (BlockSize - 1)
	if whole < ownBytes || whole < joinBytes && d.group.alone == nil {
		d.bytes += uint64(len(p))
		return d.std.Write(p)
	}
	if n, err := d.std.Write(p[:begin]); err != nil {
		return n, err
	}
	d.bytes += uint64(begin)
	d.rest = p[begin : begin+whole]
	d.take()
	d.group.hash(d)
	d.give()
	end := p[begin+whole:]
	d.bytes += uint64(len(end))
	if n, err := d.std.Write(end); err != nil {
		return begin + whole + n, err
	}
	return len(p), nil
}

// take takes the state out of crypto/md5's hash, which has no block begun.
func (d *digest) take() {
	image, err := d.std.AppendBinary(d.image[:0])
	if err != nil || len(image) != len(d.image) || string(image[:len(magic)]) != magic {
		panic("md5: crypto/md5 has another image of its state")
	}
	for i := range d.state {
		d.state[i] = binary.BigEndian.Uint32(image[len(magic)+4*i:])
	}
}

// give puts it back, of the bytes hashed meanwhile too.
func (d *digest) give() {
	for i, word := range d.state {
		binary.BigEndian.PutUint32(d.image[len(magic)+4*i:], word)
	}
	binary.BigEndian.PutUint64(d.image[len(d.image)-8:], d.bytes)
	if err := d.std.UnmarshalBinary(d.image[:]); err != nil {
		panic("md5: crypto/md5 does not take its own state back: " + err.Error())
	}
}

// hashed takes n bytes off the rest.
func (d *digest) hashed(n int) {
	d.bytes += uint64(n)
	if d.rest = d.rest[n:]; len(d.rest) == 0 {
		d.rest = nil // the caller's again
	}
}
