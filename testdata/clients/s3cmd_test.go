package clients

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

func TestS3cmd(t *testing.T) {
	t.Parallel()
	program := wants(t, "/usr/bin/s3cmd", "Debian's s3cmd")
	d := startDaemon(t)
	w := newWorkplace(t, d)
	writeFile(t, w.path(".s3cfg"), []byte(fmt.Sprintf("[default]\naccess_key = %s\nsecret_key = %s\nhost_base = %s\nhost_bucket = %s\nuse_https = False\n",
		accessKey, secretKey, d.address(), d.address())))
	s := &s3cmd{w, program}
	s.do(t, "mb", "s3://tools")
	t.Run("round-trips", s.roundTrips)
	t.Run("sync", s.sync)
	t.Run("attributes", s.attributes)
	t.Run("listing", s.listing)
	t.Run("copy-move-delete", s.copyMoveDelete)
	t.Run("multipart", s.multipart)
	t.Run("signurl", s.signURL)
	t.Run("errors", s.errors)
}

type s3cmd struct {
	*workplace
	program string
}

// do fails on warnings, too: with one of them s3cmd says that an MD5 does not match.
func (s *s3cmd) do(t *testing.T, args ...string) string {
	t.Helper()
	out, all, err := s.try(append([]string{s.program, "--no-progress"}, args...)...)
	if err != nil || strings.Contains(all, "WARNING: MD5") || strings.Contains(all, "ERROR") {
		t.Fatalf("s3cmd %q: %v\n%s", args, err, clip(all))
	}
	return out
}

func (s *s3cmd) roundTrips(t *testing.T) {
	for _, name := range makeSizes(t, s.path("up")) {
		s.do(t, "put", s.path("up", name), "s3://tools/"+name)
		if err := os.MkdirAll(s.path("down"), 0o755); err != nil {
			t.Fatal(err)
		}
		s.do(t, "get", "s3://tools/"+name, s.path("down", name))
	}
	sameTree(t, s.path("up"), s.path("down"))
}

func (s *s3cmd) sync(t *testing.T) {
	makeTree(t, s.path("tree"))
	s.do(t, "sync", s.path("tree")+"/", "s3://tools/a tree+ü/")
	if out := s.do(t, "sync", "--check-md5", s.path("tree")+"/", "s3://tools/a tree+ü/"); strings.Contains(out, "upload:") {
		t.Errorf("nothing has changed, and yet:\n%s", clip(out))
	}
	if err := os.MkdirAll(s.path("back"), 0o755); err != nil {
		t.Fatal(err)
	}
	s.do(t, "sync", "--check-md5", "s3://tools/a tree+ü/", s.path("back")+"/")
	sameTree(t, s.path("tree"), s.path("back"))
	if err := os.Remove(s.path("tree", "plain.txt")); err != nil {
		t.Fatal(err)
	}
	s.do(t, "sync", "--delete-removed", s.path("tree")+"/", "s3://tools/a tree+ü/")
	s.do(t, "sync", "--delete-removed", "s3://tools/a tree+ü/", s.path("back")+"/")
	sameTree(t, s.path("tree"), s.path("back"))
}

func (s *s3cmd) attributes(t *testing.T) {
	writeFile(t, s.path("x"), []byte("not really packed"))
	s.do(t, "put", "--mime-type", "text/x-odd", "--add-header", "Content-Encoding: gzip", "--add-header", "x-amz-meta-colour: blue", "--add-header",
		"Cache-Control: max-age=1", s.path("x"), "s3://tools/x")
	info := s.do(t, "info", "s3://tools/x")
	for _, want := range []string{"File size: 17", "MIME type: text/x-odd", "x-amz-meta-colour: blue", "MD5 sum:", "ACL:"} {
		if !strings.Contains(info, want) {
			t.Errorf("info does not say %q:\n%s", want, info)
		}
	}
	s.do(t, "modify", "--add-header", "x-amz-meta-colour: red", "s3://tools/x") // a copy onto itself
	if info := s.do(t, "info", "s3://tools/x"); !strings.Contains(info, "x-amz-meta-colour: red") {
		t.Errorf("modified:\n%s", info)
	}
	s.do(t, "info", "s3://tools")
}

