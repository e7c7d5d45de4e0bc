package api

import (
	"errors"
	"fmt"
	"io"

	"github.com/holdfast-storage/holdfast/fuse-free-api/awschunked"
	"github.com/holdfast-storage/holdfast/fuse-free-api/checksum"
)

// upload is the body of a request on its way in, as the store reads it:
//
//	net/http, with its deadlines → wire (what went wrong) → framing, if any → Read → the store
//	the store, with the same bytes beside encoding → Digest → hashes
//	the store, when it has all → Finish → every promise is held to the hashes
//
// Read gives the object's bytes and ends with the body: in the call that gives
// the last byte it reads on to the end of framing and trailers, so that
// finish, which a store may call with others waiting, need not wait for a client.
type upload struct {
	promises
	wire    wire
	body    io.Reader          // wire, or what takes the framing off
	frame   *awschunked.Reader // takes the framing off; nil: there is none
	size    int64              // of the body without framing; -1: unknown
	max     int64
	n       int64 // given by Read so far
	whole   bool  // the end was seen
	err     error // the first failure, or io.EOF; it stays
	digests *digests
	itself  bool // Read feeds the digests; nobody calls Digest

	s      *Server
	object bool    // not a part of one
	made   digests // what digests are, of an object or a part
	again  upon
}

// upon are an upload's methods as a store is given them, made once for all uploads in one memory.
type upon struct {
	finish func() (Finished, error)
	digest func([]byte)
}

// upload checks what the headers say of the body, which may have at most max
// bytes, and prepares to read it. Nothing has been read when it fails: a
// client that waits for 100 Continue sends nothing in vain.
func (c *call) upload(max int64) (*upload, error) {
	u := &c.up
	*u = upload{s: c.s, size: c.r.ContentLength, max: max, again: u.again}
	wrapped, err := readFraming(c.r.Header, c.r.ContentLength, c.payload())
	if err != nil {
		return nil, err
	}
	if wrapped.framed {
		u.size = wrapped.size
	}
	if u.size > max {
		return nil, tooLarge(max)
	}
	if u.promises, err = readPromises(c.r.Header, c.payload(), wrapped.trailing, c.op.upload || c.op.document); err != nil {
		return nil, err
	}
	u.wire = wire{body: c.r.Body, stall: c.s.opts.StallTimeout, received: c.s.metrics.received}
	u.body = &u.wire
	if wrapped.framed {
		if u.frame, err = c.unframe(u); err != nil {
			return nil, err
		}
		u.body = u.frame
	}
	return u, nil
}

// ofObject gives what a store needs to take the body in as an object's.
func (u *upload) ofObject() Body {
	u.object = true
	return u.take()
}

// ofPart gives what a store needs to take the body in as a part of an upload.
// It is for after wantChecksum.
func (u *upload) ofPart() Body { return u.take() }

func (u *upload) take() Body {
	if u.again.finish == nil {
		u.again = upon{u.finish, u.digest}
	}
	u.digests = &u.made
	u.digests.promised(u.s, &u.promises)
	body := Body{Size: u.size, Finish: u.again.finish}
	if !u.digests.idle() {
		body.Digest = u.again.digest
	}
	return body
}

// digest is Body.Digest.
func (u *upload) digest(p []byte) { u.digests.write(p) }

// finish is Body.Finish.
func (u *upload) finish() (Finished, error) {
	if err := u.verify(); err != nil {
		return Finished{}, err
	}
	etag, err := u.s.etag(u.digests)
	if err != nil {
		return Finished{}, err
	}
	system := u.kept(u.digests)
	if u.object && len(system) > 0 {
		system = append(system, Pair{Name: checksum.TypeHeader, Value: string(checksum.FullObject)})
	}
	return Finished{ETag: etag, System: system}, nil
}

// give gives back what the upload has made: the store has all of it.
func (u *upload) give() {
	u.made.give()
	*u = upload{again: u.again}
}

// quoted is the object's ETag in quotes.
func (u *upload) quoted(etag string) string {
	if q := u.made.quoted; len(q) > 2 && q[1:len(q)-1] == etag {
		return q
	}
	return `"` + etag + `"`
}

// wantChecksum makes the upload compute a checksum, where the request came
// without one. A request that has another one is refused.
func (u *upload) wantChecksum(a checksum.Algorithm) error {
	if u.algorithm != 0 && u.algorithm != a {
		return fault(codeInvalidRequest, "Checksum Type mismatch occurred, expected checksum Type: %v, actual checksum Type: %v", a, u.algorithm)
	}
	u.algorithm = a
	return nil
}

func tooLarge(max int64) error {
	e := fault(codeEntityTooLarge, "The body is larger than %d bytes, the most that one PUT may have.", max)
	e.cut = true // reading on, to answer in peace, would be reading what was refused
	return e
}

func (u *upload) Read(p []byte) (int, error) {
	if u.err != nil {
		return 0, u.err
	}
	n, err := u.body.Read(p)
	u.n += int64(n)
	if u.itself {
		u.digests.write(p[:n])
	}
	u.note(err)
	if u.err == nil && u.n == u.size {
		u.end()
	}
	return n, u.err
}

// end reads on behind the last byte.
func (u *upload) end() {
	for range 100 { // a reader may give nothing without meaning the end, but not for ever
		var more [1]byte
		n, err := u.body.Read(more[:])
		u.n += int64(n)
		if u.note(err); u.err != nil || n > 0 {
			break
		}
	}
	if u.err == nil {
		u.err = u.lengthFault()
	}
}

// note judges where the body is after a read that ended with err.
func (u *upload) note(err error) {
	switch {
	case u.n > u.max:
		u.err = tooLarge(u.max)
	case u.size >= 0 && u.n > u.size:
		u.err = u.lengthFault()
	case err == nil:
	case errors.Is(err, io.EOF):
		if u.err = u.trailed(); u.err == nil {
			u.whole, u.err = true, io.EOF
		}
	default:
		u.err = err
		if broken := frameFault(err); broken != nil {
			u.err = broken
		}
	}
}

// trailed takes the trailers, once the framing has ended.
func (u *upload) trailed() error {
	if u.frame == nil {
		return nil
	}
	return u.takeTrailers(u.frame.Trailers())
}

func (u *upload) lengthFault() error {
	e := fault(codeIncompleteBody, "The body is not as long as announced.")
	e.cut = true
	return e
}

// failure is what went wrong while reading, if anything did.
func (u *upload) failure() error {
	if u.err == nil || u.err == io.EOF {
		return nil
	}
	return u.err
}

// verify tells whether the body was read whole and is what was announced.
func (u *upload) verify() error {
	if u.err == nil && u.n == u.size {
		u.end() // of an empty body, which a store need not read
	}
	if err := u.failure(); err != nil {
		return err
	}
	if !u.whole || u.size >= 0 && u.n != u.size {
		return u.lengthFault()
	}
	if !u.digests.idle() && u.digests.n != u.n {
		return fmt.Errorf("the store had %d bytes of %d hashed", u.digests.n, u.n)
	}
	return u.check(u.digests)
}

// payload is what was said of the body with x-amz-content-sha256.
func (c *call) payload() string { return c.auth.payload }

// signed tells whether the request as a whole bears a signature.
func (c *call) signed() bool { return c.auth.signed }
