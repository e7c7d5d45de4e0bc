// Package sigv4test signs requests and frames bodies as S3's clients do, for
// tests. It shares no code with what it is to test: the same rules are
// written a second time here, the plain way, and AWS's published examples
// hold for both.
package sigv4test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Empty is the SHA-256 of an empty body.
const Empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// StampFormat is how signatures write the time.
const StampFormat = "20060102T150405Z"

// Signer signs with one key.
type Signer struct {
	AccessKey, SecretKey string
	Region               string           // "": us-east-1
	Now                  func() time.Time // nil: time.Now
}

// Message is what is signed of a request.
type Message struct {
	Method  string
	Target  string // as on the request line
	Host    string
	Header  http.Header // all of it is signed, except Authorization
	Payload string      // a SHA-256, or one of the constants; "": that of an empty body
	Path    string      // what to sign instead of the target's path; "": AWS's encoding of it
}

// Hash is the SHA-256 of a body as signatures write it.
func Hash[T string | []byte](body T) string {
	sum := sha256.Sum256([]byte(body))
	return hex.EncodeToString(sum[:])
}

// Sign signs r in its Authorization header, with all of its headers.
// payload is as in Message.
func (s Signer) Sign(r *http.Request, payload string) {
	m := Message{Method: r.Method, Target: target(r), Host: host(r), Header: r.Header, Payload: payload}
	s.SignMessage(&m)
}

// SignMessage sets m's headers x-amz-date, x-amz-content-sha256 and
// Authorization. A date that is there already stays.
func (s Signer) SignMessage(m *Message) {
	if m.Payload == "" {
		m.Payload = Empty
	}
	if m.Header == nil {
		m.Header = http.Header{}
	}
	m.Header.Del("Authorization")
	m.Header.Set("X-Amz-Content-Sha256", m.Payload)
	if m.Header.Get("X-Amz-Date") == "" {
		m.Header.Set("X-Amz-Date", s.now().UTC().Format(StampFormat))
	}
	names := signedNames(m.Header)
	stamp := m.Header.Get("X-Amz-Date")
	m.Header.Set("Authorization", fmt.Sprintf("AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s",
		s.AccessKey, s.scope(stamp), strings.Join(names, ";"), s.Signature(m, names, stamp)))
}

// Lines signs a request for a raw socket: it gives the header lines, Host
// included and without line ends, to send with the target.
func (s Signer) Lines(method, target, host, payload string, headers ...string) []string {
	m := Message{Method: method, Target: target, Host: host, Header: http.Header{}, Payload: payload}
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ":")
		m.Header.Add(name, strings.TrimSpace(value))
	}
	s.SignMessage(&m)
	return append([]string{"Host: " + host, "X-Amz-Date: " + m.Header.Get("X-Amz-Date"),
		"X-Amz-Content-Sha256: " + m.Header.Get("X-Amz-Content-Sha256"), "Authorization: " + m.Header.Get("Authorization")}, headers...)
}

// Presign signs in the query: it gives the target to send, with all of
// header, which may be nil, signed and to be sent too.
func (s Signer) Presign(method, target, host string, expires time.Duration, header http.Header) string {
	stamp := s.now().UTC().Format(StampFormat)
	names := signedNames(header)
	path, query, _ := strings.Cut(target, "?")
	if query != "" {
		query += "&"
	}
	query += "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=" + encode(s.AccessKey+"/"+s.scope(stamp), false) +
		"&X-Amz-Date=" + stamp + fmt.Sprintf("&X-Amz-Expires=%d", expires/time.Second) + "&X-Amz-SignedHeaders=" + encode(strings.Join(names, ";"), false)
	m := Message{Method: method, Target: path + "?" + query, Host: host, Header: header, Payload: "UNSIGNED-PAYLOAD"}
	if sum := header.Get("X-Amz-Content-Sha256"); sum != "" {
		m.Payload = sum
	}
	return m.Target + "&X-Amz-Signature=" + s.Signature(&m, names, stamp)
}

