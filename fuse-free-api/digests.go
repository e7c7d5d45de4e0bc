package api

import (
	"crypto/md5"
	"crypto/sha256"
	"hash"
	"sync"

	"github.com/holdfast-storage/holdfast/fuse-free-api/checksum"
)

// concurrentBytes is the size of a piece from which on it pays to hash it on
// several processors: MD5 takes 100 µs for it, to start a goroutine and to
// wait for it a few.
const concurrentBytes = 64 << 10

// digests are the hashes that a body's bytes go through. A nil hash was not
// asked for.
type digests struct {
	md5, sha256, checksum hash.Hash
	all                   []hash.Hash // each once, the slowest first
	n                     int64       // bytes hashed
}

// newDigests makes the hashes that the promises need, and the ETag.
func (s *Server) newDigests(p promises) *digests {
	return newDigests(p.md5 != nil || s.opts.ETag == ETagMD5, p.sha256 != nil, p.algorithm)
}

// newDigests makes the hashes that are asked for; algorithm may be 0.
func newDigests(withMD5, withSHA256 bool, algorithm checksum.Algorithm) *digests {
	d := &digests{}
	if withMD5 {
		d.md5 = md5.New()
		d.all = append(d.all, d.md5)
	}
	if withSHA256 {
		d.sha256 = sha256.New()
		d.all = append(d.all, d.sha256)
	}
	switch {
	case algorithm == 0:
	case algorithm == checksum.SHA256 && d.sha256 != nil:
		d.checksum = d.sha256 // one hash keeps both promises
	default:
		d.checksum = algorithm.New()
		d.all = append(d.all, d.checksum)
	}
	return d
}

// write takes the next piece of the body. Large ones are hashed by all at
// once, one goroutine for each but the last; none is left when it returns.
func (d *digests) write(p []byte) {
	d.n += int64(len(p))
	if len(d.all) == 0 {
		return
	}
	last := len(d.all) - 1
	if len(p) < concurrentBytes || last == 0 {
		for _, h := range d.all {
			_, _ = h.Write(p)
		}
		return
	}
	var rest sync.WaitGroup
	for _, h := range d.all[:last] {
		rest.Go(func() { _, _ = h.Write(p) })
	}
	_, _ = d.all[last].Write(p)
	rest.Wait()
}
