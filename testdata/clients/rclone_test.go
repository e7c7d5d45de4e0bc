package clients

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestRclone takes rclone as a person who was served by another S3 server has it set up, of either name.
func TestRclone(t *testing.T) {
	t.Parallel()
	program := wants(t, "/usr/bin/rclone", "Debian's rclone")
	for _, provider := range []string{"Other", "Minio"} {
		t.Run(provider, func(t *testing.T) {
			d := startDaemon(t)
			w := newWorkplace(t, d)
			writeFile(t, w.path("rclone.conf"), []byte(fmt.Sprintf("[it]\ntype = s3\nprovider = %s\naccess_key_id = %s\nsecret_access_key = %s\nendpoint = %s\nregion = %s\n",
				provider, accessKey, secretKey, d.endpoint, region)))
			w.env = append(w.env, "RCLONE_CONFIG="+w.path("rclone.conf"))
			r := &rclone{w, program}
			t.Run("sync-check", r.syncCheck)
			t.Run("sizes", r.sizes)
			t.Run("listing", r.listing)
			t.Run("copy-move-purge", r.copyMovePurge)
		})
	}
}

type rclone struct {
	*workplace
	program string
}

func (r *rclone) do(t *testing.T, args ...string) string {
	t.Helper()
	_, all, err := r.try(append([]string{r.program, "--retries", "1", "--low-level-retries", "1"}, args...)...)
	if err != nil {
		t.Fatalf("rclone %q: %v\n%s", args, err, clip(all))
	}
	return all
}

func (r *rclone) syncCheck(t *testing.T) {
	makeTree(t, r.path("tree"))
	r.do(t, "mkdir", "it:tree")
	r.do(t, "sync", "--metadata", r.path("tree"), "it:tree/a b+ü")
	r.do(t, "check", r.path("tree"), "it:tree/a b+ü")
	r.do(t, "check", "--download", r.path("tree"), "it:tree/a b+ü")
	if out := r.do(t, "sync", "-v", "--stats", "0", r.path("tree"), "it:tree/a b+ü"); strings.Contains(out, "Copied") {
		t.Errorf("nothing has changed, and yet:\n%s", clip(out))
	}
	r.do(t, "sync", "it:tree/a b+ü", r.path("back"))
	sameTree(t, r.path("tree"), r.path("back"))
	if err := os.Remove(r.path("tree", "plain.txt")); err != nil {
		t.Fatal(err)
	}
	writeFile(t, r.path("tree", "a+b.txt"), []byte("changed and longer"))
	r.do(t, "sync", r.path("tree"), "it:tree/a b+ü")
	r.do(t, "check", "--download", r.path("tree"), "it:tree/a b+ü")
}

func (r *rclone) sizes(t *testing.T) {
	makeSizes(t, r.path("sizes"))
	r.do(t, "copy", r.path("sizes"), "it:sizes")
	// Parts, too: rclone keeps the MD5 of the whole in the user's metadata.
	r.do(t, "copy", "--s3-upload-cutoff", "5M", "--s3-chunk-size", "5M", r.path("sizes"), "it:sizes/parts")
	for _, place := range []string{"it:sizes/parts", "it:sizes"} {
		r.do(t, "check", "--one-way", r.path("sizes"), place)
		r.do(t, "check", "--one-way", "--download", r.path("sizes"), place)
	}
	if _, all, err := r.feed(strings.Repeat("streamed ", 1000), r.program, "rcat", "it:sizes/streamed"); err != nil {
		t.Fatalf("%v: %s", err, all)
	}
	if got := r.do(t, "cat", "--offset", "9", "--count", "8", "it:sizes/streamed"); got != "streamed" {
		t.Errorf("cat: %q", got)
	}
}

func (r *rclone) listing(t *testing.T) {
	for i := range 1100 {
		writeFile(t, r.path("many", fmt.Sprintf("folder+%d", i%4), fmt.Sprintf("%04d ü", i)), nil)
	}
	r.do(t, "copy", "--transfers", "16", "--checkers", "16", r.path("many"), "it:many")
	if n := strings.Count(r.do(t, "lsf", "-R", "--files-only", "it:many"), "\n"); n != 1100 {
		t.Errorf("%d files, want 1100", n)
	}
	if out := r.do(t, "lsf", "it:many"); out != "folder+0/\nfolder+1/\nfolder+2/\nfolder+3/\n" {
		t.Errorf("lsf: %q", out)
	}
	r.do(t, "check", r.path("many"), "it:many")
	r.do(t, "purge", "it:many")
	if out := r.do(t, "lsf", "it:"); strings.Contains(out, "many") {
		t.Errorf("purged, and still there: %s", out)
	}
}

func (r *rclone) copyMovePurge(t *testing.T) {
	makeTree(t, r.path("moved"))
	r.do(t, "copy", r.path("moved"), "it:first")
	r.do(t, "copy", "it:first", "it:second/copied") // copied by the server
	r.do(t, "check", "--download", r.path("moved"), "it:second/copied")
	r.do(t, "copy", "--s3-copy-cutoff", "5M", "it:first", "it:second/in parts")
	r.do(t, "check", "--download", r.path("moved"), "it:second/in parts")
	r.do(t, "move", "it:first", "it:second/moved")
	r.do(t, "check", "--download", r.path("moved"), "it:second/moved")
	if out := r.do(t, "lsf", "-R", "--files-only", "it:first"); out != "" {
		t.Errorf("moved, and still there: %s", out)
	}
	r.do(t, "touch", "it:second/moved/plain.txt") // metadata replaced by a copy onto itself
	r.do(t, "purge", "it:second/moved")
	r.do(t, "delete", "it:second")
	r.do(t, "rmdir", "it:second")
	r.do(t, "cleanup", "it:first") // unfinished uploads
	r.do(t, "rmdir", "it:first")
	if !strings.Contains(r.do(t, "lsd", "it:"), "tree") {
		t.Error("the bucket tree is not listed")
	}
	link := strings.TrimSpace(r.run(r.program, "link", "--expire", "1h", "it:tree/a b+ü/with space.txt"))
	resp, err := plainGet(t, link)
	if err != nil || resp != 200 {
		t.Errorf("the link gives %d, %v", resp, err)
	}
}
