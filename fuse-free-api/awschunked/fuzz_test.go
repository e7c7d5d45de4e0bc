package awschunked_test

import (
	"crypto/sha256"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/holdfast-storage/holdfast/fuse-free-api/awschunked"
)

// notes takes any signature and writes down what it was asked.
type notes struct{ text strings.Builder }

func (n *notes) Chunk(sum *[sha256.Size]byte, signature []byte) bool {
	fmt.Fprintf(&n.text, "chunk %x %q\n", *sum, signature)
	return true
}

func (n *notes) Trailer(sum *[sha256.Size]byte, signature []byte) bool {
	fmt.Fprintf(&n.text, "trailer %x %q\n", *sum, signature)
	return true
}

// reference decodes a body as it stands in memory. It is the same rules
// written for reading, not for running.
func reference(body string, c awschunked.Config, n *notes) (data string, trailers []awschunked.Trailer, ok bool) {
	line := func() (text, end string) { // end: "\r\n", "\n", or "" if there is no line
		at := strings.IndexByte(body, '\n')
		if at < 0 || at >= 1024 {
			return "", ""
		}
		text, body = body[:at], body[at+1:]
		if strings.HasSuffix(text, "\r") {
			return text[:len(text)-1], "\r\n"
		}
		return text, "\n"
	}
	hash := func(s string) *[sha256.Size]byte { sum := sha256.Sum256([]byte(s)); return &sum }
	for {
		text, end := line()
		digits, signature := text, ""
		if n != nil {
			digits, signature, ok = strings.Cut(text, ";chunk-signature=")
			if !ok || len(signature) != 64 {
				return "", nil, false
			}
		}
		size, err := strconv.ParseUint(digits, 16, 63)
		if end != "\r\n" || err != nil || len(digits) > 16 || strings.Contains(digits, "_") {
			return "", nil, false
		}
		if size > uint64(len(body)) || size > 0 && !strings.HasPrefix(body[size:], "\r\n") {
			return "", nil, false
		}
		if n != nil {
			n.Chunk(hash(body[:size]), []byte(signature))
		}
		if size == 0 {
			break
		}
		data += body[:size]
		body = body[size+2:]
	}
	if int64(len(data)) != c.Size {
		return "", nil, false
	}
	if !c.Trailer {
		return data, nil, body == "\r\n"
	}
	// All trailers end in the same way, and those that end in \n are closed by an empty line.
	ends, canonical, total := "", "", 0
	for len(trailers) < len(c.Trailers) {
		text, end := line()
		name, value, found := strings.Cut(text, ":")
		name, value = strings.ToLower(name), strings.Trim(value, " \t")
		announced := false
		for _, a := range c.Trailers {
			announced = announced || a == name
		}
		for _, t := range trailers {
			announced = announced && t.Name != name
		}
		if total += len(text); end == "" || ends != "" && end != ends || !found || !announced || total > 4096 {
			return "", nil, false
		}
		ends = end
		canonical += name + ":" + value + "\n"
		trailers = append(trailers, awschunked.Trailer{Name: name, Value: value})
	}
	if ends == "\n" {
		if !strings.HasPrefix(body, "\r\n") {
			return "", nil, false
		}
		body = body[2:]
	}
	if n != nil {
		text, end := line()
		name, signature, _ := strings.Cut(text, ":")
		signature = strings.Trim(signature, " \t")
		if total += len(text); end != "\r\n" || !strings.EqualFold(name, "x-amz-trailer-signature") || len(signature) != 64 || total > 4096 {
			return "", nil, false
		}
		n.Trailer(hash(canonical), []byte(signature))
	}
	return data, trailers, body == "\r\n"
}

// FuzzChunked holds the Reader to the reference: it takes the same bodies for
// whole, and reads the same out of them; it never panics and never gives out
// more than was announced.
func FuzzChunked(f *testing.F) {
	for _, form := range []struct {
		signed, bare bool
		trailers     []string
	}{{true, false, nil}, {false, false, []string{}}, {true, false, []string{"x-a:1"}}, {true, true, []string{"x-a:1"}},
		{false, false, []string{"x-a:1", "x-b:"}}, {false, true, []string{"x-a:1", "x-b:"}}} {
		body := frame(form.signed, form.bare, form.trailers, "hello", " ", "world")
		f.Add([]byte(body), int64(11), form.signed, form.trailers != nil, len(form.trailers), 7)
		f.Add([]byte(body[:len(body)-2]), int64(11), form.signed, form.trailers != nil, len(form.trailers), 1)
		f.Add([]byte(body+"0"), int64(12), form.signed, form.trailers != nil, len(form.trailers), 4096)
	}
	f.Fuzz(func(t *testing.T, body []byte, size int64, signed, trailer bool, announced, reads int) {
		if size < 0 || len(body) > 1<<16 {
			return
		}
		c := awschunked.Config{Size: size, Trailer: trailer, Trailers: []string{"x-a", "x-b", "x-c"}[:max(0, min(announced, 3))]}
		var got, want *notes
		if signed {
			got, want = &notes{}, &notes{}
			c.Signatures = got
		}
		r := awschunked.NewReader(strings.NewReader(string(body)), c)
		data, err := readAll(r, max(1, min(reads, 1<<16)))
		if int64(len(data)) > size {
			t.Fatalf("%d bytes of %d were given out", len(data), size)
		}
		wantData, wantTrailers, ok := reference(string(body), c, want)
		if ok != (err == nil) {
			t.Fatalf("the reference says %v, the Reader %v", ok, err)
		}
		if _, again := r.Read(make([]byte, 1)); ok && again != io.EOF || !ok && again != err {
			t.Fatalf("behind the end: %v", again)
		}
		if !ok {
			return
		}
		if data != wantData || fmt.Sprint(r.Trailers()) != fmt.Sprint(wantTrailers) {
			t.Fatalf("%q %v, want %q %v", data, r.Trailers(), wantData, wantTrailers)
		}
		if signed && got.text.String() != want.text.String() {
			t.Fatalf("signatures asked for:\n%swant:\n%s", &got.text, &want.text)
		}
	})
}
