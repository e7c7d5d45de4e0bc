package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/holdfast-storage/holdfast/bench/suite"
)

// benchLauncher starts what the suite measures: this very binary, as `serve` and as `bench bare`, each with a log of its
// own and with keys made for this run.
type benchLauncher struct {
	self string
	dir  string // for keys and logs
	env  []string
	keys keyPair

	mu      sync.Mutex
	started []*child
	logs    []string // as started
}

// newBenchLauncher makes one with a folder that exists. parity is for the daemons, 0: what they take by themselves.
func newBenchLauncher(dir string, parity int) (*benchLauncher, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "credentials")
	keys, _, err := makeKeys(path, rand.Reader)
	if err != nil {
		return nil, err
	}
	l := &benchLauncher{self: self, dir: dir, keys: keys}
	l.env = append(withoutSettings(os.Environ()), "HOLDFAST_CREDENTIALS="+path, "HOLDFAST_LOG_LEVEL=warn")
	if parity > 0 {
		l.env = append(l.env, "HOLDFAST_PARITY="+strconv.Itoa(parity))
	}
	return l, nil
}

// StartDaemon implements [suite.Launcher].
func (l *benchLauncher) StartDaemon(ctx context.Context, dirs []string, flags ...string) (suite.Server, error) {
	return l.start(func(place childPlace) (readyLine, *child, error) {
		return startChild(ctx, place, append(flags[:len(flags):len(flags)], append([]string{"--"}, dirs...)...)...)
	})
}

// StartBare implements [suite.Launcher].
func (l *benchLauncher) StartBare(ctx context.Context) (suite.Server, error) {
	return l.start(func(place childPlace) (readyLine, *child, error) {
		return startServer(ctx, place, "bench", "bare")
	})
}

func (l *benchLauncher) start(how func(childPlace) (readyLine, *child, error)) (suite.Server, error) {
	log, err := os.CreateTemp(l.dir, "log-*")
	if err != nil {
		return suite.Server{}, err
	}
	defer log.Close()
	began := time.Now()
	ready, c, err := how(childPlace{executable: l.self, env: l.env, log: log})
	if err != nil {
		return suite.Server{}, errors.Join(err, errors.New(logTail(log.Name())))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.started, l.logs = append(l.started, c), append(l.logs, log.Name())
	return suite.Server{
		Endpoint: ready.Endpoint, AdminURL: ready.AdminURL, AccessKey: l.keys.access, SecretKey: l.keys.secret,
		PID: c.command.Process.Pid, Ready: time.Since(began), Process: benchProcess{c, log.Name()},
	}, nil
}

// end kills what still runs.
func (l *benchLauncher) end() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var errs []error
	for _, c := range l.started {
		errs = append(errs, c.end(syscall.SIGKILL))
	}
	return errors.Join(errs...)
}

// logTails is the end of each log that says something, for when the suite has failed.
func (l *benchLauncher) logTails() (text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, path := range l.logs {
		text += logTail(path)
	}
	return text
}

// benchProcess implements [suite.Process].
type benchProcess struct {
	child *child
	log   string
}

// Stop wants exit code 0.
func (p benchProcess) Stop(ctx context.Context) error {
	if err := p.child.stop(ctx); err != nil {
		return err
	}
	if code := p.child.exitCode(); code != exitDone {
		return fmt.Errorf("the server ended with exit code %d:%s", code, logTail(p.log))
	}
	return nil
}

// Kill is fine with a process that is gone.
func (p benchProcess) Kill() error { return p.child.end(syscall.SIGKILL) }
