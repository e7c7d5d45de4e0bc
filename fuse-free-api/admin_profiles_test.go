package api

import "testing"

func TestProfilesNeedTheKeys(t *testing.T) {
	g := newRig(t)
	key := "Authorization: " + basic(testAccess, testSecret)
	for _, target := range []string{"/debug/pprof/", "/debug/pprof/goroutine?debug=1", "/debug/pprof/profile?seconds=1", "/debug/pprof/allocs"} {
		if a := g.ask("GET", target, ""); a.status != 401 {
			t.Errorf("%s without a key: %d", target, a.status)
		}
	}
	for _, c := range []struct {
		method, target string
		status         int
	}{
		{"GET", "/debug/pprof/", 200},
		{"GET", "/debug/pprof/goroutine?debug=1", 200},
		{"GET", "/debug/pprof/allocs", 200},
		{"GET", "/debug/pprof/nothing", 404},
		{"POST", "/debug/pprof/profile", 405},
		{"GET", "/debug/", 404},
	} {
		if a := g.ask(c.method, c.target, "", key); a.status != c.status || c.status == 200 && len(a.body) == 0 {
			t.Errorf("%s %s: %d with %d bytes, want %d", c.method, c.target, a.status, len(a.body), c.status)
		}
	}
}
