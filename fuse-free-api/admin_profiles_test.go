package api

import (
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

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

// TestProfileEndsWithTheListener: a profile that was asked for over minutes does not hold up the end.
func TestProfileEndsWithTheListener(t *testing.T) {
	g := newRig(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- g.ServeAdmin(ctx, ln) }()
	trace := func(seconds string) int {
		req, err := http.NewRequest(http.MethodGet, "http://"+ln.Addr().String()+"/debug/pprof/trace?seconds="+seconds, nil)
		if err != nil {
			return 0
		}
		req.SetBasicAuth(testAccess, testSecret)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return 0
		}
		defer resp.Body.Close()
		_, _ = io.Copy(io.Discard, resp.Body)
		return resp.StatusCode
	}
	got := make(chan int, 1)
	go func() {
		status := http.StatusInternalServerError
		for status == http.StatusInternalServerError { // while it is the short ones that run
			status = trace("600")
		}
		got <- status
	}()
	for trace("0.01") != http.StatusInternalServerError { // which says that the other one runs
		time.Sleep(10 * time.Millisecond)
	}
	stop()
	select {
	case err := <-ended:
		if status := <-got; err != nil || status != http.StatusOK {
			t.Errorf("the profile was answered with %d: %v", status, err)
		}
	case <-time.After(20 * time.Second):
		t.Error("the profile holds up the end")
	}
}
