package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// process is a real daemon in a process of its own over real directories of one test, on ports that the system chooses.
// Whatever becomes of the test, it is killed and its directories are removed; its log is shown when the test has failed.
//
// The program is this test binary run as `holdfast`, with the race detector if the test has it, or HOLDFAST_BINARY.
type process struct {
	t      testing.TB
	home   string
	dirs   []string
	flags  []string // of every start
	binary string
	env    []string

	authority string // certificates that the clients trust, a file; empty: what the system does

	child *child // nil: none runs
	ready readyLine
	*client
	admin *client
}

const testBucket = "things"

// newProcess prepares a daemon over so many drives. The first start has to be told --init.
func newProcess(t testing.TB, drives int, flags ...string) *process {
	t.Helper()
	d := &process{t: t, home: t.TempDir(), flags: flags}
	for i := range drives {
		d.dirs = append(d.dirs, filepath.Join(d.home, fmt.Sprintf("d%d", i+1)))
	}
	var err error
	if d.binary = os.Getenv("HOLDFAST_BINARY"); d.binary == "" {
		d.binary, err = exec.LookPath("holdfast") // TestMain has put it there
	} else {
		d.binary, err = filepath.Abs(d.binary)
	}
	if err != nil {
		t.Fatal(err)
	}
	d.env = []string{"HOME=" + d.home, "TZ=UTC", "GORACE=atexit_sleep_ms=0", "PATH=" + os.Getenv("PATH"), "TMPDIR=" + d.home,
		envAccess + "=" + scriptAccess, envSecret + "=" + scriptSecret}
	t.Cleanup(func() {
		d.kill()
		if t.Failed() {
			t.Logf("the end of the daemon's log:\n%s", d.logTail())
		}
	})
	return d
}

// begin starts a new pool with one bucket.
func (d *process) begin() {
	d.t.Helper()
	d.start(append([]string{"--init"}, d.dirs...)...)
	if err := d.call(d.t.Context(), http.MethodPut, "/"+testBucket); err != nil {
		d.t.Fatal(err)
	}
}

// start runs `holdfast serve` and waits until it serves; without arguments over all drives.
func (d *process) start(args ...string) {
	d.t.Helper()
	if err := d.tryStart(d.t.Context(), args...); err != nil {
		d.t.Fatalf("the daemon does not start: %v", err)
	}
}

func (d *process) tryStart(ctx context.Context, args ...string) error {
	d.t.Helper()
	if d.child != nil {
		d.t.Fatal("it runs already")
	}
	if len(args) == 0 {
		args = d.dirs
	}
	log, err := os.OpenFile(d.logPath(), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	ready, c, err := startChild(ctx, childPlace{executable: d.binary, dir: d.home, env: d.env, log: log}, append(d.flags[:len(d.flags):len(d.flags)], args...)...)
	if err != nil {
		return err
	}
	d.child, d.ready = c, ready
	keys := keyPair{scriptAccess, scriptSecret}
	if d.client, err = newClient(ready.Endpoint, "", keys); err != nil {
		return err
	}
	if d.admin, err = newClient(ready.AdminURL, "", keys); err != nil || d.authority == "" {
		return err
	}
	return errors.Join(d.client.trust(d.authority), d.admin.trust(d.authority))
}

// refused runs `holdfast serve` beside or instead of the daemon, wants it to end by itself with this exit code, and
// returns what it said.
func (d *process) refused(code int, args ...string) string {
	d.t.Helper()
	var said bytes.Buffer
	command := exec.CommandContext(d.t.Context(), d.binary, append([]string{"serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"}, args...)...)
	command.Dir, command.Env, command.Stdout, command.Stderr = d.home, d.env, &said, &said
	command.WaitDelay = time.Second
	if got := exitOf(command.Run()); got != code {
		d.t.Fatalf("exit code %d, want %d:\n%s", got, code, &said)
	}
	return said.String()
}

// run runs another command of the program against the daemon.
func (d *process) run(args ...string) (output string, code int) {
	d.t.Helper()
	var said bytes.Buffer
	command := exec.CommandContext(d.t.Context(), d.binary, args...)
	command.Dir, command.Stdout, command.Stderr = d.home, &said, &said
	command.Env = append(d.env[:len(d.env):len(d.env)], "HOLDFAST_ENDPOINT="+d.ready.Endpoint, "HOLDFAST_ADMIN_URL="+d.ready.AdminURL, "HOLDFAST_CA_CERT="+d.authority)
	code = exitOf(command.Run())
	return said.String(), code
}

// must runs a command that has to succeed.
func (d *process) must(args ...string) string {
	d.t.Helper()
	out, code := d.run(args...)
	if code != exitDone {
		d.t.Fatalf("holdfast %q: exit code %d:\n%s", args, code, out)
	}
	return out
}

// exitOf is the exit code that a command's error stands for; -1 if it was something else.
func exitOf(err error) int {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode()
	default:
		return -1
	}
}

