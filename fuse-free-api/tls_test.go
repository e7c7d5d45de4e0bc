package api

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

// pair is a certificate for 127.0.0.1 that vouches for itself, and its key.
type pair struct{ cert, key string } // files

func newPair(t testing.TB, dir, name string) pair {
	t.Helper()
	p := pair{filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")}
	p.write(t, name)
	return p
}

// write puts a new certificate and a new key in the place of those before.
func (p pair) write(t testing.TB, name string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, p.cert, "CERTIFICATE", der)
	writePEM(t, p.key, "PRIVATE KEY", secret)
}

func writePEM(t testing.TB, file, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(file+".new", pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		t.Fatal(err)
	}
}

// trust is a client's configuration that accepts the certificate alone.
func (p pair) trust(t testing.TB) *tls.Config {
	t.Helper()
	text, err := os.ReadFile(p.cert)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		t.Fatal("no certificate")
	}
	return &tls.Config{RootCAs: roots}
}

// secureRig is a rig over TLS with clients of both protocols.
type secureRig struct {
	*rig
	pair
	h1, h2 *http.Client
}

func newSecureRig(t testing.TB, change ...func(*Options)) *secureRig {
	t.Helper()
	s := &secureRig{pair: newPair(t, t.TempDir(), "holdfast.test")}
	cert, err := LoadCertificate(s.cert, s.key, nil)
	if err != nil {
		t.Fatal(err)
	}
	s.rig = newRig(t, append(change, func(o *Options) { o.TLS = cert })...)
	client := func(h2 bool) *http.Client {
		transport := &http.Transport{TLSClientConfig: s.trust(t), Protocols: &http.Protocols{}, DisableCompression: true}
		transport.Protocols.SetHTTP1(!h2)
		transport.Protocols.SetHTTP2(h2)
		t.Cleanup(transport.CloseIdleConnections)
		return &http.Client{Transport: transport}
	}
	s.h1, s.h2 = client(false), client(true)
	return s
}

// onConnections is a client of HTTP/2 that hands over its connections, to be
// ended as no client library would.
func (s *secureRig) onConnections(t testing.TB) (*http.Client, <-chan net.Conn) {
	conns := make(chan net.Conn, 10)
	transport := s.h2.Transport.(*http.Transport).Clone()
	transport.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, addr)
		if err == nil {
			conns <- conn
		}
		return conn, err
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}, conns
}

// clients are those of both protocols, by name.
func (s *secureRig) clients() map[string]*http.Client {
	return map[string]*http.Client{"HTTP/1.1": s.h1, "HTTP/2.0": s.h2}
}

func (s *secureRig) request(ctx context.Context, method, path string, body io.Reader) *http.Request {
	s.t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, "https://"+s.objects+path, body)
	if err != nil {
		s.t.Fatal(err)
	}
	r.SetBasicAuth(testAccess, testSecret)
	return r
}

// ask sends a request and reads the answer whole.
func ask(t testing.TB, client *http.Client, r *http.Request) answer {
	t.Helper()
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return answer{status: resp.StatusCode, header: resp.Header, body: string(body), err: err}
}

func TestTLS(t *testing.T) {
	g := newSecureRig(t)
	for proto, client := range g.clients() {
		t.Run(proto, func(t *testing.T) {
			const key = "/bkt//a/../b%20c/"
			ask(t, client, g.request(t.Context(), "PUT", key, strings.NewReader("body of "+proto))).want(t, 200, "")
			if a := ask(t, client, g.request(t.Context(), "GET", key, nil)).want(t, 200, ""); a.body != "body of "+proto {
				t.Errorf("%q", a.body)
			}
			ask(t, client, g.request(t.Context(), "HEAD", key, nil)).want(t, 200, "")
			ask(t, client, g.request(t.Context(), "GET", "/bkt/none", nil)).want(t, 404, "NoSuchKey")
			ask(t, client, g.request(t.Context(), "GET", "/bkt?list-type=2", nil)).want(t, 200, "")
			for _, path := range []string{"/health/live", "/health/ready", "/metrics"} {
				resp, err := client.Get("https://" + g.adminAt + path)
				if err != nil {
					t.Fatal(err)
				}
				if resp.Body.Close(); resp.StatusCode != 200 || resp.Proto != proto {
					t.Errorf("%s: %s %s", path, resp.Proto, resp.Status)
				}
			}
		})
	}
	problems, err := testutil.GatherAndLint(g.reg)
	if err != nil || len(problems) > 0 {
		t.Errorf("metrics: %v, %v", err, problems)
	}
	if n, err := testutil.GatherAndCount(g.reg, "holdfast_tls_certificate_expiry_timestamp_seconds"); n != 1 || err != nil {
		t.Errorf("%d metrics of the certificate's end, %v", n, err)
	}
	if got := g.keys(); len(got) != 1 || got[0] != "/a/../b c/" {
		t.Errorf("stored: %q", got)
	}
}

