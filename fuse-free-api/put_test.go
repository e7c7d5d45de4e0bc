package api

import (
	"bufio"
	"bytes"
	"context"
	"crypto/md5"
	"encoding/base64"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-storage/holdfast/fuse-free-api/checksum"
	"github.com/holdfast-storage/holdfast/fuse-free-api/sigv4/sigv4test"
)

func md5Text(s string) string {
	sum := md5.Sum([]byte(s))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// Headers that ask for what is the case anyway, or for nothing, are welcome.
func TestHarmlessHeaders(t *testing.T) {
	g := newRig(t)
	for _, header := range []string{"x-amz-acl: private", "x-amz-acl: bucket-owner-full-control", "x-amz-storage-class: STANDARD",
		"x-amz-expected-bucket-owner: holdfast", "x-amz-request-payer: requester"} {
		g.do("PUT", "/bkt/k", "body", header).want(t, 200, "")
	}
	for _, header := range []string{"x-amz-expected-bucket-owner: holdfast", "x-amz-request-payer: requester"} {
		for method, status := range map[string]int{"GET": 200, "HEAD": 200, "DELETE": 204} {
			g.do("PUT", "/bkt/k", "body").want(t, 200, "")
			g.do(method, "/bkt/k", "", header).want(t, status, "")
		}
		g.do("GET", "/bkt?list-type=2", "", header).want(t, 200, "")
	}
	for method, target := range map[string]string{"PUT": "/bkt/other", "GET": "/bkt/k", "DELETE": "/bkt/k", "POST": "/bkt?delete"} {
		g.do(method, target, "", "x-amz-expected-bucket-owner: 111122223333").want(t, 403, "AccessDenied")
	}
}

// Only names that are known go out, whatever a store keeps with an object.
func TestOnlyKnownPairsAreSent(t *testing.T) {
	g := newRig(t)
	g.store.buckets["bkt"].objects["k"] = &fakeObject{s: g.store, body: []byte("x"), info: ObjectInfo{Size: 1, ETag: "x", System: []Pair{
		{"Cache-Control", "no-store"}, {"Set-Cookie", "a=b"}, {"x-amz-checksum-type", "FULL_OBJECT"}, {"x-amz-made-up", "1"},
		{"x-amz-tagging", "a=b"}, {"x-holdfast-upload", "17"}}}}
	a := g.do("GET", "/bkt/k", "", "x-amz-checksum-mode: ENABLED").want(t, 200, "")
	for name, want := range map[string]string{"Cache-Control": "no-store", "X-Amz-Tagging-Count": "1", "X-Amz-Checksum-Type": "FULL_OBJECT",
		"Set-Cookie": "", "X-Amz-Made-Up": "", "X-Amz-Tagging": "", "X-Holdfast-Upload": ""} {
		if got := a.header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

func TestFastETags(t *testing.T) {
	g := newRig(t, func(o *Options) { o.ETag = ETagFast })
	form := regexp.MustCompile(`^"[0-9a-f]{32}-fast"$`)
	seen := map[string]bool{}
	for _, header := range []string{"x-a: b", "x-a: b", "Content-MD5: " + md5Text("body"), "x-amz-checksum-crc32: " + sumText(checksum.CRC32, "body")} {
		etag := g.do("PUT", "/bkt/k", "body", header).want(t, 200, "").header.Get("Etag")
		if !form.MatchString(etag) || seen[etag] {
			t.Errorf("ETag %s, seen %v", etag, seen)
		}
		seen[etag] = true
		if got := g.do("HEAD", "/bkt/k", "").want(t, 200, "").header.Get("Etag"); got != etag {
			t.Errorf("ETag %s, then %s", etag, got)
		}
		g.do("PUT", "/bkt/k", "body", "If-Match: "+etag).want(t, 200, "")
		g.do("PUT", "/bkt/k", "body", "If-Match: "+etag).want(t, 412, "PreconditionFailed")
	}
	g.do("PUT", "/bkt/k", "body", "Content-MD5: AAAAAAAAAAAAAAAAAAAAAA==").want(t, 400, "BadDigest")
	for text, want := range map[string]ETagMode{"md5": ETagMD5, "fast": ETagFast} {
		if got, err := ParseETagMode(text); err != nil || got != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "MD5", "sha1"} {
		if _, err := ParseETagMode(text); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

// A client that waits for 100 Continue sends no byte of a body that its
// headers have already lost, and is told to go on only when the store reads.
func TestContinueIsLazy(t *testing.T) {
	const body = "body"
	g := newRig(t)
	g.do("PUT", "/bkt/there", body).want(t, 200, "")
	unsigned := sigv4test.Framing{Unsigned: true, Trailers: trailers("x-amz-checksum-crc32", sumText(checksum.CRC32, body))}
	for _, c := range []struct {
		name, target, code string
		status             int
		headers            []string
	}{
		{"invalid MD5", "/bkt/k", "InvalidDigest", 400, []string{"Content-MD5: x"}},
		{"invalid checksum", "/bkt/k", "InvalidRequest", 400, []string{"x-amz-checksum-crc32: x"}},
		{"checksum of another algorithm", "/bkt/k", "InvalidRequest", 400, []string{"x-amz-sdk-checksum-algorithm: SHA1", "x-amz-checksum-crc32: AAAAAA=="}},
		{"invalid tags", "/bkt/k", "InvalidTag", 400, []string{"x-amz-tagging: =b"}},
		{"too much metadata", "/bkt/k", "MetadataTooLarge", 400, []string{"x-amz-meta-a: " + strings.Repeat("x", maxMetaBytes)}},
		{"a condition that is none", "/bkt/k", "InvalidArgument", 400, []string{`If-Match: "x`}},
		{"not honoured", "/bkt/k", "NotImplemented", 501, []string{"x-amz-storage-class: GLACIER"}},
		{"another owner", "/bkt/k", "AccessDenied", 403, []string{"x-amz-expected-bucket-owner: x"}},
		{"no such bucket", "/nosuch/k", "NoSuchBucket", 404, nil},
		{"wanted", "/bkt/k", "", 200, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			head, wire := framed("PUT", c.target, unsigned, body, c.headers...)
			if len(c.headers) > 0 && strings.HasPrefix(c.headers[0], "x-amz-sdk") || len(c.headers) > 0 && strings.HasPrefix(c.headers[0], "x-amz-checksum") {
				head, wire = strings.TrimSuffix(signed("PUT", c.target, body, c.headers...), body), body
			}
			conn := dial(t, g.objects)
			defer conn.Close()
			if _, err := io.WriteString(conn, strings.TrimSuffix(head, "\r\n")+"Expect: 100-continue\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			r := bufio.NewReader(conn)
			if c.status != 200 {
				if err := conn.CloseWrite(); err != nil {
					t.Fatal(err)
				}
				all, err := io.ReadAll(r)
				if err != nil {
					t.Fatal(err)
				}
				if answer := string(all); !strings.HasPrefix(answer, fmt.Sprintf("HTTP/1.1 %d ", c.status)) ||
					!strings.Contains(answer, "<Code>"+c.code+"</Code>") || !strings.Contains(answer, "\r\nConnection: close\r\n") {
					t.Errorf("want %d %s and the connection's end:\n%s", c.status, c.code, answer)
				}
				return
			}
			line, err := r.ReadString('\n')
			if err != nil || !strings.HasPrefix(line, "HTTP/1.1 100 ") {
				t.Fatalf("%q, %v", line, err)
			}
			if _, err := r.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(conn, wire); err != nil {
				t.Fatal(err)
			}
			receive(t, r, "PUT").want(t, 200, "")
		})
	}
}

// digestingStore reads as the engine does: exactly the announced bytes, and
// digests them behind the reader's back, in order.
type digestingStore struct {
	*fakeStore
	pieceBytes int
	forget     bool // digests no more than one piece
}

func (s *digestingStore) Put(ctx context.Context, bucket, key string, body io.Reader, req PutRequest) (ObjectInfo, error) {
	digest := req.Digest
	pieces := make(chan []byte, 2)
	var all bytes.Buffer
	var readers sync.WaitGroup
	readers.Go(func() {
		n := 0
		for p := range pieces {
			if n++; digest != nil && (!s.forget || n == 1) {
				digest(p)
			}
		}
	})
	var failed error
	for left := req.Size; left > 0 && failed == nil; {
		p := make([]byte, min(int64(s.pieceBytes), left))
		var n int
		n, failed = io.ReadFull(body, p)
		left -= int64(n)
		all.Write(p[:n])
		pieces <- p[:n]
	}
	close(pieces)
	readers.Wait()
	if failed != nil {
		return ObjectInfo{}, fmt.Errorf("reading the body: %w", failed)
	}
	req.Digest = nil
	return s.fakeStore.Put(ctx, bucket, key, &all, req)
}

// A store that never reads past the last byte has all promises checked
// nevertheless: trailers, signatures, and what must not follow.
func TestStoresThatReadNoFurther(t *testing.T) {
	for _, size := range []int{0, 1, 1000, 300_000} {
		body := strings.Repeat("b", size)
		store := &digestingStore{pieceBytes: 100_000}
		g := newRig(t, func(o *Options) {
			store.fakeStore = o.Store.(*fakeStore)
			o.Store = store
		})
		for _, a := range checksum.All() {
			right, wrong := trailers(a.Header(), sumText(a, body)), trailers(a.Header(), sumText(a, "other"))
			for _, unsigned := range []bool{false, true} {
				head, wire := framed("PUT", "/bkt/k", sigv4test.Framing{Unsigned: unsigned, Trailers: right}, body)
				sum := send(t, g.objects, "PUT", head+wire).want(t, 200, "").header.Get(a.Header())
				if sum != right[0][1] {
					t.Errorf("%v: %q", a, sum)
				}
				g.do("DELETE", "/bkt/k", "").want(t, 204, "")
				head, wire = framed("PUT", "/bkt/k", sigv4test.Framing{Unsigned: unsigned, Trailers: wrong}, body)
				send(t, g.objects, "PUT", head+wire).want(t, 400, "BadDigest")
				g.wantNothing()
			}
		}
		for _, header := range []string{"Content-MD5: AAAAAAAAAAAAAAAAAAAAAA==", "x-amz-checksum-sha1: " + sumText(checksum.SHA1, "other")} {
			g.do("PUT", "/bkt/k", body, header).want(t, 400, "BadDigest")
		}
		send(t, g.objects, "PUT", signed("PUT", "/bkt/k", body)).want(t, 200, "")
		g.do("DELETE", "/bkt/k", "").want(t, 204, "")
	}
}

// A client that stalls where only the end of the framing is missing is cut
// as any other, and the store is not in the middle of a commit meanwhile.
func TestStallBeforeTheEnd(t *testing.T) {
	g := newRig(t, func(o *Options) { o.StallTimeout = 50 * time.Millisecond })
	g.store.beforePut = func(context.Context) { t.Error("the store takes the body for whole") }
	head, wire := framed("PUT", "/bkt/k", sigv4test.Framing{}, "body")
	for left := 1; left < len("0;chunk-signature=")+64+4; left += 7 {
		send(t, g.objects, "PUT", head+wire[:len(wire)-left]).want(t, 400, "RequestTimeout")
	}
	g.wantNothing()
}

// A store that does not have all bytes hashed is found out before anything
// becomes visible.
func TestStoresThatForgetToDigest(t *testing.T) {
	store := &digestingStore{pieceBytes: 10, forget: true}
	g := newRig(t, func(o *Options) {
		store.fakeStore = o.Store.(*fakeStore)
		o.Store = store
	})
	g.do("PUT", "/bkt/k", strings.Repeat("x", 11)).want(t, 500, "InternalError")
	g.wantNothing()
	g.do("PUT", "/bkt/k", "x").want(t, 200, "")
}
