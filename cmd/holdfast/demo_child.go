package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// child is a daemon in a process of its own, so that it can be killed without mercy.
type child struct {
	command *exec.Cmd
	exited  chan struct{} // closed when it is gone and its state may be read
	ending  sync.Mutex
}

// readyLine is the line of JSON that serve prints when it is ready.
type readyLine struct {
	Ready    bool   `json:"ready"`
	Endpoint string `json:"endpoint"`
	AdminURL string `json:"admin_url"`
	State    string `json:"state"`
	Data     int    `json:"data"`
	Parity   int    `json:"parity"`
	Drives   int    `json:"drives"`
	MayFail  int    `json:"may_fail"`
}

var errNotStarted = errors.New("the daemon did not start")

// childPlace is where a child runs.
type childPlace struct {
	executable string
	dir        string // its working directory; empty: the parent's
	env        []string
	log        *os.File // takes its log; the child has it as its own, the parent may close it
}

// startChild runs `holdfast serve --json` with these arguments, on ports that the system chooses, and waits until it
// serves, for a minute at most. If it does not, the child is gone when startChild returns; its exit code is in *child.
func startChild(ctx context.Context, place childPlace, args ...string) (readyLine, *child, error) {
	return startServer(ctx, place, append([]string{"serve", "--json", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"}, args...)...)
}

// startServer is startChild of any command that prints a line of JSON when it is ready.
func startServer(ctx context.Context, place childPlace, args ...string) (readyLine, *child, error) {
	c := &child{command: exec.Command(place.executable, args...), exited: make(chan struct{})}
	c.command.Dir = place.dir
	c.command.Env = place.env
	c.command.Stderr = place.log
	c.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for the parent, which ends the daemon itself
	endWithParent(c.command.SysProcAttr)
	output, err := c.command.StdoutPipe()
	if err != nil {
		return readyLine{}, nil, err
	}
	if err := c.command.Start(); err != nil {
		return readyLine{}, nil, err
	}
	lines := make(chan []byte, 1)
	go func() { // ends with the process
		defer close(c.exited)
		line, _ := bufio.NewReader(output).ReadBytes('\n')
		lines <- line
		_ = c.command.Wait() // what it says is in ProcessState
	}()
	limit := time.NewTimer(time.Minute)
	defer limit.Stop()
	var ready readyLine
	select {
	case line := <-lines:
		if json.Unmarshal(line, &ready) == nil && ready.Ready {
			return ready, c, nil
		}
		err = errNotStarted
		if line == nil {
			<-c.exited // it ended by itself: its own exit code counts
		}
	case <-limit.C:
		err = errors.New("the daemon was not ready after a minute")
	case <-ctx.Done():
		err = ctx.Err()
	}
	return readyLine{}, c, errors.Join(err, c.end(syscall.SIGKILL))
}

// end sends the signal and waits until the child is gone. One that is gone already is fine.
func (c *child) end(signal syscall.Signal) error {
	c.ending.Lock()
	defer c.ending.Unlock()
	if err := c.command.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-c.exited
	return nil
}

// stop asks the child to end; it must do so within the time that it promises.
func (c *child) stop(ctx context.Context) error {
	if err := c.command.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	late := time.NewTimer(drainTime + 10*time.Second)
	defer late.Stop()
	select {
	case <-c.exited:
		return nil
	case <-late.C:
		return errors.Join(errors.New("the daemon did not end in time"), c.end(syscall.SIGKILL))
	case <-ctx.Done():
		return errors.Join(ctx.Err(), c.end(syscall.SIGKILL))
	}
}

// exitCode is that of a child that is gone; -1 if a signal ended it.
func (c *child) exitCode() int { return c.command.ProcessState.ExitCode() }
