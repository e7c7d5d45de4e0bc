package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	api "github.com/holdfast-storage/holdfast/fuse-free-api"
)

// testPair is a certificate that vouches for itself and its key, in files.
type testPair struct{ cert, key string }

func newTestPair(t *testing.T, names ...string) testPair {
	t.Helper()
	dir := t.TempDir()
	p := testPair{filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")}
	p.write(t, names...)
	return p
}

// write replaces both files.
func (p testPair) write(t *testing.T, names ...string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "holdfast test"}, DNSNames: names,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{p.cert: {Type: "CERTIFICATE", Bytes: der}, p.key: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestServeTLS has a daemon with TLS on every address: the commands speak to it, its certificate can be exchanged while
// it runs, and whoever has the wrong scheme or no certificate to trust is told what to do.
func TestServeTLS(t *testing.T) {
	t.Parallel()
	pair := newTestPair(t, "localhost")
	d := newProcess(t, 3, "--tls-cert", pair.cert, "--tls-key", pair.key, "--listen", "0.0.0.0:0", "--domain", "s3.test,localhost", "--access-log", "--log-level", "error")
	d.authority = pair.cert
	d.begin()
	for _, url := range []string{d.ready.Endpoint, d.ready.AdminURL} {
		if !strings.HasPrefix(url, "https://localhost:") && !strings.HasPrefix(url, "https://127.0.0.1:") {
			t.Fatalf("ready at %s", url)
		}
	}
	if !strings.HasPrefix(d.ready.Endpoint, "https://localhost:") {
		t.Errorf("the endpoint is %s: nobody can call it so", d.ready.Endpoint)
	}
	file := filepath.Join(d.home, "file")
	if err := os.WriteFile(file, []byte("over TLS"), 0o600); err != nil {
		t.Fatal(err)
	}
	d.must("put", file, testBucket+"/k")
	if out := d.must("get", testBucket+"/k", "-"); out != "over TLS" {
		t.Errorf("got %q", out)
	}
	d.must("status")

	// As a virtual host, by a client that resolves every name to the daemon.
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(d.ready.Endpoint, "https://"))
	roots := x509.NewCertPool()
	text, err := os.ReadFile(pair.cert)
	if err != nil || !roots.AppendCertsFromPEM(text) {
		t.Fatal(err)
	}
	at := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "localhost"}, ForceAttemptHTTP2: true}}
	defer at.CloseIdleConnections()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://127.0.0.1:"+port+"/k", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = testBucket + ".s3.test"
	req.SetBasicAuth(scriptAccess, scriptSecret)
	resp, err := at.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if resp.Body.Close(); err != nil || string(body) != "over TLS" || resp.ProtoMajor != 2 {
		t.Errorf("%s %s: %q, %v", resp.Proto, resp.Status, body, err)
	}
	if log := d.logTail(); !strings.Contains(log, `"operation":"GetObject","bucket":"`+testBucket+`","key":"k"`) {
		t.Errorf("no line in the access log:\n%s", log)
	}

	d.authority = ""
	if out, code := d.run("ls", testBucket); code != exitFailed || !strings.Contains(out, "HOLDFAST_CA_CERT") {
		t.Errorf("without a certificate to trust: %d\n%s", code, out)
	}
	d.authority = file
	if out, code := d.run("ls", testBucket); code != exitFailed || !strings.Contains(out, "no certificate in PEM") {
		t.Errorf("with a file that is none: %d\n%s", code, out)
	}
	d.authority = pair.cert
	secure := d.ready
	d.ready.Endpoint, d.ready.AdminURL = "http://127.0.0.1:"+port, "http"+strings.TrimPrefix(secure.AdminURL, "https")
	for _, command := range [][]string{{"ls", testBucket}, {"status"}} {
		if out, code := d.run(command...); code != exitFailed || !strings.Contains(out, "call it by https://") {
			t.Errorf("by http: %d\n%s", code, out)
		}
	}
	d.ready = secure

	pair.write(t, "localhost", "renewed.test")
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		conn, err := tls.Dial("tcp", "127.0.0.1:"+port, &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		leaf := conn.ConnectionState().PeerCertificates[0]
		conn.Close()
		if leaf.VerifyHostname("renewed.test") == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the new certificate is not taken")
		}
	}
	d.must("ls", testBucket)
	d.stop()
}

// TestHTTPSWithoutTLS: the commands say what is wrong with https.
func TestHTTPSWithoutTLS(t *testing.T) {
	t.Parallel()
	d := newProcess(t, 3)
	d.begin()
	d.ready.Endpoint = "https" + strings.TrimPrefix(d.ready.Endpoint, "http")
	if out, code := d.run("ls", testBucket); code != exitFailed || !strings.Contains(out, "call it by http://") {
		t.Errorf("%d\n%s", code, out)
	}
}

func TestListenerURL(t *testing.T) {
	load := func(names ...string) *api.Certificate {
		pair := newTestPair(t, names...)
		cert, err := api.LoadCertificate(pair.cert, pair.key, nil)
		if err != nil {
			t.Fatal(err)
		}
		return cert
	}
	named, both, wild := load("s3.test"), load("*.s3.test", "s3.test", "localhost"), load("*.s3.test")
	for _, test := range []struct {
		name string
		cert *api.Certificate
		at   string
		want string
	}{
		{"no TLS", nil, "127.0.0.1:9000", "http://127.0.0.1:9000"},
		{"the address itself", named, "127.0.0.1:9000", "https://127.0.0.1:9000"},
		{"every address", named, "[::]:9000", "https://s3.test:9000"},
		{"not a wildcard", both, "0.0.0.0:9000", "https://s3.test:9000"},
		{"loopback", both, "[::1]:9000", "https://localhost:9000"},
		{"loopback without a name for it", named, "[::1]:9000", "https://s3.test:9000"},
		{"nothing better", wild, "[::]:9000", "https://[::]:9000"},
	} {
		addr, err := net.ResolveTCPAddr("tcp", test.at)
		if err != nil {
			t.Fatal(err)
		}
		if got := listenerURL(test.cert, addr); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
}

func TestConnectionsFitTheFiles(t *testing.T) {
	limit, err := openFileLimit()
	if err != nil {
		t.Fatal(err)
	}
	quiet := slog.New(slog.DiscardHandler)
	if n := (edgeConfig{maxConnections: 1}).connections(6, quiet); n != 1 {
		t.Errorf("%d connections, 1 was asked for", n)
	}
	most := int(min(limit, 1<<29))
	if n := (edgeConfig{maxConnections: most}).connections(6, quiet); n >= most || n < most/4 {
		t.Errorf("%d connections of %d open files", n, most)
	}
}

// TestMemoryBound: buffers that are of Go's heap are room beside what the heap is meant to take.
func TestMemoryBound(t *testing.T) {
	before, percent := debug.SetMemoryLimit(-1), debug.SetGCPercent(100)
	defer func() {
		debug.SetMemoryLimit(before)
		debug.SetGCPercent(percent)
	}()
	none := func(string) string { return "" }
	boundMemory(1000, 0, none)
	outside := debug.SetMemoryLimit(-1)
	boundMemory(1000, 1<<30, none)
	if inside := debug.SetMemoryLimit(-1); inside-outside != 1<<30 {
		t.Errorf("the heap may take %d bytes, with buffers of 1 GiB in it %d", outside, inside)
	}
	boundMemory(1000, 0, func(string) string { return "set" })
	if again := debug.SetMemoryLimit(-1); again != outside+1<<30 {
		t.Errorf("GOMEMLIMIT is set, and the limit was changed to %d", again)
	}
}
