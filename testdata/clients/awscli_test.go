package clients

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// awsCLI is /usr/bin/aws, which is told where the daemon is and nothing else. One of Debian 12 does not know
// AWS_ENDPOINT_URL yet.
type awsCLI struct {
	*workplace
	d      *daemon
	bucket string
}

func (c *awsCLI) args(args ...string) []string {
	return append([]string{"/usr/bin/aws", "--endpoint-url", c.d.endpoint}, args...)
}

func (c *awsCLI) aws(args ...string) string {
	c.t.Helper()
	return c.run(c.args(args...)...)
}

// ask runs an operation of `aws s3api` and reads its answer into answer.
func (c *awsCLI) ask(answer any, operation string, args ...string) {
	c.t.Helper()
	out := c.aws(append([]string{"s3api", operation, "--output", "json", "--bucket", c.bucket}, args...)...)
	if answer == nil {
		return
	}
	if err := json.Unmarshal([]byte(out), answer); err != nil {
		c.t.Fatalf("%s: %v: %s", operation, err, out)
	}
}

func TestAWSCLI(t *testing.T) {
	t.Parallel()
	wants(t, "/usr/bin/aws", "Debian's awscli")
	eachWay(t, func(t *testing.T, d *daemon) {
		for _, c := range []struct {
			name string
			test func(*awsCLI, *testing.T)
			tls  bool // over TLS, too: it sends bodies in another way, and takes a second for each command
		}{
			{"round-trips", (*awsCLI).roundTrips, true},
			{"sync", (*awsCLI).sync, true},
			{"copy-move-delete", (*awsCLI).copyMoveDelete, false},
			{"attributes", (*awsCLI).attributes, false},
			{"listing", (*awsCLI).listing, false},
			{"checksums", (*awsCLI).checksums, true},
			{"multipart", (*awsCLI).multipart, false},
			{"presigned", (*awsCLI).presigned, true},
			{"ranges-conditions-tagging", (*awsCLI).conditions, false},
			{"errors", (*awsCLI).errors, false},
		} {
			if d.tls() && !c.tls {
				continue
			}
			t.Run(c.name, func(t *testing.T) {
				a := &awsCLI{workplace: newWorkplace(t, d), d: d, bucket: "awscli-" + c.name}
				a.aws("s3", "mb", "s3://"+a.bucket)
				c.test(a, t)
			})
		}
	})
}

func (c *awsCLI) roundTrips(t *testing.T) {
	for _, name := range makeSizes(t, c.path("up")) {
		c.aws("s3", "cp", "--no-progress", c.path("up", name), "s3://"+c.bucket+"/"+name)
		c.aws("s3", "cp", "--no-progress", "s3://"+c.bucket+"/"+name, c.path("down", name))
	}
	sameTree(t, c.path("up"), c.path("down"))
	if _, all, err := c.feed("from a pipe", c.args("s3", "cp", "-", "s3://"+c.bucket+"/piped")...); err != nil {
		t.Fatalf("%v: %s", err, all)
	}
	if got := c.aws("s3", "cp", "s3://"+c.bucket+"/piped", "-"); got != "from a pipe" {
		t.Errorf("piped: %q", got)
	}
}

func (c *awsCLI) sync(t *testing.T) {
	makeTree(t, c.path("up"))
	there := "s3://" + c.bucket + "/a tree+"
	c.aws("s3", "sync", "--no-progress", c.path("up"), there)
	if again := c.aws("s3", "sync", "--no-progress", c.path("up"), there); again != "" {
		t.Errorf("nothing has changed, and yet:\n%s", again)
	}
	c.aws("s3", "sync", "--no-progress", there, c.path("down"))
	sameTree(t, c.path("up"), c.path("down"))
	if err := os.Remove(c.path("up", "plain.txt")); err != nil {
		t.Fatal(err)
	}
	writeFile(t, c.path("up", "with space.txt"), []byte("longer than it was before"))
	if did := c.aws("s3", "sync", "--no-progress", "--delete", c.path("up"), there); strings.Count(did, "\n") != 2 {
		t.Errorf("one file changed and one removed:\n%s", did)
	}
	c.aws("s3", "sync", "--no-progress", "--delete", there, c.path("down"))
	sameTree(t, c.path("up"), c.path("down"))
}

func (c *awsCLI) copyMoveDelete(t *testing.T) {
	body := content(20<<20, 21) // copied in parts
	writeFile(t, c.path("x"), body)
	s3 := func(key string) string { return "s3://" + c.bucket + "/" + key }
	c.aws("s3", "mv", "--no-progress", c.path("x"), s3("a+b c"))
	c.aws("s3", "cp", "--no-progress", s3("a+b c"), s3("d/e ü"))
	c.aws("s3", "mv", "--no-progress", s3("a+b c"), s3("f"))
	for _, key := range []string{"d/e ü", "f"} {
		c.aws("s3", "cp", "--no-progress", s3(key), c.path("y"))
		if got := sumOfFile(t, c.path("y")); got != sum(body) {
			t.Errorf("%q is another", key)
		}
	}
	if left := strings.Fields(c.aws("s3api", "list-objects-v2", "--bucket", c.bucket, "--query", "length(Contents)")); !slices.Equal(left, []string{"2"}) {
		t.Errorf("%q objects, want 2", left)
	}
	c.aws("s3", "rm", "--recursive", s3(""))
	c.aws("s3", "rb", "s3://"+c.bucket)
}

