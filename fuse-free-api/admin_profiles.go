package api

import (
	"context"
	"net/http"
	"net/http/pprof"
	"strings"
)

// profilesPrefix is where Go's profiles of the running process are; they need
// the keys, too, since stacks and memory say much about what is stored. `go tool
// pprof` takes the keys as http://ACCESS:SECRET@host/debug/pprof/profile?seconds=10.
const profilesPrefix = "/debug/pprof/"

// profiles serves the profiles. net/http/pprof has put itself into
// http.DefaultServeMux as well, which nothing here serves.
func (s *Server) profiles(w http.ResponseWriter, r *http.Request) {
	if !allowed(w, r, http.MethodGet) {
		return
	}
	switch strings.TrimPrefix(r.URL.Path, profilesPrefix) {
	case "profile":
		pprof.Profile(w, r)
	case "trace":
		pprof.Trace(w, r)
	default:
		pprof.Index(w, r)
	}
}

// profilesUntil ends profiles that run when ctx does, with what they have by then: they may be asked for over minutes,
// and whoever stops the daemon does not wait for them.
func profilesUntil(ctx context.Context, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, profilesPrefix) {
			inner, cancel := context.WithCancel(r.Context())
			defer cancel()
			defer context.AfterFunc(ctx, cancel)()
			r = r.WithContext(inner)
		}
		next.ServeHTTP(w, r)
	})
}
