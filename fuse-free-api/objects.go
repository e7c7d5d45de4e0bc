package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"time"
)

// ObjectHandler is the object listener's handler, for a server of one's own, which does not look at an answer's
// headers any more when it has returned;
// ServeObjects adds what a handler cannot do: TLS, cutting clients that
// stall, limits on connections, draining.
func (s *Server) ObjectHandler() http.Handler { return http.HandlerFunc(s.serveObject) }

func (s *Server) serveObject(rw http.ResponseWriter, r *http.Request) {
	c := s.newCall(rw, r)
	began := time.Now()
	running := s.requests.Add(1)
	s.metrics.inFlight.Inc()
	cut := true
	defer func() {
		s.requests.Add(-1)
		s.documents.Add(-c.documents)
		s.metrics.inFlight.Dec()
		took := time.Since(began)
		s.metrics.observe(c.operation(), c.w.status, cut, took)
		if s.opts.AccessLog != nil {
			c.logAccess(s.opts.AccessLog, cut, took)
		}
		if c.over && !cut {
			s.give(c)
		}
	}()

	var err error
	if running > int64(s.opts.MaxRequests) {
		err = fault(codeSlowDown, "More than %d requests at once; please reduce your request rate.", s.opts.MaxRequests).with("Retry-After", "1")
	} else {
		err = c.protected(c.dispatch)
	}
	// net/http ends the context when the client leaves, but also when its
	// body ended early, and such a client may well wait for the answer.
	gone := r.Context().Err() != nil && errors.Is(err, context.Canceled) || errors.Is(err, errClientGone)
	switch {
	case err == nil:
	case c.w.status != 0 || gone:
		// Too late for an answer, or nobody is there to have one. The
		// connection ends here, or with HTTP/2 the stream, so that a body cut
		// short is seen as one.
		if !gone {
			s.opts.Logger.Error("answer cut short", slog.String("request", c.id), slog.String("resource", c.resource()), slog.Any("error", err))
		}
		panic(http.ErrAbortHandler)
	default:
		c.answerError(storeFault(err))
	}
	cut = false
}

// newCall begins a request: from here on it has an id, whatever becomes of it.
func (s *Server) newCall(rw http.ResponseWriter, r *http.Request) *call {
	if r.ProtoMajor == 1 && r.ContentLength == 0 && strings.EqualFold(first(r.Header, "Expect"), "100-continue") {
		// net/http says it when a body is read, and so never of an empty one.
		// aws-cli then takes the next answer on the connection for garbage.
		rw.WriteHeader(http.StatusContinue)
	}
	c, _ := s.calls.Get().(*call)
	if c == nil {
		c = &call{}
	}
	c.s, c.r, c.id = s, r, s.ids.next()
	c.idLine[0] = c.id
	c.answer = response{ResponseWriter: rw, sent: s.metrics.sent}
	c.w = &c.answer
	if r.Body != nil && r.Body != http.NoBody {
		c.counted.ReadCloser = r.Body
		if _, copied := r.Body.(*pacedBody); !copied {
			// In a copy: net/http goes by the type of its own request's body when
			// it decides what to do with the rest of it.
			c.r = r.WithContext(r.Context())
		}
		c.body = &c.counted
		c.r.Body = c.body
	}
	c.introduce()
	return c
}

// give takes back the memory of a call that is over, for another one. net/http has a copy of the
// headers from when they were sent, and the store is done with the body.
func (s *Server) give(c *call) {
	c.up.give()
	again := c.up.again
	*c = call{}
	c.up.again = again
	s.calls.Put(c)
}

// introduce puts into the answer's headers what every answer has.
func (c *call) introduce() {
	h := c.w.Header()
	h["x-amz-request-id"] = c.idLine[:]
	h["x-amz-id-2"] = c.s.ids.hostLine
	h["Server"] = c.s.ids.serverLine
}

// answerError answers a request of whose answer nothing was sent.
func (c *call) answerError(e *s3Error) {
	c.noteFailure(e, "request failed")
	writeError(c, e)
}

// noteFailure logs what is not the client's own doing.
func (c *call) noteFailure(e *s3Error, message string) {
	c.code = e.code.name
	level := slog.LevelDebug
	if e.code == codeInternal {
		level = slog.LevelError
	} else if e.code.status >= 500 && e.code != codeNotImplemented {
		level = slog.LevelWarn
	}
	c.s.opts.Logger.Log(context.WithoutCancel(c.r.Context()), level, message, slog.String("request", c.id),
		slog.String("method", c.r.Method), slog.String("resource", c.resource()), slog.Any("error", e))
}

// protected does work and turns a panic into an error, so that a mistake in
// one request is not the end of the others.
func (c *call) protected(work func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			c.s.opts.Logger.Error("request panicked", slog.String("request", c.id), slog.Any("panic", v), slog.String("stack", string(debug.Stack())))
			err = fault(codeInternal, "An internal error occurred; the log has it under the request id.")
		}
	}()
	return work()
}

func (c *call) dispatch() (err error) {
	// The signature is of the path as it was sent; only then is it taken apart.
	if c.auth, err = c.s.authenticate(c.r, &c.who); err != nil {
		return err
	}
	if c.r.URL.RawQuery != "" {
		if c.query, err = url.ParseQuery(c.r.URL.RawQuery); err != nil {
			return fault(codeInvalidURI, "The query cannot be read: it is not validly percent-encoded, or has a semicolon.")
		}
	}
	if err := c.auth.settle(c.query, c.r.Header); err != nil {
		return err
	}
	a, err := c.s.domains.parse(c.r.Host, rawPath(c.r))
	if err != nil {
		return err
	}
	c.address = a
	if a.level() == bucketLevel { // of objects only errors have it, as in S3: s3cmd sends back what it does not know
		c.w.Header()["x-amz-bucket-region"] = []string{c.s.opts.Region}
	}
	if c.op, err = c.s.operations.choose(c.r, a, c.query); err != nil {
		return err
	}
	if err := c.op.refuse(c.r, c.query); err != nil {
		return err
	}
	if !c.op.reads() {
		if err := c.unread(); err != nil {
			return err
		}
	}
	return c.op.run(c)
}

// operation names what was asked for, as metrics and the access log do.
func (c *call) operation() string {
	if c.op == nil {
		return noOperation
	}
	return c.op.name
}

// resource is the path as errors and logs name it, decoded where possible;
// the bucket is in front, too, where the host named it.
func (c *call) resource() string {
	raw := rawPath(c.r)
	if path, err := url.PathUnescape(raw); err == nil {
		raw = path
	}
	if bucket, found := c.s.domains.bucket(c.r.Host); found {
		raw = "/" + bucket + raw
	}
	return strings.ToValidUTF8(raw, "\uFFFD")
}
