package api

import (
	"crypto/md5"
	"encoding/base64"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/holdfast-storage/holdfast/fuse-free-api/checksum"
	"github.com/holdfast-storage/holdfast/fuse-free-api/sigv4/sigv4test"
)

const testHost = "holdfast"

// signed gives a signed request for a raw socket, with the body's hash.
func signed(method, target, body string, headers ...string) string {
	lines := testSigner().Lines(method, target, testHost, sigv4test.Hash(body), headers...)
	return fmt.Sprintf("%s %s HTTP/1.1\r\n%s\r\nContent-Length: %d\r\n\r\n%s", method, target, strings.Join(lines, "\r\n"), len(body), body)
}

// framed gives a signed request whose body is framed as f says, in two parts.
func framed(method, target string, f sigv4test.Framing, body string, headers ...string) (head, wire string) {
	lines := testSigner().Lines(method, target, testHost, f.Payload(), append(f.Headers(len(body)), headers...)...)
	var authorization, stamp string
	for _, line := range lines {
		if value, ok := strings.CutPrefix(line, "Authorization: "); ok {
			authorization = value
		}
		if value, ok := strings.CutPrefix(line, "X-Amz-Date: "); ok {
			stamp = value
		}
	}
	wire = string(testSigner().Frame(authorization, stamp, f, []byte(body)))
	return fmt.Sprintf("%s %s HTTP/1.1\r\n%s\r\nContent-Length: %d\r\n\r\n", method, target, strings.Join(lines, "\r\n"), len(wire)), wire
}

func trailers(pairs ...string) (list [][2]string) {
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, [2]string{pairs[i], pairs[i+1]})
	}
	return list
}

// What clients wrap around a body is gone from what is stored, and so is the
// word for it.
func TestFramingIsNotStored(t *testing.T) {
	long := strings.Repeat("0123456789abcdef", 10_000)
	g := newRig(t)
	for _, body := range []string{"", "x", "hello, world", long} {
		sum := sumText(checksum.CRC64NVME, body)
		for name, f := range map[string]sigv4test.Framing{
			"signed":                  {},
			"signed, tiny chunks":     {ChunkBytes: 1 + len(body)/50},
			"signed, 8 KiB chunks":    {ChunkBytes: 8 << 10},
			"signed, with a trailer":  {Trailers: trailers("x-amz-checksum-crc64nvme", sum)},
			"signed, as minio-go":     {Trailers: trailers("x-amz-checksum-crc64nvme", sum), BareLF: true},
			"unsigned":                {Unsigned: true, Trailers: trailers("x-amz-checksum-crc64nvme", sum)},
			"unsigned, no trailer":    {Unsigned: true, Trailers: trailers()},
			"unsigned, odd chunks":    {Unsigned: true, Trailers: trailers("X-Amz-Checksum-Crc64nvme", sum), ChunkBytes: 65537},
			"unsigned, bigger chunks": {Unsigned: true, Trailers: trailers("x-amz-checksum-crc64nvme", sum), ChunkBytes: 1 << 20},
		} {
			t.Run(fmt.Sprintf("%s, %d bytes", name, len(body)), func(t *testing.T) {
				head, wire := framed("PUT", "/bkt/k", f, body)
				a := send(t, g.objects, "PUT", head+wire).want(t, 200, "")
				if got := a.header.Get("X-Amz-Checksum-Crc64nvme"); len(f.Trailers) > 0 && got != sum || len(f.Trailers) == 0 && got != "" {
					t.Errorf("checksum %q", got)
				}
				got := g.do("GET", "/bkt/k", "").want(t, 200, "")
				if got.body != body || got.header.Get("Etag") != `"`+md5Hex(body)+`"` {
					t.Errorf("%d bytes came back of %d", len(got.body), len(body))
				}
				if _, there := got.header["Content-Encoding"]; there {
					t.Errorf("Content-Encoding %q", got.header.Get("Content-Encoding"))
				}
				g.do("DELETE", "/bkt/k", "").want(t, 204, "")
			})
		}
	}
}

