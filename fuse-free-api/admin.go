package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

const (
	// adminPrefix is where the admin API begins; everything below needs the keys.
	adminPrefix = "/api/v1/"
	// maxAdminBytes bounds the JSON document of a request.
	maxAdminBytes = 64 << 10
)

// FailOptions say how a drive is to be failed.
type FailOptions struct {
	DryRun bool `json:"dry_run"` // say what would happen, and do nothing
	Force  bool `json:"force"`   // even if that goes below safety
}

// Admin is what the admin listener needs. What Status and FailDrive give is
// sent as JSON, as it is.
type Admin interface {
	Status(ctx context.Context) (any, error)
	// FailDrive stops using the drive that ref (slot, id or path) names.
	FailDrive(ctx context.Context, ref string, opts FailOptions) (any, error)
	// Ready gives nil whenever objects can be read, degraded too.
	Ready(ctx context.Context) error
}

// AdminError is an error with the form it is answered in. An Admin may return
// it; of other errors only those that the Store's sentinels describe show.
type AdminError struct {
	Status  int    `json:"-"`
	Code    string `json:"code"` // for programs: snake_case
	Message string `json:"message"`
	Hint    string `json:"hint"` // what to do about it; may be empty
}

func (e *AdminError) Error() string { return e.Message }

// AdminHandler is the admin listener's handler, for a server of one's own.
func (s *Server) AdminHandler() http.Handler {
	metrics := promhttp.HandlerFor(s.opts.Gatherer, promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(s.opts.Logger.Handler(), slog.LevelWarn), ErrorHandling: promhttp.ContinueOnError})
	// A browser that once was given the keys sends them by itself; other
	// sites' pages must not make use of that.
	origin := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		limitBody(w, r, s.opts.StallTimeout)
		w.Header().Set("Server", "Holdfast")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-store")
		path := rawPath(r)
		switch {
		case path == "/health/live":
			s.health(w, r, nil)
		case path == "/health/ready":
			s.health(w, r, s.ready)
		case path == "/metrics":
			if allowed(w, r, http.MethodGet, http.MethodHead) {
				metrics.ServeHTTP(w, r)
			}
		case !strings.HasPrefix(path, adminPrefix):
			writeJSONError(w, &AdminError{Status: 404, Code: "not_found", Message: "There is nothing at this path.",
				Hint: "The admin API is below " + adminPrefix + "; health is at /health/live and /health/ready, metrics at /metrics."})
		case !s.adminKeys(r):
			w.Header().Set("WWW-Authenticate", `Basic realm="holdfast"`)
			writeJSONError(w, &AdminError{Status: 401, Code: "unauthorized", Message: "The admin API needs the access key and the secret.",
				Hint: "Send them as HTTP Basic authentication."})
		case origin.Check(r) != nil:
			writeJSONError(w, &AdminError{Status: 403, Code: "cross_origin", Message: "A page of another site may not use the admin API."})
		default:
			s.admin(w, r, strings.TrimPrefix(path, adminPrefix))
		}
	})
}

func (s *Server) adminKeys(r *http.Request) bool {
	access, secret, ok := r.BasicAuth()
	accessOK, secretOK := s.keys.match(access, secret)
	return ok && accessOK && secretOK
}

func (s *Server) ready(ctx context.Context) error {
	if s.draining.Load() {
		return errors.New("shutting down")
	}
	return s.opts.Admin.Ready(ctx)
}

func (s *Server) health(w http.ResponseWriter, r *http.Request, check func(context.Context) error) {
	if !allowed(w, r, http.MethodGet, http.MethodHead) {
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if check != nil {
		const patience = 5 * time.Second // an orchestrator does not wait longer
		ctx, cancel := context.WithTimeout(r.Context(), patience)
		defer cancel()
		if err := check(ctx); err != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, "not ready: "+err.Error()+"\n")
			return
		}
	}
	_, _ = io.WriteString(w, "ok\n")
}

