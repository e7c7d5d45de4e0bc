package blockstore

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/uuid"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// Recovery's decision, by hand (R9): segments of 2+2 over four drives, batches
// of one stripe with d=1, so stored columns 0 (data), 1 and 2 (parity).

// foundLog is what the drives hold of one journal segment.
type foundLog struct {
	id, prev drive.SegmentID
	base     uint64
	copies   bool        // alone
	mute     []int       // drives whose file could not be read
	batches  []foundBits // from base on
}

// foundBits is one batch: its identity and the stored columns that are good.
type foundBits struct {
	uid  uint64
	good uint64
}

const allGood = 0b111

func (l foundLog) segment(drives []uuid.UUID) *foundSegment {
	s := &foundSegment{
		head: drive.FileHeader{Kind: drive.Journal, K: 2, M: 2, Segment: l.id, Drives: drives},
		base: l.base, prev: l.prev, own: !l.copies,
		stripes: make(map[uint32][]*foundStripe), batches: make(map[uint64][]*foundBatch), mute: make(map[uuid.UUID]bool),
	}
	for i, id := range drives {
		s.files = append(s.files, &foundFile{drive: id, index: i, made: drives})
	}
	for _, i := range l.mute {
		s.mute[drives[i]] = true
	}
	for i, f := range l.batches {
		no, lsn := uint32(i), l.base+uint64(i)
		if f.uid == 0 {
			continue // nothing is known of it
		}
		st := &foundStripe{at: stripeAt{no: no, offset: int64(i+1) * drive.PageBytes, d: 1, length: 100}, good: f.good}
		s.stripes[no] = []*foundStripe{st}
		s.batches[lsn] = []*foundBatch{{lsn: lsn, uid: f.uid, first: no, parts: []*foundStripe{st}}}
		s.next = no + 1
	}
	return s
}

func TestEndOfTheLog(t *testing.T) {
	first, second := drive.NewSegmentID(5, 1), drive.NewSegmentID(6, 1)
	good := func(uids ...uint64) (list []foundBits) {
		for _, uid := range uids {
			list = append(list, foundBits{uid, allGood})
		}
		return list
	}
	for name, c := range map[string]struct {
		log     []foundLog
		from    uint64 // what a catalog has
		stable  uint64 // LSN; its uid is uid, or 10+LSN
		uid     uint64
		absent  []int    // drives that are not here
		epochs  []uint32 // of the labels; 0: as new as can be
		keeps   []uint64 // uids
		err     error
		noPrior bool
	}{
		"whole": {
			log: []foundLog{{id: first, base: 1, batches: good(11, 12, 13)}}, stable: 2, keeps: []uint64{11, 12, 13},
		},
		"over two segments": {
			log:    []foundLog{{id: second, prev: first, base: 3, batches: good(13)}, {id: first, base: 1, batches: good(11, 12)}},
			stable: 2, keeps: []uint64{11, 12, 13},
		},
		"what a later segment takes over is void": {
			log:    []foundLog{{id: second, prev: first, base: 3, batches: good(13)}, {id: first, base: 1, batches: good(11, 12, 93, 94)}},
			stable: 2, keeps: []uint64{11, 12, 13},
		},
		"a batch that was acknowledged is rotten": {
			log: []foundLog{{id: first, base: 1, batches: []foundBits{{11, allGood}, {12, 0}, {13, allGood}}}}, stable: 3, err: ErrDamaged,
		},
		"the last one acknowledged is rotten": {
			log: []foundLog{{id: first, base: 1, batches: []foundBits{{11, allGood}, {12, 0}, {13, allGood}}}}, stable: 2, err: ErrDamaged,
		},
		"the one behind it is rotten": {
			log: []foundLog{{id: first, base: 1, batches: []foundBits{{11, allGood}, {12, allGood}, {13, 0}, {14, allGood}}}}, stable: 2, keeps: []uint64{11, 12},
		},
		"only a drive that is away could hold it": { // file 3 of stripe 2 holds column 1, which no stripe stores
			log: []foundLog{{id: first, base: 1, batches: good(11, 12)}}, stable: 1, absent: []int{0, 1, 2}, err: ErrUnavailable,
		},
		"a drive that is here lacks it": {
			log: []foundLog{{id: first, base: 1, batches: good(11, 12)}}, stable: 1, absent: []int{0, 1}, keeps: []uint64{11, 12},
		},
		"it lacks it, and was left out by then": {
			log: []foundLog{{id: first, base: 1, batches: good(11, 12)}}, stable: 1, absent: []int{0, 1}, epochs: []uint32{9, 9, 4, 9}, err: ErrUnavailable,
		},
		"it cannot be read": {
			log: []foundLog{{id: first, base: 1, batches: good(11, 12), mute: []int{2}}}, stable: 1, absent: []int{0, 1}, err: ErrUnavailable,
		},
		"copies alone do not count": {
			log:    []foundLog{{id: second, prev: first, base: 2, copies: true, batches: good(12)}, {id: first, base: 1, batches: good(11, 12, 13)}},
			stable: 1, keeps: []uint64{11, 12, 13},
		},
		"the newest segment cannot be read": {
			log:    []foundLog{{id: second, prev: first, base: 3, copies: true, mute: []int{0, 1, 2, 3}}, {id: first, base: 1, batches: good(11, 12)}},
			stable: 1, err: ErrUnavailable,
		},
		"nobody knows where the next one would lie": {
			log:  []foundLog{{id: first, base: 1, batches: []foundBits{{11, allGood}, {}}}},
			from: 2, stable: 2, err: ErrUnavailable,
		},
		"another branch of the log": {
			log: []foundLog{{id: first, base: 1, batches: good(11, 92, 93)}}, stable: 2, uid: 12, err: ErrDamaged,
		},
		"the segment before is missing": {
			log: []foundLog{{id: second, prev: first, base: 3, batches: good(13)}}, stable: 2, err: ErrDamaged,
		},
		"no segment is left": {stable: 2, err: ErrDamaged},
		"a new pool":         {noPrior: true},
	} {
		t.Run(name, func(t *testing.T) {
			ev := &evidence{
				p:      &Pool{log: testLogger()},
				drives: make(map[uuid.UUID]*drive.Drive), epochs: make(map[uuid.UUID]uint32),
				read: make(map[drive.SegmentID]*foundSegment), bulk: make(map[drive.SegmentID]drive.FileHeader),
				stableLSN: c.stable, stableUID: c.uid,
			}
			if c.uid == 0 {
				ev.stableUID = 10 + c.stable
			}
			if c.noPrior {
				ev.stableUID = 0
			}
			drives := make([]uuid.UUID, 4)
			for i := range drives {
				drives[i] = uuid.UUID{byte(i + 1)}
				if !slices.Contains(c.absent, i) {
					ev.drives[drives[i]], ev.epochs[drives[i]] = new(drive.Drive), 99
					if c.epochs != nil {
						ev.epochs[drives[i]] = c.epochs[i]
					}
				}
			}
			ev.read[first] = nil // not there, unless it is below
			for _, l := range c.log {
				ev.ids = append(ev.ids, l.id)
				ev.read[l.id] = l.segment(drives)
			}
			end, err := ev.decide(t.Context(), c.from, !c.noPrior)
			if !errors.Is(err, c.err) || (err == nil) != (c.err == nil) {
				t.Fatalf("decided %v, want %v", err, c.err)
			}
			if err != nil {
				return
			}
			var kept []uint64
			for _, k := range end.kept {
				kept = append(kept, k.uid)
			}
			if !slices.Equal(kept, c.keeps) {
				t.Errorf("keeps %v, want %v", kept, c.keeps)
			}
		})
	}
}

