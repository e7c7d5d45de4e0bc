// Package placement decides which drives the files of a new segment go to. It is
// one pure function: it keeps nothing, asks nothing and waits for nothing, so
// that what it decides can be tested and explained. It does not know what drives
// hold, nor which of them are ONLINE: the caller offers those that may be used.
//
// Words. The width of a segment is the number of its files, k+m, each on a drive of its
// own; parity is m. A drive has room if the space that one file may come to need is free on it.
//
// What holds of every choice:
//   - it names between parity+1 and width different drives: as many as have room, up to width;
//     a segment is narrower rather than on a drive that will be full before it is (rules R7, R8);
//   - a suspect drive is taken only if the segment would be narrower without it;
//   - of the others those with the most free space are taken, counted in files that still fit,
//     so that drives of all sizes are full at about the same time and the most segments fit in;
//   - drives that are equal in this take turns, with changing neighbours, so that the
//     pieces of a lost drive are spread over many others;
//   - the order of the files turns from segment to segment, so that first columns are spread.
package placement

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"
)

// ErrTooFew is returned when fewer than parity+1 drives can take a file.
var ErrTooFew = errors.New("too few drives for a segment")

// ErrNoSpace is returned, together with ErrTooFew, when there would be enough
// drives if they were not full.
var ErrNoSpace = errors.New("no space on the drives")

// Candidate is a drive that a file of a segment may be put on.
type Candidate struct {
	ID        uuid.UUID
	Slot      int    // its place in the pool; the order of drives that are equal
	FreeBytes uint64 // free on it, less what is reserved there
	InUse     int    // files of segments that it holds; of two equally free drives the one with fewer is taken
	Suspect   bool   // it has shown errors, or is slow
}

// Choose picks the drives for the files of a new segment, by file index. The
// candidates have different IDs, in any order. needBytes is the size that one file may
// reach. seq is a number that is one higher for each segment, such as the counter of
// its id.
//
// When fewer than parity+1 drives have room, those with the most free space are taken
// all the same, parity+1 of them, if they have any: a full pool must still be able to record that
// something was deleted (rule R19).
//
// Errors: ErrTooFew, and ErrNoSpace with it. A width that leaves no data column panics.
func Choose(cands []Candidate, width, parity int, needBytes, seq uint64) ([]uuid.UUID, error) {
	least := parity + 1
	if parity < 1 || width < least {
		panic(fmt.Sprintf("placement: no segment of width %d with parity %d", width, parity))
	}
	if len(cands) < least {
		return nil, fmt.Errorf("%w: %d of %d", ErrTooFew, len(cands), least)
	}
	list := slices.Clone(cands)
	slices.SortFunc(list, func(a, b Candidate) int { return compare(a, b, needBytes) })

	fits := func(c Candidate) bool { return c.FreeBytes >= needBytes }
	full := count(list, fits) < least
	if full {
		list = slices.DeleteFunc(list, func(c Candidate) bool { return c.FreeBytes == 0 })
		slices.SortStableFunc(list, func(a, b Candidate) int { return cmp.Compare(b.FreeBytes, a.FreeBytes) })
		width = least
	} else {
		list = slices.DeleteFunc(list, func(c Candidate) bool { return !fits(c) })
	}
	if len(list) < least {
		return nil, fmt.Errorf("%w: %w: %d of %d have any left", ErrTooFew, ErrNoSpace, len(list), least)
	}
	if len(list) > width {
		if !full {
			takeTurns(list, width, needBytes, seq)
		}
		list = list[:width]
	}

	slices.SortFunc(list, bySlot)
	ids := make([]uuid.UUID, len(list))
	for i := range list {
		ids[i] = list[(uint64(i)+seq%uint64(len(list)))%uint64(len(list))].ID
	}
	return ids, nil
}

// rank orders drives by how much they are wanted; bySlot orders those of one rank.
func rank(a, b Candidate, needBytes uint64) int {
	if a.Suspect != b.Suspect {
		if a.Suspect {
			return 1
		}
		return -1
	}
	unit := max(needBytes, 1)
	return cmp.Or(cmp.Compare(b.FreeBytes/unit, a.FreeBytes/unit), cmp.Compare(a.InUse, b.InUse))
}

func bySlot(a, b Candidate) int {
	return cmp.Or(cmp.Compare(a.Slot, b.Slot), slices.Compare(a.ID[:], b.ID[:]))
}

func compare(a, b Candidate, needBytes uint64) int {
	return cmp.Or(rank(a, b, needBytes), bySlot(a, b))
}

// takeTurns rotates, in a list in order of rank, the drives of the rank at which the
// choice of width ends, so that all of that rank are taken equally often.
func takeTurns(list []Candidate, width int, needBytes, seq uint64) {
	last := list[width-1]
	from := slices.IndexFunc(list, func(c Candidate) bool { return rank(c, last, needBytes) == 0 })
	equal := list[from:]
	if to := slices.IndexFunc(equal, func(c Candidate) bool { return rank(c, last, needBytes) != 0 }); to >= 0 {
		equal = equal[:to]
	}
	// Each segment goes on where the last one ended. When that has come out even, after a
	// round of segments, the next round starts one further on, or the same drives would
	// always come together.
	n, places := uint64(len(equal)), uint64(width-from)
	round := n / gcd(n, places)
	seq %= round * n
	rotate(equal, int((seq*places+seq/round)%n))
}

func gcd(a, b uint64) uint64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// rotate moves the first by drives to the end.
func rotate(list []Candidate, by int) {
	copy(list, slices.Concat(list[by:], list[:by]))
}

func count(list []Candidate, f func(Candidate) bool) int {
	n := 0
	for _, c := range list {
		if f(c) {
			n++
		}
	}
	return n
}