// kill is SIGKILL. It may be called when nothing runs.
func (d *process) kill() {
	if d.child == nil {
		return
	}
	if err := d.child.end(syscall.SIGKILL); err != nil {
		d.t.Errorf("kill: %v", err)
	}
	d.gone()
}

// stop is SIGTERM, and wants exit code 0.
func (d *process) stop() {
	d.t.Helper()
	c := d.child
	d.close() // or their idle connections would be waited for
	if err := c.stop(d.t.Context()); err != nil {
		d.t.Fatal(err)
	}
	d.gone()
	if code := c.exitCode(); code != exitDone {
		d.t.Fatalf("SIGTERM: exit code %d", code)
	}
}

func (d *process) gone() {
	d.child = nil
	if d.client != nil {
		d.close()
	}
	if d.admin != nil {
		d.admin.close()
	}
}

func (d *process) logPath() string { return filepath.Join(d.home, "daemon.log") }

// logTail is the end of the log of all starts.
func (d *process) logTail() string {
	const most = 60
	log, err := os.ReadFile(d.logPath())
	if err != nil {
		return err.Error()
	}
	lines := strings.SplitAfter(string(log), "\n")
	return strings.Join(lines[max(0, len(lines)-most):], "")
}

// inside is what status tells of the engine for those who look after it.
type inside struct {
	Memory struct {
		UsedBytes *int64 `json:"used_bytes"`
	} `json:"memory"`
	Commits struct {
		Batches int64 `json:"batches"`
		Changes int64 `json:"changes"`
	} `json:"commits"`
}

func (d *process) inside() (answer inside) {
	d.t.Helper()
	_, raw, err := d.admin.status(d.t.Context())
	if err == nil {
		err = json.Unmarshal(raw, &answer)
	}
	if err != nil {
		d.t.Fatal(err)
	}
	return answer
}

// awaitMetric waits until the daemon's metrics have that line.
func (d *process) awaitMetric(line string) {
	d.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		resp, err := d.admin.http.Get(d.ready.AdminURL + "/metrics")
		if err != nil {
			d.t.Fatal(err)
		}
		text, err := io.ReadAll(resp.Body)
		if err := errors.Join(err, resp.Body.Close()); err != nil {
			d.t.Fatal(err)
		}
		if strings.Contains(string(text), "\n"+line+"\n") {
			return
		}
		if time.Now().After(deadline) {
			d.t.Fatalf("the metrics never say %q", line)
		}
	}
}

// eraseCatalogs erases the catalog of every drive.
func (d *process) eraseCatalogs() {
	d.t.Helper()
	for _, dir := range d.dirs {
		if err := os.RemoveAll(filepath.Join(dir, "catalog")); err != nil {
			d.t.Fatal(err)
		}
	}
}

// diskBytes is what a folder below every drive takes up, holes not counted.
func (d *process) diskBytes(folder string) (bytes int64) {
	d.t.Helper()
	for _, dir := range d.dirs {
		list, err := os.ReadDir(filepath.Join(dir, folder))
		if err != nil {
			d.t.Fatal(err)
		}
		for _, entry := range list {
			info, err := entry.Info()
			if err != nil {
				d.t.Fatal(err)
			}
			bytes += info.Sys().(*syscall.Stat_t).Blocks * 512
		}
	}
	return bytes
}

// seedOf is the seed of a random test: HOLDFAST_SEED if that is set, so that a run can be had again (as far as a run of
// several processes can). It is logged, and so shown when the test fails.
func seedOf(t testing.TB) uint64 {
	t.Helper()
	seed := rand.Uint64()
	if text := os.Getenv("HOLDFAST_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("HOLDFAST_SEED: %v", err)
		}
	}
	t.Logf("seed %d: HOLDFAST_SEED=%d go test -run '^%s$' ./cmd/holdfast", seed, seed, t.Name())
	return seed
}

// number is an environment variable that scales a test.
func number(t testing.TB, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s=%q is no number above 0", name, text)
	}
	return n
}