func TestQuorum(t *testing.T) {
	for _, c := range []struct{ n, m, want int }{{2, 1, 2}, {3, 1, 2}, {4, 2, 3}, {6, 2, 4}, {12, 3, 9}, {5, 4, 5}} {
		if got := quorum(c.n, c.m); got != c.want {
			t.Errorf("%d drives, parity %d: %d, want %d", c.n, c.m, got, c.want)
		}
	}
	group := func(from, n byte) (list []drive.Member) {
		for i := range n {
			list = append(list, drive.Member{ID: uuid.UUID{from + i}})
		}
		return list
	}
	// To replace members takes a quorum of those before and those after (R8).
	first := func(n byte) func(uuid.UUID) bool { return func(id uuid.UUID) bool { return id[0] < n } }
	if enough(first(4), 2, group(0, 6), group(3, 6)) {
		t.Error("a quorum of one group is enough")
	}
	if !enough(first(7), 2, group(0, 6), group(3, 6)) {
		t.Error("a quorum of both groups is not enough")
	}
}

// TestNewestLabel: of one epoch, the label with the highest checkpoint counts (R8).
func TestNewestLabel(t *testing.T) {
	label := func(epoch uint32, checkpoint uint64) drive.Label {
		return drive.Label{Membership: drive.Membership{Epoch: epoch, Checkpoint: drive.Checkpoint{LSN: checkpoint}}}
	}
	for i, labels := range []map[string]drive.Label{
		{"a": label(3, 9), "b": label(3, 7)},
		{"a": label(3, 7), "b": label(3, 9)},
		{"a": label(2, 99), "b": label(3, 9)},
		{"a": label(3, 9), "b": label(2, 99)},
	} {
		top, err := newest(labels)
		if err != nil || top.Epoch != 3 || top.Checkpoint.LSN != 9 {
			t.Errorf("%d: %+v, %v", i, top, err)
		}
	}
}
