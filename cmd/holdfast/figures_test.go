package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	figureClients = 32
	figureSmall   = 4 << 10
	figureLarge   = 64 << 20
	figureSpan    = 10 * time.Second
)

// TestFigures measures what the README states, with the real binary over six directories (4+2) and clients in this
// process, so both share the machine. It asserts nothing but that what was stored is there. HOLDFAST_FIGURES=1, or
// `make figures`; TMPDIR says on which file system.
func TestFigures(t *testing.T) {
	if os.Getenv("HOLDFAST_FIGURES") == "" {
		t.Skip("measures for a minute and a half and asserts little: make figures, or set HOLDFAST_FIGURES=1")
	}
	t.Logf("machine: %s", machine(t))
	t.Run("small", smallFigures)
	t.Run("start", startFigures)
	t.Run("large", largeFigures)
}

// smallFigures are those of objects of 4 KiB.
func smallFigures(t *testing.T) {
	d := newProcess(t, 6, "--log-level", "warn")
	d.begin()
	emptyBytes, before := d.diskBytes("segments"), d.inside().Commits
	began := time.Now()
	n := d.putSmall(func(int64) bool { return time.Since(began) < figureSpan })
	took := time.Since(began).Seconds()
	after, onDisk := d.inside().Commits, d.diskBytes("segments")-emptyBytes
	t.Logf("PUT of 4 KiB, %d clients: %.0f/s; %.1f objects per commit, %.0f commits/s", figureClients, float64(n)/took,
		float64(after.Changes-before.Changes)/float64(after.Batches-before.Batches), float64(after.Batches-before.Batches)/took)
	t.Logf("segments/ of all drives: %.0f bytes on disk per object of 4 KiB (4+2 alone would be %d)", float64(onDisk)/float64(n), figureSmall*6/4)

	var gets atomic.Int64
	began = time.Now()
	d.clients(func(ctx context.Context, client int) error {
		rng := rand.New(rand.NewPCG(uint64(client), 0))
		for time.Since(began) < figureSpan {
			if err := d.getSmall(ctx, rng.Int64N(n)); err != nil {
				return err
			}
			gets.Add(1)
		}
		return nil
	})
	t.Logf("GET of 4 KiB, %d clients, from the page cache: %.0f/s", figureClients, float64(gets.Load())/time.Since(began).Seconds())
	t.Logf("peak resident memory: %d MiB", d.peakMemory()>>20)
}

