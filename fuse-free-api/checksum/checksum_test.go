package checksum

import (
	"encoding/hex"
	"errors"
	"flag"
	"math/rand/v2"
	"strings"
	"testing"
)

var seedFlag = flag.Uint64("seed", 0, "of random tests; 0: a new one")

func newRand(t testing.TB) *rand.Rand {
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-seed %d", seed)
	return rand.New(rand.NewPCG(seed, 1))
}

// The check values of "123456789" are those of the CRC catalogue (reveng) and
// of FIPS 180-4; the rest of the table is S3's names.
func TestAlgorithms(t *testing.T) {
	for _, c := range []struct {
		a                           Algorithm
		name, header, element, want string
		size                        int
		defaultType                 Type
		composite, full             bool
	}{
		{CRC32, "CRC32", "x-amz-checksum-crc32", "ChecksumCRC32", "cbf43926", 4, Composite, true, true},
		{CRC32C, "CRC32C", "x-amz-checksum-crc32c", "ChecksumCRC32C", "e3069283", 4, Composite, true, true},
		{CRC64NVME, "CRC64NVME", "x-amz-checksum-crc64nvme", "ChecksumCRC64NVME", "ae8b14860a799888", 8, FullObject, false, true},
		{SHA1, "SHA1", "x-amz-checksum-sha1", "ChecksumSHA1", "f7c3bc1d808e04732adf679965ccc34ca7ae3441", 20, Composite, true, false},
		{SHA256, "SHA256", "x-amz-checksum-sha256", "ChecksumSHA256", "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225", 32, Composite, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.a.String() != c.name || c.a.Header() != c.header || c.a.Element() != c.element || c.a.Size() != c.size {
				t.Errorf("%v, %s, %s, %d", c.a, c.a.Header(), c.a.Element(), c.a.Size())
			}
			for _, name := range []string{c.name, strings.ToLower(c.name)} {
				if a, ok := Parse(name); !ok || a != c.a {
					t.Errorf("%q is %v, %v", name, a, ok)
				}
			}
			if a, ok := ByHeader(c.header); !ok || a != c.a {
				t.Errorf("%q is %v, %v", c.header, a, ok)
			}
			h := c.a.New()
			if _, err := h.Write([]byte("123456789")); err != nil {
				t.Fatal(err)
			}
			sum := h.Sum(nil)
			if got := hex.EncodeToString(sum); got != c.want || len(sum) != c.size {
				t.Errorf("sum %s, want %s", got, c.want)
			}
			back, err := c.a.Sum(Text(sum))
			if err != nil || string(back) != string(sum) {
				t.Errorf("%s: %x, %v", Text(sum), back, err)
			}
			if c.a.DefaultType() != c.defaultType || c.a.Allows(Composite) != c.composite || c.a.Allows(FullObject) != c.full || c.a.Allows("") {
				t.Error("types")
			}
			if !c.a.Allows(c.a.DefaultType()) {
				t.Error("the default type is not allowed")
			}
		})
	}
	if len(All()) != 5 {
		t.Errorf("%d algorithms", len(All()))
	}
	for _, name := range []string{"", "MD5", "CRC", "CRC32 ", "SHA512"} {
		if a, ok := Parse(name); ok {
			t.Errorf("%q is %v", name, a)
		}
	}
	for _, name := range []string{"", "x-amz-checksum-", "x-amz-checksum-mode", "x-amz-checksum-type", "x-amz-checksum-CRC32", "crc32", "x-amz-checksum-sha512"} {
		if a, ok := ByHeader(name); ok {
			t.Errorf("%q is %v", name, a)
		}
	}
	for _, text := range []string{"", "full_object", "FULL"} {
		if _, ok := ParseType(text); ok {
			t.Errorf("%q is a type", text)
		}
	}
	if Algorithm(0).Allows(Composite) || Algorithm(0).Allows(FullObject) {
		t.Error("no algorithm has a type")
	}
}

func TestTextsThatAreNone(t *testing.T) {
	for _, c := range []struct {
		name, text string
		a          Algorithm
	}{
		{"empty", "", CRC32},
		{"no base64", "!!!!!!==", CRC32},
		{"URL alphabet", "__-_-w==", CRC32},
		{"no padding", "AAAAAA", CRC32},
		{"too short", "AAAA", CRC32},
		{"too long", "AAAAAAA=", CRC32},
		{"much too long", strings.Repeat("A", 10000), CRC32},
		{"a line break inside", "AAAA\nA==", CRC32},
		{"a line break instead of a digit", "AAAAA==\n", CRC32},
		{"stray bits", "AAAAAB==", CRC32},
		{"hexadecimal", "cbf43926", CRC32},
		{"of another length", "AAAAAA==", CRC64NVME},
		{"composite", "AAAAAA==-3", CRC32},
		{"short SHA-1", "AAAAAAAAAAAAAAAAAAAAAAAAAA==", SHA1},
	} {
		t.Run(c.name, func(t *testing.T) {
			sum, err := c.a.Sum(c.text)
			if err == nil {
				t.Fatalf("%q is %x", c.text, sum)
			}
			if len(err.Error()) > 200 {
				t.Errorf("a long message: %v", err)
			}
		})
	}
}

