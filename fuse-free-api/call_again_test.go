package api

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// TestCallsAreApart: the memory of calls is used again, and nothing of one gets into another: neither its answer's headers,
// nor what was promised of its body, whatever became of it, over HTTP/1 and HTTP/2.
func TestCallsAreApart(t *testing.T) {
	plain, secure := newRig(t), newSecureRig(t)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8}}
	defer client.CloseIdleConnections()
	for _, c := range []*callers{
		{T: t, client: client, base: "http://" + plain.objects + "/bkt/"},
		{T: t, client: secure.h1, base: "https://" + secure.objects + "/bkt/h1/"},
		{T: t, client: secure.h2, base: "https://" + secure.objects + "/bkt/h2/"},
	} {
		var all sync.WaitGroup
		for n := range 6 {
			all.Go(func() {
				for i := range 40 {
					c.round(fmt.Sprint(n, "/", i), strings.Repeat(fmt.Sprint(n, ".", i, " "), 1+i*20), i)
				}
			})
		}
		all.Wait()
	}
}

// callers send requests beside each other, and look at what they are told.
type callers struct {
	*testing.T
	client *http.Client
	base   string
	ids    sync.Map
}

// round puts an object, or tries to, and asks for it in every way.
func (c *callers) round(key, body string, i int) {
	sum := md5.Sum([]byte(body))
	etag := `"` + hex.EncodeToString(sum[:]) + `"`
	want := func(method, header, value string, status int, etag, answer string) {
		text := ""
		if method == http.MethodPut {
			text = body
		}
		r, err := http.NewRequestWithContext(c.Context(), method, c.base+key, strings.NewReader(text))
		if err != nil {
			c.Error(err)
			return
		}
		r.SetBasicAuth(testAccess, testSecret)
		r.Header.Set(header, value)
		resp, err := c.client.Do(r)
		if err != nil {
			c.Error(err)
			return
		}
		defer resp.Body.Close()
		got, err := io.ReadAll(resp.Body)
		if id := resp.Header.Get("X-Amz-Request-Id"); id == "" {
			c.Errorf("%s %s: no request id", method, key)
		} else if _, twice := c.ids.LoadOrStore(id, true); twice {
			c.Errorf("the request id %q is given twice", id)
		}
		if err != nil || resp.StatusCode != status || resp.Header.Get("ETag") != etag || status < 300 && string(got) != answer {
			c.Errorf("%s %s, %s: %d, ETag %s and %d bytes; want %d, %s and %d (%v)",
				method, key, header, resp.StatusCode, resp.Header.Get("ETag"), len(got), status, etag, len(answer), err)
		}
	}
	switch i % 4 {
	case 0:
		want("PUT", "Content-Type", "text/plain", 200, etag, "")
	case 1:
		want("PUT", "Content-MD5", md5Text("another body"), 400, "", "")
	case 2:
		want("PUT", "Content-MD5", md5Text(body), 200, etag, "")
	case 3:
		want("PUT", "If-Match", `"none has this"`, 404, "", "")
	}
	if i%2 != 0 {
		want("GET", "Accept", "*/*", 404, "", "")
		want("HEAD", "Accept", "*/*", 404, "", "")
		return
	}
	want("GET", "Accept", "*/*", 200, etag, body)
	want("HEAD", "Accept", "*/*", 200, etag, "")
	want("GET", "Range", "bytes=1-2", 206, etag, body[1:3])
	want("GET", "If-None-Match", etag, 304, etag, "")
	want("GET", "If-Match", `"none has this"`, 412, "", "")
}
