package awschunked_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/holdfast-storage/holdfast/fuse-free-api/awschunked"
)

// chain stands in for sigv4's: a signature is the hash of the one before it,
// of what it signs, and of what is in that.
type chain struct{ previous string }

func (c *chain) sign(kind string, sum [sha256.Size]byte) string {
	c.previous = fmt.Sprintf("%x", sha256.Sum256(fmt.Appendf(nil, "%s %s %x", kind, c.previous, sum)))
	return c.previous
}

func (c *chain) Chunk(sum *[sha256.Size]byte, signature []byte) bool {
	return c.sign("chunk", *sum) == string(signature)
}

func (c *chain) Trailer(sum *[sha256.Size]byte, signature []byte) bool {
	return c.sign("trailer", *sum) == string(signature)
}

// frame frames chunks as the four kinds of clients do.
func frame(signed, bareLF bool, trailers []string, chunks ...string) string {
	var b strings.Builder
	var c chain
	for _, data := range append(slices.Clone(chunks), "") {
		fmt.Fprintf(&b, "%x", len(data))
		if signed {
			fmt.Fprintf(&b, ";chunk-signature=%s", c.sign("chunk", sha256.Sum256([]byte(data))))
		}
		b.WriteString("\r\n")
		if data != "" {
			b.WriteString(data + "\r\n")
		}
	}
	if trailers != nil {
		end := "\r\n"
		if bareLF {
			end = "\n"
		}
		text := ""
		for _, line := range trailers {
			b.WriteString(line + end)
			text += line + "\n"
		}
		if bareLF {
			b.WriteString("\r\n")
		}
		if signed {
			fmt.Fprintf(&b, "x-amz-trailer-signature:%s\r\n", c.sign("trailer", sha256.Sum256([]byte(text))))
		}
	}
	return b.String() + "\r\n"
}

func config(signed bool, size int, trailers ...string) awschunked.Config {
	c := awschunked.Config{Size: int64(size), Trailers: trailers, Trailer: len(trailers) > 0 || !signed}
	if signed {
		c.Signatures = &chain{}
	}
	return c
}

func TestForms(t *testing.T) {
	long := strings.Repeat("0123456789abcdef", 5000)
	for _, c := range []struct {
		name     string
		body     string
		config   awschunked.Config
		want     string
		trailers string
	}{
		{"nothing, signed", frame(true, false, nil), config(true, 0), "", "[]"},
		{"nothing, unsigned", frame(false, false, nil), config(false, 0), "", "[]"},
		{"one chunk", frame(true, false, nil, "hello"), config(true, 5), "hello", "[]"},
		{"any sizes", frame(true, false, nil, "h", "el", long, "l", "o"), config(true, 5+len(long)), "hel" + long + "lo", "[]"},
		{"unsigned", frame(false, false, nil, "h", long), config(false, 1+len(long)), "h" + long, "[]"},
		{"signed trailer", frame(true, false, []string{"x-a:1"}, "hello"), config(true, 5, "x-a"), "hello", "[{x-a 1}]"},
		{"unsigned trailer", frame(false, false, []string{"x-a:1"}, "hello"), config(false, 5, "x-a"), "hello", "[{x-a 1}]"},
		{"signed trailer, minio-go", frame(true, true, []string{"x-a:1"}, "hello"), config(true, 5, "x-a"), "hello", "[{x-a 1}]"},
		{"unsigned trailer, minio-go", frame(false, true, []string{"x-a:1"}, "hello"), config(false, 5, "x-a"), "hello", "[{x-a 1}]"},
		{"two trailers", frame(true, false, []string{"x-b:2", "x-a:1"}, "hello"), config(true, 5, "x-a", "x-b"), "hello", "[{x-b 2} {x-a 1}]"},
		{"two trailers, minio-go", frame(true, true, []string{"x-b:2", "x-a:1"}, "hello"), config(true, 5, "x-a", "x-b"), "hello", "[{x-b 2} {x-a 1}]"},
		{"trailer with nothing in front", frame(false, false, []string{"x-a:1"}), config(false, 0, "x-a"), "", "[{x-a 1}]"},
		{"an empty trailer", frame(true, false, []string{"x-a:"}), config(true, 0, "x-a"), "", "[{x-a }]"},
		{"names in any case, spaces", "0\r\nX-A: 1 \r\n\r\n", config(false, 0, "x-a"), "", "[{x-a 1}]"},
		{"lengths with zeros and capitals", "000000000000000A\r\n0123456789\r\n0\r\n\r\n", config(false, 10), "0123456789", "[]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for name, wrap := range map[string]func(io.Reader) io.Reader{
				"at once": func(r io.Reader) io.Reader { return r }, "byte by byte": iotest.OneByteReader,
				"in halves": iotest.HalfReader, "EOF with data": iotest.DataErrReader,
			} {
				for _, size := range []int{1, 7, 4096, 1 << 20} {
					c.config.Signatures = resigned(c.config)
					r := awschunked.NewReader(wrap(strings.NewReader(c.body)), c.config)
					got, err := readAll(r, size)
					if err != nil || got != c.want {
						t.Fatalf("%s, reading %d: %d bytes, %v", name, size, len(got), err)
					}
					if trailers := fmt.Sprint(r.Trailers()); trailers != c.trailers {
						t.Fatalf("%s, reading %d: trailers %s", name, size, trailers)
					}
					if n, err := r.Read(make([]byte, 1)); n != 0 || err != io.EOF {
						t.Fatalf("behind the end: %d, %v", n, err)
					}
				}
			}
		})
	}
}

