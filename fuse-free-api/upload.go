package api

import (
	"crypto/md5"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// upload reads a request's body: it counts and hashes what passes, renews the
// read deadline before each read, so that a client is cut only when nothing
// comes for StallTimeout, and says in S3's words what went wrong.
type upload struct {
	body       io.Reader
	control    *http.ResponseController
	stall      time.Duration
	size       int64 // announced; -1: unknown
	max        int64
	n          int64 // read so far
	whole      bool  // EOF seen
	err        error // the first failure; it stays
	md5        hash.Hash
	sha256     hash.Hash // nil if no hash was announced
	wantMD5    []byte    // nil if none was announced
	wantSHA256 []byte
	received   prometheus.Counter
}

// limitBody gives a request that has a body its first read deadline. It
// holds for what net/http itself reads of a body that nobody wanted, too. A
// request without one must have none: net/http listens on the connection for
// the client to leave, and would take the deadline for that.
func limitBody(w http.ResponseWriter, r *http.Request, stall time.Duration) {
	if r.Body != nil && r.Body != http.NoBody {
		// The error is of writers that have no connection, as in tests.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(stall))
	}
}

// upload checks what the headers say of the body, which may have at most max
// bytes, and prepares to read it. Nothing has been read when it fails.
func (c *call) upload(max int64) (*upload, error) {
	u := &upload{
		body: c.r.Body, control: http.NewResponseController(c.w), stall: c.s.opts.StallTimeout,
		size: c.r.ContentLength, max: max, md5: md5.New(), received: c.s.metrics.received,
	}
	if u.size > max {
		return nil, tooLarge(max)
	}
	if values := c.r.Header.Values("Content-MD5"); len(values) > 0 {
		sum, err := base64.StdEncoding.DecodeString(values[0])
		if err != nil || len(sum) != md5.Size {
			return nil, fault(codeInvalidDigest, "The Content-MD5 you specified is not valid.")
		}
		u.wantMD5 = sum
	}
	if value := c.r.Header.Get("X-Amz-Content-Sha256"); value != "" && value != "UNSIGNED-PAYLOAD" {
		sum, err := hex.DecodeString(value)
		if err != nil || len(sum) != sha256.Size {
			return nil, fault(codeInvalidArgument, "x-amz-content-sha256 must be UNSIGNED-PAYLOAD or a SHA-256 in hexadecimal.")
		}
		u.wantSHA256, u.sha256 = sum, sha256.New()
	}
	return u, nil
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
	_ = u.control.SetReadDeadline(time.Now().Add(u.stall))
	n, err := u.body.Read(p)
	u.n += int64(n)
	u.received.Add(float64(n))
	u.md5.Write(p[:n])
	if u.sha256 != nil {
		u.sha256.Write(p[:n])
	}
	if u.n > u.max {
		u.err = tooLarge(u.max)
		return 0, u.err
	}
	switch {
	case err == nil:
		return n, nil
	case errors.Is(err, io.EOF):
		u.whole = true
		u.err = io.EOF
		// From here on net/http listens for the client to leave; a commit may
		// take longer than the deadline.
		_ = u.control.SetReadDeadline(time.Time{})
	case errors.Is(err, os.ErrDeadlineExceeded):
		u.err = &s3Error{code: codeRequestTimeout, cut: true, cause: err,
			message: "Your connection was idle for too long: " + u.stall.String() + " without a byte of the body."}
	default:
		u.err = &s3Error{code: codeIncompleteBody, cut: true, cause: err, message: "The body ended before its announced end, or its framing is broken."}
	}
	return n, u.err
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
	if err := u.failure(); err != nil {
		return err
	}
	if u.size < 0 && !u.whole || u.size >= 0 && u.n != u.size {
		return fault(codeIncompleteBody, "The body is not as long as announced.")
	}
	if u.wantMD5 != nil && subtle.ConstantTimeCompare(u.wantMD5, u.md5.Sum(nil)) != 1 {
		return fault(codeBadDigest, "The Content-MD5 you specified did not match what was received.")
	}
	if u.wantSHA256 != nil && subtle.ConstantTimeCompare(u.wantSHA256, u.sha256.Sum(nil)) != 1 {
		return fault(codeContentSHA256Differs, "The x-amz-content-sha256 you specified did not match what was received.")
	}
	return nil
}

// finish is Put's Finish: the last word before the object becomes visible.
func (u *upload) finish() (Finished, error) {
	if err := u.verify(); err != nil {
		return Finished{}, err
	}
	return Finished{ETag: hex.EncodeToString(u.md5.Sum(nil))}, nil
}
