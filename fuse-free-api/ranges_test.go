package api

import (
	"fmt"
	"math"
	"testing"
)

func TestParseRange(t *testing.T) {
	whole := span{n: 10}
	for _, c := range []struct {
		header string
		want   span
		ok     bool
	}{
		{"bytes=0-0", span{0, 1, true}, true},
		{"bytes=0-9", span{0, 10, true}, true},
		{"bytes=2-", span{2, 8, true}, true},
		{"bytes=9-", span{9, 1, true}, true},
		{"bytes=5-100", span{5, 5, true}, true},
		{"bytes=-1", span{9, 1, true}, true},
		{"bytes=-10", span{0, 10, true}, true},
		{"bytes=-11", span{0, 10, true}, true},
		{"bytes=-99999999999999999999", span{0, 10, true}, true},
		{"bytes=1-99999999999999999999", span{1, 9, true}, true},
		{"Bytes = 1-2 ", span{1, 2, true}, true},
		{"bytes=,1-2,", span{1, 2, true}, true},
		{"bytes=10-", span{}, false},
		{"bytes=10-12", span{}, false},
		{"bytes=99999999999999999999-", span{}, false},
		{"bytes=-0", span{off: 10, partial: true}, false},
		{"bytes=0-0,2-3", whole, true},
		{"bytes=3-2", whole, true},
		{"bytes=-", whole, true},
		{"bytes=", whole, true},
		{"bytes", whole, true},
		{"bytes=a-b", whole, true},
		{"bytes=+1-2", whole, true},
		{"bytes=1--2", whole, true},
		{"bytes=1 - 2", whole, true},
		{"bytes=0x1-2", whole, true},
		{"lines=1-2", whole, true},
		{"=1-2", whole, true},
	} {
		if got, ok := parseRange(c.header, 10); got != c.want || ok != c.ok {
			t.Errorf("%q: %+v, %v, want %+v, %v", c.header, got, ok, c.want, c.ok)
		}
	}
	for _, header := range []string{"bytes=0-", "bytes=0-0", "bytes=-1"} {
		if _, ok := parseRange(header, 0); ok {
			t.Errorf("%q holds bytes of nothing", header)
		}
	}
}

func FuzzParseRange(f *testing.F) {
	for _, s := range []string{"bytes=0-0", "bytes=-5", "bytes=5-", "bytes=1-2,3-4", "bytes=99999999999999999999-", "x"} {
		f.Add(s, int64(10))
	}
	f.Add("bytes=0-9223372036854775807", int64(math.MaxInt64))
	f.Fuzz(func(t *testing.T, header string, size int64) {
		size = max(size, 0)
		s, ok := parseRange(header, size)
		switch {
		case !ok:
		case !s.partial:
			if s != (span{n: size}) {
				t.Fatalf("%q of %d: %+v", header, size, s)
			}
		case s.n < 1 || s.off < 0 || s.off > size-s.n:
			t.Fatalf("%q of %d: %+v", header, size, s)
		}
	})
}

func TestRanges(t *testing.T) {
	g := newRig(t)
	g.do("PUT", "/bkt/k", "0123456789").want(t, 200, "")
	g.do("PUT", "/bkt/empty", "").want(t, 200, "")
	for _, c := range []struct{ header, body, contentRange string }{
		{"bytes=2-4", "234", "bytes 2-4/10"},
		{"bytes=-3", "789", "bytes 7-9/10"},
		{"bytes=8-", "89", "bytes 8-9/10"},
		{"bytes=0-1,3-4", "0123456789", ""},
		{"bytes=0-1\r\nRange: bytes=3-4", "0123456789", ""},
		{"nonsense", "0123456789", ""},
	} {
		status := 206
		if c.contentRange == "" {
			status = 200
		}
		a := g.do("GET", "/bkt/k", "", "Range: "+c.header).want(t, status, "")
		h := g.do("HEAD", "/bkt/k", "", "Range: "+c.header).want(t, status, "")
		if a.body != c.body || a.header.Get("Content-Range") != c.contentRange || h.header.Get("Content-Range") != c.contentRange {
			t.Errorf("%q: %q, %q", c.header, a.body, a.header.Get("Content-Range"))
		}
		if want := fmt.Sprint(len(c.body)); a.header.Get("Content-Length") != want || h.header.Get("Content-Length") != want {
			t.Errorf("%q: lengths %s and %s", c.header, a.header.Get("Content-Length"), h.header.Get("Content-Length"))
		}
	}
	for target, size := range map[string]int{"/bkt/k": 10, "/bkt/empty": 0} {
		for _, header := range []string{"bytes=10-", "bytes=-0"} {
			a := g.do("GET", target, "", "Range: "+header).want(t, 416, "InvalidRange")
			if want := fmt.Sprintf("bytes */%d", size); a.header.Get("Content-Range") != want {
				t.Errorf("Content-Range %q, want %q", a.header.Get("Content-Range"), want)
			}
			g.do("HEAD", target, "", "Range: "+header).want(t, 416, "")
		}
	}
}
