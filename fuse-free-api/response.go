package api

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// first is http.Header.Get of a name in its canonical form, which that would make anew each time.
func first(h http.Header, name string) string {
	if values := h[name]; len(values) > 0 {
		return values[0]
	}
	return ""
}

// response notes what was sent: a status of 0 means that an error can still
// be answered.
type response struct {
	http.ResponseWriter
	status int
	bytes  int64              // of the body, sent
	sent   prometheus.Counter // bytes of bodies
	conn   *stallConn         // see cork; nil: there is none for it alone
}

func (w *response) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
		w.ResponseWriter.WriteHeader(status)
	}
}

func (w *response) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	n, err := w.ResponseWriter.Write(p)
	w.bytes += int64(n)
	w.sent.Add(float64(n))
	return n, err
}

// Unwrap is how http.ResponseController finds the connection.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// countedBody counts what is read of a request's body, framing included.
type countedBody struct {
	io.ReadCloser
	bytes int64
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.bytes += int64(n)
	return n, err
}

// requestIDs makes ids that are unique within a process by counting and
// between processes by a random prefix.
type requestIDs struct {
	prefix string
	host   string // of the process: what S3 calls the extended request id
	count  atomic.Uint64

	hostLine, serverLine []string // as headers' values, which all answers share
}

func newRequestIDs(random io.Reader) (*requestIDs, error) {
	var b [4 + 24]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return nil, fmt.Errorf("reading randomness for request ids: %w", err)
	}
	host := base64.StdEncoding.EncodeToString(b[4:])
	return &requestIDs{prefix: hex.EncodeToString(b[:4]), host: host, hostLine: []string{host}, serverLine: []string{"Holdfast"}}, nil
}

func (ids *requestIDs) next() string {
	var number [8]byte
	binary.BigEndian.PutUint64(number[:], ids.count.Add(1))
	from := 4 // eight digits, or all of them
	if binary.BigEndian.Uint32(number[:4]) != 0 {
		from = 0
	}
	var id [24]byte
	return string(hex.AppendEncode(append(id[:0], ids.prefix...), number[from:]))
}