// resigned gives a chain from its beginning.
func resigned(c awschunked.Config) awschunked.Signatures {
	if c.Signatures == nil {
		return nil
	}
	return &chain{}
}

// readAll reads with a buffer of the given size until an error; io.EOF is nil.
func readAll(r io.Reader, size int) (string, error) {
	var got []byte
	p := make([]byte, size)
	for {
		n, err := r.Read(p)
		got = append(got, p[:n]...)
		if err == io.EOF {
			err = nil
			return string(got), err
		}
		if err != nil {
			return string(got), err
		}
	}
}

func TestBrokenFraming(t *testing.T) {
	signed := frame(true, false, nil, "hello", "world")
	trailer := frame(true, false, []string{"x-a:1"}, "hello")
	swap := func(s, old, new string) string {
		if !strings.Contains(s, old) {
			t.Fatalf("%q is not in %q", old, s)
		}
		return strings.Replace(s, old, new, 1)
	}
	flip := func(s, behind string) string { // alters the first digit of a signature
		at := strings.Index(s, behind) + len(behind)
		return s[:at] + string('0'+(s[at]-'0'+1)%10) + s[at+1:]
	}
	for _, c := range []struct {
		name   string
		body   string
		config awschunked.Config
		want   error
	}{
		{"data altered", swap(signed, "hello", "jello"), config(true, 10), awschunked.ErrSignature},
		{"later data altered", swap(signed, "world", "w0rld"), config(true, 10), awschunked.ErrSignature},
		{"signature altered", flip(signed, "5;chunk-signature="), config(true, 10), awschunked.ErrSignature},
		{"last signature altered", flip(signed, "\r\n0;chunk-signature="), config(true, 10), awschunked.ErrSignature},
		{"chunks changed places", signed[91:182] + signed[:91] + signed[182:], config(true, 10), awschunked.ErrSignature},
		{"a chunk taken out", signed[91:], config(true, 5), awschunked.ErrSignature},
		{"trailer altered", swap(trailer, "x-a:1", "x-a:2"), config(true, 5, "x-a"), awschunked.ErrSignature},
		{"trailer's signature altered", flip(trailer, "trailer-signature:"), config(true, 5, "x-a"), awschunked.ErrSignature},
		{"signed, and another's", frame(false, false, nil, "hello"), config(true, 5), awschunked.ErrFraming},
		{"unsigned, and signatures come", frame(true, false, nil, "hello"), config(false, 5), awschunked.ErrFraming},
		{"no trailer's signature", "0;chunk-signature=" + (&chain{}).sign("chunk", sha256.Sum256(nil)) + "\r\nx-a:1\r\n\r\n", config(true, 0, "x-a"), awschunked.ErrTrailer},
		{"trailer's signature of an unsigned body", swap(frame(false, false, []string{"x-a:1"}), "x-a:1\r\n", "x-a:1\r\nx-amz-trailer-signature:"+strings.Repeat("0", 64)+"\r\n"),
			config(false, 0, "x-a"), awschunked.ErrTrailer},

		{"more than announced", signed, config(true, 9), awschunked.ErrSize},
		{"less than announced", signed, config(true, 11), awschunked.ErrSize},
		{"nothing announced", signed, config(true, 0), awschunked.ErrSize},
		{"a huge chunk", "7fffffffffffffff\r\n", config(false, 5), awschunked.ErrSize},
		{"a chunk past any number", "8000000000000000\r\n", config(false, 5), awschunked.ErrFraming},
		{"a length too long", "00000000000000005\r\nhello\r\n0\r\n\r\n", config(false, 5), awschunked.ErrFraming},
		{"no length", "\r\nhello\r\n0\r\n\r\n", config(false, 5), awschunked.ErrFraming},
		{"a sign", "+5\r\nhello\r\n0\r\n\r\n", config(false, 5), awschunked.ErrFraming},
		{"a minus", "-5\r\nhello\r\n0\r\n\r\n", config(false, 5), awschunked.ErrFraming},
		{"a space", "5 \r\nhello\r\n0\r\n\r\n", config(false, 5), awschunked.ErrFraming},
		{"a prefix", "0x5\r\nhello\r\n0\r\n\r\n", config(false, 5), awschunked.ErrFraming},
		{"an extension", "5;a=b\r\nhello\r\n0\r\n\r\n", config(false, 5), awschunked.ErrFraming},
		{"another extension", swap(signed, "chunk-signature", "chunk-signatur3"), config(true, 10), awschunked.ErrFraming},
		{"a second extension", swap(signed, ";chunk", ";a=b;chunk"), config(true, 10), awschunked.ErrFraming},
		{"a short signature", swap(signed, "\r\nhello", "0\r\nhello"), config(true, 10), awschunked.ErrFraming},
		{"an endless line", strings.Repeat("0", 1<<20), config(false, 5), awschunked.ErrFraming},
		{"\\n behind the length", "5\nhello\r\n0\r\n\r\n", config(false, 5), awschunked.ErrFraming},
		{"\\n behind the data", "5\r\nhello\n0\r\n\r\n", config(false, 5), awschunked.ErrFraming},
		{"more data than the chunk's length", "4\r\nhello\r\n0\r\n\r\n", config(false, 4), awschunked.ErrFraming},
		{"\\n at the end", "5\r\nhello\r\n0\r\n\n", config(false, 5), awschunked.ErrTrailer},
		{"something behind it", frame(false, false, nil, "hello") + "x", config(false, 5), awschunked.ErrFraming},
		{"a second body behind it", frame(false, false, nil, "hello") + frame(false, false, nil, "hello"), config(false, 5), awschunked.ErrFraming},
		{"something behind it, signed", signed + "0", config(true, 10), awschunked.ErrFraming},
		{"trailers where none may be", frame(true, false, nil)[:86] + "x-a:1\r\n\r\n", config(true, 0), awschunked.ErrFraming},

		{"a trailer that was not announced", frame(true, false, []string{"x-a:1", "x-b:2"}), config(true, 0, "x-a"), awschunked.ErrTrailer},
		{"a trailer that does not come", frame(true, false, []string{"x-a:1"}), config(true, 0, "x-a", "x-b"), awschunked.ErrTrailer},
		{"no trailer comes", frame(false, false, nil), config(false, 0, "x-a"), awschunked.ErrTrailer},
		{"a trailer twice", frame(true, false, []string{"x-a:1", "x-a:1"}), config(true, 0, "x-a", "x-b"), awschunked.ErrTrailer},
		{"a trailer without a colon", frame(true, false, []string{"x-a"}), config(true, 0, "x-a"), awschunked.ErrTrailer},
		{"a trailer without a name", frame(true, false, []string{":1"}), config(true, 0, "x-a"), awschunked.ErrTrailer},
		{"a folded trailer", frame(true, false, []string{"x-a:1", " 2"}), config(true, 0, "x-a", "x-b"), awschunked.ErrTrailer},
		{"an endless trailer", frame(false, false, []string{"x-a:" + strings.Repeat("1", 1<<20)}), config(false, 0, "x-a"), awschunked.ErrTrailer},
		{"many long trailers", manyTrailers(5, 1000), manyConfig(5), awschunked.ErrTrailer},
		{"too many trailers", manyTrailers(17, 1), manyConfig(17), awschunked.ErrTrailer},
		{"line ends mixed", "0\r\nx-a:1\r\nx-b:2\n\r\n\r\n", config(false, 0, "x-a", "x-b"), awschunked.ErrTrailer},
		{"line ends mixed the other way", "0\r\nx-a:1\nx-b:2\r\n\r\n\r\n", config(false, 0, "x-a", "x-b"), awschunked.ErrTrailer},
		{"a trailer behind the trailers", "0\r\nx-a:1\n\r\nx-b:2\r\n\r\n", config(false, 0, "x-a", "x-b"), awschunked.ErrTrailer},
		{"a trailer behind the signature", swap(trailer, "x-a:1\r\n", "") + "x-a:1\r\n\r\n", config(true, 5, "x-a"), awschunked.ErrTrailer},
		{"minio-go's trailers not closed", "0\r\nx-a:1\n\r\n", config(false, 0, "x-a"), awschunked.ErrShort},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, size := range []int{1, 4096} {
				c.config.Signatures = resigned(c.config)
				r := awschunked.NewReader(strings.NewReader(c.body), c.config)
				got, err := readAll(r, size)
				if !errors.Is(err, c.want) {
					t.Errorf("%v, want %v", err, c.want)
				}
				if int64(len(got)) > c.config.Size {
					t.Errorf("%d bytes were given out", len(got))
				}
				if _, again := r.Read(make([]byte, 1)); again != err {
					t.Errorf("the next Read says %v", again)
				}
				if len(r.Trailers()) > 0 {
					t.Error("trailers were given out")
				}
			}
		})
	}
}

