package api

import (
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
