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

// TestCallsAreApart: the memory of calls is used again, and nothing of one gets into another:
// neither its answer's headers, nor what was promised of its body, whatever became of it.
func TestCallsAreApart(t *testing.T) {
	g := newRig(t)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8}}
	defer client.CloseIdleConnections()
	var ids sync.Map
	put := func(key, body, header, value string) (status int, etag string, err error) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://"+g.objects+"/bkt/"+key, strings.NewReader(body))
		if err != nil {
			return 0, "", err
		}
		r.SetBasicAuth(testAccess, testSecret)
		r.Header.Set(header, value)
		resp, err := client.Do(r)
		if err != nil {
			return 0, "", err
		}
		defer resp.Body.Close()
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			return 0, "", err
		}
		if _, twice := ids.LoadOrStore(resp.Header.Get("X-Amz-Request-Id"), true); twice {
			t.Errorf("the request id %q is given twice", resp.Header.Get("X-Amz-Request-Id"))
		}
		return resp.StatusCode, resp.Header.Get("ETag"), nil
	}
	var clients sync.WaitGroup
	for c := range 6 {
		clients.Go(func() {
			for i := range 60 {
				body := strings.Repeat(fmt.Sprint(c, ".", i, " "), 1+i*20)
				sum := md5.Sum([]byte(body))
				want, etag := http.StatusOK, `"`+hex.EncodeToString(sum[:])+`"`
				header, value := "Content-Type", "text/plain"
				switch i % 4 {
				case 1:
					header, value, want, etag = "Content-MD5", md5Text("another body"), http.StatusBadRequest, ""
				case 2:
					header, value = "Content-MD5", md5Text(body)
				case 3:
					header, value, want, etag = "If-Match", `"none has this"`, http.StatusNotFound, ""
				}
				status, got, err := put(fmt.Sprint(c, "/", i), body, header, value)
				if err != nil || status != want || got != etag {
					t.Errorf("client %d, %d, %s: status %d and ETag %s, want %d and %s (%v)", c, i, header, status, got, want, etag, err)
				}
			}
		})
	}
	clients.Wait()
}
