package api

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// copySource is what a copy is made of, held open.
type copySource struct {
	Object
	info ObjectInfo
	name address
}

// parseCopySource reads x-amz-copy-source: [/]bucket/key[?versionId=null],
// percent-encoded as a whole, slashes too if the client likes. A plus is a
// space, as it is to S3: clients encode it, or lose.
func parseCopySource(header string) (address, error) {
	raw, version, versioned := cutLast(header, "?versionId=")
	if versioned {
		if err := checkVersion(version); err != nil {
			return address{}, err
		}
	}
	bad := fault(codeInvalidArgument, "The copy source must name a bucket and a key and be URL-encoded.").
		about("ArgumentName", "x-amz-copy-source").about("ArgumentValue", clip(header))
	path, err := url.QueryUnescape(raw)
	if err != nil {
		return address{}, bad
	}
	bucket, key, found := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if !found || CheckBucketName(bucket) != nil {
		return address{}, bad
	}
	switch err := CheckKey(key); {
	case errors.Is(err, ErrKeyTooLong):
		return address{}, err
	case err != nil:
		return address{}, bad
	}
	return address{bucket: bucket, key: key}, nil
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// openSource opens the object that the request copies from, and decides its
// conditions. It is to be closed.
func (c *call) openSource(ctx context.Context, name address) (*copySource, error) {
	o, err := c.s.opts.Store.Get(ctx, name.bucket, name.key)
	if err != nil {
		return nil, err
	}
	src := &copySource{Object: o, info: o.Info(), name: name}
	if err := sourceCondition(c.r.Header, src.info); err != nil {
		src.Close()
		return nil, err
	}
	return src, nil
}

// sourceCondition decides the x-amz-copy-source-if-* headers. They are those
// of a GET with another answer, 412 throughout, and in S3, too, tags win over
// dates.
func sourceCondition(h http.Header, info ObjectInfo) error {
	asRead := http.Header{}
	for _, name := range []string{"If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since"} {
		if values := h.Values("X-Amz-Copy-Source-" + name); len(values) > 0 {
			asRead[name] = values
		}
	}
	status, err := readCondition(asRead, info)
	switch {
	case err != nil:
		return err
	case status != 0:
		return fault(codePreconditionFailed, "At least one of the conditions on the copy source does not hold.")
	}
	return nil
}

// errSourceSize is no fault of the client's, as ErrBodySize would be.
var errSourceSize = errors.New("the store gave more or fewer bytes of the copy's source than it said there are")

// errCopyEnded is what the reading side of a copy sees when the writing side
// wants no more.
var errCopyEnded = errors.New("the copy has ended")

// into gives n bytes of the source from off to take, which is a store's Put
// or PutPart. Neither side runs on when it returns: if one fails, or the client
// leaves, so does the other.
func (src *copySource) into(ctx context.Context, c *call, off, n int64, take func(ctx context.Context, body io.Reader) error) error {
	if n == 0 {
		return take(ctx, http.NoBody)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r, w := io.Pipe()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		// Closed with nil, the reader sees the end.
		_ = w.CloseWithError(c.protected(func() error { return src.WriteTo(ctx, w, off, n) }))
	}()
	// Whoever waits for the other side hears of it, too.
	stop := context.AfterFunc(ctx, func() { _ = w.CloseWithError(context.Cause(ctx)) })
	err := take(ctx, &copyReader{pipe: r, left: n})
	stop()
	_ = r.CloseWithError(errCopyEnded)
	cancel()
	<-ended
	return err
}

// copyReader is the body of a copy. In the call that gives the last byte it
// waits for the source's last word: bytes count only if all of them were good.
type copyReader struct {
	pipe *io.PipeReader
	left int64
	err  error
}

func (r *copyReader) Read(p []byte) (int, error) {
	if r.err != nil || len(p) == 0 {
		return 0, r.err
	}
	n, err := r.pipe.Read(p)
	r.left -= int64(n)
	if err == nil && r.left == 0 {
		var more [1]byte
		var extra int
		extra, err = r.pipe.Read(more[:])
		r.left -= int64(extra)
	}
	if r.left < 0 || err == io.EOF && r.left > 0 {
		err = errSourceSize
	}
	r.err = err
	return n, err
}