func (c *awsCLI) attributes(t *testing.T) {
	writeFile(t, c.path("x.txt"), []byte("not really packed"))
	c.aws("s3", "cp", "--no-progress", c.path("x.txt"), "s3://"+c.bucket+"/x.txt", "--content-encoding", "gzip", "--cache-control", "max-age=1",
		"--content-disposition", "inline", "--content-language", "de", "--metadata", "colour=dark blue,n=7")
	want := "text/plain gzip max-age=1 inline de dark blue 7 17"
	check := func(key string) {
		t.Helper()
		var head struct {
			ContentType, ContentEncoding, CacheControl, ContentDisposition, ContentLanguage string
			ContentLength                                                                   int
			Metadata                                                                        map[string]string
		}
		c.ask(&head, "head-object", "--key", key)
		got := strings.Join([]string{head.ContentType, head.ContentEncoding, head.CacheControl, head.ContentDisposition, head.ContentLanguage,
			head.Metadata["colour"], head.Metadata["n"], fmt.Sprint(head.ContentLength)}, " ")
		if got != want {
			t.Errorf("%s: got %s, want %s", key, got, want)
		}
	}
	check("x.txt")
	c.aws("s3", "cp", "--no-progress", "s3://"+c.bucket+"/x.txt", "s3://"+c.bucket+"/copied.txt")
	check("copied.txt")
}

func (c *awsCLI) listing(t *testing.T) {
	seed := &awsGo{Client: newAWS(t, c.d), d: c.d, bucket: c.bucket}
	const many = 1203
	for i := range many {
		seed.put(t, fmt.Sprintf("folder+%d/%04d ü", i%3, i), nil)
	}
	if n := strings.Count(c.aws("s3", "ls", "--recursive", "s3://"+c.bucket), "\n"); n != many {
		t.Errorf("ls --recursive has %d lines, want %d", n, many)
	}
	if out := c.aws("s3", "ls", "s3://"+c.bucket); strings.Count(out, "PRE folder+") != 3 || strings.Count(out, "\n") != 3 {
		t.Errorf("ls:\n%s", out)
	}
	for _, command := range []string{"list-objects", "list-objects-v2", "list-object-versions"} {
		query := "length(Contents[])"
		if command == "list-object-versions" {
			query = "length(Versions[])"
		}
		var n int
		c.ask(&n, command, "--page-size", "500", "--query", query)
		if n != many {
			t.Errorf("%s: %d keys, want %d", command, n, many)
		}
	}
	c.aws("s3", "rm", "--recursive", "--only-show-errors", "s3://"+c.bucket+"/folder+1/")
	if n := strings.Count(c.aws("s3", "ls", "--recursive", "s3://"+c.bucket), "\n"); n != many*2/3 {
		t.Errorf("%d left, want %d", n, many*2/3)
	}
	c.aws("s3", "rb", "--force", "s3://"+c.bucket)
}

// checksums are those that this version knows.
func (c *awsCLI) checksums(t *testing.T) {
	body := content(2<<20, 22)
	writeFile(t, c.path("x"), body)
	for _, algorithm := range []string{"CRC32", "CRC32C", "SHA1", "SHA256"} {
		var put, head map[string]any
		c.ask(&put, "put-object", "--key", algorithm, "--body", c.path("x"), "--checksum-algorithm", algorithm)
		c.ask(&head, "get-object", "--key", algorithm, "--checksum-mode", "ENABLED", c.path("y"))
		if name := "Checksum" + algorithm; put[name] == nil || put[name] != head[name] {
			t.Errorf("%s: put says %v, get %v", algorithm, put[name], head[name])
		}
		if sumOfFile(t, c.path("y")) != sum(body) {
			t.Errorf("%s came back as another", algorithm)
		}
	}
}

