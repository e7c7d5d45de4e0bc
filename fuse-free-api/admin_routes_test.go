package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestAdminRoutes asks for everything that can be asked, well and badly. What is refused reaches no Admin.
func TestAdminRoutes(t *testing.T) {
	const none = "{DryRun:false Force:false}"
	g := newRig(t)
	key := "Authorization: " + basic(testAccess, testSecret)
	for _, c := range []struct {
		method, target, body string
		asked                string // of the Admin; empty: refused, with
		status               int
	}{
		{"POST", "drives/3/offline", "", `offline "3" "" ` + none, 0},
		{"POST", "drives/3/online", "{}", `online "3" "" ` + none, 0},
		{"POST", "drives/3/clear", `{"dry_run": true}`, `clear "3" "" {DryRun:true Force:false}`, 0},
		{"POST", "drives/3/remove", "", `remove "3" "" ` + none, 0},
		{"POST", "drives/%2Fd%2F3/evacuate", `{"force": true}`, `evacuate "/d/3" "" {DryRun:false Force:true}`, 0},
		{"POST", "drives/3/evacuate", `{"dir": "/d"}`, "", 400},
		{"POST", "drives/3/sink", "", "", 404},
		{"POST", "drives/3", "", "", 404},
		{"DELETE", "drives/3/remove", "", "", 405},
		{"POST", "drives/3/replace", `{"dir": "/new", "dry_run": true}`, `replace "3" "/new" {DryRun:true Force:false}`, 0},
		{"POST", "drives/3/replace", `{}`, "", 400},
		{"POST", "drives/3/replace", `{"dir": 3}`, "", 400},
		{"POST", "drives", `{"dirs": ["/a", "/b"], "spare": true, "force": true}`, `add ["/a" "/b"] true {DryRun:false Force:true}`, 0},
		{"POST", "drives", `{"dirs": ["/a"]}`, `add ["/a"] false ` + none, 0},
		{"POST", "drives", `{"dirs": []}`, "", 400},
		{"POST", "drives", `{"dirs": [""]}`, "", 400},
		{"POST", "drives", "", "", 400},
		{"GET", "drives", "", "", 405},
		{"GET", "scrub", "", "scrub", 0},
		{"POST", "scrub", "", "", 405},
		{"POST", "scrub/start", "", "start 0", 0},
		{"POST", "scrub/start", `{"rate_bytes": 1000000}`, "start 1000000", 0},
		{"POST", "scrub/start", `{"rate_bytes": -1}`, "", 400},
		{"POST", "scrub/start", `{"rate_bytes": 1.5}`, "", 400},
		{"POST", "scrub/pause", "", "pause", 0},
		{"POST", "scrub/resume", "{}", "resume", 0},
		{"POST", "scrub/stop", "", "stop", 0},
		{"POST", "scrub/stop", `{"force": true}`, "", 400},
		{"GET", "scrub/stop", "", "", 405},
		{"POST", "scrub/schedule", `{"cron": "0 3 * * SUN"}`, `schedule "0 3 * * SUN"`, 0},
		{"POST", "scrub/schedule", `{}`, "", 400},
		{"POST", "rebuild", `{"rate_bytes": 5}`, "rebuild 5", 0},
		{"POST", "verify", `{"prefix": "a"}`, "", 400},
		{"POST", "verify?bucket=b", ``, "", 400},
		{"GET", "events", "", "events 0 1000 0s", 0},
		{"GET", "events?after=7&max=2&wait_seconds=3", "", "events 7 2 3s", 0},
		{"GET", "events?max=0", "", "", 400},
		{"GET", "events?max=1001", "", "", 400},
		{"GET", "events?after=-1", "", "", 400},
		{"GET", "events?wait_seconds=61", "", "", 400},
		{"GET", "events?after=1&after=2", "", "", 400},
		{"GET", "events?since=1", "", "", 400},
		{"GET", "events?a=%zz", "", "", 400},
	} {
		t.Run(c.method+" "+c.target+" "+c.body, func(t *testing.T) {
			g.admin.mu.Lock()
			g.admin.asked = ""
			g.admin.mu.Unlock()
			target, _, _ := strings.Cut(c.target, "?")
			if a := g.ask(c.method, adminPrefix+c.target, c.body); a.status != 401 || g.admin.asked != "" {
				t.Fatalf("without a key: %d, asked %q", a.status, g.admin.asked)
			}
			a := g.ask(c.method, adminPrefix+c.target, c.body, key)
			want := c.status
			if c.asked != "" {
				want = 200
			}
			if a.status != want || g.admin.asked != c.asked {
				t.Fatalf("%d, asked %s; want %d, %s\n%s", a.status, g.admin.asked, want, c.asked, a.body)
			}
			if want == 405 && a.header.Get("Allow") == "" {
				t.Errorf("no Allow for %s", target)
			}
		})
	}
}

