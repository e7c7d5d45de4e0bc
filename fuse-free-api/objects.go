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

// ObjectHandler is the object listener's handler, for a server of one's own;
// ServeObjects adds what a handler cannot do: cutting clients that do not
// read, limits on connections, draining.
func (s *Server) ObjectHandler() http.Handler { return http.HandlerFunc(s.serveObject) }

func (s *Server) serveObject(rw http.ResponseWriter, r *http.Request) {
	w := &response{ResponseWriter: rw, sent: s.metrics.sent}
	id := s.ids.next()
	h := w.Header()
	h["x-amz-request-id"] = []string{id}
	h.Set("Server", "Holdfast")
	began := time.Now()
	s.metrics.inFlight.Inc()
	cut := true
	defer func() {
		s.metrics.inFlight.Dec()
		s.metrics.observe(r.Method, w.status, cut, time.Since(began))
	}()
	limitBody(rw, r, s.opts.StallTimeout)

	err := s.protected(w, r, id)
	// net/http ends the context when the client leaves, but also when its
	// body ended early, and such a client may well wait for the answer.
	gone := r.Context().Err() != nil && errors.Is(err, context.Canceled) || errors.Is(err, errClientGone)
	switch {
	case err == nil:
	case w.status != 0 || gone:
		// Too late for an answer, or nobody is there to have one. The
		// connection ends here, so that a body cut short is seen as one.
		if !gone {
			s.opts.Logger.Error("answer cut short", slog.String("request", id), slog.String("resource", resource(r)), slog.Any("error", err))
		}
		panic(http.ErrAbortHandler)
	default:
		e := storeFault(err)
		level := slog.LevelDebug
		if e.code == codeInternal {
			level = slog.LevelError
		} else if e.code.status >= 500 && e.code != codeNotImplemented {
			level = slog.LevelWarn
		}
		s.opts.Logger.Log(context.WithoutCancel(r.Context()), level, "request failed", slog.String("request", id),
			slog.String("method", r.Method), slog.String("resource", resource(r)), slog.Any("error", e))
		writeError(w, r, e, id)
	}
	cut = false
}

// protected runs the request and turns a panic into an error, so that a
// mistake in one request is not the end of the others.
func (s *Server) protected(w *response, r *http.Request, id string) (err error) {
	defer func() {
		if v := recover(); v != nil {
			s.opts.Logger.Error("request panicked", slog.String("request", id), slog.Any("panic", v), slog.String("stack", string(debug.Stack())))
			err = fault(codeInternal, "An internal error occurred; the log has it under the request id.")
		}
	}()
	return s.dispatch(w, r, id)
}

func (s *Server) dispatch(w *response, r *http.Request, id string) error {
	who, err := s.authenticate(r)
	if err != nil {
		return err
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return fault(codeInvalidURI, "The query cannot be read: it is not validly percent-encoded, or has a semicolon.")
	}
	if err := who.settle(query, r.Header); err != nil {
		return err
	}
	a, err := parseAddress(rawPath(r))
	if err != nil {
		return err
	}
	if a.bucket != "" {
		w.Header()["x-amz-bucket-region"] = []string{s.opts.Region}
	}
	op, err := choose(s.operations, r, a, query)
	if err != nil {
		return err
	}
	if err := op.refuse(r, query); err != nil {
		return err
	}
	return op.run(&call{address: &a, s: s, w: w, r: r, query: query, id: id, auth: who})
}

// resource is the path as errors and logs name it, decoded where possible.
func resource(r *http.Request) string {
	raw := rawPath(r)
	if path, err := url.PathUnescape(raw); err == nil {
		raw = path
	}
	return strings.ToValidUTF8(raw, "\uFFFD")
}
