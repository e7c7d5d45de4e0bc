package md5

import (
	"bytes"
	"crypto/md5"
	"flag"
	"fmt"
	"hash"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

var seedFlag = flag.Uint64("seed", 0, "of the random tests; 0: a random one")

func seeded(t *testing.T) *rand.Rand {
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-seed %d", seed)
	return rand.New(rand.NewPCG(seed, 1))
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b)
	return b
}

// groups are one for each code that runs here, crypto/md5's first.
func groups() (list []*Group) {
	for _, k := range append([]kernels{{name: "none", single: "none"}}, all()...) {
		list = append(list, &Group{kernels: k})
	}
	return list
}

func eachGroup(t *testing.T, test func(t *testing.T, g *Group)) {
	for _, g := range groups() {
		t.Run(g.name, func(t *testing.T) {
			test(t, g)
			if g.leaders != 0 || g.waiting != 0 || g.first != nil || g.last != nil {
				t.Errorf("%d lead and %d wait at the end", g.leaders, g.waiting)
			}
		})
	}
}

// TestLengths: every short length, and those around each limit, at once and behind a first piece.
func TestLengths(t *testing.T) {
	body := randomBytes(roundBytes*3 + 200)
	var lengths []int
	for n := range 301 {
		lengths = append(lengths, n)
	}
	for _, about := range []int{ownBytes, joinBytes, roundBytes, 2 * roundBytes, 3 * roundBytes} {
		for n := about - 65; n <= about+130; n += 5 {
			lengths = append(lengths, n, n/BlockSize*BlockSize)
		}
	}
	eachGroup(t, func(t *testing.T, g *Group) {
		for _, n := range lengths {
			want := md5.Sum(body[:n])
			h := g.New()
			for _, first := range []int{0, 1, 63, 64, 100} {
				first = min(first, n)
				h.Reset()
				for _, p := range [][]byte{body[:first], body[first:n]} {
					if written, err := h.Write(p); written != len(p) || err != nil {
						t.Fatalf("%d of %d bytes written, %v", written, len(p), err)
					}
				}
				if !bytes.Equal(h.Sum(nil), want[:]) || !bytes.Equal(h.Sum([]byte("x"))[1:], want[:]) {
					t.Fatalf("%d bytes behind %d: %x, want %x", n-first, first, h.Sum(nil), want)
				}
			}
		}
	})
}

// TestRounds: as many streams as there may be, of different lengths, in lanes.
func TestRounds(t *testing.T) {
	body := randomBytes((Lanes + 1) * roundBytes)
	eachGroup(t, func(t *testing.T, g *Group) {
		if g.together == nil {
			t.Skip("these streams are hashed each by itself: there are no rounds")
		}
		for n := 1; n <= Lanes; n++ {
			for _, blocks := range []int{1, 2, 7, 100} {
				var streams []*digest
				for i := range n {
					d := g.New().(*digest)
					d.rest = body[i*roundBytes+i : (i+1)*roundBytes+i][: (blocks+i)*BlockSize : (blocks+i)*BlockSize]
					d.take()
					streams = append(streams, d)
				}
				g.round(streams)
				for i, d := range streams {
					if len(d.rest) != i*BlockSize || d.bytes != uint64(blocks*BlockSize) {
						t.Fatalf("%d bytes done, %d left of stream %d", d.bytes, len(d.rest), i)
					}
					d.give()
					if want := md5.Sum(body[i*roundBytes+i:][:blocks*BlockSize]); !bytes.Equal(d.Sum(nil), want[:]) {
						t.Fatalf("%d blocks of %d streams: %d is wrong", blocks, n, i)
					}
				}
			}
		}
	})
}

