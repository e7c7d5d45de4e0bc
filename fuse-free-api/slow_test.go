package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// timedWriter notes when what is written comes.
type timedWriter struct {
	*httptest.ResponseRecorder
	began time.Time
	log   []string
}

func (w *timedWriter) WriteHeader(status int) {
	w.log = append(w.log, fmt.Sprint(time.Since(w.began), " status ", status))
	w.ResponseRecorder.WriteHeader(status)
}

func (w *timedWriter) Write(p []byte) (int, error) {
	w.log = append(w.log, fmt.Sprintf("%v %q", time.Since(w.began), strings.TrimPrefix(string(p), xmlHead)))
	return w.ResponseRecorder.Write(p)
}

func (w *timedWriter) Flush() { w.log = append(w.log, fmt.Sprint(time.Since(w.began), " flush")) }

func TestSlowly(t *testing.T) {
	server, err := New(Options{Store: newFakeStore(), Admin: &fakeAdmin{}, AccessKey: "a", SecretKey: "s"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		took time.Duration
		err  error
		want []string // without the final write's error text
		fail bool     // slowly gives the error
	}{
		{"at once", 0, nil, []string{"0s status 200", `0s "<Done></Done>"`}, false},
		{"in time", 9 * time.Second, nil, []string{"9s status 200", `9s "<Done></Done>"`}, false},
		{"fails in time", 9 * time.Second, ErrNoSpace, nil, true},
		{"late", 35 * time.Second, nil, []string{"10s status 200", `10s ""`, "10s flush", `20s " "`, "20s flush", `30s " "`, "30s flush", `35s "<Done></Done>"`}, false},
		{"fails late", 21 * time.Second, ErrNoSpace, []string{"10s status 200", `10s ""`, "10s flush", `20s " "`, "20s flush", `21s "<Error><Code>InsufficientStorage</Code>`}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &timedWriter{ResponseRecorder: httptest.NewRecorder(), began: time.Now()}
				call := server.newCall(w, httptest.NewRequest("PUT", "/bkt/k", nil))
				err := call.slowly(func(context.Context) (func(*xmlWriter), error) {
					time.Sleep(c.took)
					return func(x *xmlWriter) { x.raw("<Done></Done>") }, c.err
				})
				if c.fail != (err != nil) || err != nil && !errors.Is(err, c.err) {
					t.Fatalf("error %v", err)
				}
				ok := len(w.log) == len(c.want)
				for i := range min(len(w.log), len(c.want)) {
					ok = ok && strings.HasPrefix(w.log[i], c.want[i])
				}
				if !ok {
					t.Errorf("%q\nwant %q", w.log, c.want)
				}
				if body := w.Body.String(); err == nil && !strings.HasPrefix(body, xmlHead) {
					t.Errorf("body %q", body)
				}
			})
		})
	}
}

// goneWriter is a connection that the client has left.
type goneWriter struct{ *httptest.ResponseRecorder }

func (goneWriter) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestSlowlyEndsWithItsClient(t *testing.T) {
	server, err := New(Options{Store: newFakeStore(), Admin: &fakeAdmin{}, AccessKey: "a", SecretKey: "s"})
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		call := server.newCall(goneWriter{httptest.NewRecorder()}, httptest.NewRequest("PUT", "/bkt/k", nil))
		err := call.slowly(func(ctx context.Context) (func(*xmlWriter), error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})
		if !errors.Is(err, errClientGone) {
			t.Errorf("%v", err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		w := httptest.NewRecorder()
		call := server.newCall(w, httptest.NewRequest("PUT", "/bkt/k", nil).WithContext(ctx))
		time.AfterFunc(time.Minute, cancel)
		err := call.slowly(func(ctx context.Context) (func(*xmlWriter), error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})
		if !errors.Is(err, context.Canceled) || strings.Contains(w.Body.String(), "Error") {
			t.Errorf("%v; sent %q", err, w.Body)
		}
	})
	call := server.newCall(httptest.NewRecorder(), httptest.NewRequest("PUT", "/bkt/k", nil))
	err = call.slowly(func(context.Context) (func(*xmlWriter), error) { panic("work panics") })
	if faultCode(err) != "InternalError" {
		t.Errorf("%v", err)
	}
}

// Over a real connection: clients read to the end what has begun early.
func TestLongCompletesAndCopies(t *testing.T) {
	for _, c := range []struct {
		name, root string
		send       func(g *rig, id string) answer
	}{
		{"part copy", "CopyPartResult", func(g *rig, id string) answer { return g.part("k", id, 2, "", "x-amz-copy-source: bkt/source") }},
		{"complete", "CompleteMultipartUploadResult", func(g *rig, id string) answer { return g.complete("k", id, completeDoc(md5Hex("one"))) }},
		{"copy", "CopyObjectResult", func(g *rig, _ string) answer {
			return g.do("PUT", "/bkt/copy", "", "x-amz-copy-source: bkt/source")
		}},
	} {
		for _, fail := range []error{ErrUnavailable, nil} {
			t.Run(fmt.Sprintf("%s: %v", c.name, fail), func(t *testing.T) {
				unhurried(t, 20*time.Millisecond, func(t testing.TB, d time.Duration) {
					g := newRig(t)
					g.keepAlive = d
					g.do("PUT", "/bkt/source", "the source").want(t, 200, "")
					id := g.begin("k")
					g.part("k", id, 1, "one").want(t, 200, "")
					wait := func() { time.Sleep(8 * d) }
					g.store.complete = func(context.Context) error { wait(); return fail }
					g.store.beforePut = func(context.Context) { wait() }
					if fail != nil && c.name != "complete" {
						g.store.writeTo = func(io.Writer, []byte) (bool, error) { wait(); return true, fail }
					}
					a := c.send(g, id)
					if a.status != http.StatusOK || !strings.HasPrefix(a.body, xmlHead+" ") {
						t.Fatalf("%d %q", a.status, a.body)
					}
					if fail == nil && !strings.HasSuffix(a.body, "</"+c.root+">") {
						t.Errorf("%q", a.body)
					}
					if fail == nil {
						return
					}
					if e := a.s3Error(t); e.Code != "ServiceUnavailable" {
						t.Errorf("%+v", e)
					}
				})
			})
		}
	}
}

// Work that takes longer than a stall may is no stall: nobody waits for the
// client.
func TestLongWorkIsNoStall(t *testing.T) {
	unhurried(t, 100*time.Millisecond, func(t testing.TB, d time.Duration) {
		g := newRig(t, func(o *Options) { o.StallTimeout = d })
		g.do("PUT", "/bkt/source", "the source").want(t, 200, "")
		id := g.begin("k")
		g.part("k", id, 1, "one").want(t, 200, "")
		wait := func() { time.Sleep(4 * d) }
		g.store.complete = func(context.Context) error { wait(); return nil }
		g.store.beforePut = func(context.Context) { wait() }
		g.complete("k", id, completeDoc(md5Hex("one"))).want(t, 200, "")
		g.do("PUT", "/bkt/copy", "", "x-amz-copy-source: bkt/source").want(t, 200, "")
	})
}
