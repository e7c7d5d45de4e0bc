package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/holdfast-storage/holdfast/blockstore"
	api "github.com/holdfast-storage/holdfast/fuse-free-api"
)

// TestMetrics reads all that a daemon measures: a linter has nothing to say about it, what was done is counted, and no
// name of an object is in it.
func TestMetrics(t *testing.T) {
	t.Parallel()
	d := newProcess(t, 4)
	d.begin()
	secret := "/" + testBucket + "/nobody-may-see-this-name"
	for _, method := range []string{http.MethodPut, http.MethodDelete, http.MethodDelete} {
		if err := d.call(t.Context(), method, secret); err != nil {
			t.Fatal(err)
		}
	}
	if out, code := d.run("drive", "fail", "2"); code != exitDone {
		t.Fatalf("drive fail: %d\n%s", code, out)
	}
	text := d.metrics()
	problems, err := promlint.New(bytes.NewReader(text)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	for _, line := range []string{
		`holdfast_pool_operations_total{operation="put"} 1`,
		`holdfast_pool_operations_total{operation="delete"} 2`,
		`holdfast_pool_operation_duration_seconds_count{operation="put"} 1`,
		`holdfast_pool_operation_errors_total{kind="unavailable",operation="put"} 0`,
		`holdfast_pool_state{state="DEGRADED"} 1`,
		`holdfast_pool_state{state="ONLINE"} 0`,
		`holdfast_drive_state{slot="1",state="ONLINE"} 1`,
		`holdfast_drive_state{slot="2",state="FAULTED"} 1`,
		`holdfast_drive_state{slot="2",state="ONLINE"} 0`,
		`holdfast_pool_stripes{missing="3"} 0`,
		`holdfast_scrub_progress_ratio 0`,
	} {
		if !bytes.Contains(text, []byte(line+"\n")) {
			t.Errorf("there is no line %s", line)
		}
	}
	for _, name := range []string{
		"holdfast_rebuild_remaining_bytes", "holdfast_rebuild_state", "holdfast_scrub_state",
		"holdfast_pool_commits_total", "holdfast_pool_committed_changes_total",
	} {
		if !bytes.Contains(text, []byte("\n"+name)) {
			t.Errorf("there is no %s", name)
		}
	}
	if bytes.Contains(text, []byte("nobody-may-see")) || bytes.Contains(text, []byte(`"`+testBucket+`"`)) {
		t.Error("an object or a bucket has a label")
	}
	if t.Failed() {
		t.Logf("%s", text)
	}
}

// metrics is what GET /metrics answers.
func (d *process) metrics() []byte {
	d.t.Helper()
	resp, err := d.admin.http.Get(d.ready.AdminURL + "/metrics")
	if err != nil {
		d.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		d.t.Fatalf("GET /metrics: %s, %v", resp.Status, err)
	}
	return text
}

// failingStore gives err to whoever asks for an object.
type failingStore struct {
	api.Store
	err error
}

func (s failingStore) Stat(context.Context, string, string) (api.ObjectInfo, error) {
	return api.ObjectInfo{}, s.err
}

func (s failingStore) Get(context.Context, string, string) (api.Object, error) {
	return failingObject{err: s.err}, nil
}

func (s failingStore) Put(_ context.Context, _, _ string, body io.Reader, _ api.PutRequest) (api.ObjectInfo, error) {
	_, err := io.ReadAll(body)
	return api.ObjectInfo{}, errors.Join(err, s.err)
}

type failingObject struct {
	api.Object
	err error
}

func (o failingObject) WriteTo(context.Context, io.Writer, int64, int64) error { return o.err }
func (o failingObject) Close()                                                 {}

// TestOperationErrors shows under which kind errors are counted, and that a get that breaks off is an error of the get.
func TestOperationErrors(t *testing.T) {
	for _, pair := range errorWords() {
		if toEdge(pair[0]) == nil || kindOf(toEdge(pair[0])) == kindOther {
			t.Errorf("%v is of no kind", pair[0])
		}
	}
	for _, test := range []struct {
		err  error
		kind string
	}{
		{toEdge(fmt.Errorf("no: %w", blockstore.ErrNoSpace)), "no_space"},
		{toEdge(&blockstore.DamageError{}), "unavailable"},
		{toEdge(errors.Join(blockstore.ErrUnavailable, context.Canceled)), kindCanceled},
		{toEdge(&blockstore.WriteError{Err: io.ErrClosedPipe}), kindCanceled},
		{errors.New("strange"), kindOther},
	} {
		reg := prometheus.NewRegistry()
		m, err := newOperationMetrics(reg)
		if err != nil {
			t.Fatal(err)
		}
		s := measuredStore{failingStore{err: test.err}, m}
		_, _ = s.Stat(t.Context(), "b", "k")
		_, _ = s.Put(t.Context(), "b", "k", strings.NewReader("body"), api.PutRequest{})
		o, err := s.Get(t.Context(), "b", "k")
		if err != nil {
			t.Fatal(err)
		}
		_ = o.WriteTo(t.Context(), io.Discard, 0, 1)
		o.Close()
		for _, op := range []string{opStat, opGet, opPut} {
			got := testutil.ToFloat64(m.failures.WithLabelValues(op, test.kind))
			if ended := testutil.ToFloat64(m.operations.WithLabelValues(op)); got != 1 || ended != 1 {
				t.Errorf("%v of a %s: %v of %v operations are %s", test.err, op, got, ended, test.kind)
			}
		}
		if _, err := newOperationMetrics(reg); err == nil {
			t.Error("two of them are registered together")
		}
	}
}

// TestBrokenBodyIsTheClients shows that a put whose body breaks off is not counted against the pool.
func TestBrokenBodyIsTheClients(t *testing.T) {
	m, err := newOperationMetrics(prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	s := measuredStore{failingStore{}, m}
	body := io.MultiReader(strings.NewReader("half"), brokenReader{})
	if _, err := s.Put(t.Context(), "b", "k", body, api.PutRequest{}); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("the error became %v", err)
	}
	if n := testutil.ToFloat64(m.failures.WithLabelValues(opPut, kindCanceled)); n != 1 {
		t.Errorf("%v puts are the client's fault", n)
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// TestMetricsOfStates shows one series for each state, whatever the report says.
func TestMetricsOfStates(t *testing.T) {
	r := statusReport{Rebuild: &rebuildReport{State: rebuildWaiting, BytesLeft: 7}, Scrub: &scrubReport{State: "new word", SegmentsDone: 1, SegmentsTotal: 4}}
	r.Pool.State, r.Pool.Parity = stateOnline, 1
	r.Drives = []driveReport{{Slot: 3, State: stateSpare}}
	r.Redundancy.Missing = map[string]int64{"0": 5, "1": 2, "4": 1}
	reg := prometheus.NewRegistry()
	reg.MustRegister(newPoolMetrics(func(context.Context) (statusReport, error) { return r, nil }))
	problems, err := testutil.GatherAndLint(reg)
	if err != nil || len(problems) != 0 {
		t.Errorf("%v, %v", problems, err)
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]float64)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			labels := []string{f.GetName()}
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetValue())
			}
			got[strings.Join(labels, " ")] = m.GetGauge().GetValue()
		}
	}
	for series, want := range map[string]float64{
		"holdfast_drive_state 3 SPARE": 1, "holdfast_drive_state 3 ONLINE": 0, "holdfast_drive_state 3 EVACUATING": 0,
		"holdfast_rebuild_state waiting": 1, "holdfast_rebuild_state idle": 0, "holdfast_rebuild_remaining_bytes": 7,
		"holdfast_scrub_state new word": 1, "holdfast_scrub_state idle": 0, "holdfast_scrub_progress_ratio": 0.25,
		"holdfast_pool_stripes 0": 5, "holdfast_pool_stripes 1": 2, "holdfast_pool_stripes 2": 0, "holdfast_pool_stripes 4": 1,
	} {
		if value, there := got[series]; !there || value != want {
			t.Errorf("%s is %v (%v), want %v; there are %q", series, value, there, want, slices.Sorted(maps.Keys(got)))
		}
	}
}
