package clients

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestRestic backs up a real tree, checks, restores and forgets it while two of six drives are taken away and come
// back. restic must not notice.
func TestRestic(t *testing.T) {
	t.Parallel()
	program := wants(t, "/usr/bin/restic", "Debian's restic")
	d := startDaemon(t, "--segment-size", "32MiB")
	w := newWorkplace(t, d)
	w.env = append(w.env, "RESTIC_REPOSITORY=s3:"+d.endpoint+"/backups/of a tree", "RESTIC_PASSWORD=no secret", "RESTIC_CACHE_DIR="+w.path("cache"),
		"GOMAXPROCS=2")
	r := &resticRun{t: t, workplace: w, program: program, began: time.Now()}

	tree := w.path("tree")
	bytes := copySources(t, tree)
	for i := range 10 { // what does not become less by restic's packing it
		writeFile(t, filepath.Join(tree, fmt.Sprintf("pictures/%d", i)), content(5<<20, byte(100+i)))
	}
	r.logf("%d MB of Go's own source, 50 MB that do not compress, and %d odd names", bytes>>20, len(oddNames()))
	r.do("init")

	// Half of the first backup is written to six drives, the other half to four.
	backup := r.start("backup", "--tag", "first", tree)
	begun := time.Now()
	for start := d.metricBytes(); d.metricBytes() < start+10<<20; time.Sleep(2 * time.Millisecond) {
		if r.ended(backup) {
			break
		}
	}
	gone := []string{d.dirs[1], d.dirs[4]}
	for _, dir := range gone {
		if err := os.Rename(dir, dir+".away"); err != nil {
			t.Fatal(err)
		}
		r.logf("%s is gone", filepath.Base(dir))
	}
	d.awaitState(10*time.Second, "DEGRADED", 2)
	if r.ended(backup) {
		t.Errorf("the backup was over after %v, before the drives were missed", time.Since(begun))
	}
	r.wait(backup)

	// Without the two: everything can be read, changed and backed up again.
	r.do("check", "--read-data")
	for i := range 30 {
		writeFile(t, filepath.Join(tree, fmt.Sprintf("new/%d", i)), content(100_000, byte(i)))
	}
	if err := os.RemoveAll(filepath.Join(tree, "go/net")); err != nil {
		t.Fatal(err)
	}

	// They come back in the middle of the second.
	second := r.start("backup", "--tag", "second", "--force", tree)
	time.Sleep(300 * time.Millisecond)
	for _, dir := range gone {
		if err := os.Rename(dir+".away", dir); err != nil {
			t.Fatal(err)
		}
	}
	r.logf("both are back")
	r.wait(second)
	d.awaitState(2*time.Minute, "ONLINE", 0)
	r.logf("the pool is ONLINE")

	// Two others go while it is restored.
	restore := r.start("restore", "latest", "--target", w.path("restored"))
	others := []string{d.dirs[0], d.dirs[5]}
	for _, dir := range others {
		if err := os.Rename(dir, dir+".away"); err != nil {
			t.Fatal(err)
		}
	}
	r.wait(restore)
	sameTree(t, tree, filepath.Join(w.path("restored"), tree))
	prune := r.start("forget", "--tag", "first", "--keep-last", "1", "--group-by", "tags", "--prune", "--max-unused", "0")
	r.wait(prune)
	r.do("forget", "--keep-last", "1", "--group-by", "", "--prune", "--max-unused", "0")
	for _, dir := range others {
		if err := os.Rename(dir+".away", dir); err != nil {
			t.Fatal(err)
		}
	}
	r.do("check", "--read-data")
	d.awaitState(2*time.Minute, "ONLINE", 0)
	if out := r.do("snapshots", "--compact"); !strings.Contains(out, "1 snapshots") {
		t.Errorf("snapshots:\n%s", out)
	}
	r.do("restore", "latest", "--target", w.path("again"))
	sameTree(t, tree, filepath.Join(w.path("again"), tree))
	r.do("unlock")
}

type resticRun struct {
	t *testing.T
	*workplace
	program string
	began   time.Time
}

func (r *resticRun) logf(format string, args ...any) {
	r.t.Helper()
	r.t.Logf("%6.1f s  %s", time.Since(r.began).Seconds(), fmt.Sprintf(format, args...))
}

// result is a restic that runs.
type result struct {
	args []string
	done chan struct{}
	text string
	err  error
}

func (r *resticRun) start(args ...string) *result {
	res := &result{args: args, done: make(chan struct{})}
	go func() { // the test waits for it
		defer close(res.done)
		_, res.text, res.err = r.try(append([]string{r.program}, args...)...)
	}()
	return res
}

func (r *resticRun) ended(res *result) bool {
	select {
	case <-res.done:
		return true
	default:
		return false
	}
}

// wait wants success and no word of a retry or an error.
func (r *resticRun) wait(res *result) string {
	r.t.Helper()
	<-res.done
	if res.err != nil {
		r.t.Fatalf("restic %q: %v\n%s", res.args, res.err, clip(res.text))
	}
	for line := range strings.SplitSeq(res.text, "\n") {
		if strings.Contains(line, "returned error") || strings.Contains(line, "retry") {
			r.logf("restic had to try again: %s", line)
		}
	}
	r.logf("restic %s", strings.Join(res.args[:min(2, len(res.args))], " "))
	return res.text
}

func (r *resticRun) do(args ...string) string {
	r.t.Helper()
	return r.wait(r.start(args...))
}

// copySources copies about 100 MB of what Go is built from, and the odd names, and gives the bytes.
func copySources(t *testing.T, to string) (bytes int64) {
	t.Helper()
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	const enough = 90 << 20
	source := filepath.Join(strings.TrimSpace(string(root)), "src")
	var files []string
	err = filepath.WalkDir(source, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(files)
	slices.Reverse(files) // net and runtime before the tables of cmd
	for _, path := range files {
		if bytes > enough {
			break
		}
		body, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		name, err := filepath.Rel(source, path)
		if err != nil {
			t.Fatal(err)
		}
		bytes += int64(len(body))
		writeFile(t, filepath.Join(to, "go", name), body)
	}
	makeTree(t, filepath.Join(to, "odd"))
	return bytes
}

// metricBytes is how many bytes clients have sent.
func (d *daemon) metricBytes() float64 { return d.metric("holdfast_http_received_bytes_total") }