// TestRoundsAllocateNothing: a body of 64 MiB has 4,096 rounds, so that what one allocates is felt.
func TestRoundsAllocateNothing(t *testing.T) {
	body := randomBytes(roundBytes)
	eachGroup(t, func(t *testing.T, g *Group) {
		if g.together == nil {
			t.Skip("these streams are hashed each by itself: there are no rounds")
		}
		streams := make([]*digest, Lanes)
		for i := range streams {
			streams[i] = g.New().(*digest)
			streams[i].take()
		}
		if n := testing.AllocsPerRun(10, func() {
			for _, d := range streams {
				d.rest = body
			}
			g.round(streams)
		}); n != 0 {
			t.Errorf("%v allocations a round", n)
		}
		if streams[0].lanes.from != [Lanes]*byte{} {
			t.Error("it keeps the streams' bytes")
		}
	})
}

// TestTogether: streams that come and go, in pieces of any length, each in a buffer that is used again as soon as its
// Write has returned.
func TestTogether(t *testing.T) {
	rng := seeded(t)
	body := randomBytes(1 << 20)
	eachGroup(t, func(t *testing.T, g *Group) {
		for range 12 {
			var writers sync.WaitGroup
			for range 1 + rng.IntN(3*Lanes) {
				rng := rand.New(rand.NewPCG(rng.Uint64(), 2))
				writers.Go(func() {
					h, rest := g.New(), body[rng.IntN(len(body)/2):][:rng.IntN(len(body)/2)]
					want := md5.Sum(rest)
					buf := make([]byte, 1<<(10+rng.IntN(8)))
					for len(rest) > 0 {
						n := copy(buf, rest[:min(len(rest), 1+rng.IntN(len(buf)))])
						_, _ = h.Write(buf[:n])
						clear(buf)
						rest = rest[n:]
					}
					if !bytes.Equal(h.Sum(nil), want[:]) {
						t.Error("wrong")
					}
				})
			}
			writers.Wait()
		}
	})
}

// TestQueue: while a leader is at work, as many as there are lanes wait, and the next one leads beside it; who waits
// is hashed beside a leader, not one after the other.
func TestQueue(t *testing.T) {
	piece := randomBytes(joinBytes)
	entered, proceed := make(chan struct{}), make(chan struct{})
	reached := make(chan int, 100)
	step := func(n int) {
		reached <- n
		entered <- struct{}{}
		<-proceed
	}
	g := &Group{kernels: kernels{name: "held",
		alone:    func(*[4]uint32, *byte, int) { step(1) },
		together: func(*[4][Lanes]uint32, *[Lanes]*byte, int) { step(Lanes) },
	}}
	var writers sync.WaitGroup
	write := func(p []byte) { writers.Go(func() { _, _ = g.New().Write(p) }) }
	write(randomBytes(4 * roundBytes)) // the leader, for four rounds
	<-entered
	waitingIs := func(n int) {
		for {
			g.mu.Lock()
			got := g.waiting
			g.mu.Unlock()
			if got == n {
				return
			}
		}
	}
	for n := range Lanes {
		write(piece)
		waitingIs(n + 1)
	}
	write(piece) // one more than there is room for: it leads
	<-entered
	if g.leaders != 2 {
		t.Fatalf("%d lead", g.leaders)
	}
	close(proceed)
	go func() {
		for range entered {
		}
	}()
	writers.Wait()
	close(entered)
	close(reached)
	if rounds := len(reached); rounds > 8 {
		t.Errorf("%d rounds", rounds)
	}
	if g.leaders != 0 || g.waiting != 0 {
		t.Errorf("%d lead and %d wait at the end", g.leaders, g.waiting)
	}
}

// TestInstructions: a group that has code of its own says which.
func TestInstructions(t *testing.T) {
	g := NewGroup()
	one, several := g.Instructions()
	if (g.alone != nil) != (one != "none") || (g.together != nil) != (several != "none") {
		t.Errorf("%q, %q", one, several)
	}
	if _, own := g.New().(*digest); own != (g.together != nil) {
		t.Errorf("%T", g.New())
	}
	if h := g.New(); h.Size() != md5.Size || h.BlockSize() != md5.BlockSize {
		t.Errorf("%d, %d", h.Size(), h.BlockSize())
	}
}

