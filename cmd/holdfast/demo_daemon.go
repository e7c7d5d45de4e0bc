package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
)

// demoDaemon is the demo's daemon with its six drives: this very binary, run as `holdfast serve`.
type demoDaemon struct {
	dir     string
	dirs    []string // the six drives
	lost    []string // those that are gone
	self    string
	adminAt string

	mu    sync.Mutex
	child *child // nil while none runs
}

func (d *demoDaemon) prepare(dir string) (err error) {
	d.dir = dir
	for n := range demoDrives {
		d.dirs = append(d.dirs, filepath.Join(dir, fmt.Sprintf("d%d", n+1)))
	}
	d.self, err = os.Executable()
	return err
}

func (d *demoDaemon) logPath() string  { return filepath.Join(d.dir, "daemon.log") }
func (d *demoDaemon) keysPath() string { return filepath.Join(d.dir, "credentials") }

func (d *demoDaemon) environment() []string {
	return append(withoutSettings(os.Environ()), "HOLDFAST_CREDENTIALS="+d.keysPath(), "HOLDFAST_ADMIN_URL="+d.adminAt)
}

// withoutSettings is the environment without what would lead a child elsewhere.
func withoutSettings(environment []string) (env []string) {
	for _, entry := range environment {
		if !strings.HasPrefix(entry, "HOLDFAST_") {
			env = append(env, entry)
		}
	}
	return env
}

// start starts the daemon over the drives that are left and waits until it serves.
func (d *demoDaemon) start(ctx context.Context, isNew bool) (readyLine, error) {
	var args []string
	if isNew {
		args = append(args, "--init")
	}
	for _, dir := range d.dirs {
		if _, err := os.Stat(dir); isNew || err == nil {
			args = append(args, dir)
		}
	}
	log, err := os.OpenFile(d.logPath(), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return readyLine{}, err
	}
	defer log.Close()
	ready, c, err := startChild(ctx, childPlace{executable: d.self, env: d.environment(), log: log}, args...)
	if err != nil {
		return readyLine{}, err
	}
	d.mu.Lock()
	d.child = c
	d.mu.Unlock()
	d.adminAt = ready.AdminURL
	return ready, nil
}

// take hands over the child that runs, nil if none does.
func (d *demoDaemon) take() *child {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.child
	d.child = nil
	return c
}

// client makes a client with the keys that the daemon has made.
func (d *demoDaemon) client(endpoint string) (*client, error) {
	keys, err := readKeys(d.keysPath())
	if err != nil {
		return nil, err
	}
	return newClient(endpoint, "the daemon of the demo has ended", keys)
}

// kill is the power cut, as far as a process can have one, and waits until the daemon is gone. It may be called again.
func (d *demoDaemon) kill() error {
	if c := d.take(); c != nil {
		return c.end(syscall.SIGKILL)
	}
	return nil
}

// stop asks the daemon to end, which must give exit code 0.
func (d *demoDaemon) stop(ctx context.Context) error {
	c := d.take()
	if err := c.stop(ctx); err != nil {
		return err
	}
	if code := c.exitCode(); code != exitDone {
		return fmt.Errorf("the daemon ended with exit code %d", code)
	}
	return nil
}

// loseDrive takes a drive away from under the daemon: its directory is gone at once, then erased.
func (d *demoDaemon) loseDrive(dir string) error {
	gone := dir + ".gone"
	if err := os.Rename(dir, gone); err != nil {
		return err
	}
	return os.RemoveAll(gone)
}

// runStatus runs `holdfast status` and returns what it printed and its exit code.
func (d *demoDaemon) runStatus(ctx context.Context) (text string, code int, err error) {
	var output bytes.Buffer
	code, err = d.run(ctx, &output, &output, "status")
	return output.String(), code, err
}

// exchange notes that another directory is in a drive's place, for the next start.
func (d *demoDaemon) exchange(was, is string) {
	if i := slices.Index(d.dirs, filepath.Join(d.dir, was)); i >= 0 {
		d.dirs[i] = filepath.Join(d.dir, is)
	}
}

// logTail is the end of the daemon's log, for when something went wrong.
func (d *demoDaemon) logTail() string { return logTail(d.logPath()) }

// logTail is the end of a log that is not empty.
func logTail(path string) string {
	const most = 30
	log, err := os.ReadFile(path)
	if err != nil || len(log) == 0 {
		return ""
	}
	lines := strings.SplitAfter(strings.TrimSuffix(string(log), "\n"), "\n")
	return "\nthe end of the daemon's log:\n" + strings.Join(lines[max(0, len(lines)-most):], "") + "\n"
}