// startFigures is how long a start takes when the daemon was killed with many small objects.
func startFigures(t *testing.T) {
	const objects = 100_000
	d := newProcess(t, 6, "--log-level", "warn")
	d.begin()
	began := time.Now()
	n := d.putSmall(func(n int64) bool { return n < objects })
	t.Logf("%d objects of 4 KiB put in %v", n, time.Since(began).Round(time.Second))
	check := func() {
		for i := int64(0); i < n; i += n/100 + 1 {
			if err := d.getSmall(t.Context(), i); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, c := range []struct {
		name string
		end  func()
	}{{"after a kill", d.kill}, {"after a kill again", d.kill}, {"after an orderly end", d.stop}, {"without catalogs", func() {
		d.kill()
		d.eraseCatalogs()
	}}} {
		c.end()
		began := time.Now()
		d.start()
		t.Logf("start with %d objects %s: %v", n, c.name, time.Since(began).Round(time.Millisecond))
		check()
	}
}

// largeFigures are those of objects of 64 MiB, all clients at once.
func largeFigures(t *testing.T) {
	d := newProcess(t, 6, "--log-level", "warn")
	d.begin()
	whole := make([]byte, figureLarge)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(whole) // never fails
	key := func(client int) string { return fmt.Sprintf("large/%02d", client) }
	put := func(ctx context.Context, client int) error {
		_, err := d.put(ctx, testBucket, key(client), bytes.NewReader(whole), figureLarge, nil)
		return err
	}
	get := func(ctx context.Context, client int) error {
		_, body, err := d.get(ctx, testBucket, key(client))
		if err != nil {
			return err
		}
		defer body.Close()
		return sameBytes(body, whole)
	}
	measure := func(name string, bytes int, run func(context.Context, int) error) {
		began := time.Now()
		d.clients(run)
		t.Logf("%s of 64 MiB, %d clients: %.0f MB/s; peak resident memory since the start %d MiB", name, figureClients,
			figureClients*float64(bytes)/1e6/time.Since(began).Seconds(), d.peakMemory()>>20)
	}
	measure("PUT", figureLarge, put)
	measure("GET (from the drives: what is written goes past the page cache)", figureLarge, get)
	measure("PUT and GET at once", 2*figureLarge, func(ctx context.Context, client int) error {
		group, ctx := errgroup.WithContext(ctx)
		group.Go(func() error { return put(ctx, client) })
		group.Go(func() error { return get(ctx, client) })
		return group.Wait()
	})
	d.stop()
}

func sameBytes(r io.Reader, want []byte) error {
	got := make([]byte, min(len(want), 256<<10))
	for len(want) > 0 {
		n, err := io.ReadFull(r, got[:min(len(got), len(want))])
		if !bytes.Equal(got[:n], want[:n]) {
			return fmt.Errorf("wrong bytes in the last %d", len(want))
		}
		if want = want[n:]; err != nil {
			return err
		}
	}
	return nil
}

// smallBody is the i-th body of 4 KiB.
func smallBody(i int64) []byte {
	body := make([]byte, figureSmall)
	key := [32]byte{byte(i), byte(i >> 8), byte(i >> 16), byte(i >> 24)}
	_, _ = rand.NewChaCha8(key).Read(body) // never fails
	return body
}

func smallKey(i int64) string { return fmt.Sprintf("small/%03d/%08d", i%1000, i) }

// putSmall puts small objects with all clients as long as goOn says so of their number, and returns it.
func (d *process) putSmall(goOn func(int64) bool) int64 {
	d.t.Helper()
	var next atomic.Int64
	d.clients(func(ctx context.Context, _ int) error {
		for {
			i := next.Add(1) - 1
			if !goOn(i) {
				next.Add(-1)
				return nil
			}
			if _, err := d.put(ctx, testBucket, smallKey(i), bytes.NewReader(smallBody(i)), figureSmall, nil); err != nil {
				return err
			}
		}
	})
	return next.Load()
}

func (d *process) getSmall(ctx context.Context, i int64) error {
	_, body, err := d.get(ctx, testBucket, smallKey(i))
	if err != nil {
		return err
	}
	defer body.Close()
	return sameBytes(body, smallBody(i))
}

// clients runs all clients and waits for them.
func (d *process) clients(run func(ctx context.Context, client int) error) {
	d.t.Helper()
	group, ctx := errgroup.WithContext(d.t.Context())
	for client := range figureClients {
		group.Go(func() error { return run(ctx, client) })
	}
	if err := group.Wait(); err != nil {
		d.t.Fatal(err)
	}
}

// peakMemory is the most that the daemon has had resident since its start, where the system tells; 0 elsewhere.
func (d *process) peakMemory() int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", d.child.command.Process.Pid))
	if err != nil {
		return 0
	}
	kib, _ := strconv.ParseInt(procField(string(text), "VmHWM:"), 10, 64)
	return kib << 10
}

// procField is the first word behind the first line that begins with name.
func procField(text, name string) string {
	for line := range strings.Lines(text) {
		if rest, found := strings.CutPrefix(line, name); found {
			if fields := strings.Fields(rest); len(fields) > 0 {
				return fields[0]
			}
		}
	}
	return ""
}

// machine says what the figures were taken on.
func machine(t *testing.T) string {
	cpu, _ := os.ReadFile("/proc/cpuinfo")
	model := runtime.GOARCH
	for line := range strings.Lines(string(cpu)) {
		if name, value, found := strings.Cut(line, ":"); found && strings.TrimSpace(name) == "model name" {
			model = strings.TrimSpace(value)
			break
		}
	}
	memory, _ := os.ReadFile("/proc/meminfo")
	kib, _ := strconv.ParseInt(procField(string(memory), "MemTotal:"), 10, 64)
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	return fmt.Sprintf("%d × %s, %d GiB, %s %s, %s; six directories in %s", runtime.NumCPU(), model, kib>>20,
		runtime.GOOS, strings.TrimSpace(string(kernel)), runtime.Version(), t.TempDir())
}