func manyTrailers(n, size int) string {
	var lines []string
	for i := range n {
		lines = append(lines, fmt.Sprintf("x-%d:%s", i, strings.Repeat("v", size)))
	}
	return frame(false, false, lines)
}

func manyConfig(n int) awschunked.Config {
	var names []string
	for i := range n {
		names = append(names, fmt.Sprintf("x-%d", i))
	}
	return config(false, 0, names...)
}

// A body that ends at any byte before its last is short, and never whole.
func TestEndsAtEveryByte(t *testing.T) {
	for _, c := range []struct {
		body   string
		config awschunked.Config
	}{
		{frame(true, false, nil, "hello", "world"), config(true, 10)},
		{frame(true, false, []string{"x-a:1"}, "hello"), config(true, 5, "x-a")},
		{frame(true, true, []string{"x-a:1"}, "hello"), config(true, 5, "x-a")},
		{frame(false, false, []string{"x-a:1"}, "hello"), config(false, 5, "x-a")},
		{frame(false, true, []string{"x-a:1"}, "hello"), config(false, 5, "x-a")},
	} {
		for n := range len(c.body) {
			c.config.Signatures = resigned(c.config)
			if _, err := readAll(awschunked.NewReader(strings.NewReader(c.body[:n]), c.config), 64); !errors.Is(err, awschunked.ErrShort) {
				t.Errorf("%q: %v", c.body[:n], err)
			}
		}
	}
	// Errors of the body pass through, at every byte as well.
	broken := errors.New("broken")
	body := frame(true, false, []string{"x-a:1"}, "hello")
	for n := range len(body) {
		r := awschunked.NewReader(io.MultiReader(strings.NewReader(body[:n]), iotest.ErrReader(broken)), config(true, 5, "x-a"))
		if _, err := readAll(r, 64); !errors.Is(err, broken) {
			t.Errorf("%q, then an error: %v", body[:n], err)
		}
	}
}

