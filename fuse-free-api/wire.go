package api

import (
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// wire is a request's body as it comes, framing included. It renews the read
// deadline before each read, so that a client is cut only when nothing comes
// for a whole stall, and says in S3's words what went wrong.
type wire struct {
	body     io.Reader
	control  *http.ResponseController
	stall    time.Duration
	received prometheus.Counter
	err      error // the first failure, or io.EOF; it stays
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

func (w *wire) Read(p []byte) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	_ = w.control.SetReadDeadline(time.Now().Add(w.stall))
	n, err := w.body.Read(p)
	w.received.Add(float64(n))
	switch {
	case err == nil:
	case errors.Is(err, io.EOF):
		w.err = io.EOF
		// From here on net/http listens for the client to leave; a commit may
		// take longer than the deadline.
		_ = w.control.SetReadDeadline(time.Time{})
	case errors.Is(err, os.ErrDeadlineExceeded):
		w.err = &s3Error{code: codeRequestTimeout, cut: true, cause: err,
			message: "Your connection was idle for too long: " + w.stall.String() + " without a byte of the body."}
	default:
		w.err = &s3Error{code: codeIncompleteBody, cut: true, cause: err, message: "The body ended before its announced end, or its framing is broken."}
	}
	return n, w.err
}
