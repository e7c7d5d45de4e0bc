package s3

import (
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-storage/holdfast/fuse-free-api/awschunked"
	"github.com/holdfast-storage/holdfast/fuse-free-api/sigv4"
)

const (
	testAccess = "AKIDTEST"
	testSecret = "a secret for tests"
)

// fake is an S3 server that keeps objects in memory and looks at every signature.
type fake struct {
	*httptest.Server
	verifier *sigv4.Verifier

	mu      sync.Mutex
	objects map[string][]byte // by path
	buckets map[string]bool
	counts  map[string]int // requests by method
	busy    int            // how many PUTs more get 503
	single  bool           // it has no DeleteObjects
	spoil   bool           // GETs give other bytes
}

func newFake(t testing.TB, secure bool) *fake {
	f := &fake{objects: make(map[string][]byte), buckets: make(map[string]bool), counts: make(map[string]int)}
	f.verifier = sigv4.New(sigv4.Config{Region: "us-east-1", Now: time.Now, Secret: func(access string) (string, bool) {
		return testSecret, access == testAccess
	}})
	if secure {
		f.Server = httptest.NewTLSServer(f)
	} else {
		f.Server = httptest.NewServer(f)
	}
	t.Cleanup(f.Close)
	return f
}

func (f *fake) target() Target {
	t := Target{Endpoint: f.URL, AccessKey: testAccess, SecretKey: testSecret, PID: os.Getpid()}
	if f.Certificate() != nil {
		t.Roots = f.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	}
	return t
}

// set changes or looks at what the server has.
func (f *fake) set(do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do()
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	w.WriteHeader(status)
	fmt.Fprintf(w, "<?xml version=\"1.0\"?>\n<Error><Code>%s</Code><Message>%s</Message></Error>", code, message)
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	verified, err := f.verifier.Verify(r, r.URL.EscapedPath())
	if err != nil {
		refuse(w, http.StatusForbidden, "SignatureDoesNotMatch", err.Error())
		return
	}
	var body io.Reader = r.Body
	if verified.Payload == streaming {
		size, _ := strconv.ParseInt(r.Header.Get("X-Amz-Decoded-Content-Length"), 10, 64)
		body = awschunked.NewReader(r.Body, awschunked.Config{Size: size, Signatures: verified.Chain()})
	}
	data, err := io.ReadAll(body)
	if err != nil {
		refuse(w, http.StatusBadRequest, "IncompleteBody", err.Error())
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.counts[r.Method]++
	if strings.Count(r.URL.Path, "/") == 1 {
		f.bucket(w, r, data)
		return
	}
	f.object(w, r, data)
}

func (f *fake) bucket(w http.ResponseWriter, r *http.Request, data []byte) {
	switch path := r.URL.Path; {
	case r.Method == "POST":
		if f.single {
			refuse(w, http.StatusNotImplemented, "NotImplemented", "there is no such thing here")
			return
		}
		var asked struct{ Object []struct{ Key string } }
		if err := xml.Unmarshal(data, &asked); err != nil {
			refuse(w, http.StatusBadRequest, "MalformedXML", err.Error())
			return
		}
		for _, object := range asked.Object {
			delete(f.objects, path+"/"+object.Key)
		}
		fmt.Fprint(w, "<DeleteResult></DeleteResult>")
	case r.Method == "PUT":
		f.buckets[path] = true
	case r.Method == "DELETE":
		delete(f.buckets, path)
		w.WriteHeader(http.StatusNoContent)
	case !f.buckets[path]:
		refuse(w, http.StatusNotFound, "NoSuchBucket", "there is no such bucket")
	case r.Method == "GET":
		f.list(w, r)
	}
}

func (f *fake) list(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	most, _ := strconv.Atoi(query.Get("max-keys"))
	fmt.Fprint(w, "<ListBucketResult>")
	for _, path := range slices.Sorted(maps.Keys(f.objects)) {
		key := strings.TrimPrefix(path, r.URL.Path+"/")
		if most > 0 && strings.HasPrefix(key, query.Get("prefix")) && key > query.Get("start-after") {
			fmt.Fprintf(w, "<Contents><Key>%s</Key></Contents>", key)
			most--
		}
	}
	fmt.Fprint(w, "</ListBucketResult>")
}

func (f *fake) object(w http.ResponseWriter, r *http.Request, data []byte) {
	stored, there := f.objects[r.URL.Path]
	switch {
	case r.Method == "PUT" && f.busy > 0:
		f.busy--
		refuse(w, http.StatusServiceUnavailable, "SlowDown", "not now")
	case r.Method == "PUT":
		f.objects[r.URL.Path] = data
	case r.Method == "DELETE":
		delete(f.objects, r.URL.Path)
		w.WriteHeader(http.StatusNoContent)
	case !there:
		refuse(w, http.StatusNotFound, "NoSuchKey", "there is no such key")
	default:
		if f.spoil {
			stored = slices.Clone(stored)
			stored[len(stored)-1]++
		}
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(string(stored)))
	}
}
