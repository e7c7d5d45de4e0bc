package guard

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
)

// Name is what is counted.
type Name string

// What is counted of a process.
const (
	allocations Name = "allocations" // on the heap
	allocated   Name = "allocated"   // bytes on the heap
	reads       Name = "reads"       // read(2) and its kin, of files and sockets
	writes      Name = "writes"      // write(2) and its kin
	passed      Name = "passed"      // bytes given to write(2) and its kin
	stored      Name = "stored"      // bytes that the process has made the kernel write to drives, sooner or later
	calls       Name = "calls"       // of the system, but for those of the runtime's own
	syncs       Name = "syncs"       // fsync(2), fdatasync(2)
)

// Counts are those that are known.
type Counts map[Name]float64

// less is what was counted between two moments, where both knew it.
func (c Counts) less(before Counts) Counts {
	d := make(Counts)
	for name, n := range c {
		if was, known := before[name]; known {
			d[name] = n - was
		}
	}
	return d
}

// Server is a daemon that is asked what it took.
type Server struct {
	Heap string // URL of its profile of the heap as text, with the keys that it wants
	PID  int
}

// counts asks the daemon and the kernel. What they do not tell is not in it.
func (s Server) counts(ctx context.Context) (Counts, error) {
	c := make(Counts)
	if err := s.scrape(ctx, c); err != nil {
		return nil, err
	}
	io, err := os.Open(fmt.Sprintf("/proc/%d/io", s.PID))
	if err != nil {
		return c, nil // no Linux, or a kernel without it
	}
	defer io.Close()
	return c, gather(io, c, map[string]Name{"syscr:": reads, "syscw:": writes, "wchar:": passed, "write_bytes:": stored})
}

// during counts while work runs, and while it is asked itself.
func (s Server) during(ctx context.Context, work func() error) (Counts, error) {
	before, err := s.counts(ctx)
	if err != nil {
		return nil, err
	}
	if err := work(); err != nil {
		return nil, err
	}
	after, err := s.counts(ctx)
	return after.less(before), err
}

// asking is what it takes the daemon to be asked once.
func (s Server) asking(ctx context.Context) (Counts, error) {
	const times = 20
	c, err := s.during(ctx, func() error {
		for range times - 1 {
			if _, err := s.counts(ctx); err != nil {
				return err
			}
		}
		return nil
	})
	for name := range c {
		c[name] /= times
	}
	return c, err
}

// scrape asks for what has been allocated. The profile of the heap begins with runtime.ReadMemStats, which counts what
// each thread has allocated and not yet told; the metrics leave that out, and it may be a thousand allocations.
func (s Server) scrape(ctx context.Context, into Counts) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Heap, nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	switch answer.StatusCode {
	case http.StatusOK:
		return gather(answer.Body, into, map[string]Name{"# Mallocs =": allocations, "# TotalAlloc =": allocated})
	case http.StatusNotFound:
		return nil // a build from before there was one
	}
	return fmt.Errorf("%s: %s", request.URL.Redacted(), answer.Status)
}

// gather reads lines of a name, a space and a number, as those of
// runtime.MemStats and /proc/PID/io do, and takes those that are wanted.
func gather(from io.Reader, into Counts, wanted map[string]Name) error {
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, 1<<20) // a profile's stacks are long lines
	for lines.Scan() {
		space := max(0, strings.LastIndexByte(lines.Text(), ' '))
		if as, known := wanted[lines.Text()[:space]]; known {
			n, err := strconv.ParseFloat(lines.Text()[space+1:], 64)
			if err != nil {
				return fmt.Errorf("%q is not a name and a number", lines.Text())
			}
			into[as] = n
		}
	}
	return lines.Err()
}
