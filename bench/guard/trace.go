package guard

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// attachTime is how long strace may take to hold all threads of a process.
const attachTime = 5 * time.Second

// errNoTrace says why system calls were not counted.
var errNoTrace = errors.New("system calls are not compared")

// runtimeCalls are those by which the Go runtime schedules, sleeps, and gets
// memory. Their number is the scheduler's chance, and says nothing of the path.
var runtimeCalls = words("clone clone3 epoll_create1 epoll_ctl epoll_pwait epoll_pwait2 epoll_wait exit futex getpid gettid " +
	"madvise mmap mprotect munmap nanosleep restart_syscall rseq rt_sigaction rt_sigprocmask rt_sigreturn " +
	"sched_getaffinity sched_yield set_robust_list sigaltstack tgkill timer_settime")

func words(text string) map[string]bool {
	all := make(map[string]bool)
	for word := range strings.FieldsSeq(text) {
		all[word] = true
	}
	return all
}

// traced counts the process's system calls while work runs. An error is
// errNoTrace if there is no strace, or it is not allowed to look.
func traced(ctx context.Context, pid int, work func() error) (Counts, error) {
	path, err := exec.LookPath("strace")
	if err != nil {
		return nil, fmt.Errorf("%w: there is no strace", errNoTrace)
	}
	var said, summary bytes.Buffer
	command := exec.CommandContext(ctx, path, "-f", "-c", "-p", strconv.Itoa(pid), "-o", "/dev/stdout")
	command.Stdout, command.Stderr = &summary, &said
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("%w: %w", errNoTrace, err)
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	if err := attached(ctx, pid, ended); err != nil {
		_ = command.Process.Signal(os.Interrupt) // if it is there, it lets go of the process
		if errors.Is(err, errNoTrace) {
			err = fmt.Errorf("%w: %s", err, strings.TrimSpace(said.String()))
		}
		return nil, err
	}
	failed := work()
	// Interrupted, strace detaches, prints, and ends by the same signal.
	if err := command.Process.Signal(syscall.SIGINT); err != nil {
		return nil, errors.Join(failed, err)
	}
	<-ended
	counts, err := readSummary(&summary)
	return counts, errors.Join(failed, err)
}

// attached waits until every thread of the process is traced.
func attached(ctx context.Context, pid int, ended chan error) error {
	late := time.NewTimer(attachTime)
	defer late.Stop()
	for {
		switch all, err := allTraced(pid); {
		case err != nil:
			return err
		case all:
			return nil
		}
		select {
		case <-ended:
			ended <- nil
			return errNoTrace
		case <-late.C:
			return fmt.Errorf("%w: strace does not get hold of process %d", errNoTrace, pid)
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func allTraced(pid int) (bool, error) {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	if err != nil || len(threads) == 0 {
		return false, fmt.Errorf("process %d is gone", pid)
	}
	for _, path := range threads {
		status, err := os.ReadFile(path)
		if err == nil && bytes.Contains(status, []byte("\nTracerPid:\t0\n")) {
			return false, nil
		}
	}
	return true, nil
}

// readSummary reads the table of `strace -c`:
//
//	% time     seconds  usecs/call     calls    errors syscall
//	 50.00    0.000100          10        10         1 read
func readSummary(from io.Reader) (Counts, error) {
	c := Counts{calls: 0, syncs: 0}
	rows := 0
	lines := bufio.NewScanner(from)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 5 {
			continue
		}
		n, err := strconv.ParseFloat(fields[3], 64)
		if err != nil {
			continue // the head, and the line below it
		}
		rows++
		switch name := fields[len(fields)-1]; {
		case name == "total" || runtimeCalls[name]:
		case name == "fsync" || name == "fdatasync":
			c[syncs] += n
			c[calls] += n
		default:
			c[calls] += n
		}
	}
	if rows == 0 {
		return nil, errors.New("strace has counted nothing")
	}
	return c, lines.Err()
}