// admin serves what is below adminPrefix. A drive's path may be its ref, so
// the path is taken apart before it is decoded: /drives/%2Fdata%2F1/fail.
func (s *Server) admin(w http.ResponseWriter, r *http.Request, path string) {
	defer func() {
		if v := recover(); v != nil {
			s.opts.Logger.Error("admin request panicked", slog.Any("panic", v), slog.String("stack", string(debug.Stack())))
			writeJSONError(w, adminError(nil))
		}
	}()
	var result any
	var err error
	parts := strings.Split(path, "/")
	switch {
	case path == "status":
		if !allowed(w, r, http.MethodGet, http.MethodHead) {
			return
		}
		result, err = s.opts.Admin.Status(r.Context())
	case len(parts) == 3 && parts[0] == "drives" && parts[2] == "fail":
		if !allowed(w, r, http.MethodPost) {
			return
		}
		result, err = s.failDrive(r, parts[1])
	default:
		err = &AdminError{Status: 404, Code: "not_found", Message: "There is nothing at this path."}
	}
	if err != nil {
		s.opts.Logger.Warn("admin request failed", slog.String("method", r.Method), slog.String("path", path), slog.Any("error", err))
		writeJSONError(w, adminError(err))
		return
	}
	writeJSON(w, http.StatusOK, result)
}

func (s *Server) failDrive(r *http.Request, rawRef string) (any, error) {
	ref, err := url.PathUnescape(rawRef)
	if err != nil || ref == "" {
		return nil, badRequest("The drive is not named.", "Name its slot, id or path, percent-encoded.")
	}
	if r.URL.RawQuery != "" {
		return nil, badRequest("This request takes no query parameters.", `Send {"dry_run": true} or {"force": true} as the body.`)
	}
	var opts FailOptions
	doc, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxAdminBytes))
	if err != nil {
		return nil, badRequest("The body cannot be read: "+err.Error()+".", "")
	}
	if len(bytes.TrimSpace(doc)) > 0 {
		decoder := json.NewDecoder(bytes.NewReader(doc))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&opts); err != nil {
			return nil, badRequest("The body is not the JSON expected here: "+err.Error()+".", `It may have "dry_run" and "force", both true or false.`)
		}
		if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
			return nil, badRequest("Something follows the JSON document.", "")
		}
	}
	return s.opts.Admin.FailDrive(r.Context(), ref, opts)
}

func badRequest(message, hint string) error {
	return &AdminError{Status: 400, Code: "bad_request", Message: message, Hint: hint}
}

func adminError(err error) *AdminError {
	var e *AdminError
	switch {
	case errors.As(err, &e):
		return e
	case errors.Is(err, ErrReadOnly):
		return &AdminError{Status: 503, Code: "read_only", Message: err.Error(), Hint: "GET /api/v1/status names the drives that are missing."}
	case errors.Is(err, ErrUnavailable), errors.Is(err, ErrBusy), errors.Is(err, ErrClosed), errors.Is(err, ErrNoSpace):
		return &AdminError{Status: 503, Code: "unavailable", Message: err.Error()}
	}
	return &AdminError{Status: 500, Code: "internal", Message: "An internal error occurred.", Hint: "The daemon's log says more."}
}

func allowed(w http.ResponseWriter, r *http.Request, methods ...string) bool {
	for _, m := range methods {
		if r.Method == m {
			return true
		}
	}
	w.Header().Set("Allow", strings.Join(methods, ", "))
	writeJSONError(w, &AdminError{Status: 405, Code: "method_not_allowed", Message: "The method is not allowed here.", Hint: "Allowed: " + strings.Join(methods, ", ") + "."})
	return false
}

func writeJSONError(w http.ResponseWriter, e *AdminError) {
	status := e.Status
	if status < 400 || status > 599 {
		status = http.StatusInternalServerError
	}
	writeJSON(w, status, map[string]*AdminError{"error": e})
}

// writeJSON encodes before it sends, so that a failure can be answered.
func writeJSON(w http.ResponseWriter, status int, v any) {
	doc, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		status, doc = http.StatusInternalServerError, []byte(`{"error": {"code": "internal", "message": "The result cannot be put into JSON.", "hint": ""}}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(doc, '\n'))
}
