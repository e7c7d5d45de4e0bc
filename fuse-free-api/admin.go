package api

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// adminPrefix is where the admin API begins; everything below needs the keys.
const adminPrefix = "/api/v1/"

// Admin is what the admin listener needs. What its methods give is sent as
// JSON, as it is.
type Admin interface {
	Status(ctx context.Context) (any, error)
	// Ready gives nil whenever objects can be read, degraded too.
	Ready(ctx context.Context) error
	Drives
	Mending
	Events
}

// AdminHandler is the admin listener's handler, for a server of one's own.
func (s *Server) AdminHandler() http.Handler {
	metrics := promhttp.HandlerFor(s.opts.Gatherer, promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(s.opts.Logger.Handler(), slog.LevelWarn), ErrorHandling: promhttp.ContinueOnError})
	// A browser that once was given the keys sends them by itself; other
	// sites' pages must not make use of that.
	origin := http.NewCrossOriginProtection()
	routes := adminRoutes()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
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
		case !strings.HasPrefix(path, adminPrefix) && !strings.HasPrefix(path, profilesPrefix):
			writeJSONError(w, &AdminError{Status: 404, Code: "not_found", Message: "There is nothing at this path.",
				Hint: "The admin API is below " + adminPrefix + ", profiles are below " + profilesPrefix +
					"; health is at /health/live and /health/ready, metrics at /metrics."})
		case !s.adminKeys(r):
			w.Header().Set("WWW-Authenticate", `Basic realm="holdfast"`)
			writeJSONError(w, &AdminError{Status: 401, Code: "unauthorized", Message: "The admin API needs the access key and the secret.",
				Hint: "Send them as HTTP Basic authentication."})
		case origin.Check(r) != nil:
			writeJSONError(w, &AdminError{Status: 403, Code: "cross_origin", Message: "A page of another site may not use the admin API."})
		case strings.HasPrefix(path, profilesPrefix):
			s.profiles(w, r)
		default:
			s.admin(routes, w, r, strings.TrimPrefix(path, adminPrefix))
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

// adminRoute is one thing that can be asked for below adminPrefix.
type adminRoute struct {
	method string // GET stands for HEAD, too
	path   string // * stands for one part of it, which the call has decoded
	answer func(*adminCall) (any, error)
}

// adminRoutes lists everything below adminPrefix, a line each.
func adminRoutes() []adminRoute {
	routes := []adminRoute{
		{http.MethodGet, "status", (*adminCall).status},
		{http.MethodGet, "events", (*adminCall).events},
		{http.MethodPost, "drives", (*adminCall).addDrives},
		{http.MethodPost, "drives/*/replace", (*adminCall).replaceDrive},
		{http.MethodPost, "rebuild", (*adminCall).setRebuild},
		{http.MethodPost, "verify", (*adminCall).verify},
		{http.MethodGet, "scrub", (*adminCall).scrub},
		{http.MethodPost, "scrub/start", (*adminCall).startScrub},
		{http.MethodPost, "scrub/schedule", (*adminCall).scheduleScrub},
	}
	for _, a := range []DriveAction{DriveFail, DriveOffline, DriveOnline, DriveClear, DriveRemove, DriveEvacuate} {
		routes = append(routes, adminRoute{http.MethodPost, "drives/*/" + string(a), func(c *adminCall) (any, error) { return c.changeDrive(a) }})
	}
	for _, a := range []ScrubAction{ScrubPause, ScrubResume, ScrubStop} {
		routes = append(routes, adminRoute{http.MethodPost, "scrub/" + string(a), func(c *adminCall) (any, error) { return c.steerScrub(a) }})
	}
	return routes
}

// matches takes path apart before it is decoded, since a drive's path may be
// the part: /drives/%2Fdata%2F1/fail.
func (route adminRoute) matches(path string) (part string, ok bool) {
	pattern, parts := strings.Split(route.path, "/"), strings.Split(path, "/")
	if len(pattern) != len(parts) {
		return "", false
	}
	for i := range parts {
		if pattern[i] == "*" {
			part = parts[i]
		} else if pattern[i] != parts[i] {
			return "", false
		}
	}
	return part, true
}

// adminCall is one request below adminPrefix.
type adminCall struct {
	s    *Server
	w    http.ResponseWriter
	r    *http.Request
	part string // what stands for the route's *, as it was sent
	sent bool   // the answer has begun, and is not for the caller to write
}

// admin serves what is below adminPrefix.
func (s *Server) admin(routes []adminRoute, w http.ResponseWriter, r *http.Request, path string) {
	c := &adminCall{s: s, w: w, r: r}
	defer func() {
		if v := recover(); v != nil {
			s.opts.Logger.Error("admin request panicked", slog.Any("panic", v), slog.String("stack", string(debug.Stack())))
			if c.sent {
				panic(http.ErrAbortHandler) // a cut answer is not taken for a whole one
			}
			writeJSONError(w, adminError(nil))
		}
	}()
	var methods []string
	for _, route := range routes {
		part, ok := route.matches(path)
		if !ok {
			continue
		}
		methods = append(methods, route.method)
		if route.method == http.MethodGet {
			methods = append(methods, http.MethodHead)
		}
		if !slices.Contains(methods, r.Method) {
			continue
		}
		c.part = part
		result, err := route.answer(c)
		switch {
		case err != nil:
			s.opts.Logger.Warn("admin request failed", slog.String("method", r.Method), slog.String("path", path), slog.Any("error", err))
			if !c.sent {
				writeJSONError(w, adminError(err))
			}
		case !c.sent:
			writeJSON(w, http.StatusOK, result)
		}
		return
	}
	if len(methods) == 0 {
		writeJSONError(w, &AdminError{Status: 404, Code: "not_found", Message: "There is nothing at this path."})
		return
	}
	allowed(w, r, methods...)
}

func (c *adminCall) status() (any, error) { return c.s.opts.Admin.Status(c.r.Context()) }
