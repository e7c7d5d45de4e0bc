package limits

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

const (
	// bareBodyMax is the largest object that Bare serves.
	bareBodyMax = 128 << 20
	// bareBufferBytes is what Bare reads of a body at a time.
	bareBufferBytes = 32 << 10
	bareETag        = `"0123456789abcdef0123456789abcdef"`
	bareModified    = "Thu, 01 Jan 2026 00:00:00 GMT"
)

// Bare is the least that an object server over net/http does: it swallows
// bodies, and serves others from memory. It checks no signatures and keeps
// nothing. The size of an object is the last but one part of its path:
// /bucket/any/SIZE/n, in bytes, at most 128 MiB.
//
//	PUT, POST   200 with an ETag, the body was read
//	GET, HEAD   200, or 206 for a single Range: SIZE bytes
//	DELETE      204
//	?list-type  200, a page of 1,000 keys, the same one always
//	/debug/pprof/allocs   what the heap has given out so far, as a daemon's admin listener has it
//
// A bucket is made and removed in the same way.
type Bare struct {
	body    []byte
	page    []byte
	buffers sync.Pool
}

// NewBare makes the server's memory.
func NewBare() *Bare {
	b := &Bare{body: random(bareBodyMax), page: listPage()}
	b.buffers.New = func() any { return new([bareBufferBytes]byte) }
	return b
}

func (b *Bare) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodPut, http.MethodPost:
		if err := b.swallow(r.Body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("ETag", bareETag)
		w.Header().Set("Content-Length", "0")
	case http.MethodGet, http.MethodHead:
		if r.URL.Path == allocsPath {
			writeAllocs(w)
			return
		}
		if r.URL.Query().Has("list-type") {
			w.Header().Set("Content-Type", "application/xml")
			w.Header().Set("Content-Length", strconv.Itoa(len(b.page)))
			_, _ = w.Write(b.page) // a client that left is no matter
			return
		}
		b.serve(w, r)
	case http.MethodDelete:
		w.WriteHeader(http.StatusNoContent)
	default:
		http.Error(w, "GET, HEAD, PUT, POST and DELETE are understood", http.StatusMethodNotAllowed)
	}
}

func (b *Bare) swallow(body io.Reader) error {
	buf := b.buffers.Get().(*[bareBufferBytes]byte)
	defer b.buffers.Put(buf)
	for {
		_, err := body.Read(buf[:])
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (b *Bare) serve(w http.ResponseWriter, r *http.Request) {
	length, err := sizeIn(r.URL.Path)
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("ETag", bareETag)
	h.Set("Last-Modified", bareModified)
	h.Set("Accept-Ranges", "bytes")
	from, to, status := 0, length, http.StatusOK
	if text := r.Header.Get("Range"); text != "" {
		if from, to, err = parseRange(text, length); err != nil {
			http.Error(w, err.Error(), http.StatusRequestedRangeNotSatisfiable)
			return
		}
		h.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to-1, length))
		status = http.StatusPartialContent
	}
	h.Set("Content-Length", strconv.Itoa(to-from))
	w.WriteHeader(status)
	if r.Method == http.MethodGet {
		_, _ = w.Write(b.body[from:to]) // a client that left is no matter
	}
}

// sizeIn finds the size in a path.
func sizeIn(path string) (int, error) {
	parts := strings.Split(path, "/")
	if len(parts) < 2 {
		return 0, fmt.Errorf("%q has no size: /bucket/any/SIZE/n is wanted", path)
	}
	n, err := strconv.Atoi(parts[len(parts)-2])
	if err != nil || n < 0 || n > bareBodyMax {
		return 0, fmt.Errorf("%q has no size of at most %d: /bucket/any/SIZE/n is wanted", path, bareBodyMax)
	}
	return n, nil
}

// parseRange reads bytes=FIRST-LAST, or FIRST- without an end (RFC 9110, section 14.1.2), and returns [from, to).
func parseRange(text string, length int) (from, to int, err error) {
	wrong := fmt.Errorf("%q is not a range of %d bytes that is understood: bytes=FIRST-LAST is wanted", text, length)
	span, ok := strings.CutPrefix(text, "bytes=")
	first, last, dash := strings.Cut(span, "-")
	if !ok || !dash {
		return 0, 0, wrong
	}
	if from, err = strconv.Atoi(first); err != nil || from < 0 || from >= length {
		return 0, 0, wrong
	}
	to = length
	if last != "" {
		n, err := strconv.Atoi(last)
		if err != nil || n < from {
			return 0, 0, wrong
		}
		to = min(n+1, length)
	}
	return from, to, nil
}

// listPage is a page of a listing as S3 writes it: 1,000 keys of 4 KiB objects.
func listPage() []byte {
	var out strings.Builder
	out.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n" +
		`<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>bench</Name><Prefix></Prefix>` +
		`<KeyCount>1000</KeyCount><MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated>`)
	for i := range 1000 {
		fmt.Fprintf(&out, `<Contents><Key>bench/4096/%d</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>`+
			`<ETag>&quot;%s&quot;</ETag><Size>4096</Size><StorageClass>STANDARD</StorageClass></Contents>`, i, strings.Trim(bareETag, `"`))
	}
	out.WriteString(`</ListBucketResult>`)
	return []byte(out.String())
}