func (s *s3cmd) listing(t *testing.T) {
	seed := newAWSBucket(t, &daemon{t: t, endpoint: s.endpoint()}, "many")
	for i := range 1100 {
		seed.put(t, fmt.Sprintf("folder+%d/%04d ü", i%4, i), nil)
	}
	if n := strings.Count(s.do(t, "ls", "-r", "s3://many"), "\n"); n != 1100 {
		t.Errorf("%d lines, want 1100", n)
	}
	if n := strings.Count(s.do(t, "ls", "s3://many"), "DIR"); n != 4 {
		t.Errorf("%d folders, want 4", n)
	}
	if out := s.do(t, "du", "s3://many"); !strings.Contains(out, "1100 objects") {
		t.Errorf("du: %s", out)
	}
	s.do(t, "del", "-r", "--force", "s3://many")
	s.do(t, "rb", "s3://many")
}

// endpoint is what its configuration names.
func (s *s3cmd) endpoint() string {
	for _, entry := range s.env {
		if value, found := strings.CutPrefix(entry, "AWS_ENDPOINT_URL="); found {
			return value
		}
	}
	return ""
}

func (s *s3cmd) copyMoveDelete(t *testing.T) {
	body := content(20<<20, 31)
	writeFile(t, s.path("x"), body)
	s.do(t, "put", s.path("x"), "s3://tools/from/a+b ü")
	s.do(t, "cp", "s3://tools/from/a+b ü", "s3://tools/to/copy ü")
	s.do(t, "mv", "s3://tools/from/a+b ü", "s3://tools/to/moved+")
	for _, key := range []string{"copy ü", "moved+"} {
		s.do(t, "get", "--force", "s3://tools/to/"+key, s.path("y"))
		if sumOfFile(t, s.path("y")) != sum(body) {
			t.Errorf("%s is another", key)
		}
	}
	s.do(t, "del", "-r", "s3://tools/to/")
	if out := s.do(t, "ls", "-r", "s3://tools/to/"); out != "" {
		t.Errorf("deleted, and still there: %s", out)
	}
}

func (s *s3cmd) multipart(t *testing.T) {
	body := content(16<<20, 32)
	writeFile(t, s.path("x"), body)
	s.do(t, "put", "--multipart-chunk-size-mb=5", s.path("x"), "s3://tools/parts")
	s.do(t, "get", "--force", "s3://tools/parts", s.path("y"))
	if sumOfFile(t, s.path("y")) != sum(body) {
		t.Error("it is another")
	}
	s.do(t, "cp", "--multipart-chunk-size-mb=5", "s3://tools/parts", "s3://tools/parts2") // by UploadPartCopy
	s.do(t, "get", "--force", "s3://tools/parts2", s.path("y"))
	if sumOfFile(t, s.path("y")) != sum(body) {
		t.Error("the copy is another")
	}
	if out := s.do(t, "multipart", "s3://tools"); strings.Contains(out, "parts") {
		t.Errorf("unfinished: %s", out)
	}
}

// signURL signs as S3 did before version 4 of its signatures, which is all that s3cmd can.
func (s *s3cmd) signURL(t *testing.T) {
	writeFile(t, s.path("x"), []byte("signed"))
	s.do(t, "put", s.path("x"), "s3://tools/signed it+ü")
	url := strings.TrimSpace(s.do(t, "signurl", "s3://tools/signed it+ü", "+600"))
	if status, err := plainGet(t, url); err != nil || status != 200 {
		t.Errorf("%s gives %d, %v", url, status, err)
	}
	old := strings.TrimSpace(s.do(t, "signurl", "s3://tools/signed it+ü", "1000000000"))
	if status, err := plainGet(t, old); err != nil || status != 403 {
		t.Errorf("expired, it gives %d, %v", status, err)
	}
}

func (s *s3cmd) errors(t *testing.T) {
	s.refused("NoSuchBucket", s.program, "ls", "s3://not-there")
	s.refused("does not exist", s.program, "get", "s3://tools/nothing", s.path("z"))
	s.refused("BucketAlreadyOwnedByYou", s.program, "mb", "s3://tools")
	s.refused("BucketNotEmpty", s.program, "rb", "s3://tools")
}