func TestComposite(t *testing.T) {
	h := SHA256.New()
	a, b := h.Sum(nil), []byte(strings.Repeat("b", 32))
	_, _ = h.Write([]byte(string(a) + string(b)))
	want := Text(h.Sum(nil)) + "-2"
	got := SHA256.Composite([][]byte{a, b})
	if got != want {
		t.Fatalf("%s, want %s", got, want)
	}
	rest, parts, ok := CutComposite(got)
	if !ok || parts != 2 || rest+"-2" != got {
		t.Errorf("%q, %d, %v", rest, parts, ok)
	}
	for _, text := range []string{"", "AAAAAA==", "AAAAAA==-", "AAAAAA==-0", "AAAAAA==-01", "AAAAAA==--1", "AAAAAA==-+1", "AAAAAA==-1-2"} {
		if rest, parts, ok := CutComposite(text); ok {
			t.Errorf("%q: %q, %d", text, rest, parts)
		}
	}
}

// Whatever a body is cut into, combining the parts' checksums gives its own.
func TestCombineAtRandomSplits(t *testing.T) {
	rng := newRand(t)
	body := make([]byte, 100_000)
	for i := range body {
		body[i] = byte(rng.Uint32())
	}
	sum := func(a Algorithm, p []byte) []byte {
		h := a.New()
		_, _ = h.Write(p)
		return h.Sum(nil)
	}
	for _, a := range []Algorithm{CRC32, CRC32C, CRC64NVME} {
		for range 300 {
			whole := body[:rng.IntN(len(body)+1)]
			var parts []Part
			most := 1 + rng.IntN(1000)*rng.IntN(100)
			for rest := whole; len(rest) > 0 || len(parts) == 0; {
				n := min(rng.IntN(most+1), len(rest)) // a part may be empty
				if rng.IntN(2) == 0 {
					n = min(most, len(rest))
				}
				parts = append(parts, Part{sum(a, rest[:n]), int64(n)})
				rest = rest[n:]
			}
			got, err := a.Combine(parts)
			if err != nil {
				t.Fatal(err)
			}
			if want := sum(a, whole); string(got) != string(want) {
				t.Fatalf("%v of %d bytes in %d parts: %x, want %x", a, len(whole), len(parts), got, want)
			}
		}
	}
}

// A part may be longer than anything that a test can compute; zeros of 5 TiB
// are as many of 1 TiB, five times.
func TestCombineLargeParts(t *testing.T) {
	for _, a := range []Algorithm{CRC32, CRC32C, CRC64NVME} {
		h := a.New()
		_, _ = h.Write(make([]byte, 1<<20))
		one := Part{h.Sum(nil), 1 << 20}
		grow := func(part Part, n int) Part {
			parts := make([]Part, n)
			for i := range parts {
				parts[i] = part
			}
			sum, err := a.Combine(parts)
			if err != nil {
				t.Fatal(err)
			}
			return Part{sum, part.Size * int64(n)}
		}
		tera := grow(grow(one, 1024), 1024)
		if x, y := grow(tera, 5), grow(grow(grow(one, 1024), 5), 1024); string(x.Sum) != string(y.Sum) || x.Size != 5<<40 {
			t.Errorf("%v: %x and %x", a, x.Sum, y.Sum)
		}
	}
}

func TestCombineRefuses(t *testing.T) {
	for _, a := range []Algorithm{0, SHA1, SHA256} {
		if sum, err := a.Combine(nil); !errors.Is(err, ErrNotLinear) {
			t.Errorf("%v: %x, %v", a, sum, err)
		}
	}
	for _, part := range []Part{{make([]byte, 3), 1}, {make([]byte, 5), 1}, {nil, 0}, {make([]byte, 4), -1}} {
		if sum, err := CRC32.Combine([]Part{part}); err == nil {
			t.Errorf("%+v: %x", part, sum)
		}
	}
	// Of nothing, the checksum of nothing.
	for _, a := range []Algorithm{CRC32, CRC32C, CRC64NVME} {
		if sum, err := a.Combine(nil); err != nil || string(sum) != string(a.New().Sum(nil)) {
			t.Errorf("%v: %x, %v", a, sum, err)
		}
	}
}

func FuzzSum(f *testing.F) {
	for _, text := range []string{"", "AAAAAA==", "y/Q5Jg==", "AAAAAA==-3", "rosUhgp5mIg="} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, a := range All() {
			sum, err := a.Sum(text)
			if err == nil && (len(sum) != a.Size() || Text(sum) != text) {
				t.Fatalf("%v: %q is %x", a, text, sum)
			}
		}
		if rest, parts, ok := CutComposite(text); ok && (parts < 1 || !strings.HasPrefix(text, rest+"-")) {
			t.Fatalf("%q: %q, %d", text, rest, parts)
		}
	})
}

func BenchmarkCombine(b *testing.B) {
	parts := make([]Part, 10_000)
	for i := range parts {
		parts[i] = Part{[]byte("12345678"), 8 << 20}
	}
	for b.Loop() {
		if _, err := CRC64NVME.Combine(parts); err != nil {
			b.Fatal(err)
		}
	}
}
