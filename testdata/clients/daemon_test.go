package clients

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The keys of every daemon. A secret with these characters is what AWS hands out, too.
const (
	accessKey = "HOLDFASTCLIENTS"
	secretKey = "clients/of+holdfast=0123456789abcdefghij"
	region    = "us-east-1"
)

// daemon is `holdfast serve` in a process of its own over six directories of one test. It and they are gone when the
// test ends; the end of its log is shown if the test has failed.
type daemon struct {
	t        testing.TB
	home     string
	dirs     []string
	endpoint string
	adminURL string
	caFile   string // of the daemon's certificate; empty: plain HTTP
	binary   string
	env      []string
}

// startDaemon starts a new pool. Without HOLDFAST_BINARY the one that `make build` makes is run.
func startDaemon(t testing.TB, flags ...string) *daemon {
	t.Helper()
	d := &daemon{t: t, home: t.TempDir(), binary: os.Getenv("HOLDFAST_BINARY")}
	if d.binary == "" {
		d.binary = "../../bin/holdfast"
	}
	var err error
	if d.binary, err = filepath.Abs(d.binary); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(d.binary); err != nil {
		t.Fatalf("the daemon is not built, run `make clients` or `make build`: %v", err)
	}
	d.env = []string{"HOME=" + d.home, "TZ=UTC", "TMPDIR=" + d.home, "HOLDFAST_ACCESS_KEY=" + accessKey, "HOLDFAST_SECRET_KEY=" + secretKey}
	args := append([]string{"serve", "--json", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--init"}, flags...)
	for n := range 6 {
		d.dirs = append(d.dirs, filepath.Join(d.home, fmt.Sprintf("d%d", n+1)))
	}
	d.launch(append(args, d.dirs...))
	return d
}

// startTLS starts a new pool behind TLS, with a certificate of its own.
func startTLS(t testing.TB, flags ...string) *daemon {
	t.Helper()
	cert, key := makeCertificate(t)
	d := startDaemon(t, append([]string{"--tls-cert", cert, "--tls-key", key}, flags...)...)
	d.caFile = cert
	if !strings.HasPrefix(d.endpoint, "https://") {
		t.Fatalf("with --tls-cert the endpoint is %s", d.endpoint)
	}
	return d
}

// launch runs the daemon, waits until it serves, and sees to it that it ends with the test: in good order, or the test
// has failed.
func (d *daemon) launch(args []string) {
	t := d.t
	t.Helper()
	logPath := filepath.Join(d.home, "daemon.log")
	log, err := os.Create(logPath)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	command := exec.Command(d.binary, args...)
	command.Dir, command.Env, command.Stderr = d.home, d.env, log
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	lines, exited := make(chan []byte, 1), make(chan error, 1)
	go func() { // ends with the process
		line, _ := bufio.NewReader(output).ReadBytes('\n')
		lines <- line
		exited <- command.Wait()
	}()
	t.Cleanup(func() {
		_ = command.Process.Signal(syscall.SIGTERM) // it may be gone
		select {
		case err := <-exited:
			if err != nil {
				t.Errorf("the daemon ended with: %v", err)
			}
		case <-time.After(45 * time.Second):
			_ = command.Process.Kill()
			<-exited
			t.Error("the daemon did not end when told to")
		}
		if t.Failed() {
			t.Logf("the end of the daemon's log:\n%s", tail(logPath, 40))
		}
	})
	var ready struct {
		Ready    bool   `json:"ready"`
		Endpoint string `json:"endpoint"`
		AdminURL string `json:"admin_url"`
	}
	select {
	case line := <-lines:
		if err := json.Unmarshal(line, &ready); err != nil || !ready.Ready {
			t.Fatalf("the daemon does not start, it said %q\n%s", line, tail(logPath, 40))
		}
	case <-time.After(time.Minute):
		t.Fatal("the daemon was not ready after a minute")
	}
	d.endpoint, d.adminURL = ready.Endpoint, ready.AdminURL
}

// address is the endpoint without its scheme.
func (d *daemon) address() string {
	_, address, _ := strings.Cut(d.endpoint, "://")
	return address
}

func (d *daemon) tls() bool { return d.caFile != "" }

// transport is for requests of our own: one that trusts the daemon's certificate.
func (d *daemon) transport() *http.Transport {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 64
	if d.tls() {
		transport.TLSClientConfig = tlsTrusting(d.t, d.caFile)
	}
	d.t.Cleanup(transport.CloseIdleConnections)
	return transport
}

// run runs another command of the program against the daemon.
func (d *daemon) run(args ...string) string {
	d.t.Helper()
	command := exec.CommandContext(d.t.Context(), d.binary, args...)
	command.Env = append(d.env[:len(d.env):len(d.env)], "HOLDFAST_ENDPOINT="+d.endpoint, "HOLDFAST_ADMIN_URL="+d.adminURL)
	output, err := command.CombinedOutput()
	if err != nil {
		d.t.Logf("holdfast %q: %v", args, err)
	}
	return string(output)
}

// metric is the sum of a metric's samples.
func (d *daemon) metric(name string) (sum float64) {
	d.t.Helper()
	resp, err := http.Get(d.adminURL + "/metrics")
	if err != nil {
		d.t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		rest, found := strings.CutPrefix(lines.Text(), name)
		if !found || rest == "" || rest[0] != ' ' && rest[0] != '{' {
			continue
		}
		var value float64
		if _, err := fmt.Sscan(rest[strings.LastIndexByte(rest, ' ')+1:], &value); err != nil {
			d.t.Fatalf("metric %q: %v", lines.Text(), err)
		}
		sum += value
	}
	if err := lines.Err(); err != nil {
		d.t.Fatal(err)
	}
	return sum
}

// poolState is the pool's state as the admin API tells it, and how many drives are not ONLINE.
func (d *daemon) poolState() (state string, away int) {
	d.t.Helper()
	req, err := http.NewRequestWithContext(d.t.Context(), http.MethodGet, d.adminURL+"/api/v1/status", nil)
	if err != nil {
		d.t.Fatal(err)
	}
	req.SetBasicAuth(accessKey, secretKey)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		d.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	var report struct {
		Pool   struct{ State string }
		Drives []struct{ State string }
	}
	if err := json.Unmarshal(raw, &report); err != nil {
		d.t.Fatalf("status: %v: %s", err, raw)
	}
	for _, drive := range report.Drives {
		if drive.State != "ONLINE" {
			away++
		}
	}
	return report.Pool.State, away
}

// awaitState waits until the pool is in that state with so many drives not ONLINE.
func (d *daemon) awaitState(limit time.Duration, state string, away int) {
	d.t.Helper()
	for deadline := time.Now().Add(limit); ; time.Sleep(20 * time.Millisecond) {
		gotState, gotAway := d.poolState()
		if gotState == state && gotAway == away {
			return
		}
		if time.Now().After(deadline) {
			d.t.Fatalf("after %v the pool is %s with %d drives away, want %s with %d\n%s", limit, gotState, gotAway, state, away, d.run("status"))
		}
	}
}

// tail is the last lines of a file.
func tail(path string, most int) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	lines := strings.SplitAfter(string(text), "\n")
	return strings.Join(lines[max(0, len(lines)-most):], "")
}

// makeCertificate makes a certificate for the loopback addresses that is its own authority, in two files.
func makeCertificate(t testing.TB) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "holdfast clients"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true, IsCA: true,
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: der}, "key.pem": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
}
