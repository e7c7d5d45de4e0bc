package api

import (
	"errors"
	"io"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// wire is a request's body as it comes, framing included. It says in S3's
// words what went wrong; that a stall is an error is pacedBody's doing.
type wire struct {
	body     io.Reader
	stall    time.Duration // for the message
	received prometheus.Counter
	err      error // the first failure, or io.EOF; it stays
}

func (w *wire) Read(p []byte) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	n, err := w.body.Read(p)
	w.received.Add(float64(n))
	w.note(err)
	return n, w.err
}

// note keeps the first failure, in S3's words.
func (w *wire) note(err error) {
	switch {
	case err == nil:
	case errors.Is(err, io.EOF):
		w.err = io.EOF
	case errors.Is(err, os.ErrDeadlineExceeded):
		w.err = &s3Error{code: codeRequestTimeout, cut: true, cause: err,
			message: "Your connection was idle for too long: " + w.stall.String() + " without a byte of the body."}
	default:
		w.err = &s3Error{code: codeIncompleteBody, cut: true, cause: err, message: "The body ended before its announced end, or its framing is broken."}
	}
}
