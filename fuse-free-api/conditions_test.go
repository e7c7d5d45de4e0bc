package api

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

func TestConditionsOnReading(t *testing.T) {
	g := newRig(t)
	g.do("PUT", "/bkt/k", "body", "Cache-Control: no-cache", "Expires: never").want(t, 200, "")
	tag := `"` + md5Hex("body") + `"`
	const (
		before = "Wed, 04 Mar 2026 05:06:06 GMT"
		same   = "Wed, 04 Mar 2026 05:06:07 GMT" // the object's time has a fraction
		after  = "Wed, 04 Mar 2026 05:06:08 GMT"
	)
	for _, c := range []struct {
		name    string
		headers []string
		status  int
	}{
		{"none", nil, 200},
		{"match", []string{"If-Match: " + tag}, 200},
		{"match without quotes", []string{"If-Match: " + strings.Trim(tag, `"`)}, 200},
		{"match any", []string{"If-Match: *"}, 200},
		{"match one of", []string{`If-Match: "x", ` + tag + `, "y"`}, 200},
		{"match on two lines", []string{`If-Match: "x"`, `If-Match: ` + tag}, 200},
		{"match none of", []string{`If-Match: "x","y"`}, 412},
		{"match weak", []string{"If-Match: W/" + tag}, 412},
		{"unmodified since before", []string{"If-Unmodified-Since: " + before}, 412},
		{"unmodified since the time", []string{"If-Unmodified-Since: " + same}, 200},
		{"unmodified since no date", []string{"If-Unmodified-Since: yesterday"}, 200},
		{"match wins over unmodified since", []string{"If-Match: " + tag, "If-Unmodified-Since: " + before}, 200},
		{"none match", []string{"If-None-Match: " + tag}, 304},
		{"none match weak", []string{"If-None-Match: W/" + tag}, 304},
		{"none match any", []string{"If-None-Match: *"}, 304},
		{"none match others", []string{`If-None-Match: "x"`}, 200},
		{"modified since before", []string{"If-Modified-Since: " + before}, 200},
		{"modified since the time", []string{"If-Modified-Since: " + same}, 304},
		{"modified since after", []string{"If-Modified-Since: " + after}, 304},
		{"modified since no date", []string{"If-Modified-Since: tomorrow"}, 200},
		{"none match wins over modified since", []string{`If-None-Match: "x"`, "If-Modified-Since: " + after}, 200},
		{"match fails before none match", []string{`If-Match: "x"`, "If-None-Match: " + tag}, 412},
		{"match holds, none match fails", []string{"If-Match: " + tag, "If-None-Match: " + tag}, 304},
		{"unmodified since fails before none match", []string{"If-Unmodified-Since: " + before, "If-None-Match: " + tag}, 412},
		{"not modified before the range", []string{"If-None-Match: " + tag, "Range: bytes=0-0"}, 304},
		{"failed before an unsatisfiable range", []string{`If-Match: "x"`, "Range: bytes=9-"}, 412},
		{"range if the same", []string{"If-Range: " + tag, "Range: bytes=0-0"}, 206},
		{"range if the same, weak", []string{"If-Range: W/" + tag, "Range: bytes=0-0"}, 200},
		{"range if another", []string{`If-Range: "x"`, "Range: bytes=0-0"}, 200},
		{"range if of the time", []string{"If-Range: " + same, "Range: bytes=0-0"}, 206},
		{"range if of another time", []string{"If-Range: " + after, "Range: bytes=0-0"}, 200},
		{"empty match", []string{"If-Match:"}, 400},
		{"commas only", []string{"If-Match: , ,"}, 400},
		{"open quote", []string{`If-None-Match: "x`}, 400},
		{"two tags without a comma", []string{`If-None-Match: "x" "y"`}, 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			code := map[int]string{412: "PreconditionFailed", 400: "InvalidArgument"}[c.status]
			a := g.do("GET", "/bkt/k", "", c.headers...).want(t, c.status, code)
			h := g.do("HEAD", "/bkt/k", "", c.headers...).want(t, c.status, "")
			if h.body != "" {
				t.Errorf("HEAD has the body %q", h.body)
			}
			if c.status == 304 {
				for name, want := range map[string]string{"Etag": tag, "Last-Modified": same, "Cache-Control": "no-cache", "Expires": "never", "Content-Length": ""} {
					if got := a.header.Get(name); got != want {
						t.Errorf("%s is %q, want %q", name, got, want)
					}
				}
				if a.body != "" {
					t.Errorf("body %q", a.body)
				}
			}
		})
	}
}

func TestConditionsOnWriting(t *testing.T) {
	g := newRig(t)
	tag := `"` + md5Hex("one") + `"`
	steps := []struct {
		method, body, header string
		status               int
	}{
		{"PUT", "none", "If-Match: *", 412},
		{"PUT", "none", "If-Match: " + tag, 404},
		{"DELETE", "", "If-Match: *", 412},
		{"PUT", "one", "If-None-Match: *", 200},
		{"PUT", "none", "If-None-Match: *", 412},
		{"PUT", "none", "If-None-Match: " + tag, 412},
		{"PUT", "none", "If-None-Match: W/" + tag, 412},
		{"PUT", "none", `If-Match: "x"`, 412},
		{"PUT", "none", "If-Match: W/" + tag, 412},
		{"PUT", "none", "If-Match:", 400},
		{"PUT", "none", `If-Match: "*"`, 400},
		{"PUT", "none", `If-None-Match: "x", "*"`, 400},
		{"PUT", "none", `If-Match: W/"*"`, 400},
		{"DELETE", "", `If-Match: "*"`, 400},
		{"DELETE", "", `If-Match: "x"`, 412},
		{"DELETE", "", "If-None-Match: *", 412},
		{"DELETE", "", "If-Match: ,", 400},
		{"PUT", "two", `If-Match: "x", ` + tag, 200},
		{"PUT", "three", `If-None-Match: "x"`, 200},
		{"DELETE", "", `If-Match: "` + md5Hex("three") + `"`, 204},
	}
	for _, step := range steps {
		if step.method == "DELETE" && step.status == 204 {
			if a := g.do("GET", "/bkt/k", "").want(t, 200, ""); a.body != "three" {
				t.Errorf("body %q", a.body)
			}
		}
		code := map[int]string{412: "PreconditionFailed", 404: "NoSuchKey", 400: "InvalidArgument"}[step.status]
		t.Log(step)
		g.do(step.method, "/bkt/k", step.body, step.header).want(t, step.status, code)
	}
	g.wantNothing()
}

func FuzzParseETags(f *testing.F) {
	for _, s := range []string{`"a"`, `"a", W/"b",c`, "*", "", ",", `"`, `W/x`, `"a,b" , "c"`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		list, err := parseETags(http.Header{"If-Match": {s}}, "If-Match")
		if err != nil {
			return
		}
		if list.empty() {
			t.Fatalf("%q: a header that says nothing", s)
		}
		// What was read, written out, reads the same.
		var parts []string
		for _, tag := range list.tags {
			if !strings.HasPrefix(tag, `W/"`) {
				tag = `"` + tag + `"`
			}
			parts = append(parts, tag)
		}
		if list.any {
			parts = append(parts, "*")
		}
		again, err := parseETags(http.Header{"If-Match": {strings.Join(parts, ",")}}, "If-Match")
		if err != nil || again.any != list.any || !slices.Equal(again.tags, list.tags) {
			t.Fatalf("%q: %+v, then %+v, %v", s, list, again, err)
		}
	})
}
