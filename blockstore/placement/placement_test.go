package placement

import (
	"errors"
	"flag"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
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
			t.Logf("repeat with: go test ./blockstore/placement -run '^%s$' -seed=%d", t.Name(), seed)
		}
	})
	return rand.New(rand.NewPCG(seed, 0))
}

// drive makes a candidate whose slot can be read off its ID.
func drive(slot int, free uint64) Candidate {
	return Candidate{ID: uuid.UUID{15: byte(slot)}, Slot: slot, FreeBytes: free}
}

func slots(ids []uuid.UUID) []int {
	list := make([]int, len(ids))
	for i, id := range ids {
		list[i] = int(id[15])
	}
	return list
}

func equal(n int, free uint64) []Candidate {
	list := make([]Candidate, n)
	for i := range list {
		list[i] = drive(i, free)
	}
	return list
}

func TestChoose(t *testing.T) {
	suspect := func(c Candidate) Candidate { c.Suspect = true; return c }
	holding := func(c Candidate, files int) Candidate { c.InUse = files; return c }
	for _, test := range []struct {
		name          string
		cands         []Candidate
		width, parity int
		need, seq     uint64
		want          []int // in order
	}{
		{"all, in order of slots", []Candidate{drive(2, 100), drive(0, 100), drive(1, 100)}, 3, 1, 10, 0, []int{0, 1, 2}},
		{"file order turns", equal(3, 100), 3, 1, 10, 1, []int{1, 2, 0}},
		{"file order turns, large seq", equal(3, 100), 3, 1, 10, 3<<40 + 2, []int{2, 0, 1}},
		{"fewer than the width", equal(4, 100), 6, 2, 10, 0, []int{0, 1, 2, 3}},
		{"just enough", equal(3, 100), 6, 2, 10, 0, []int{0, 1, 2}},
		{"most free", []Candidate{drive(0, 100), drive(1, 300), drive(2, 200), drive(3, 400)}, 3, 1, 10, 0, []int{1, 2, 3}},
		{"fewer files of two equally free", []Candidate{holding(drive(0, 100), 5), drive(1, 100), drive(2, 100), drive(3, 100)}, 3, 1, 10, 2, []int{3, 1, 2}},
		{"less than a file makes no difference", []Candidate{drive(0, 109), drive(1, 100), drive(2, 100)}, 2, 1, 10, 1, []int{2, 0}},
		{"a full one is left out", []Candidate{drive(0, 9), drive(1, 10), drive(2, 10), drive(3, 10)}, 4, 1, 10, 0, []int{1, 2, 3}},
		{"too few have room: the freest", []Candidate{drive(0, 5), drive(1, 10), drive(2, 6), drive(3, 7)}, 4, 2, 10, 0, []int{1, 2, 3}},
		{"a suspect one is left out", []Candidate{suspect(drive(0, 900)), drive(1, 100), drive(2, 100)}, 2, 1, 10, 0, []int{1, 2}},
		{"unless the segment would be narrower", []Candidate{suspect(drive(0, 900)), drive(1, 100), drive(2, 100)}, 3, 1, 10, 0, []int{0, 1, 2}},
		{"room goes before trust", []Candidate{suspect(drive(0, 100)), drive(1, 9), drive(2, 100)}, 2, 1, 10, 0, []int{0, 2}},
		{"nothing needed", equal(3, 100), 3, 1, 0, 0, []int{0, 1, 2}},
		{"turns of equal ones", equal(5, 100), 3, 1, 10, 1, []int{3, 4, 0}},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := slices.Clone(test.cands)
			got, err := Choose(test.cands, test.width, test.parity, test.need, test.seq)
			if err != nil || !slices.Equal(slots(got), test.want) {
				t.Errorf("chose %v, %v; want %v", slots(got), err, test.want)
			}
			if !slices.Equal(before, test.cands) {
				t.Error("the candidates were changed")
			}
		})
	}
}

func TestTooFew(t *testing.T) {
	for _, test := range []struct {
		name  string
		cands []Candidate
		space bool
	}{
		{"none", nil, false},
		{"as many as parity", equal(2, 100), false},
		{"full ones do not count", append(equal(2, 100), drive(7, 0), drive(8, 0)), true},
	} {
		_, err := Choose(test.cands, 6, 2, 10, 0)
		if !errors.Is(err, ErrTooFew) || errors.Is(err, ErrNoSpace) != test.space {
			t.Errorf("%s: %v", test.name, err)
		}
	}
	for _, g := range [][2]int{{2, 2}, {3, 0}, {0, -1}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("width %d with parity %d did not panic", g[0], g[1])
				}
			}()
			_, _ = Choose(equal(6, 100), g[0], g[1], 10, 0)
		}()
	}
}