// PresignRequest makes r a presigned request.
func (s Signer) PresignRequest(r *http.Request, expires time.Duration) {
	signed := s.Presign(r.Method, target(r), host(r), expires, r.Header)
	_, r.URL.RawQuery, _ = strings.Cut(signed, "?")
}

// Transport signs what it sends, without the body's hash unless the request
// has the header x-amz-content-sha256.
type Transport struct {
	Signer
	Base http.RoundTripper // nil: http.DefaultTransport
}

// RoundTrip implements http.RoundTripper.
func (t Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	payload := r.Header.Get("X-Amz-Content-Sha256")
	if payload == "" {
		payload = "UNSIGNED-PAYLOAD"
	}
	r = r.Clone(r.Context())
	t.Sign(r, payload)
	if t.Base == nil {
		return http.DefaultTransport.RoundTrip(r)
	}
	return t.Base.RoundTrip(r)
}

func (s Signer) now() time.Time {
	if s.Now == nil {
		return time.Now()
	}
	return s.Now()
}

func (s Signer) scope(stamp string) string {
	region := s.Region
	if region == "" {
		region = "us-east-1"
	}
	return stamp[:8] + "/" + region + "/s3/aws4_request"
}

// Signature signs m's headers of the given names, in lower case and sorted,
// at the time stamp.
func (s Signer) Signature(m *Message, names []string, stamp string) string {
	path, query, _ := strings.Cut(m.Target, "?")
	if m.Path != "" {
		path = m.Path
	} else if decoded, err := url.PathUnescape(path); err == nil {
		path = encode(decoded, true)
	}
	var headers strings.Builder
	for _, name := range names {
		values := m.Header.Values(name)
		if name == "host" {
			values = []string{m.Host}
		}
		fmt.Fprintf(&headers, "%s:", name)
		for i, value := range values {
			if i > 0 {
				headers.WriteByte(',')
			}
			headers.WriteString(strings.Join(strings.Fields(value), " "))
		}
		headers.WriteByte('\n')
	}
	request := strings.Join([]string{m.Method, path, canonicalQuery(query), headers.String(), strings.Join(names, ";"), m.Payload}, "\n")
	return s.mac(stamp, strings.Join([]string{"AWS4-HMAC-SHA256", stamp, s.scope(stamp), Hash(request)}, "\n"))
}

// mac signs text with the key of the stamp's scope.
func (s Signer) mac(stamp, text string) string {
	key := []byte("AWS4" + s.SecretKey)
	for _, part := range append(strings.Split(s.scope(stamp), "/"), text) {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	return hex.EncodeToString(key)
}

func canonicalQuery(query string) string {
	var parts []string
	for part := range strings.SplitSeq(query, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		name, _ = url.QueryUnescape(name)
		value, _ = url.QueryUnescape(value)
		// The NUL sorts before everything, as the end of a name does.
		parts = append(parts, encode(name, false)+"\x00"+encode(value, false))
	}
	slices.Sort(parts)
	return strings.ReplaceAll(strings.Join(parts, "&"), "\x00", "=")
}

// encode is AWS's UriEncode.
func encode(text string, path bool) string {
	var b strings.Builder
	for i := range len(text) {
		switch c := text[i]; {
		case 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z', '0' <= c && c <= '9', strings.IndexByte("-._~", c) >= 0, path && c == '/':
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

func signedNames(h http.Header) []string {
	names := []string{"host"}
	for name := range h {
		if name != "Authorization" && name != "Host" {
			names = append(names, strings.ToLower(name))
		}
	}
	slices.Sort(names)
	return names
}

// target and host are what net/http's client sends.
func target(r *http.Request) string { return r.URL.RequestURI() }

func host(r *http.Request) string {
	if r.Host != "" {
		return r.Host
	}
	return r.URL.Host
}