func TestContentEncodingsOfFramedBodies(t *testing.T) {
	for _, c := range []struct {
		name string
		sent []string
		kept string
	}{
		{"alone", []string{"aws-chunked"}, ""},
		{"before", []string{"aws-chunked,gzip"}, "gzip"},
		{"behind", []string{"gzip, aws-chunked"}, "gzip"},
		{"between", []string{"deflate, AWS-Chunked , gzip"}, "deflate, gzip"},
		{"in two lines", []string{"gzip", "aws-chunked"}, "gzip"},
		{"with a comma too many", []string{"aws-chunked,"}, ""},
		{"something alike", []string{"x-aws-chunked, aws-chunked"}, "x-aws-chunked"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := newRig(t)
			headers := []string{"x-amz-decoded-content-length: 5"}
			for _, line := range c.sent {
				headers = append(headers, "Content-Encoding: "+line)
			}
			g.do("PUT", "/bkt/k", "5\r\nhello\r\n0\r\n\r\n", headers...).want(t, 200, "")
			a := g.do("GET", "/bkt/k", "").want(t, 200, "")
			if a.body != "hello" || a.header.Get("Content-Encoding") != c.kept {
				t.Errorf("%q with Content-Encoding %q", a.body, a.header.Get("Content-Encoding"))
			}
		})
	}
}

func TestFramedBodiesThatAreRefused(t *testing.T) {
	const body = "hello, world"
	right := trailers("x-amz-checksum-crc32", sumText(checksum.CRC32, body))
	wrong := trailers("x-amz-checksum-crc32", sumText(checksum.CRC32, "other"))
	signedTrailer := sigv4test.Framing{ChunkBytes: 5, Trailers: right}
	unsigned := sigv4test.Framing{ChunkBytes: 5, Trailers: right, Unsigned: true}
	replace := func(old, fresh string) func(string) string {
		return func(s string) string {
			if !strings.Contains(s, old) {
				panic(old + " is not in " + s)
			}
			return strings.Replace(s, old, fresh, 1)
		}
	}
	same := func(s string) string { return s }
	for _, c := range []struct {
		name    string
		f       sigv4test.Framing
		headers []string
		head    func(string) string
		wire    func(string) string
		status  int
		code    string
	}{
		{"wrong checksum", sigv4test.Framing{Trailers: wrong}, nil, same, same, 400, "BadDigest"},
		{"wrong checksum, unsigned", sigv4test.Framing{Trailers: wrong, Unsigned: true}, nil, same, same, 400, "BadDigest"},
		{"no checksum in the trailer", sigv4test.Framing{Trailers: trailers("x-amz-checksum-crc32", "AAAA"), Unsigned: true}, nil, same, same, 400, "InvalidRequest"},
		{"wrong MD5", signedTrailer, []string{"Content-MD5: AAAAAAAAAAAAAAAAAAAAAA=="}, same, same, 400, "BadDigest"},
		{"checksum in front, too", signedTrailer, []string{"x-amz-checksum-crc32: " + right[0][1]}, same, same, 400, "InvalidRequest"},
		{"another algorithm named", signedTrailer, []string{"x-amz-sdk-checksum-algorithm: SHA1"}, same, same, 400, "InvalidRequest"},
		{"a trailer that is no checksum", sigv4test.Framing{Trailers: trailers("x-amz-meta-late", "x")}, nil, same, same, 501, "NotImplemented"},
		{"two trailers", sigv4test.Framing{Trailers: append(trailers("x-amz-checksum-sha1", sumText(checksum.SHA1, body)), right...)}, nil, same, same, 400, "InvalidRequest"},
		{"the trailer does not come", unsigned, nil, same, replace("x-amz-checksum-crc32:"+right[0][1]+"\r\n", strings.Repeat("\r\n", 12)), 400, "MalformedTrailerError"},
		{"another trailer comes", unsigned, nil, same, replace("checksum-crc32", "checksum-crcXX"), 400, "MalformedTrailerError"},
		{"changed data", signedTrailer, nil, same, replace("hello", "hallo"), 403, "SignatureDoesNotMatch"},
		{"changed data, unsigned", unsigned, nil, same, replace("hello", "hallo"), 400, "BadDigest"},
		{"changed trailer", signedTrailer, nil, same, replace(right[0][1], wrong[0][1]), 403, "SignatureDoesNotMatch"},
		{"an end too early", unsigned, nil, same, replace("5\r\n, wor", "0\r\n, wor"), 400, "IncompleteBody"},
		{"no framing at all", unsigned, nil, same, func(string) string { return body + "\r\n" }, 400, "InvalidRequest"},
		{"more than was announced", unsigned, nil, replace("Length: 12", "Length: 11"), same, 403, "SignatureDoesNotMatch"}, // of the request
		{"a chunk without end", unsigned, nil, same, replace("5\r\n", "7fffffffffffffff\r\n"), 400, "IncompleteBody"},
		{"a length that is none", unsigned, nil, same, replace("5\r\n", "-5\r\n"), 400, "InvalidRequest"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := newRig(t)
			head, wire := framed("PUT", "/bkt/k", c.f, body, c.headers...)
			wire = c.wire(wire)
			head = c.head(head)
			i, j := strings.Index(head, "Content-Length: "), strings.Index(head, "\r\n\r\n")
			if k := strings.LastIndex(head, "\r\nContent-Length: "); k >= 0 {
				i = k + 2
			}
			head = head[:i] + fmt.Sprintf("Content-Length: %d", len(wire)) + head[j:]
			send(t, g.objects, "PUT", head+wire).want(t, c.status, c.code)
			g.wantNothing()
		})
	}
}

