package main

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-storage/holdfast/fuse-free-api/sigv4/sigv4test"
)

// TestBreakingOff breaks signed uploads in chunks off: a small one at every byte, a large one, of which stripes are
// written already, here and there. Nothing of them is ever seen, and nothing of them is left: no memory of the budget,
// no goroutine, no open file.
func TestBreakingOff(t *testing.T) {
	t.Parallel()
	d := newProcess(t, 4, "--segment-size", "8MiB")
	d.begin()
	rng := rand.New(rand.NewPCG(seedOf(t), 0))
	small, large := make([]byte, 40), make([]byte, 3<<20)
	for i := range large {
		large[i] = byte(rng.Uint32())
	}
	copy(small, large)

	// What a daemon has open after its first uploads is what it needs.
	for range 8 {
		for _, body := range [][]byte{small, large} {
			if answer := d.sendCut(chunked(t, d, "whole", body), -1, true); !strings.HasPrefix(answer, "HTTP/1.1 200") {
				t.Fatalf("the upload itself is not taken: %s", answer)
			}
		}
	}
	goroutines, files := d.settledLoad(0, 0)
	before := d.goroutineProfile()

	tries := 0
	try := func(body []byte, cut int, ends bool) {
		tries++
		if answer := d.sendCut(chunked(t, d, "cut", body), cut, ends); strings.Contains(answer, "HTTP/1.1 2") {
			t.Fatalf("%d bytes of a body of %d are taken: %s", cut, len(body), answer)
		}
	}
	// What uploads leave behind grows with them; what the daemon once began, for itself, does not.
	for again := 0; ; again++ {
		whole := len(chunked(t, d, "cut", small))
		for cut := range whole {
			try(small, cut, cut%2 == 0)
		}
		for range 40 {
			try(large, rng.IntN(len(large)), rng.IntN(2) == 0)
		}
		if _, err := d.head(t.Context(), testBucket, "cut"); !isStatus(err, http.StatusNotFound) {
			t.Errorf("the object is there: %v", err)
		}
		d.wantIdleMemory()
		nowGoroutines, nowFiles := d.settledLoad(goroutines, files)
		if nowGoroutines <= goroutines && nowFiles <= files {
			return
		}
		t.Logf("%d goroutines and %d open files before, %d and %d after %d uploads that broke off", goroutines, files, nowGoroutines, nowFiles, tries)
		if again == 2 {
			t.Fatalf("they grow each time; before there were:\n%s\nnow there are:\n%s", before, d.goroutineProfile())
		}
		goroutines, files = nowGoroutines, nowFiles
	}
}

// goroutineProfile says what the daemon's goroutines are at.
func (d *process) goroutineProfile() []byte {
	d.t.Helper()
	req, err := http.NewRequestWithContext(d.t.Context(), http.MethodGet, d.ready.AdminURL+"/debug/pprof/goroutine?debug=1", nil)
	if err != nil {
		d.t.Fatal(err)
	}
	req.SetBasicAuth(scriptAccess, scriptSecret)
	resp, err := d.admin.http.Do(req)
	if err != nil {
		d.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	return text
}

// chunked is a signed PUT, in chunks that are signed, with a checksum in a signed trailer.
func chunked(t *testing.T, d *process, key string, body []byte) []byte {
	t.Helper()
	signer := sigv4test.Signer{AccessKey: scriptAccess, SecretKey: scriptSecret}
	sum := binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(body))
	framing := sigv4test.Framing{ChunkBytes: max(11, len(body)/20), Trailers: [][2]string{{"x-amz-checksum-crc32", base64.StdEncoding.EncodeToString(sum)}}}
	length := len(signer.Frame("", "", framing, body))
	target := "/" + testBucket + "/" + key
	lines := signer.Lines(http.MethodPut, target, d.address(), framing.Payload(), append(framing.Headers(len(body)), fmt.Sprintf("Content-Length: %d", length))...)
	var stamp, authorization string
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		switch name {
		case "X-Amz-Date":
			stamp = value
		case "Authorization":
			authorization = value
		}
	}
	head := "PUT " + target + " HTTP/1.1\r\nConnection: close\r\n" + strings.Join(lines, "\r\n") + "\r\n\r\n"
	return append([]byte(head), signer.Frame(authorization, stamp, framing, body)...)
}

func (d *process) address() string { return strings.TrimPrefix(d.ready.Endpoint, "http://") }

// sendCut sends the first so many bytes of a request on a connection of its own, all of them if cut is negative. Then
// it ends its side and waits for an answer, or disappears.
func (d *process) sendCut(request []byte, cut int, ends bool) (answer string) {
	d.t.Helper()
	conn, err := net.Dial("tcp", d.address())
	if err != nil {
		d.t.Fatal(err)
	}
	defer conn.Close()
	if cut < 0 {
		cut = len(request)
	}
	_, _ = conn.Write(request[:cut]) // the daemon may have hung up
	if !ends {
		return ""
	}
	if tcp, ok := conn.(*net.TCPConn); ok && cut < len(request) {
		_ = tcp.CloseWrite()
	}
	_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	raw, _ := io.ReadAll(conn)
	return string(raw)
}

// settledLoad is how many goroutines and open files the daemon has, as soon as they are no more than so many, or stay
// as they are. Files of segments stay open for a while, up to a bound, and do not count.
func (d *process) settledLoad(mostGoroutines, mostFiles int) (goroutines, files int) {
	d.t.Helper()
	d.close()
	d.admin.close()
	best := [2]int{1 << 30, 1 << 30}
	for still := 0; still < 20; still++ {
		time.Sleep(50 * time.Millisecond)
		goroutines, files = d.metricNumber("go_goroutines"), 0
		if runtime.GOOS == "linux" {
			fds := fmt.Sprintf("/proc/%d/fd", d.child.command.Process.Pid)
			list, err := os.ReadDir(fds)
			if err != nil {
				d.t.Fatal(err)
			}
			for _, entry := range list {
				to, err := os.Readlink(filepath.Join(fds, entry.Name()))
				if err == nil && !strings.Contains(to, "/segments/") {
					files++
				}
			}
		}
		if goroutines <= mostGoroutines && files <= mostFiles {
			return goroutines, files
		}
		if goroutines < best[0] || files < best[1] {
			best, still = [2]int{min(goroutines, best[0]), min(files, best[1])}, 0
		}
	}
	return best[0], best[1]
}

// metricNumber is the value of a metric without labels.
func (d *process) metricNumber(name string) int {
	d.t.Helper()
	once := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := once.Get(d.ready.AdminURL + "/metrics")
	if err != nil {
		d.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, name+" "); ok {
			v, err := strconv.ParseFloat(strings.TrimSpace(rest), 64)
			if err != nil {
				d.t.Fatal(err)
			}
			return int(v)
		}
	}
	d.t.Fatalf("there is no metric %s", name)
	return 0
}