func TestTLSVersions(t *testing.T) {
	g := newSecureRig(t)
	for _, at := range []string{g.objects, g.adminAt} {
		for version, ok := range map[uint16]bool{tls.VersionTLS10: false, tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
			config := g.trust(t)
			config.MinVersion, config.MaxVersion = tls.VersionTLS10, version
			config.NextProtos = []string{"h2", "http/1.1"}
			conn, err := tls.Dial("tcp", at, config)
			if (err == nil) != ok {
				t.Errorf("%s: %v", tls.VersionName(version), err)
			}
			if err != nil {
				continue
			}
			if got := conn.ConnectionState(); got.NegotiatedProtocol != "h2" || got.Version != version {
				t.Errorf("%s %q", tls.VersionName(got.Version), got.NegotiatedProtocol)
			}
			_ = conn.Close()
		}
		// Plain HTTP is told what is wrong.
		if a := send(t, at, "GET", "GET / HTTP/1.1\r\nHost: h\r\n\r\n"); a.status != 400 || !strings.Contains(a.body, "HTTPS server") {
			t.Errorf("plain HTTP: %+v", a)
		}
		// And garbage is nobody's end.
		conn := dial(t, at)
		_, _ = conn.Write([]byte{22, 3, 1, 255, 255, 0, 1, 2, 3})
		_ = conn.CloseWrite()
		_, _ = io.Copy(io.Discard, conn)
		_ = conn.Close()
	}
	ask(t, g.h2, g.request(t.Context(), "GET", "/", nil)).want(t, 200, "")
}

// A handshake that does not go on is given up.
func TestHandshakeMustComeInTime(t *testing.T) {
	g := newSecureRig(t, func(o *Options) { o.HeaderTimeout = 100 * time.Millisecond })
	conn := dial(t, g.objects)
	defer conn.Close()
	_, _ = conn.Write([]byte{22, 3, 1})
	if n, err := io.Copy(io.Discard, conn); err != nil && isTimeout(err) {
		t.Errorf("%d bytes, %v", n, err)
	}
}

// With TLS, listeners may be reached from elsewhere.
func TestListenersMayLeaveLoopbackWithTLS(t *testing.T) {
	g := newSecureRig(t)
	for _, serve := range []func(context.Context, net.Listener) error{g.ServeObjects, g.ServeAdmin} {
		ln, err := net.Listen("tcp", "0.0.0.0:0")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- serve(ctx, ln) }()
		_, port, _ := net.SplitHostPort(ln.Addr().String())
		conn, err := tls.Dial("tcp", "127.0.0.1:"+port, g.trust(t))
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.Close()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

func TestCertificatesThatCannotBeUsed(t *testing.T) {
	dir := t.TempDir()
	good, other := newPair(t, dir, "a.test"), newPair(t, t.TempDir(), "b.test")
	empty := filepath.Join(dir, "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, p := range map[string]pair{
		"no certificate": {filepath.Join(dir, "none"), good.key}, "no key": {good.cert, filepath.Join(dir, "none")},
		"the key of another": {good.cert, other.key}, "exchanged": {good.key, good.cert}, "empty": {empty, good.key}, "a directory": {dir, good.key},
		"a device": {"/dev/zero", good.key},
	} {
		if _, err := LoadCertificate(p.cert, p.key, nil); err == nil || !strings.Contains(err.Error(), filepath.Base(p.cert)) && !strings.Contains(err.Error(), filepath.Base(p.key)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	out := &lines{}
	if err := os.Chmod(good.key, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadCertificate(good.cert, good.key, slog.New(slog.NewTextHandler(out, nil))); err != nil {
		t.Fatal(err)
	}
	if text := out.take(); !strings.Contains(text, "may read the TLS key") || !strings.Contains(text, "chmod o=") {
		t.Errorf("a key for everybody: %q", text)
	}
}

// A new pair is taken without a restart; a broken one is not, and what was
// wrong with it is said once.
func TestCertificateIsReloaded(t *testing.T) {
	out := &lines{}
	p := newPair(t, t.TempDir(), "first.test")
	cert, err := LoadCertificate(p.cert, p.key, slog.New(slog.NewTextHandler(out, nil)))
	if err != nil {
		t.Fatal(err)
	}
	cert.every = 10 * time.Millisecond
	g := newRig(t, func(o *Options) { o.TLS = cert })
	serves := func(at, name string) bool {
		conn, err := tls.Dial("tcp", at, &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].DNSNames[0] == name
	}
	if !serves(g.objects, "first.test") || !serves(g.adminAt, "first.test") {
		t.Fatal("another certificate")
	}
	p.write(t, "second.test")
	eventually(t, "the second certificate is served", func() bool { return serves(g.objects, "second.test") && serves(g.adminAt, "second.test") })
	eventually(t, "that is logged", func() bool { return strings.Contains(out.take(), "was replaced") })

	for _, c := range []struct {
		name   string
		damage func() error
	}{
		{"no PEM", func() error {
			return errors.Join(os.WriteFile(p.key+".new", []byte("nonsense"), 0o600), os.Rename(p.key+".new", p.key))
		}},
		{"gone", func() error { return os.Remove(p.cert) }},
	} {
		if err := c.damage(); err != nil {
			t.Fatal(err)
		}
		text := ""
		eventually(t, c.name+" is complained of", func() bool {
			text += out.take()
			return strings.Contains(text, "stays in use")
		})
		if !strings.Contains(text, "level=ERROR") || !strings.Contains(text, p.key) || !strings.Contains(text, "without a restart") {
			t.Errorf("%s: %s", c.name, text)
		}
		time.Sleep(5 * cert.every)
		if text := out.take(); text != "" {
			t.Errorf("%s: and again: %s", c.name, text)
		}
		if !serves(g.objects, "second.test") {
			t.Errorf("%s: the certificate before is gone", c.name)
		}
	}
	p.write(t, "third.test")
	eventually(t, "the third certificate is served", func() bool { return serves(g.objects, "third.test") })
}
