package s3

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/holdfast-storage/holdfast/bench"
	"github.com/holdfast-storage/holdfast/bench/limits"
	"github.com/holdfast-storage/holdfast/fuse-free-api/sigv4/sigv4test"
)

// envBare makes of the test's process the server of the benchmarks, so that its CPU time can be told from the client's.
const envBare = "HOLDFAST_BENCH_S3_BARE"

func TestMain(m *testing.M) {
	if os.Getenv(envBare) != "" {
		server := httptest.NewServer(limits.NewBare())
		fmt.Println(server.URL)
		_, _ = io.Copy(io.Discard, os.Stdin) // its end is ours
		return
	}
	goleak.VerifyTestMain(m)
}

// bareServer starts a bare server in a process of its own.
func bareServer(b *testing.B) Target {
	b.Helper()
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), envBare+"=1")
	stdin, err := command.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	stdout, err := command.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := command.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { stdin.Close(); _ = command.Wait() })
	var url string
	if _, err := fmt.Fscanln(stdout, &url); err != nil {
		b.Fatal(err)
	}
	return Target{Endpoint: url, AccessKey: testAccess, SecretKey: testSecret, PID: command.Process.Pid, Bare: true}
}

// BenchmarkClient shows what the client costs beside net/http's, signed alike, against a bare server: CPU of either
// side per request. Both have 32 connections.
func BenchmarkClient(b *testing.B) {
	target := bareServer(b)
	for _, size := range []int64{4 << 10, 1 << 20} {
		for _, operation := range []bench.Operation{bench.Put, bench.Get} {
			load := Load{Operation: operation, Size: size, Clients: 32}
			b.Run(fmt.Sprintf("%s/%d/lean", operation, size), func(b *testing.B) { benchmarkLean(b, target, load) })
			b.Run(fmt.Sprintf("%s/%d/net-http", operation, size), func(b *testing.B) { benchmarkPlain(b, target, load) })
		}
	}
}

// costs reports the CPU time that both processes take while do runs.
func costs(b *testing.B, target Target, do func()) {
	client := func() time.Duration { return cpu(b, os.Getpid()) }
	server := func() time.Duration { return cpu(b, target.PID) }
	b.ReportAllocs()
	b.ResetTimer()
	ours, theirs := client(), server()
	do()
	b.ReportMetric(float64(client()-ours)/float64(b.N), "client-ns/op")
	b.ReportMetric(float64(server()-theirs)/float64(b.N), "server-ns/op")
	b.StopTimer()
}

func cpu(b *testing.B, pid int) time.Duration {
	took, err := bench.ProcessCPU(pid)
	if err != nil {
		b.Fatal(err)
	}
	return took
}

func benchmarkLean(b *testing.B, target Target, load Load) {
	l, err := NewLoad(target, load)
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	l.objects.stored.Store(l.objects.keys)
	if _, err := l.Side().Run(b.Context(), 20*time.Millisecond); err != nil {
		b.Fatal(err)
	}
	costs(b, target, func() {
		left := &tickets{most: int64(b.N)}
		err = l.each(b.Context(), func(ctx context.Context, w *worker) error { return w.work(ctx, time.Now(), time.Hour, left) })
	})
	if err != nil {
		b.Fatal(err)
	}
}

func benchmarkPlain(b *testing.B, target Target, load Load) {
	transport := &http.Transport{MaxIdleConnsPerHost: load.Clients, DisableCompression: true}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: sigv4test.Transport{Signer: sigv4test.Signer{AccessKey: testAccess, SecretKey: testSecret}, Base: transport}}
	body := make([]byte, load.Size)
	url := fmt.Sprintf("%s/bench/load/%d/1", target.Endpoint, load.Size)
	once := func(ctx context.Context) error {
		var from io.Reader
		if load.Operation == bench.Put {
			from = bytes.NewReader(body)
		}
		r, err := http.NewRequestWithContext(ctx, string(load.Operation), url, from)
		if err != nil {
			return err
		}
		resp, err := client.Do(r)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		_, err = io.Copy(io.Discard, resp.Body)
		return err
	}
	costs(b, target, func() {
		b.SetParallelism(load.Clients / 2)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if err := once(b.Context()); err != nil {
					b.Error(err)
					return
				}
			}
		})
	})
}