// TestProperties holds random choices against what the package comment says.
func TestProperties(t *testing.T) {
	rng := random(t)
	for range 20000 {
		parity := 1 + rng.IntN(4)
		width := parity + 1 + rng.IntN(10)
		need := uint64(1 + rng.IntN(50))
		cands := make([]Candidate, rng.IntN(20))
		for i := range cands {
			cands[i] = drive(i, uint64(rng.IntN(200)))
			cands[i].InUse, cands[i].Suspect = rng.IntN(3), rng.IntN(4) == 0
		}
		rng.Shuffle(len(cands), func(i, j int) { cands[i], cands[j] = cands[j], cands[i] })
		seq := rng.Uint64()
		ids, err := Choose(cands, width, parity, need, seq)
		room := count(cands, func(c Candidate) bool { return c.FreeBytes >= need })
		some := count(cands, func(c Candidate) bool { return c.FreeBytes > 0 })
		if some < parity+1 {
			if !errors.Is(err, ErrTooFew) {
				t.Fatalf("%+v: chose %v, %v", cands, slots(ids), err)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%+v: %v", cands, err)
		}
		want := min(width, max(room, parity+1))
		taken := map[uuid.UUID]bool{}
		for _, id := range ids {
			taken[id] = true
		}
		if len(ids) != want || len(taken) != want {
			t.Fatalf("%+v: chose %v, want %d different ones", cands, slots(ids), want)
		}
		for _, in := range cands {
			for _, out := range cands {
				if !taken[in.ID] || taken[out.ID] {
					continue
				}
				switch {
				case in.FreeBytes < need && out.FreeBytes >= need:
					t.Fatalf("%+v: chose %v, %d has no room, %d has", cands, slots(ids), in.Slot, out.Slot)
				case room < parity+1 && in.FreeBytes < out.FreeBytes:
					t.Fatalf("%+v: chose %v, %d has less than %d", cands, slots(ids), in.Slot, out.Slot)
				case room >= parity+1 && out.FreeBytes >= need && rank(out, in, need) < 0:
					t.Fatalf("%+v: chose %v, %d is better than %d", cands, slots(ids), out.Slot, in.Slot)
				}
			}
		}
		again := slices.Clone(cands)
		slices.Reverse(again)
		if same, _ := Choose(again, width, parity, need, seq); !slices.Equal(ids, same) {
			t.Fatalf("%+v: %v in one order, %v in another", cands, slots(ids), slots(same))
		}
	}
}

// TestTurns: equal drives are used equally often, at any time, each with every other one if the
// width allows it; and with all of them in use each is the first equally often.
func TestTurns(t *testing.T) {
	for n := 3; n <= 16; n++ {
		for width := 2; width <= n; width++ {
			used, first := make([]int, n), make([]int, n)
			together := make(map[[2]int]bool)
			for seq := range n * n {
				ids, err := Choose(equal(n, 1000), width, 1, 10, uint64(seq))
				if err != nil {
					t.Fatal(err)
				}
				list := slots(ids)
				first[list[0]]++
				for _, a := range list {
					used[a]++
					for _, b := range list {
						together[[2]int{a, b}] = true
					}
				}
				if spread := slices.Max(used) - slices.Min(used); spread > 1 {
					t.Fatalf("%d of %d: used %v after %d", width, n, used, seq+1)
				}
			}
			if slices.Min(used) != slices.Max(used) {
				t.Errorf("%d of %d: used %v", width, n, used)
			}
			if width == n && slices.Min(first) != slices.Max(first) {
				t.Errorf("%d of %d: first %v", width, n, first)
			}
			if n < 2*width && len(together) != n*n {
				t.Errorf("%d of %d: %d of %d pairs", width, n, len(together), n*n)
			}
		}
	}
}

// TestFilling fills drives of mixed sizes, each of which holds at most one file of a
// segment: nearly as many segments fit in as can.
func TestFilling(t *testing.T) {
	cands := []Candidate{drive(0, 4000), drive(1, 4000), drive(2, 2000), drive(3, 2000), drive(4, 1000), drive(5, 1000), drive(6, 1000)}
	const width, need = 4, 10
	segments := 0
	for ; ; segments++ {
		ids, err := Choose(cands, width, width-1, need, uint64(segments))
		if err != nil && !errors.Is(err, ErrNoSpace) {
			t.Fatal(err)
		}
		if err != nil || slices.ContainsFunc(ids, func(id uuid.UUID) bool { return cands[id[15]].FreeBytes < need }) {
			break
		}
		for _, id := range ids {
			cands[id[15]].FreeBytes -= need
			cands[id[15]].InUse++
		}
	}
	// More cannot: of n segments a drive holds at most n files, and 350+350+200+200+3·100 = 4·350.
	if segments != 350 {
		t.Errorf("%d segments fit in, left %+v", segments, cands)
	}
}
