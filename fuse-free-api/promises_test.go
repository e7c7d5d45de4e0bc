package api

import (
	"net/http"
	"strings"
	"testing"

	"github.com/holdfast-storage/holdfast/fuse-free-api/checksum"
	streams "github.com/holdfast-storage/holdfast/fuse-free-api/md5"
)

func TestCutChunkedToken(t *testing.T) {
	for _, c := range []struct {
		line, rest string
		found      bool
	}{
		{"", "", false},
		{"gzip", "gzip", false},
		{" gzip ,  br", " gzip ,  br", false},
		{"aws-chunked", "", true},
		{"AWS-CHUNKED", "", true},
		{"aws-chunked,gzip", "gzip", true},
		{"gzip, aws-chunked", "gzip", true},
		{"gzip, aws-chunked, br", "gzip, br", true},
		{"aws-chunked, aws-chunked", "", true},
		{"aws-chunked,,", "", true},
		{"not-aws-chunked", "not-aws-chunked", false},
		{"aws-chunked;q=1", "aws-chunked;q=1", false},
	} {
		if rest, found := cutChunkedToken(c.line); rest != c.rest || found != c.found {
			t.Errorf("%q: %q, %v", c.line, rest, found)
		}
	}
}

// Whatever the headers say, what is taken from them is consistent, and what is
// promised can be checked.
func FuzzPromises(f *testing.F) {
	f.Add("", "CRC32", "", "x-amz-checksum-crc32", "aws-chunked", "5", "STREAMING-UNSIGNED-PAYLOAD-TRAILER")
	f.Add("AAAAAAAAAAAAAAAAAAAAAA==", "sha1", "AAAAAA==", "", "gzip", "", "")
	f.Add("", "", "rosUhgp5mIg=", "x-amz-checksum-sha256,x", "gzip, aws-chunked", "-1", "UNSIGNED-PAYLOAD")
	f.Add("x", "MD5", "=", "x-amz-meta-a", "", "99999999999999999999", strings.Repeat("0a", 32))
	f.Fuzz(func(t *testing.T, md5, named, sum, trailer, encoding, length, payload string) {
		h := http.Header{}
		for name, value := range map[string]string{"Content-Md5": md5, "X-Amz-Sdk-Checksum-Algorithm": named, "X-Amz-Trailer": trailer,
			"Content-Encoding": encoding, "X-Amz-Decoded-Content-Length": length} {
			if value != "" {
				h.Set(name, value)
			}
		}
		for i, a := range checksum.All() {
			if sum != "" && len(sum)%5 == i {
				h.Set(a.Header(), sum)
			}
		}
		frame, err := readFraming(h, 5, payload)
		if err != nil {
			return
		}
		if frame.size < 0 || frame.trailing && !frame.framed || frame.framed && length == "" {
			t.Fatalf("%+v of %v", frame, h)
		}
		p, err := readPromises(h, payload, frame.trailing, true)
		if err != nil {
			return
		}
		if p.trailing && (!frame.trailing || p.sum != nil || p.algorithm == 0) || p.sum != nil && len(p.sum) != p.algorithm.Size() {
			t.Fatalf("%+v of %v", p, h)
		}
		d := newDigests(streams.NewGroup(), p.md5 != nil, p.sha256 != nil, p.algorithm)
		d.write([]byte("hello"))
		_ = p.check(d)
		if kept := p.kept(d); len(kept) != 0 != (p.algorithm != 0) {
			t.Fatalf("%v kept of %v", kept, h)
		}
	})
}

func FuzzContentEncoding(f *testing.F) {
	for _, line := range []string{"", "gzip", "aws-chunked", "gzip, aws-chunked,", ",,aws-chunked , br"} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		rest, found := cutChunkedToken(line)
		if !found && rest != line {
			t.Fatalf("%q became %q", line, rest)
		}
		if again, still := cutChunkedToken(rest); still || again != rest {
			t.Fatalf("%q became %q, then %q", line, rest, again)
		}
	})
}
