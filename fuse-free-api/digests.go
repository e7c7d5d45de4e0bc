package api

import (
	"crypto/sha256"
	"hash"
	"sync"

	"github.com/holdfast-storage/holdfast/fuse-free-api/checksum"
	"github.com/holdfast-storage/holdfast/fuse-free-api/md5"
)

// concurrentBytes is the size of a piece from which on it pays to hash it on
// several processors: MD5 and the SHAs take 40 to 100 µs for it, to start a
// goroutine and to wait for it a few. CRCs take 1 to 3 µs, and have none.
const concurrentBytes = 64 << 10

// digests are the hashes that a body's bytes go through. A nil hash was not
// asked for.
type digests struct {
	md5, sha256, checksum hash.Hash
	slow, quick           []hash.Hash // all of them, each once
	n                     int64       // bytes hashed

	group  *md5.Group
	quoted string // the ETag, once it is made of MD5, with quotes
	sum    [md5.Size]byte
	// Where slow and quick begin.
	slow3  [3]hash.Hash
	quick1 [1]hash.Hash
}

// promised makes the hashes that the promises need, and the ETag.
func (d *digests) promised(s *Server, p *promises) {
	d.begin(s.md5s, p.md5 != nil || s.opts.ETag == ETagMD5, p.sha256 != nil, p.algorithm)
}

// newDigests makes the hashes that are asked for; algorithm may be 0. The MD5
// is computed with others of the group.
func newDigests(group *md5.Group, withMD5, withSHA256 bool, algorithm checksum.Algorithm) *digests {
	d := &digests{}
	d.begin(group, withMD5, withSHA256, algorithm)
	return d
}

// begin is newDigests in the memory of the zero value, or of digests that were given back.
func (d *digests) begin(group *md5.Group, withMD5, withSHA256 bool, algorithm checksum.Algorithm) {
	*d = digests{group: group}
	d.slow, d.quick = d.slow3[:0], d.quick1[:0]
	if withMD5 {
		d.md5 = group.New()
		d.slow = append(d.slow, d.md5)
	}
	if withSHA256 {
		d.sha256 = sha256.New()
		d.slow = append(d.slow, d.sha256)
	}
	switch {
	case algorithm == 0:
	case algorithm == checksum.SHA256 && d.sha256 != nil:
		d.checksum = d.sha256 // one hash keeps both promises
	case algorithm.Combines():
		d.checksum = algorithm.New()
		d.quick = append(d.quick, d.checksum)
	default:
		d.checksum = algorithm.New()
		d.slow = append(d.slow, d.checksum)
	}
}

// give gives the MD5 back: nobody asks for a sum any more.
func (d *digests) give() {
	if d.md5 != nil {
		d.group.Give(d.md5)
	}
	*d = digests{}
}

// idle tells whether there is nothing to be hashed for.
func (d *digests) idle() bool { return len(d.slow)+len(d.quick) == 0 }

// write takes the next piece of the body. Slow hashes take large ones at the
// same time, in a goroutine each but the first; none is left when it returns.
func (d *digests) write(p []byte) {
	d.n += int64(len(p))
	if len(d.slow) > 1 && len(p) >= concurrentBytes {
		d.beside(p)
		return
	}
	for _, h := range d.slow {
		_, _ = h.Write(p)
	}
	for _, h := range d.quick {
		_, _ = h.Write(p)
	}
}

// beside is write with several slow hashes. It is apart since what goroutines share is allocated.
func (d *digests) beside(p []byte) {
	var others sync.WaitGroup
	for _, h := range d.slow[1:] {
		others.Go(func() { _, _ = h.Write(p) })
	}
	_, _ = d.slow[0].Write(p)
	for _, h := range d.quick {
		_, _ = h.Write(p)
	}
	others.Wait()
}
