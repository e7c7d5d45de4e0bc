package erasure

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"
)

var seedFlag = flag.Uint64("seed", 0, "seed of the random tests; 0 takes one from the clock")

// random gives a source of randomness whose seed the test prints when it fails.
func random(t testing.TB) *rand.Rand {
	seed := *seedFlag
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("repeat with: go test ./erasure -run '^%s$' -seed=%d", t.Name(), seed)
		}
	})
	return rand.New(rand.NewPCG(seed, 0))
}

func columns(rng *rand.Rand, n, size int) [][]byte {
	list := make([][]byte, n)
	for i := range list {
		list[i] = make([]byte, size)
		for j := range list[i] {
			list[i][j] = byte(rng.Uint32())
		}
	}
	return list
}

func blank(n, size int) [][]byte {
	list := make([][]byte, n)
	for i := range list {
		list[i] = bytes.Repeat([]byte{0xdb}, size)
	}
	return list
}

func code(t testing.TB, k, m int) *Code {
	t.Helper()
	c, err := New(k, m)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// clone copies columns deeply.
func clone(list [][]byte) [][]byte {
	out := make([][]byte, len(list))
	for i := range list {
		out[i] = slices.Clone(list[i])
	}
	return out
}

// TestMatrix pins the coefficients, which are part of the on-disk format.
func TestMatrix(t *testing.T) {
	f := newField()
	sum := sha256.New()
	for i := range maxParity {
		for j := range maxData {
			want := refDiv(byte(255^j), byte((255-i)^j))
			if got := f.coefficient(i, j); got != want {
				t.Fatalf("P[%d][%d] = %#x, want %#x", i, j, got, want)
			}
			if i == 0 && want != 1 {
				t.Fatalf("P[0][%d] = %#x, want 1", j, want)
			}
			sum.Write([]byte{want})
		}
	}
	const golden = "655a461236c71d32ec13021451a838b2fe09d0abb6ac6f16343aac863f7b103c"
	if got := hex.EncodeToString(sum.Sum(nil)); got != golden {
		t.Errorf("SHA-256 of the matrix is %s, want %s", got, golden)
	}
}

// TestCodes holds encode, verify and reconstruct of codes of every size against the reference.
func TestCodes(t *testing.T) {
	rng := random(t)
	for k := 1; k <= maxData; k++ {
		for m := 1; m <= maxParity; m++ {
			if k > 4 && k%10 > 2 && k != 17 && m != 1+k%maxParity {
				continue // around the bounds of a group all m, elsewhere one
			}
			c := code(t, k, m)
			for _, d := range []int{1, 1 + rng.IntN(k), k} {
				checkStripe(t, rng, c, d, 1+rng.IntN(300))
			}
		}
	}
	checkStripe(t, rng, code(t, 32, 8), 32, 3*chunkBytes+77)
	checkStripe(t, rng, code(t, 17, 3), 11, chunkBytes)
	checkStripe(t, rng, code(t, 4, 2), 3, 128<<10)
}

func checkStripe(t *testing.T, rng *rand.Rand, c *Code, d, size int) {
	t.Helper()
	name := fmt.Sprintf("%d+%d, d=%d, %d bytes", c.K(), c.M(), d, size)
	data, parity := columns(rng, d, size), blank(c.M(), size)
	before := clone(data)
	if err := c.Encode(data, parity); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if !slices.EqualFunc(data, before, bytes.Equal) {
		t.Fatalf("%s: encoding changed the data", name)
	}
	if size <= 4096 && !slices.EqualFunc(parity, refEncode(data, c.M()), bytes.Equal) {
		t.Fatalf("%s: parity differs from the reference", name)
	}
	if ok, err := c.Verify(data, parity); err != nil || !ok {
		t.Fatalf("%s: Verify of what was encoded: %v, %v", name, ok, err)
	}
	all := slices.Concat(data, parity)
	column, at := all[rng.IntN(len(all))], rng.IntN(size)
	column[at] ^= 1 << rng.IntN(8)
	if ok, err := c.Verify(data, parity); err != nil || ok {
		t.Fatalf("%s: Verify with one bit changed: %v, %v", name, ok, err)
	}
	copy(data, before)
	all = slices.Concat(before, refOr(c, before))
	for range 4 {
		lost := uint64(0)
		for range 1 + rng.IntN(c.M()) {
			lost |= 1 << rng.IntN(len(all))
		}
		want := lost & rng.Uint64()
		checkReconstruct(t, c, d, all, (1<<len(all)-1)&^lost, want)
	}
}

// refOr encodes with c, which the caller has held against the reference.
func refOr(c *Code, data [][]byte) [][]byte {
	parity := blank(c.M(), len(data[0]))
	if err := c.Encode(data, parity); err != nil {
		panic(err)
	}
	return parity
}

// checkReconstruct loses what have does not name, asks for want and compares
// every column, wanted or not.
func checkReconstruct(t *testing.T, c *Code, d int, all [][]byte, have, want uint64) {
	t.Helper()
	shards := make([][]byte, len(all))
	for i := range all {
		switch {
		case have>>i&1 == 1:
			shards[i] = slices.Clone(all[i])
		default:
			shards[i] = bytes.Repeat([]byte{0x5a}, len(all[i]))
		}
	}
	if err := c.Reconstruct(d, shards, have, want); err != nil {
		t.Fatalf("%d+%d, d=%d, have %b, want %b: %v", c.K(), c.M(), d, have, want, err)
	}
	for i := range shards {
		expect := all[i]
		if (have|want)>>i&1 == 0 {
			expect = bytes.Repeat([]byte{0x5a}, len(all[i]))
		}
		if !bytes.Equal(shards[i], expect) {
			t.Fatalf("%d+%d, d=%d, have %b, want %b: column %d is wrong", c.K(), c.M(), d, have, want, i)
		}
	}
	checkInPlace(t, c, d, all, have, want)
}

// checkInPlace asks for the same once more, in the memory of good columns.
func checkInPlace(t *testing.T, c *Code, d int, all [][]byte, have, want uint64) {
	t.Helper()
	if bits.OnesCount64(have) < bits.OnesCount64(want) {
		return
	}
	shards, taken := clone(all), have
	for left := want; left != 0; left &= left - 1 {
		at := bits.Len64(taken) - 1
		if left&(left-1) == 0 { // the last one in the first's
			at = bits.TrailingZeros64(taken)
		}
		taken &^= 1 << at
		shards[bits.TrailingZeros64(left)] = shards[at]
	}
	if err := c.Reconstruct(d, shards, have, want); err != nil {
		t.Fatalf("%d+%d, d=%d, have %b, want %b in place: %v", c.K(), c.M(), d, have, want, err)
	}
	for i := range shards {
		if (taken|want)>>i&1 == 1 && !bytes.Equal(shards[i], all[i]) {
			t.Fatalf("%d+%d, d=%d, have %b, want %b: column %d is wrong in place", c.K(), c.M(), d, have, want, i)
		}
	}
}

// TestEveryErasure loses every set of columns that a small code must survive, and
// asks for every part of it.
func TestEveryErasure(t *testing.T) {
	rng := random(t)
	for _, g := range [][2]int{{1, 1}, {2, 1}, {2, 2}, {4, 2}, {3, 3}, {5, 3}, {11, 1}, {12, 2}} {
		c := code(t, g[0], g[1])
		for d := 1; d <= c.K(); d++ {
			data := columns(rng, d, 70)
			all := slices.Concat(data, refOr(c, data))
			full := uint64(1)<<len(all) - 1
			for have := range full + 1 {
				lost := full &^ have
				if n := bits.OnesCount64(lost); n > c.M() || c.K() > 8 && n < c.M() {
					continue
				}
				for want := lost; ; want = (want - 1) & lost {
					checkReconstruct(t, c, d, all, have, want)
					if want == 0 {
						break
					}
				}
			}
		}
	}
}

// TestTruncation: leaving out trailing zero columns changes no parity byte.
func TestTruncation(t *testing.T) {
	rng := random(t)
	for _, g := range [][2]int{{4, 2}, {12, 4}, {32, 8}} {
		k, m := g[0], g[1]
		c := code(t, k, m)
		for d := 1; d <= k; d++ {
			data := columns(rng, d, 129)
			padded := slices.Clone(data)
			for len(padded) < k {
				padded = append(padded, make([]byte, 129))
			}
			if !slices.EqualFunc(refOr(c, data), refOr(c, padded), bytes.Equal) {
				t.Fatalf("%d+%d: parity of %d columns is not that of the padded stripe", k, m, d)
			}
			narrow := code(t, d, 1)
			if !bytes.Equal(refOr(narrow, data)[0], refOr(c, data)[0]) {
				t.Fatalf("%d+1 and %d+%d disagree on parity 0 of %d columns", d, k, m, d)
			}
		}
	}
}

func TestBounds(t *testing.T) {
	for _, g := range [][2]int{{0, 1}, {1, 0}, {33, 1}, {1, 9}, {-1, 2}} {
		if _, err := New(g[0], g[1]); err == nil {
			t.Errorf("New(%d, %d) made a code", g[0], g[1])
		}
	}
	c := code(t, 4, 2)
	if c.K() != 4 || c.M() != 2 {
		t.Errorf("K, M = %d, %d", c.K(), c.M())
	}
	two := func(sizes ...int) (list [][]byte) {
		for _, n := range sizes {
			list = append(list, make([]byte, n))
		}
		return list
	}
	stripes := []struct {
		name         string
		data, parity [][]byte
	}{
		{"no data", nil, two(8, 8)},
		{"too many data columns", two(8, 8, 8, 8, 8), two(8, 8)},
		{"too few parity columns", two(8, 8), two(8)},
		{"too many parity columns", two(8, 8), two(8, 8, 8)},
		{"no bytes", two(0, 0), two(0, 0)},
		{"unequal data", two(8, 7), two(8, 8)},
		{"unequal parity", two(8, 8), two(8, 9)},
	}
	for _, s := range stripes {
		if err := c.Encode(s.data, s.parity); !errors.Is(err, ErrShape) {
			t.Errorf("%s: Encode: %v", s.name, err)
		}
		if _, err := c.Verify(s.data, s.parity); !errors.Is(err, ErrShape) {
			t.Errorf("%s: Verify: %v", s.name, err)
		}
	}
	lost := []struct {
		name       string
		d          int
		shards     [][]byte
		have, want uint64
		is         error
	}{
		{"too few", 3, two(8, 8, 8, 8, 8), 0b00011, 0b00100, ErrTooFew},
		{"none", 3, two(8, 8, 8, 8, 8), 0, 1, ErrTooFew},
		{"have and want", 3, two(8, 8, 8, 8, 8), 0b01111, 0b01000, ErrShape},
		{"a bit too high in have", 3, two(8, 8, 8, 8, 8), 0b101111, 0b10000, ErrShape},
		{"a bit too high in want", 3, two(8, 8, 8, 8, 8), 0b01111, 1 << 63, ErrShape},
		{"d too large", 5, two(8, 8, 8, 8, 8, 8, 8), 0b11111, 0b100000, ErrShape},
		{"d zero", 0, two(8, 8), 0b1, 0b10, ErrShape},
		{"number of columns", 3, two(8, 8, 8, 8), 0b0111, 0b1000, ErrShape},
		{"a wanted column not allocated", 3, two(8, 8, 8, 0, 8), 0b00111, 0b01000, ErrShape},
		{"a good column short", 3, two(8, 7, 8, 8, 8), 0b00111, 0b01000, ErrShape},
		{"no bytes", 3, two(0, 0, 0, 0, 0), 0b00111, 0b01000, ErrShape},
		{"columns that do not matter", 2, two(8, 8, 8, 3), 0b1011, 0b100, nil},
		{"nothing wanted", 2, two(8, 8, 0, 3), 0b1011, 0, nil},
	}
	for _, l := range lost {
		if err := c.Reconstruct(l.d, l.shards, l.have, l.want); !errors.Is(err, l.is) {
			t.Errorf("%s: %v", l.name, err)
		}
	}
}

// TestPlansAreBounded asks for more patterns than the cache keeps, from several
// goroutines, and then for the first ones again.
func TestPlansAreBounded(t *testing.T) {
	rng := random(t)
	c := code(t, 12, 4)
	data := columns(rng, 12, 64)
	all := slices.Concat(data, refOr(c, data))
	var masks []uint64
	for lost := range uint64(1) << 16 {
		if bits.OnesCount64(lost) == 3 {
			masks = append(masks, lost)
		}
	}
	if len(masks) <= cachedPlans {
		t.Fatalf("%d patterns do not fill the cache", len(masks))
	}
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for range 2 {
				for _, lost := range masks {
					shards := clone(all)
					for i := range shards {
						if lost>>i&1 == 1 {
							clear(shards[i])
						}
					}
					if err := c.Reconstruct(12, shards, 0xffff&^lost, lost); err != nil {
						t.Error(err)
						return
					}
					if !slices.EqualFunc(shards, all, bytes.Equal) {
						t.Errorf("lost %b: wrong bytes", lost)
						return
					}
				}
			}
		})
	}
	wg.Wait()
	if n := len(c.decode.plans); n != cachedPlans || len(c.decode.order) != n {
		t.Errorf("the cache holds %d plans in an order of %d, want %d", n, len(c.decode.order), cachedPlans)
	}
}