// The framing may be announced without a signature, and is held to the rest
// all the same.
func TestFramingWithBasicKeys(t *testing.T) {
	const body = "hello, world"
	sum := sumText(checksum.SHA256, body)
	wire := "7\r\nhello, \r\n5\r\nworld\r\n0\r\nx-amz-checksum-sha256:" + sum + "\r\n\r\n"
	streaming, unsigned := "x-amz-content-sha256: STREAMING-UNSIGNED-PAYLOAD-TRAILER", "x-amz-content-sha256: UNSIGNED-PAYLOAD"
	trailer, length, chunked := "x-amz-trailer: x-amz-checksum-sha256", "x-amz-decoded-content-length: 12", "Content-Encoding: aws-chunked"
	for _, c := range []struct {
		name    string
		headers []string
		wire    string
		status  int
		code    string
	}{
		{"by hash", []string{streaming, trailer, length}, wire, 200, ""},
		{"by hash and encoding", []string{streaming, trailer, length, chunked}, wire, 200, ""},
		{"by encoding", []string{trailer, length, chunked}, wire, 200, ""},
		{"by encoding, body unsigned", []string{unsigned, trailer, length, chunked}, wire, 200, ""},
		{"the hash of something", []string{"x-amz-content-sha256: " + sigv4test.Hash(body), trailer, length, chunked}, wire, 400, "InvalidRequest"},
		{"no length", []string{streaming, trailer}, wire, 411, "MissingContentLength"},
		{"no length, by encoding", []string{chunked}, wire, 411, "MissingContentLength"},
		{"a length that is none", []string{streaming, trailer, "x-amz-decoded-content-length: -1"}, wire, 400, "InvalidArgument"},
		{"a length beyond numbers", []string{streaming, trailer, "x-amz-decoded-content-length: 99999999999999999999"}, wire, 400, "InvalidArgument"},
		{"too large", []string{streaming, trailer, fmt.Sprintf("x-amz-decoded-content-length: %d", maxObjectBytes+1)}, wire, 400, "EntityTooLarge"},
		{"longer than announced", []string{streaming, trailer, "x-amz-decoded-content-length: 11"}, wire, 400, "IncompleteBody"},
		{"shorter than announced", []string{streaming, trailer, "x-amz-decoded-content-length: 13"}, wire, 400, "IncompleteBody"},
		{"something behind", []string{streaming, trailer, length}, wire + "x", 400, "InvalidRequest"},
		{"signed chunks", []string{"x-amz-content-sha256: STREAMING-AWS4-HMAC-SHA256-PAYLOAD", length}, wire, 400, "InvalidRequest"},
		{"two trailers named", []string{streaming, "x-amz-trailer: x-amz-checksum-sha256, x-amz-checksum-crc32", length}, wire, 400, "InvalidRequest"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := newRig(t)
			a := g.do("PUT", "/bkt/k", c.wire, c.headers...).want(t, c.status, c.code)
			if c.status != 200 {
				g.wantNothing()
				return
			}
			if a.header.Get("X-Amz-Checksum-Sha256") != sum {
				t.Errorf("checksum %q", a.header.Get("X-Amz-Checksum-Sha256"))
			}
			if a := g.do("GET", "/bkt/k", "").want(t, 200, ""); a.body != body {
				t.Errorf("body %q", a.body)
			}
		})
	}
}

