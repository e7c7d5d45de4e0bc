package sigv4

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-storage/holdfast/fuse-free-api/awschunked"
	"github.com/holdfast-storage/holdfast/fuse-free-api/sigv4/sigv4test"
)

// What AWS's examples have in common.
const (
	exampleAccess = "AKIAIOSFODNN7EXAMPLE"
	exampleSecret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	exampleHost   = "examplebucket.s3.amazonaws.com"
	exampleStamp  = "20130524T000000Z"
	exampleScope  = "20130524/us-east-1/s3/aws4_request"
)

func exampleTime() time.Time { return time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC) }

func exampleSigner() sigv4test.Signer {
	return sigv4test.Signer{AccessKey: exampleAccess, SecretKey: exampleSecret, Now: exampleTime}
}

// exampleVerifier knows the examples' key; its clock is off by late.
func exampleVerifier(late time.Duration) *Verifier {
	return New(Config{Region: "us-east-1", Now: func() time.Time { return exampleTime().Add(late) },
		Secret: func(access string) (string, bool) { return exampleSecret, access == exampleAccess }})
}

// parse reads a request as net/http's server does.
func parse(t testing.TB, lines ...string) *http.Request {
	t.Helper()
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(strings.Join(lines, "\r\n") + "\r\n\r\n")))
	if err != nil {
		t.Fatalf("%v in %q", err, lines)
	}
	delete(r.Header, "Host")
	return r
}

func pathOf(r *http.Request) string {
	path, _, _ := strings.Cut(r.RequestURI, "?")
	return path
}

// The four requests of "Signature Calculations for the Authorization Header:
// Transferring Payload in a Single Chunk", and their signatures.
func TestPublishedExamples(t *testing.T) {
	for _, c := range []struct {
		name, method, target, signature, payload string
		headers                                  []string
	}{
		{"get object", "GET", "/test.txt", "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
			sigv4test.Empty, []string{"Range: bytes=0-9"}},
		{"put object", "PUT", "/test$file.text", "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
			sigv4test.Hash("Welcome to Amazon S3."), []string{"Date: Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class: REDUCED_REDUNDANCY"}},
		{"get bucket lifecycle", "GET", "/?lifecycle", "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
			sigv4test.Empty, nil},
		{"list objects", "GET", "/?max-keys=2&prefix=J", "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
			sigv4test.Empty, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			signed := exampleSigner().Lines(c.method, c.target, exampleHost, c.payload, c.headers...)
			if want := "Signature=" + c.signature; !strings.HasSuffix(signed[3], want) {
				t.Errorf("the signer for tests gives %s, want %s", signed[3], want)
			}
			var names []string
			for _, part := range strings.Split(signed[3], ", ") {
				if list, found := strings.CutPrefix(part, "SignedHeaders="); found {
					names = strings.Split(list, ";")
				}
			}
			// AWS's own spelling has no spaces behind the commas.
			lines := append([]string{c.method + " " + c.target + " HTTP/1.1", "Host: " + exampleHost, "x-amz-date: " + exampleStamp,
				"x-amz-content-sha256: " + c.payload, "Authorization: AWS4-HMAC-SHA256 Credential=" + exampleAccess + "/" + exampleScope +
					",SignedHeaders=" + strings.Join(names, ";") + ",Signature=" + c.signature}, c.headers...)
			r := parse(t, lines...)
			v, err := exampleVerifier(0).Verify(r, pathOf(r))
			if err != nil {
				t.Fatal(err)
			}
			if v.AccessKey != exampleAccess || v.Presigned || v.Payload != c.payload {
				t.Errorf("verified %+v", v)
			}
		})
	}
}

// The example of "Using Query Parameters".
func TestPublishedPresigned(t *testing.T) {
	const signature = "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
	target := exampleSigner().Presign("GET", "/test.txt", exampleHost, 24*time.Hour, nil)
	if !strings.HasSuffix(target, "&X-Amz-Signature="+signature) {
		t.Errorf("the signer for tests gives %s", target)
	}
	r := parse(t, "GET /test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential="+exampleAccess+
		"%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date="+exampleStamp+"&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature="+
		signature+" HTTP/1.1", "Host: "+exampleHost)
	v, err := exampleVerifier(24*time.Hour).Verify(r, pathOf(r))
	if err != nil {
		t.Fatal(err)
	}
	if v.AccessKey != exampleAccess || !v.Presigned || v.Payload != Unsigned {
		t.Errorf("verified %+v", v)
	}
	if _, err := exampleVerifier(24*time.Hour+time.Second).Verify(r, pathOf(r)); codeOf(err) != "AccessDenied" {
		t.Errorf("a second too late: %v", err)
	}
}

// The examples of "Transferring Payload in Multiple Chunks" and "Including
// Trailing Headers": 66560 times "a", in chunks of 64 KiB.
func TestPublishedChunks(t *testing.T) {
	for _, c := range []struct {
		name, payload, signedHeaders string
		trailers                     [][2]string
		signatures                   []string // seed, chunks, trailer
	}{
		{"chunks", StreamingSigned,
			"content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class", nil,
			[]string{"4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
				"ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
				"0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
				"b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"}},
		{"trailer", StreamingSignedTrailer,
			"content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class;x-amz-trailer",
			[][2]string{{"x-amz-checksum-crc32c", "sOO8/Q=="}},
			[]string{"106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e",
				"b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
				"1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
				"2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
				"d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			lines := []string{"PUT /examplebucket/chunkObject.txt HTTP/1.1", "Host: s3.amazonaws.com", "x-amz-date: " + exampleStamp,
				"x-amz-storage-class: REDUCED_REDUNDANCY", "x-amz-content-sha256: " + c.payload, "Content-Encoding: aws-chunked",
				"x-amz-decoded-content-length: 66560", "Content-Length: 66824",
				"Authorization: AWS4-HMAC-SHA256 Credential=" + exampleAccess + "/" + exampleScope + ",SignedHeaders=" + c.signedHeaders + ",Signature=" + c.signatures[0]}
			if c.trailers != nil {
				lines = append(lines, "x-amz-trailer: "+c.trailers[0][0])
			}
			r := parse(t, lines...)
			v, err := exampleVerifier(0).Verify(r, pathOf(r))
			if err != nil {
				t.Fatal(err)
			}
			data := bytes.Repeat([]byte("a"), 66560)
			body := exampleSigner().Frame(lines[8], exampleStamp, sigv4test.Framing{Trailers: c.trailers}, data)
			for _, signature := range c.signatures[1:] {
				if !bytes.Contains(body, []byte(signature)) {
					t.Errorf("the signer for tests does not give %s", signature)
				}
			}
			config := awschunked.Config{Size: 66560, Signatures: v.Chain()}
			if c.trailers != nil {
				config.Trailer, config.Trailers = true, []string{c.trailers[0][0]}
			}
			reader := awschunked.NewReader(bytes.NewReader(body), config)
			got, err := io.ReadAll(reader)
			if err != nil || !bytes.Equal(got, data) {
				t.Fatalf("%d bytes, %v", len(got), err)
			}
			if trailers := reader.Trailers(); len(trailers) != len(c.trailers) || len(trailers) > 0 && trailers[0].Value != c.trailers[0][1] {
				t.Errorf("trailers %v", trailers)
			}
		})
	}
}

// codeOf is the S3 code of a Verify's error.
func codeOf(err error) string {
	if e, ok := err.(*Error); ok {
		return e.Code
	}
	if err == nil {
		return "accepted"
	}
	return "not an *Error: " + err.Error()
}