// FuzzStreams: two streams of the same bytes beside each other, cut differently.
func FuzzStreams(f *testing.F) {
	f.Add([]byte(""), uint16(0), uint16(1))
	f.Add([]byte("a"), uint16(1), uint16(40000))
	f.Add(randomBytes(300), uint16(63), uint16(64))
	f.Add(randomBytes(joinBytes+77), uint16(joinBytes), uint16(1025))
	f.Fuzz(func(t *testing.T, body []byte, a, b uint16) {
		for len(body) > 0 && len(body) < 2*joinBytes { // so that there is something to share
			body = append(body, body...)
		}
		want := md5.Sum(body)
		for _, g := range groups() {
			var both sync.WaitGroup
			for _, cut := range []uint16{a, b} {
				both.Go(func() {
					h := g.New()
					first := min(int(cut), len(body))
					_, _ = h.Write(body[:first])
					_, _ = h.Write(body[first:])
					if !bytes.Equal(h.Sum(nil), want[:]) {
						t.Errorf("%s: wrong for %d bytes behind %d", g.name, len(body)-first, first)
					}
				})
			}
			both.Wait()
		}
	})
}

// TestFastest: code that is slow on this processor is not used, neither for one stream nor for several; lone streams and several may
// have different code.
func TestFastest(t *testing.T) {
	pause := func() { time.Sleep(20 * time.Millisecond) }
	slow := kernels{
		name:     "slow",
		alone:    func(*[4]uint32, *byte, int) { pause() },
		together: func(*[4][Lanes]uint32, *[Lanes]*byte, int) { pause() },
	}
	fast := kernels{
		name:     "fast",
		alone:    func(state *[4]uint32, _ *byte, _ int) { state[0] = 1 },
		together: func(*[4][Lanes]uint32, *[Lanes]*byte, int) {},
	}
	state := func(k kernels) (s [4]uint32) {
		k.alone(&s, nil, 0)
		return s
	}
	for _, list := range [][]kernels{{slow, fast}, {fast, slow}} {
		if k := fastest(list); k.name != "fast" || k.alone == nil || state(k)[0] != 1 {
			t.Errorf("of fast and slow it takes %s", k.name)
		}
	}
	if k := fastest([]kernels{slow}); k.name != "slow" || k.alone != nil {
		t.Errorf("a lone stream is hashed by what is slower than crypto/md5, or several are not hashed together: %s", k.name)
	}
	mixed := kernels{name: "mixed", alone: slow.alone, together: fast.together}
	if k := fastest([]kernels{mixed, {name: "alone", alone: fast.alone, together: slow.together}}); k.name != "mixed" || k.alone == nil || state(k)[0] != 1 {
		t.Error("the fastest of each kind are not put together")
	}
}

// BenchmarkStreams is of so many goroutines that write pieces of 128 KiB; bytes are those of all.
func BenchmarkStreams(b *testing.B) {
	for _, streams := range []int{1, 2, 4, 8, 16} {
		for _, c := range groups() {
			b.Run(fmt.Sprintf("%d/%s", streams, c.name), func(b *testing.B) {
				benchmarkStreams(b, streams, 128<<10, c.New)
			})
		}
	}
}

// BenchmarkSmall is of bodies of 4 KiB, one after the other.
func BenchmarkSmall(b *testing.B) {
	for _, g := range groups() {
		b.Run(g.name, func(b *testing.B) {
			p := randomBytes(4 << 10)
			b.SetBytes(int64(len(p)))
			b.ReportAllocs()
			for b.Loop() {
				h := g.New()
				_, _ = h.Write(p)
				h.Sum(nil)
			}
		})
	}
}

func benchmarkStreams(b *testing.B, streams, pieceBytes int, newHash func() hash.Hash) {
	b.SetBytes(int64(streams * pieceBytes))
	var writers sync.WaitGroup
	for range streams {
		p := randomBytes(pieceBytes)
		writers.Go(func() {
			h := newHash()
			for range b.N {
				_, _ = h.Write(p)
			}
		})
	}
	writers.Wait()
}