// verifyLines asks for a verification and gives the answer's status and lines.
func (g *rig) verifyLines() (status int, lines []map[string]any) {
	g.t.Helper()
	a := g.ask("POST", adminPrefix+"verify", `{"bucket": "bkt", "prefix": "a/"}`, "Authorization: "+basic(testAccess, testSecret))
	for line := range strings.Lines(a.body) {
		var doc map[string]any
		if a.status != 200 || json.Unmarshal([]byte(line), &doc) != nil {
			return a.status, nil
		}
		lines = append(lines, doc)
	}
	return a.status, lines
}

func TestVerifyTellsHowFarItIs(t *testing.T) {
	g := newRig(t)
	g.admin.verify = func(_ context.Context, progress func(any)) {
		for i := range 1000 { // more than are told
			progress(i)
		}
	}
	status, lines := g.verifyLines()
	if status != 200 || len(lines) < 2 || len(lines) > 100 || lines[0]["progress"] == nil || lines[len(lines)-1]["report"] == nil {
		t.Fatalf("%d: %v", status, lines)
	}
	g.admin.err = &AdminError{Status: 404, Code: "no_such_bucket", Message: "There is no such bucket."}
	if status, lines = g.verifyLines(); status != 200 || len(lines) < 2 || lines[len(lines)-1]["error"] == nil {
		t.Fatalf("an error in the middle: %d: %v", status, lines)
	}
	g.admin.verify = nil
	if status, _ = g.verifyLines(); status != 404 {
		t.Fatalf("an error at the start: %d", status)
	}
}

// TestVerifyEndsWithItsClient: nobody reads the report, so nobody needs it made.
func TestVerifyEndsWithItsClient(t *testing.T) {
	g := newRig(t)
	ended := make(chan error, 1)
	g.admin.verify = func(ctx context.Context, progress func(any)) {
		progress("begun")
		select {
		case <-ctx.Done():
			ended <- nil
		case <-time.After(10 * time.Second):
			ended <- errors.New("it went on")
		}
	}
	conn := dial(t, g.adminAt)
	body := `{"bucket": "bkt"}`
	fmt.Fprintf(conn, "POST %sverify HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nContent-Length: %d\r\n\r\n%s",
		adminPrefix, basic(testAccess, testSecret), len(body), body)
	if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || !strings.Contains(line, "200") {
		t.Fatalf("%q, %v", line, err)
	}
	conn.Close()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}

// TestDrainingEndsWaiting: the daemon's end does not wait for those that only wait themselves.
func TestDrainingEndsWaiting(t *testing.T) {
	g := newRig(t)
	waiting := make(chan struct{})
	g.admin.events = func(ctx context.Context) {
		close(waiting)
		<-ctx.Done()
	}
	answered := make(chan int, 1)
	go func() {
		req, err := http.NewRequest("GET", "http://"+g.adminAt+adminPrefix+"events?wait_seconds=60", nil)
		if err != nil {
			panic(err)
		}
		req.SetBasicAuth(testAccess, testSecret)
		req.Close = true
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			answered <- 0
			return
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		answered <- resp.StatusCode
	}()
	<-waiting
	if err := g.stop(); err != nil { // of the object listener
		t.Fatal(err)
	}
	select {
	case status := <-answered:
		if status != 200 {
			t.Errorf("status %d", status)
		}
	case <-time.After(10 * time.Second):
		t.Error("it still waits")
	}
}
