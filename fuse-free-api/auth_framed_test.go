package api

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-storage/holdfast/fuse-free-api/sigv4/sigv4test"
)

// framed puts an object in aws-chunked framing. change, if not nil, alters
// the framed body on its way.
func (g *rig) framed(target, data string, f sigv4test.Framing, change func(string) string) answer {
	g.t.Helper()
	signer := testSigner()
	length := fmt.Sprintf("Content-Length: %d", len(signer.Frame("", "", f, []byte(data))))
	lines := signer.Lines("PUT", target, "holdfast", f.Payload(), append(f.Headers(len(data)), length)...)
	body := string(signer.Frame(valueOf(lines, "Authorization"), valueOf(lines, "X-Amz-Date"), f, []byte(data)))
	if change != nil {
		body = change(body)
	}
	return g.raw("PUT", target, body, lines...)
}

func TestFramedBodies(t *testing.T) {
	g := newRig(t)
	data := strings.Repeat("0123456789", 20000)
	crc := [][2]string{{"x-amz-checksum-crc32", ""}}
	forms := map[string]sigv4test.Framing{
		"signed": {}, "small chunks": {ChunkBytes: 1000}, "signed trailer": {Trailers: crc}, "unsigned trailer": {Unsigned: true, Trailers: crc},
		"minio-go": {Trailers: crc, BareLF: true}, "unsigned, minio-go": {Unsigned: true, Trailers: crc, BareLF: true}, "unsigned, no trailer": {Unsigned: true},
	}
	for name, f := range forms {
		t.Run(name, func(t *testing.T) {
			if f.Trailers != nil {
				f.Trailers = [][2]string{{"x-amz-checksum-crc32", crc32Of(data)}}
			}
			g.framed("/bkt/framed", data, f, nil).want(t, 200, "")
			if a := g.do("GET", "/bkt/framed", "").want(t, 200, ""); a.body != data || a.header.Get("Content-Encoding") != "" {
				t.Errorf("%d bytes, %q", len(a.body), a.header)
			}
			g.do("DELETE", "/bkt/framed", "").want(t, 204, "")
			if f.Trailers != nil {
				f.Trailers = [][2]string{{"x-amz-checksum-crc32", crc32Of("")}}
			}
			g.framed("/bkt/framed", "", f, nil).want(t, 200, "")
			g.do("DELETE", "/bkt/framed", "").want(t, 204, "")
		})
	}
	swap := func(old, new string) func(string) string {
		return func(body string) string {
			if !strings.Contains(body, old) {
				t.Fatalf("%q is not in the body", old)
			}
			return strings.Replace(body, old, new, 1)
		}
	}
	right := [][2]string{{"x-amz-checksum-crc32", crc32Of(data)}}
	for _, c := range []struct {
		name   string
		f      sigv4test.Framing
		change func(string) string
		status int
		code   string
	}{
		{"a chunk's data", sigv4test.Framing{}, swap("0123", "0124"), 403, "SignatureDoesNotMatch"},
		{"the last chunk's data", sigv4test.Framing{}, func(b string) string { return b[:len(b)-100] + "x" + b[len(b)-99:] }, 403, "SignatureDoesNotMatch"},
		{"a chunk's signature", sigv4test.Framing{}, func(b string) string { return alterBehind(b, "\r\n0;chunk-signature=") }, 403, "SignatureDoesNotMatch"},
		{"a signed trailer", sigv4test.Framing{Trailers: right}, func(b string) string { return alterBehind(b, "crc32:") }, 403, "SignatureDoesNotMatch"},
		{"a trailer's signature", sigv4test.Framing{Trailers: right}, func(b string) string { return alterBehind(b, "trailer-signature:") }, 403, "SignatureDoesNotMatch"},
		{"an unsigned trailer", sigv4test.Framing{Unsigned: true, Trailers: [][2]string{{"x-amz-checksum-crc32", crc32Of("other")}}}, nil, 400, "BadDigest"},
		{"a wrong trailer, well signed", sigv4test.Framing{Trailers: [][2]string{{"x-amz-checksum-crc32", crc32Of("other")}}}, nil, 400, "BadDigest"},
		{"unsigned data", sigv4test.Framing{Unsigned: true, Trailers: right}, swap("0123", "0124"), 400, "BadDigest"},
		{"a chunk's length", sigv4test.Framing{}, swap("10000;", "0fff0;"), 403, "SignatureDoesNotMatch"},
		{"an unsigned chunk's length", sigv4test.Framing{Unsigned: true, Trailers: right}, swap("10000\r", "0fff0\r"), 400, "InvalidRequest"},
		{"a trailer of another name", sigv4test.Framing{Unsigned: true, Trailers: right}, swap("crc32:", "crc33:"), 400, "MalformedTrailerError"},
		{"a space in the framing", sigv4test.Framing{}, swap("\r\n10000;", "\r\n1000 ;"), 400, "InvalidRequest"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g.framed("/bkt/framed", data, c.f, c.change).want(t, c.status, c.code)
			g.wantNothing()
		})
	}
	t.Run("more or less than announced", func(t *testing.T) {
		for _, announced := range []int{len(data) - 1, len(data) + 1, 0} {
			signer := testSigner()
			f := sigv4test.Framing{}
			lines := signer.Lines("PUT", "/bkt/framed", "holdfast", f.Payload(), f.Headers(announced)...)
			body := string(signer.Frame(valueOf(lines, "Authorization"), valueOf(lines, "X-Amz-Date"), f, []byte(data)))
			g.raw("PUT", "/bkt/framed", body, lines...).want(t, 400, "IncompleteBody")
			g.wantNothing()
		}
	})
	t.Run("no length announced", func(t *testing.T) {
		lines := testSigner().Lines("PUT", "/bkt/framed", "holdfast", sigv4test.Framing{}.Payload(), "Content-Encoding: aws-chunked")
		g.raw("PUT", "/bkt/framed", "0\r\n\r\n", lines...).want(t, 411, "MissingContentLength")
	})
	t.Run("chunks signed by nobody", func(t *testing.T) {
		body := string(testSigner().Frame("", "", sigv4test.Framing{}, []byte(data)))
		g.do("PUT", "/bkt/framed", body, "X-Amz-Content-Sha256: STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "Content-Encoding: aws-chunked",
			fmt.Sprintf("X-Amz-Decoded-Content-Length: %d", len(data))).want(t, 400, "InvalidRequest")
		g.wantNothing()
	})
	t.Run("a framed document", func(t *testing.T) {
		signer, f := testSigner(), sigv4test.Framing{ChunkBytes: 40}
		doc := "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>"
		g.do("PUT", "/bkt/k", "x").want(t, 200, "")
		for _, change := range []struct {
			alter  bool
			status int
		}{{false, 200}, {true, 403}} {
			lines := signer.Lines("PUT", "/bkt/k?tagging", "holdfast", f.Payload(), f.Headers(len(doc))...)
			body := string(signer.Frame(valueOf(lines, "Authorization"), valueOf(lines, "X-Amz-Date"), f, []byte(doc)))
			if change.alter {
				body = alterBehind(body, "<Key>")
			}
			if a := g.raw("PUT", "/bkt/k?tagging", body, lines...); a.status != change.status {
				t.Errorf("%d: %s", a.status, a.body)
			}
		}
	})
}