// HTTP's own chunks may lie around the framing.
func TestFramingInsideChunks(t *testing.T) {
	g := newRig(t)
	request := "PUT /bkt/k HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nx-amz-decoded-content-length: 5\r\nContent-Encoding: aws-chunked\r\nAuthorization: " +
		basic(testAccess, testSecret) + "\r\n\r\n"
	send(t, g.objects, "PUT", request+"4\r\n5\r\nh\r\n5\r\nello\r\r\n6\r\n\n0\r\n\r\n\r\n0\r\n\r\n").want(t, 200, "")
	if a := g.do("GET", "/bkt/k", "").want(t, 200, ""); a.body != "hello" {
		t.Errorf("body %q", a.body)
	}
	send(t, g.objects, "PUT", request+"4\r\n5\r\nh\r\n5\r\nello\r\r\n6\r\n\n0\r\n\r\n\r\n1\r\nx\r\n0\r\n\r\n").want(t, 400, "InvalidRequest")
}

// Documents come in all the forms that bodies do.
func TestFramedDocuments(t *testing.T) {
	const doc = "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>"
	g := newRig(t)
	g.do("PUT", "/bkt/k", "x").want(t, 200, "")
	sum := sumText(checksum.CRC32, doc)
	md5Sum := md5.Sum([]byte(doc))
	for _, f := range []sigv4test.Framing{{}, {Trailers: trailers("x-amz-checksum-crc32", sum)}, {Unsigned: true, Trailers: trailers("x-amz-checksum-crc32", sum), ChunkBytes: 10}} {
		head, wire := framed("PUT", "/bkt/k?tagging", f, doc)
		send(t, g.objects, "PUT", head+wire).want(t, 200, "")
	}
	for _, header := range []string{"x-amz-checksum-crc32: " + sum, "Content-MD5: " + base64.StdEncoding.EncodeToString(md5Sum[:]), "x-amz-sdk-checksum-algorithm: CRC32"} {
		send(t, g.objects, "PUT", signed("PUT", "/bkt/k?tagging", doc, header)).want(t, 200, "")
	}
	wrong := sumText(checksum.CRC32, "other")
	send(t, g.objects, "PUT", signed("PUT", "/bkt/k?tagging", doc, "x-amz-checksum-crc32: "+wrong)).want(t, 400, "BadDigest")
	head, wire := framed("PUT", "/bkt/k?tagging", sigv4test.Framing{Trailers: trailers("x-amz-checksum-crc32", wrong)}, doc)
	send(t, g.objects, "PUT", head+wire).want(t, 400, "BadDigest")
}

// Wherever a signed, framed upload breaks off, nothing of it is to be seen,
// and nothing is left of the request.
func TestBreakingOffAtEveryByte(t *testing.T) {
	const body = "hello, world: every byte of it"
	g := newRig(t)
	head, wire := framed("PUT", "/bkt/k", sigv4test.Framing{ChunkBytes: 11, Trailers: trailers("x-amz-checksum-crc32", sumText(checksum.CRC32, body))}, body)
	whole := head + wire
	for cut := range len(whole) {
		conn := dial(t, g.objects)
		if _, err := io.WriteString(conn, whole[:cut]); err != nil {
			t.Fatal(err)
		}
		if cut%2 == 0 {
			// The client ends its side only, and is told.
			if err := conn.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			answer, _ := io.ReadAll(conn)
			if strings.HasPrefix(string(answer), "HTTP/1.1 2") || cut > len(head) && !strings.Contains(string(answer), "<Code>IncompleteBody</Code>") {
				t.Fatalf("broken off after %d of %d bytes: %q", cut, len(whole), answer)
			}
		}
		_ = conn.Close()
		g.wantNothing()
	}
	eventually(t, "no connection and no request is left", func() bool {
		return testutil.ToFloat64(g.metrics.connections) == 0 && testutil.ToFloat64(g.metrics.inFlight) == 0
	})
	g.wantNothing()
	send(t, g.objects, "PUT", whole).want(t, 200, "") // and it was none that would have been refused anyway
}
