package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func (g *rig) ask(method, target, body string, headers ...string) answer {
	g.t.Helper()
	lines := append([]string{method + " " + target + " HTTP/1.1", "Host: " + g.adminAt}, headers...)
	if body != "" {
		lines = append(lines, fmt.Sprintf("Content-Length: %d", len(body)))
	}
	a := send(g.t, g.adminAt, method, strings.Join(lines, "\r\n")+"\r\n\r\n"+body)
	if a.err != nil {
		g.t.Fatal(a.err)
	}
	return a
}

func TestHealth(t *testing.T) {
	g := newRig(t)
	for _, path := range []string{"/health/live", "/health/ready"} {
		if a := g.ask("GET", path, ""); a.status != 200 || a.body != "ok\n" {
			t.Errorf("%s: %+v", path, a)
		}
	}
	g.admin.mu.Lock()
	g.admin.ready = errors.New("4 of 6 drives are missing")
	g.admin.mu.Unlock()
	if a := g.ask("GET", "/health/ready", ""); a.status != 503 || a.body != "not ready: 4 of 6 drives are missing\n" {
		t.Errorf("%+v", a)
	}
	if a := g.ask("HEAD", "/health/ready", ""); a.status != 503 || a.body != "" {
		t.Errorf("%+v", a)
	}
	if a := g.ask("GET", "/health/live", ""); a.status != 200 {
		t.Errorf("%+v", a)
	}
	if a := g.ask("POST", "/health/live", ""); a.status != 405 || a.header.Get("Allow") != "GET, HEAD" {
		t.Errorf("%+v", a)
	}
}

func TestAdmin(t *testing.T) {
	key := "Authorization: " + basic(testAccess, testSecret)
	for _, c := range []struct {
		name, method, target, body string
		headers                    []string
		err                        error
		status                     int
		code                       string // of the error, or
		asked                      string // of the Admin
	}{
		{name: "status", method: "GET", target: "/api/v1/status", headers: []string{key}, status: 200},
		{name: "status without a key", method: "GET", target: "/api/v1/status", status: 401, code: "unauthorized"},
		{name: "status with another secret", method: "GET", target: "/api/v1/status", headers: []string{"Authorization: " + basic(testAccess, "x")}, status: 401, code: "unauthorized"},
		{name: "status by POST", method: "POST", target: "/api/v1/status", headers: []string{key}, status: 405, code: "method_not_allowed"},
		{name: "status fails", method: "GET", target: "/api/v1/status", headers: []string{key}, err: errors.New("inside"), status: 500, code: "internal"},
		{name: "status unavailable", method: "GET", target: "/api/v1/status", headers: []string{key}, err: ErrUnavailable, status: 503, code: "unavailable"},
		{name: "nothing there, no key", method: "GET", target: "/api/v1/nothing", status: 401, code: "unauthorized"},
		{name: "nothing there", method: "GET", target: "/api/v1/nothing", headers: []string{key}, status: 404, code: "not_found"},
		{name: "not cleaned", method: "GET", target: "/api/v1/../v1/status", headers: []string{key}, status: 404, code: "not_found"},
		{name: "outside", method: "GET", target: "/", status: 404, code: "not_found"},
		{name: "fail by slot", method: "POST", target: "/api/v1/drives/3/fail", headers: []string{key}, status: 200, asked: `fail "3" "" {DryRun:false Force:false}`},
		{name: "fail by path", method: "POST", target: "/api/v1/drives/%2Fdata%2F%C3%BC%203/fail", headers: []string{key}, status: 200, asked: `fail "/data/ü 3" "" {DryRun:false Force:false}`},
		{name: "fail with options", method: "POST", target: "/api/v1/drives/3/fail", body: `{"dry_run": true, "force": true}`, headers: []string{key}, status: 200, asked: `fail "3" "" {DryRun:true Force:true}`},
		{name: "fail without a key", method: "POST", target: "/api/v1/drives/3/fail", status: 401, code: "unauthorized"},
		{name: "fail by GET", method: "GET", target: "/api/v1/drives/3/fail", headers: []string{key}, status: 405, code: "method_not_allowed"},
		{name: "fail nothing", method: "POST", target: "/api/v1/drives//fail", headers: []string{key}, status: 400, code: "bad_request"},
		{name: "fail with a misspelt option", method: "POST", target: "/api/v1/drives/3/fail", body: `{"dryrun": true}`, headers: []string{key}, status: 400, code: "bad_request"},
		{name: "fail with options in the query", method: "POST", target: "/api/v1/drives/3/fail?dry_run=true", headers: []string{key}, status: 400, code: "bad_request"},
		{name: "fail with two documents", method: "POST", target: "/api/v1/drives/3/fail", body: `{"dry_run": true}{}`, headers: []string{key}, status: 400, code: "bad_request"},
		{name: "fail with garbage", method: "POST", target: "/api/v1/drives/3/fail", body: "dry", headers: []string{key}, status: 400, code: "bad_request"},
		{name: "fail with too much", method: "POST", target: "/api/v1/drives/3/fail", body: `{}` + strings.Repeat(" ", maxAdminBytes), headers: []string{key}, status: 400, code: "bad_request"},
		{name: "fail from another site", method: "POST", target: "/api/v1/drives/3/fail", headers: []string{key, "Sec-Fetch-Site: cross-site"}, status: 403, code: "cross_origin"},
		{name: "fail refused", method: "POST", target: "/api/v1/drives/3/fail", headers: []string{key}, status: 409, code: "unsafe", asked: `fail "3" "" {DryRun:false Force:false}`,
			err: fmt.Errorf("wrapped: %w", &AdminError{Status: 409, Code: "unsafe", Message: "No drive may fail after this.", Hint: "--force"})},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := newRig(t)
			g.admin.err = c.err
			a := g.ask(c.method, c.target, c.body, c.headers...)
			if a.status != c.status || a.header.Get("Content-Type") != "application/json" {
				t.Fatalf("%+v", a)
			}
			if g.admin.asked != c.asked {
				t.Errorf("asked %s, want %s", g.admin.asked, c.asked)
			}
			var doc struct {
				Error *struct{ Code, Message, Hint *string }
				Pool  string
			}
			if err := json.Unmarshal([]byte(a.body), &doc); err != nil {
				t.Fatalf("%v in %s", err, a.body)
			}
			if c.code == "" {
				if doc.Error != nil || c.asked == "" && doc.Pool != "fine" {
					t.Errorf("%s", a.body)
				}
				return
			}
			if doc.Error == nil || *doc.Error.Code != c.code || *doc.Error.Message == "" || doc.Error.Hint == nil || strings.Contains(a.body, "inside") {
				t.Errorf("%s", a.body)
			}
			if c.status == 401 && !strings.HasPrefix(a.header.Get("Www-Authenticate"), "Basic ") {
				t.Error("no challenge")
			}
		})
	}
}

func TestAdminResultThatIsNoJSON(t *testing.T) {
	g := newRig(t)
	g.admin.status = make(chan int)
	if a := g.ask("GET", "/api/v1/status", "", "Authorization: "+basic(testAccess, testSecret)); a.status != 500 || !strings.Contains(a.body, `"internal"`) {
		t.Errorf("%+v", a)
	}
}