// alterBehind changes the byte behind a mark.
func alterBehind(s, mark string) string {
	at := strings.Index(s, mark) + len(mark)
	c := byte('0')
	if s[at] == c {
		c = '1'
	}
	return s[:at] + string(c) + s[at+1:]
}

// crc32Of is the x-amz-checksum-crc32 of data.
func crc32Of(data string) string {
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(data))))
}

// Over TLS, in both protocols: net/http keeps other headers in each.
func TestSignedOverTLS(t *testing.T) {
	g := newSecureRig(t)
	signer := testSigner()
	for protocol, client := range g.clients() {
		t.Run(protocol, func(t *testing.T) {
			data := []byte(strings.Repeat("0123456789", 20000))
			put := func(path string, f sigv4test.Framing, length bool) *http.Request {
				body := signer.Frame("", "", f, data)
				r := g.request(t.Context(), "PUT", path, nil)
				r.Header.Set("Expect", "100-continue")
				for _, line := range f.Headers(len(data)) {
					name, value, _ := strings.Cut(line, ": ")
					r.Header.Set(name, value)
				}
				if length {
					r.Header.Set("Content-Length", fmt.Sprint(len(body)))
				}
				signer.Sign(r, f.Payload())
				r.Header.Del("Content-Length") // the client sends r.ContentLength
				body = signer.Frame(r.Header.Get("Authorization"), r.Header.Get("X-Amz-Date"), f, data)
				r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
				if !length {
					r.ContentLength = -1
				}
				return r
			}
			trailer := [][2]string{{"x-amz-checksum-crc32", crc32Of(string(data))}}
			for name, f := range map[string]sigv4test.Framing{"signed": {}, "unsigned": {Unsigned: true, Trailers: trailer}, "trailer": {Trailers: trailer}} {
				for _, length := range []bool{true, false} {
					path := fmt.Sprintf("/bkt/%s%v", name, length)
					ask(t, client, put(path, f, length)).want(t, 200, "")
					r := g.request(t.Context(), "GET", path, nil)
					r.Header.Del("Authorization")
					signer.PresignRequest(r, time.Hour)
					if a := ask(t, client, r).want(t, 200, ""); a.body != string(data) {
						t.Errorf("%d bytes", len(a.body))
					}
				}
			}
			r := g.request(t.Context(), "GET", "/bkt?list-type=2", nil)
			signer.Sign(r, "")
			r.Header.Set("X-Amz-Meta-A", "1")
			ask(t, client, r).want(t, 403, "AccessDenied")
		})
	}
}