// Large reads go past the buffer: what is held does not grow with the chunks.
func TestReadsStraightIntoTheCallersBuffer(t *testing.T) {
	data := strings.Repeat("x", 1<<20)
	seen := &largest{r: strings.NewReader(frame(true, false, nil, data))}
	p := make([]byte, 1<<20)
	n, err := io.ReadFull(awschunked.NewReader(seen, config(true, len(data))), p)
	if n != len(data) || err != nil {
		t.Fatal(n, err)
	}
	if seen.n < 1<<19 {
		t.Errorf("the largest read was of %d bytes", seen.n)
	}
}

type largest struct {
	r io.Reader
	n int
}

func (l *largest) Read(p []byte) (int, error) {
	l.n = max(l.n, len(p))
	return l.r.Read(p)
}

func BenchmarkReader(b *testing.B) {
	for _, c := range []struct {
		name   string
		signed bool
		chunk  int
	}{{"unsigned/64KiB", false, 64 << 10}, {"unsigned/1MiB", false, 1 << 20}, {"signed/8KiB", true, 8 << 10}, {"signed/64KiB", true, 64 << 10}, {"signed/1MiB", true, 1 << 20}} {
		b.Run(c.name, func(b *testing.B) {
			const size = 4 << 20
			body := []byte(frame(c.signed, false, nil, slices.Repeat([]string{strings.Repeat("x", c.chunk)}, size/c.chunk)...))
			p := make([]byte, 128<<10)
			b.SetBytes(size)
			b.ReportAllocs()
			for b.Loop() {
				cfg := config(c.signed, size)
				if c.signed {
					cfg.Signatures = yes{}
				}
				r := awschunked.NewReader(bytes.NewReader(body), cfg)
				for {
					if _, err := r.Read(p); err == io.EOF {
						break
					} else if err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

// yes takes any signature, and costs nothing.
type yes struct{}

func (yes) Chunk(*[sha256.Size]byte, []byte) bool   { return true }
func (yes) Trailer(*[sha256.Size]byte, []byte) bool { return true }
