package sigv4

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-storage/holdfast/fuse-free-api/sigv4/sigv4test"
)

// verify sends lines through the parser of net/http to the verifier.
func verify(t testing.TB, v *Verifier, method, target string, lines []string) error {
	t.Helper()
	r := parse(t, append([]string{method + " " + target + " HTTP/1.1"}, lines...)...)
	_, err := v.Verify(r, pathOf(r))
	return err
}

func TestPaths(t *testing.T) {
	v := exampleVerifier(0)
	for _, c := range []struct {
		name, sent, signed string // signed: the path as the client put it into the canonical request
		code               string
	}{
		{"plain", "/b/k", "/b/k", "accepted"},
		{"encoded", "/b/a%20b%2Bc", "/b/a%20b%2Bc", "accepted"},
		{"lower-case digits, signed as AWS does", "/b/%c3%bc", "/b/%C3%BC", "accepted"},
		{"lower-case digits, signed as sent", "/b/%c3%bc", "/b/%c3%bc", "accepted"},
		{"tilde encoded, signed as AWS does", "/b/%7Ea", "/b/~a", "accepted"},
		{"tilde encoded, signed as sent", "/b/%7Ea", "/b/%7Ea", "accepted"},
		{"nothing encoded, signed as AWS does", "/b/a+(b)!*'c$", "/b/a%2B%28b%29%21%2A%27c%24", "accepted"},
		{"nothing encoded, signed as sent", "/b/a+(b)!*'c$", "/b/a+(b)!*'c$", "accepted"},
		{"bytes past ASCII, not encoded", "/b/\u00fc", "/b/%C3%BC", "accepted"},
		{"encoded slash, signed as AWS does", "/b/a%2Fb", "/b/a/b", "accepted"},
		{"encoded slash, signed as sent", "/b/a%2Fb", "/b/a%2Fb", "accepted"},
		{"dots stay", "/b/../c/./d", "/b/../c/./d", "accepted"},
		{"dots cleaned", "/b/../c/./d", "/c/d", "SignatureDoesNotMatch"},
		{"slashes stay", "/b//c///", "/b//c///", "accepted"},
		{"slashes cleaned", "/b//c///", "/b/c", "SignatureDoesNotMatch"},
		{"encoded twice in the signature", "/b/a%20b", "/b/a%2520b", "SignatureDoesNotMatch"},
		{"encoded twice on the way", "/b/a%2520b", "/b/a%20b", "SignatureDoesNotMatch"},
		{"decoded in the signature", "/b/a%20b", "/b/a b", "SignatureDoesNotMatch"},
		{"plus as space", "/b/a+b", "/b/a%20b", "SignatureDoesNotMatch"},
		{"another key", "/b/k", "/b/l", "SignatureDoesNotMatch"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := sigv4test.Message{Method: "GET", Target: c.sent, Host: exampleHost, Header: http.Header{}, Path: c.signed}
			exampleSigner().SignMessage(&m)
			r, err := http.NewRequest("GET", "http://"+exampleHost, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header = m.Header
			if _, err := v.Verify(r, c.sent); codeOf(err) != c.code {
				t.Errorf("%v, want %s", err, c.code)
			}
		})
	}
	for _, path := range []string{"/b/%", "/b/%2", "/b/%zz", "/b/%2x"} {
		r := parse(t, append([]string{"GET / HTTP/1.1"}, exampleSigner().Lines("GET", "/", exampleHost, "")...)...)
		if _, err := v.Verify(r, path); codeOf(err) != "InvalidURI" {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestQueries(t *testing.T) {
	v := exampleVerifier(0)
	for _, c := range []struct {
		name, signed, sent, code string
	}{
		{"sorted anew", "/?b=2&a=1", "/?b=2&a=1", "accepted"},
		{"in another order", "/?b=2&a=1", "/?a=1&b=2", "accepted"},
		{"by encoded names", "/?a-b=1&a=2&a%20=3&a%2F=4", "/?a%2f=4&a+=3&a-b=1&a=2", "accepted"},
		{"the same name", "/?a=2&a=1&a=", "/?a&a=1&a=2", "accepted"},
		{"no value", "/?uploads", "/?uploads=", "accepted"},
		{"empty parts", "/?a=1", "/?&a=1&&", "accepted"},
		{"equal signs in the value", "/?a=b%3D%3D", "/?a=b==", "accepted"},
		{"plus is a space", "/?a=b%20c", "/?a=b+c", "accepted"},
		{"plus is not a plus", "/?a=b%2Bc", "/?a=b+c", "SignatureDoesNotMatch"},
		{"another value", "/?prefix=a", "/?prefix=b", "SignatureDoesNotMatch"},
		{"one more", "/?prefix=a", "/?prefix=a&delete", "SignatureDoesNotMatch"},
		{"one less", "/?prefix=a&x=y", "/?prefix=a", "SignatureDoesNotMatch"},
		{"moved between name and value", "/?a=b%3Dc", "/?a%3Db=c", "SignatureDoesNotMatch"},
		{"encoded twice", "/?a=%252F", "/?a=%2F", "SignatureDoesNotMatch"},
		{"broken", "/?a=1", "/?a=%1", "InvalidURI"},
		{"broken name", "/?a=1", "/?%=1", "InvalidURI"},
	} {
		t.Run(c.name, func(t *testing.T) {
			lines := exampleSigner().Lines("GET", c.signed, exampleHost, "")
			if err := verify(t, v, "GET", c.sent, lines); codeOf(err) != c.code {
				t.Errorf("%v, want %s", err, c.code)
			}
		})
	}
}

func TestHeaderForms(t *testing.T) {
	v := exampleVerifier(0)
	for _, c := range []struct{ name, header string }{
		{"spaces around", "X-Amz-Meta-A:   a b \t"},
		{"spaces inside", "X-Amz-Meta-A: a   b     c"},
		{"empty", "X-Amz-Meta-A:"},
		{"past ASCII", "X-Amz-Meta-A: \u00fcber"},
		{"quoted", `X-Amz-Meta-A: "a   b"`},
		{"long name", "X-Amz-Meta-" + strings.Repeat("long-name-", 20) + ": 1"},
		{"odd name", "X-Amz-Meta-1_a.b: 1"},
		{"no x-amz", "Cache-Control: no-cache,  no-store"},
		{"twice", "X-Amz-Meta-A: 1\r\nX-Amz-Meta-A: 2"},
		{"length", "Content-Length: 5"},
		{"length and framing", "Transfer-Encoding: chunked"},
		{"expect", "Expect: 100-continue"},
	} {
		t.Run(c.name, func(t *testing.T) {
			lines := exampleSigner().Lines("PUT", "/k", exampleHost, Unsigned, strings.Split(c.header, "\r\n")...)
			if err := verify(t, v, "PUT", "/k", lines); err != nil {
				t.Error(err)
			}
			if strings.Contains(c.header, "Amz") {
				lines[len(lines)-1] += "x"
				if err := verify(t, v, "PUT", "/k", lines); codeOf(err) != "SignatureDoesNotMatch" {
					t.Errorf("altered: %v", err)
				}
			}
		})
	}
	t.Run("HTTP/2 takes Expect and Content-Length out", func(t *testing.T) {
		lines := exampleSigner().Lines("PUT", "/k", exampleHost, Unsigned, "Expect: 100-continue", "Content-Length: 5")
		r := parse(t, append([]string{"PUT /k HTTP/1.1"}, lines...)...)
		delete(r.Header, "Expect")
		delete(r.Header, "Content-Length")
		r.ProtoMajor = 2
		if _, err := v.Verify(r, "/k"); err != nil {
			t.Error(err)
		}
	})
	t.Run("a listed header is not there", func(t *testing.T) {
		lines := exampleSigner().Lines("PUT", "/k", exampleHost, Unsigned, "If-None-Match: *")
		if err := verify(t, v, "PUT", "/k", lines[:len(lines)-1]); codeOf(err) != "SignatureDoesNotMatch" || !strings.Contains(err.Error(), "if-none-match") {
			t.Error(err)
		}
	})
	t.Run("the payload's header alone need not be signed", func(t *testing.T) {
		s := exampleSigner()
		sign := func(names string) string { // by hand: the signer signs everything
			request := "GET\n/k\n\nhost:" + exampleHost + "\nx-amz-date:" + exampleStamp + "\n\n" + names + "\n" + Unsigned
			return fmt.Sprintf("Authorization: AWS4-HMAC-SHA256 Credential=%s/%s,SignedHeaders=%s,Signature=%s", exampleAccess, exampleScope, names,
				macOf(s.SecretKey, "AWS4-HMAC-SHA256\n"+exampleStamp+"\n"+exampleScope+"\n"+sigv4test.Hash(request)))
		}
		lines := []string{"Host: " + exampleHost, "X-Amz-Date: " + exampleStamp, "X-Amz-Content-Sha256: " + Unsigned, sign("host;x-amz-date")}
		if err := verify(t, v, "GET", "/k", lines); err != nil {
			t.Error(err)
		}
		lines[2] = "X-Amz-Content-Sha256: " + sigv4test.Empty
		if err := verify(t, v, "GET", "/k", lines); codeOf(err) != "SignatureDoesNotMatch" {
			t.Errorf("altered: %v", err)
		}
	})
}

// macOf signs with the examples' scope.
func macOf(secret, text string) string {
	v := Verified{key: derive(secret, exampleStamp[:8], "us-east-1")}
	mac := v.Chain().mac
	mac.Write([]byte(text))
	return fmt.Sprintf("%x", mac.Sum(nil))
}

func TestClock(t *testing.T) {
	for _, c := range []struct {
		late      time.Duration // our clock against the client's
		presigned string        // X-Amz-Expires: 1h
		header    string
	}{
		{0, "accepted", "accepted"},
		{15 * time.Minute, "accepted", "accepted"},
		{-15 * time.Minute, "accepted", "accepted"},
		{15*time.Minute + time.Second, "accepted", "RequestTimeTooSkewed"},
		{-15*time.Minute - time.Second, "AccessDenied", "RequestTimeTooSkewed"},
		{time.Hour, "accepted", "RequestTimeTooSkewed"},
		{time.Hour + time.Second, "AccessDenied", "RequestTimeTooSkewed"},
		{-24 * time.Hour, "AccessDenied", "RequestTimeTooSkewed"},
	} {
		t.Run(c.late.String(), func(t *testing.T) {
			v := exampleVerifier(c.late)
			for _, date := range []string{"X-Amz-Date: " + exampleStamp, "Date: " + exampleTime().Format(http.TimeFormat)} {
				lines := exampleSigner().Lines("GET", "/k", exampleHost, "")
				if !strings.HasPrefix(date, "X") { // signed by hand, since the signer has the other header
					request := "GET\n/k\n\ndate:" + strings.TrimPrefix(date, "Date: ") + "\nhost:" + exampleHost + "\n\ndate;host\n" + sigv4test.Empty
					lines = []string{lines[0], date, lines[2], "Authorization: AWS4-HMAC-SHA256 Credential=" + exampleAccess + "/" + exampleScope +
						", SignedHeaders=date;host, Signature=" + macOf(exampleSecret, "AWS4-HMAC-SHA256\n"+exampleStamp+"\n"+exampleScope+"\n"+sigv4test.Hash(request))}
				}
				if err := verify(t, v, "GET", "/k", lines); codeOf(err) != c.header {
					t.Errorf("%s: %v, want %s", date, err, c.header)
				}
			}
			target := exampleSigner().Presign("GET", "/k", exampleHost, time.Hour, nil)
			if err := verify(t, v, "GET", target, []string{"Host: " + exampleHost}); codeOf(err) != c.presigned {
				t.Errorf("presigned: %v, want %s", err, c.presigned)
			}
		})
	}
}

// The key of each day is derived once, and the cache is bounded.
func TestKeyCache(t *testing.T) {
	var c keyCache
	for day := range 3 * maxKeys {
		date := exampleTime().AddDate(0, 0, day).Format("20060102")
		for range 2 {
			if key := c.get("s", date, "r"); key != derive("s", date, "r") {
				t.Fatalf("%s: another key", date)
			}
		}
		if len(c.keys) > maxKeys {
			t.Fatalf("%d keys", len(c.keys))
		}
	}
	if c.get("s", "20130524", "r") == c.get("t", "20130524", "r") || c.get("s", "20130524", "r") == c.get("s", "20130524", "q") {
		t.Error("one key for two")
	}
}

// A change of the secret counts at once.
func TestSecretChanges(t *testing.T) {
	secret := exampleSecret
	v := New(Config{Region: "us-east-1", Now: exampleTime, Secret: func(string) (string, bool) { return secret, true }})
	lines := exampleSigner().Lines("GET", "/k", exampleHost, "")
	for _, c := range []struct{ secret, code string }{
		{exampleSecret, "accepted"}, {"another", "SignatureDoesNotMatch"}, {exampleSecret, "accepted"}, {"", "SignatureDoesNotMatch"},
	} {
		secret = c.secret
		if err := verify(t, v, "GET", "/k", lines); codeOf(err) != c.code {
			t.Errorf("%q: %v", secret, err)
		}
	}
}

// Two verifications at once do not share memory.
func TestConcurrentUse(t *testing.T) {
	v := exampleVerifier(0)
	done := make(chan error)
	for n := range 8 {
		go func() {
			for i := range 200 {
				target := fmt.Sprintf("/k?n=%d&i=%d", n, i)
				lines := exampleSigner().Lines("GET", target, exampleHost, "", "X-Amz-Meta-A: "+strings.Repeat("a", i))
				if err := verify(t, v, "GET", target, lines); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range 8 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	v := exampleVerifier(0)
	run := func(name, target string, lines []string) {
		r := parse(b, append([]string{"GET " + target + " HTTP/1.1"}, lines...)...)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.Verify(r, pathOf(r)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	run("header", "/bucket/some/key", exampleSigner().Lines("GET", "/bucket/some/key", exampleHost, "", "Range: bytes=0-9"))
	run("query", "/bucket?list-type=2&prefix=a%2Fb&max-keys=1000",
		exampleSigner().Lines("GET", "/bucket?list-type=2&prefix=a%2Fb&max-keys=1000", exampleHost, ""))
	target := exampleSigner().Presign("GET", "/bucket/some/key", exampleHost, time.Hour, nil)
	run("presigned", target, []string{"Host: " + exampleHost})
}

func BenchmarkChain(b *testing.B) {
	v := Verified{stamp: exampleStamp, scope: exampleScope}
	c := v.Chain()
	sum := [32]byte{1}
	signature := bytes.Repeat([]byte("0"), 64)
	b.ReportAllocs()
	for b.Loop() {
		c.Chunk(&sum, signature)
	}
}
