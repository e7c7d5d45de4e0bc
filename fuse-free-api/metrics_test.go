package api

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestMetrics(t *testing.T) {
	g := newRig(t)
	problems, err := testutil.GatherAndLint(g.reg)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	g.do("PUT", "/bkt/k", "12345").want(t, 200, "")
	g.do("GET", "/bkt/k", "", "Range: bytes=0-2").want(t, 206, "")
	g.do("GET", "/bkt/k", "", "If-None-Match: *").want(t, 304, "")
	g.do("HEAD", "/bkt/no", "").want(t, 404, "")
	g.do("MADEUP", "/bkt/no", "").want(t, 405, "MethodNotAllowed")
	eventually(t, "nothing is in flight", func() bool { return testutil.ToFloat64(g.metrics.inFlight) == 0 })
	a := g.ask("GET", "/metrics", "")
	if a.status != 200 {
		t.Fatalf("%+v", a)
	}
	for _, line := range []string{
		`holdfast_http_requests_total{class="2xx",operation="PutObject"} 1`,
		`holdfast_http_requests_total{class="2xx",operation="GetObject"} 1`,
		`holdfast_http_requests_total{class="3xx",operation="GetObject"} 1`,
		`holdfast_http_requests_total{class="4xx",operation="HeadObject"} 1`,
		`holdfast_http_requests_total{class="4xx",operation="none"} 1`,
		`holdfast_http_requests_total{class="5xx",operation="DeleteObject"} 0`,
		`holdfast_http_requests_total{class="cut",operation="GetObject"} 0`,
		`holdfast_http_request_duration_seconds_count{operation="GetObject"} 2`,
		`holdfast_http_received_bytes_total 5`,
		`holdfast_http_requests_in_flight 0`,
	} {
		if !strings.Contains(a.body, line+"\n") {
			t.Errorf("%q is not in\n%s", line, a.body)
		}
	}
	if strings.Contains(a.body, "MADEUP") {
		t.Error("a client makes labels")
	}
}

func TestMetricsTwice(t *testing.T) {
	g := newRig(t)
	opts := g.opts
	if _, err := New(opts); err == nil {
		t.Error("two servers share one registry")
	}
}
