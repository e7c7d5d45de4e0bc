package clients

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	for _, entry := range os.Environ() { // the keys and settings of whoever runs this are no part of it
		name, _, _ := strings.Cut(entry, "=")
		for _, prefix := range []string{"AWS_", "RCLONE_", "RESTIC_", "MINIO_", "MC_", "HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"} {
			if strings.HasPrefix(name, prefix) {
				_ = os.Unsetenv(name)
			}
		}
	}
	os.Exit(m.Run())
}

// wants skips the test where a program is not installed, and says how to get it; where CI=true it fails.
func wants(t testing.TB, path, from string) string {
	t.Helper()
	found, err := exec.LookPath(path)
	if err == nil {
		return found
	}
	missing(t, "%s is not here; it comes with %s", path, from)
	return ""
}

func missing(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// workplace is where a tool runs: a home and an environment of its own, which name the daemon and its keys and nothing
// else. The paths are absolute, so that no version manager's stand-in is run.
type workplace struct {
	t    testing.TB
	home string
	env  []string
}

func newWorkplace(t testing.TB, d *daemon) *workplace {
	t.Helper()
	w := &workplace{t: t, home: t.TempDir()}
	w.env = []string{
		"HOME=" + w.home, "TMPDIR=" + w.home, "PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8", "TZ=UTC",
		"AWS_ACCESS_KEY_ID=" + accessKey, "AWS_SECRET_ACCESS_KEY=" + secretKey, "AWS_DEFAULT_REGION=" + region, "AWS_REGION=" + region,
		"AWS_ENDPOINT_URL=" + d.endpoint,
		"AWS_CONFIG_FILE=" + w.path("aws-config"), "AWS_SHARED_CREDENTIALS_FILE=" + w.path("aws-credentials"),
	}
	if d.tls() {
		w.env = append(w.env, "AWS_CA_BUNDLE="+d.caFile, "NODE_EXTRA_CA_CERTS="+d.caFile, "CURL_CA_BUNDLE="+d.caFile, "SSL_CERT_FILE="+d.caFile)
	}
	return w
}

// path is a path below the workplace.
func (w *workplace) path(elements ...string) string {
	return filepath.Join(append([]string{w.home}, elements...)...)
}

// toolTime is what one call of a tool may take, so that one that hangs says so before the whole run does.
const toolTime = 4 * time.Minute

// try runs a tool and gives what it wrote to its standard output, and to both.
func (w *workplace) try(args ...string) (stdout, all string, err error) {
	w.t.Helper()
	return w.feed("", args...)
}

func (w *workplace) feed(input string, args ...string) (stdout, all string, err error) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), toolTime)
	defer cancel()
	command := exec.CommandContext(ctx, args[0], args[1:]...)
	command.Dir, command.Env, command.WaitDelay = w.home, w.env, time.Second
	said := &tee{}
	command.Stdin = strings.NewReader(input)
	command.Stdout, command.Stderr = said, teeError{said}
	err = command.Run()
	return said.out.String(), said.both.String(), err
}

// tee is standard output, which is wanted alone and beside standard error; the two come by goroutines of their own.
type tee struct {
	mu   sync.Mutex
	out  bytes.Buffer
	both bytes.Buffer
}

func (w *tee) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.out.Write(p)
	return w.both.Write(p)
}

type teeError struct{ *tee }

func (w teeError) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.both.Write(p)
}

// run runs a tool that has to succeed and gives its standard output.
func (w *workplace) run(args ...string) string {
	w.t.Helper()
	out, all, err := w.try(args...)
	if err != nil {
		w.t.Fatalf("%q: %v\n%s", args, err, clip(all))
	}
	return out
}

// refused runs a tool that has to fail and to say why.
func (w *workplace) refused(why string, args ...string) {
	w.t.Helper()
	_, all, err := w.try(args...)
	switch {
	case err == nil:
		w.t.Errorf("%q succeeded, want %s\n%s", args, why, clip(all))
	case !strings.Contains(all, why):
		w.t.Errorf("%q failed without naming %s: %v\n%s", args, why, err, clip(all))
	}
}

// steps runs a script and makes a subtest of every step that it reports. A script that reports nothing has failed.
func (w *workplace) steps(t *testing.T, args ...string) {
	t.Helper()
	out, all, err := w.try(args...)
	count, failed := 0, 0
	lines := bufio.NewScanner(strings.NewReader(out))
	for lines.Scan() {
		word, name, _ := strings.Cut(lines.Text(), " ")
		switch word {
		case "ok", "fail":
			count++
			t.Run(name, func(t *testing.T) {
				if word == "fail" {
					failed++
					t.Error("see above for what the script said")
				}
			})
		default:
			t.Log(lines.Text())
		}
	}
	if err != nil || failed > 0 || count == 0 {
		t.Errorf("%q: %v, %d steps, %d failed\n%s", args, err, count, failed, clip(all))
	}
}

func clip(text string) string {
	const most = 6000
	if len(text) > most {
		return text[:most/2] + "\n[…]\n" + text[len(text)-most/2:]
	}
	return text
}

func tlsTrusting(t testing.TB, caFile string) *tls.Config {
	t.Helper()
	text, err := os.ReadFile(caFile)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		t.Fatalf("%s holds no certificate", caFile)
	}
	return &tls.Config{RootCAs: pool}
}

// eachWay runs a test over plain HTTP and over TLS, each on a daemon of its own.
func eachWay(t *testing.T, test func(t *testing.T, d *daemon)) {
	t.Run("http", func(t *testing.T) { test(t, startDaemon(t)) })
	t.Run("tls", func(t *testing.T) { test(t, startTLS(t)) })
}

// plainGet fetches a URL as a browser would, over plain HTTP, and gives the status.
func plainGet(t testing.TB, url string) (int, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if resp.StatusCode != http.StatusOK {
		t.Logf("%s", clip(string(text)))
	}
	return resp.StatusCode, err
}