func (c *awsCLI) multipart(t *testing.T) {
	body := content(5<<20+1, 23)
	writeFile(t, c.path("1"), body[:5<<20])
	writeFile(t, c.path("2"), body[5<<20:])
	for _, algorithm := range []string{"", "CRC32C", "SHA256"} { // each as it is in boto3, which has the others
		key := "parts " + algorithm
		var with []string
		if algorithm != "" {
			with = []string{"--checksum-algorithm", algorithm}
		}
		var created struct{ UploadId string }
		c.ask(&created, "create-multipart-upload", append([]string{"--key", key}, with...)...)
		type part map[string]any
		var document struct{ Parts []part }
		for _, n := range []string{"1", "2"} {
			var out part
			c.ask(&out, "upload-part", append([]string{"--key", key, "--upload-id", created.UploadId, "--part-number", n, "--body", c.path(n)}, with...)...)
			keep := part{"PartNumber": int(n[0] - '0'), "ETag": out["ETag"]}
			if name := "Checksum" + algorithm; algorithm != "" {
				keep[name] = out[name]
			}
			document.Parts = append(document.Parts, keep)
		}
		text, err := json.Marshal(document)
		if err != nil {
			t.Fatal(err)
		}
		if algorithm == "" {
			var count int
			c.ask(&count, "list-parts", "--key", key, "--upload-id", created.UploadId, "--query", "length(Parts)")
			if count != 2 {
				t.Errorf("%d parts are listed", count)
			}
			c.ask(&count, "list-multipart-uploads", "--query", "length(Uploads)")
			if count != 1 {
				t.Errorf("%d uploads are listed", count)
			}
		}
		c.ask(nil, "complete-multipart-upload", "--key", key, "--upload-id", created.UploadId, "--multipart-upload", string(text))
		c.ask(nil, "get-object", "--key", key, "--checksum-mode", "ENABLED", c.path("y"))
		if sumOfFile(t, c.path("y")) != sum(body) {
			t.Errorf("%s came back as another", key)
		}
	}
	var attributes struct {
		ObjectSize  int
		ObjectParts struct{ TotalPartsCount int }
		Checksum    map[string]string
	}
	c.ask(&attributes, "get-object-attributes", "--key", "parts SHA256", "--object-attributes", "ObjectSize", "ObjectParts", "Checksum", "ETag", "StorageClass")
	if attributes.ObjectSize != len(body) || attributes.ObjectParts.TotalPartsCount != 2 || attributes.Checksum["ChecksumSHA256"] == "" {
		t.Errorf("attributes %+v", attributes)
	}
	var created struct{ UploadId string }
	c.ask(&created, "create-multipart-upload", "--key", "aborted")
	c.ask(nil, "abort-multipart-upload", "--key", "aborted", "--upload-id", created.UploadId)
	c.refused("NoSuchUpload", c.args("s3api", "list-parts", "--bucket", c.bucket, "--key", "aborted", "--upload-id", created.UploadId)...)
}

func (c *awsCLI) presigned(t *testing.T) {
	body := content(1000, 24)
	writeFile(t, c.path("x"), body)
	c.aws("s3", "cp", "--no-progress", c.path("x"), "s3://"+c.bucket+"/a b+ü.txt")
	url := strings.TrimSpace(c.aws("s3", "presign", "s3://"+c.bucket+"/a b+ü.txt", "--expires-in", "600"))
	resp, got, err := c.d.plain(t.Context(), "GET", url, nil, nil, 0)
	if err != nil || resp.StatusCode != 200 || sum(got) != sum(body) {
		t.Errorf("%v, %v, %s", resp, err, clip(string(got)))
	}
}

func (c *awsCLI) conditions(t *testing.T) {
	writeFile(t, c.path("x"), []byte("0123456789"))
	var put struct{ ETag string }
	c.ask(&put, "put-object", "--key", "x", "--body", c.path("x"), "--tagging", "a=b%20c")
	c.ask(nil, "get-object", "--key", "x", "--range", "bytes=3-5", c.path("y"))
	if got, err := os.ReadFile(c.path("y")); err != nil || string(got) != "345" {
		t.Errorf("the range is %q, %v", got, err)
	}
	c.ask(nil, "get-object", "--key", "x", "--if-match", put.ETag, c.path("y"))
	get := []string{"s3api", "get-object", "--bucket", c.bucket, "--key", "x", filepath.Join(c.home, "z")}
	c.refused("PreconditionFailed", c.args(append(get, "--if-match", `"0123"`)...)...)
	c.refused("304", c.args(append(get, "--if-none-match", put.ETag)...)...)
	var tagging struct{ TagSet []map[string]string }
	c.ask(&tagging, "get-object-tagging", "--key", "x")
	if len(tagging.TagSet) != 1 || tagging.TagSet[0]["Value"] != "b c" {
		t.Errorf("tags %+v", tagging)
	}
	c.ask(nil, "put-object-tagging", "--key", "x", "--tagging", "TagSet=[{Key=d,Value=e}]")
	c.ask(nil, "delete-object-tagging", "--key", "x")
}

func (c *awsCLI) errors(t *testing.T) {
	c.refused("NoSuchKey", c.args("s3api", "get-object", "--bucket", c.bucket, "--key", "nothing", c.path("z"))...)
	c.refused("404", c.args("s3api", "head-object", "--bucket", c.bucket, "--key", "nothing")...)
	c.refused("NoSuchBucket", c.args("s3", "ls", "s3://awscli-nowhere")...)
	c.refused("BucketAlreadyOwnedByYou", c.args("s3", "mb", "s3://"+c.bucket)...)
	c.refused("NoSuchBucketPolicy", c.args("s3api", "get-bucket-policy", "--bucket", c.bucket)...)
	c.refused("NotImplemented", c.args("s3api", "put-bucket-versioning", "--bucket", c.bucket, "--versioning-configuration", "Status=Enabled")...)
}
