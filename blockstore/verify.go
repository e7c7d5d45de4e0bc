package blockstore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/holdfast-storage/holdfast/blockstore/catalog"
	"github.com/holdfast-storage/holdfast/blockstore/drive"
	"github.com/holdfast-storage/holdfast/blockstore/yield"
)

// Verification answers whether every stored column of some objects is on its
// drive and good. It is the reader's view of what a scrub does by segments: it
// goes by objects, changes nothing, and leaves what it finds to be mended
// (segment.markBad). It yields to clients as a scrub does (R18). Each stripe is read
// once, however many objects lie in it; of each object the bytes are held against its own
// checksum besides (R3).

// VerifyProgress tells how far a verification is. Columns are those that should
// be there; Bad and Missing are among them.
type VerifyProgress struct {
	Objects    int64 `json:"objects"`
	Bytes      int64 `json:"bytes"`       // of the objects
	TotalBytes int64 `json:"total_bytes"` // of all objects, when it began
	Columns    int64 `json:"columns"`
	Bad        int64 `json:"bad"`     // not what was written, or the drive cannot read it
	Missing    int64 `json:"missing"` // not there, or on a drive that is away or does not answer
}

// VerifyReport is what a verification came to.
type VerifyReport struct {
	VerifyProgress
	Findings []Finding `json:"findings"` // at most about 1000; then one says how many more there are
}

// Whole is the answer: every column is there and good, and so is every object.
func (r *VerifyReport) Whole() bool { return r.Bad == 0 && r.Missing == 0 && len(r.Findings) == 0 }

// Verify reads every stored column of every stripe of a bucket's objects below
// prefix from the drives, past the page cache (R17), and verifies it: header,
// place, all pieces, the tables against each other, and parity against data
// where all columns are there. Objects are held against their checksums, those
// of several parts against the parts'. Progress is told now and then; it may be
// nil. Objects that change meanwhile count as they were or as they are.
//
// What is wrong is in the report, and no error; so are drives that are away.
// Errors: ErrNoSuchBucket, ErrUnavailable without a catalog, ErrClosed, ctx's.
func (p *Pool) Verify(ctx context.Context, bucket, prefix string, progress func(VerifyProgress)) (VerifyReport, error) {
	v := verification{
		p: p, bucket: bucket, progress: progress,
		seen: make(map[drive.SegmentID][]uint64), uncached: make(map[fileOn]bool),
		lost: make(map[stripeID]int), away: make(map[uuid.UUID]int64),
		labour: labour{work: p.background(yield.Routine)},
	}
	defer v.work.End()
	v.begun()
	if v.progress == nil {
		v.progress = func(VerifyProgress) {}
	}
	v.report.Findings = []Finding{}
	err := v.list(ctx, prefix, func(o ObjectInfo) error {
		v.report.TotalBytes += o.Size
		return nil
	})
	if err == nil {
		err = v.list(ctx, prefix, func(o ObjectInfo) error { return v.object(ctx, o.Key) })
	}
	v.sumUp()
	return v.report, err
}

// verification is one call of Verify.
type verification struct {
	p        *Pool
	bucket   string
	progress func(VerifyProgress)
	report   VerifyReport
	more     int64 // findings that are not listed

	seen map[drive.SegmentID][]uint64 // stripes that were read, a bit each
	lost map[stripeID]int             // index of the finding of one that cannot be read
	away map[uuid.UUID]int64          // columns on drives that are

	mu       sync.Mutex
	uncached map[fileOn]bool // files whose pages were dropped

	labour // begun anew after each rest
}

// rest gives way to clients for what was computed since it was called last (R18).
func (v *verification) rest(ctx context.Context) error {
	err := v.computed(ctx)
	v.begun()
	return err
}

// list calls f on the objects below prefix.
func (v *verification) list(ctx context.Context, prefix string, f func(ObjectInfo) error) error {
	o := ListOptions{Prefix: prefix, Max: catalog.MaxPage}
	for {
		page, err := v.p.List(ctx, v.bucket, o)
		if err != nil {
			return err
		}
		for _, info := range page.Objects {
			if err := f(info); err != nil {
				return err
			}
		}
		if err := v.rest(ctx); err != nil {
			return err
		}
		if !page.Truncated {
			return nil
		}
		o.After = page.Next
	}
}

// object verifies one object.
func (v *verification) object(ctx context.Context, key string) error {
	o, err := v.p.Get(ctx, v.bucket, key) // its segments are pinned until Close
	var damage *DamageError
	switch {
	case errors.Is(err, ErrNoSuchKey), errors.Is(err, ErrNoSuchBucket):
		return nil // deleted just now
	case errors.As(err, &damage):
		v.find(Finding{Kind: FindingTable, Segment: damage.Segment, Stripe: damage.Stripe, Column: -1, Text: damage.Error()}, key)
		v.report.Objects++
		return nil
	case errors.Is(err, errUnsettled):
		v.find(Finding{Kind: FindingUnreadable, Column: -1, Text: err.Error()}, key)
		v.report.Objects++
		return nil
	case err != nil:
		return err
	}
	defer o.Close()
	for i := range o.object.Extents {
		e := &o.object.Extents[i]
		if why := o.segs[i].refuses(e); why != "" {
			v.find(Finding{Kind: FindingTable, Segment: e.Segment, Stripe: e.Stripe, Column: -1, Text: why}, key)
			v.report.Objects++
			return nil
		}
	}
	sums := newObjectSums(&o.object, 0, o.info.Size)
	o.parts(0, o.info.Size, func(part stripePart) bool {
		if err = v.part(ctx, key, part, sums); err != nil {
			return false
		}
		v.report.Bytes += part.n
		v.progress(v.report.VerifyProgress)
		err = v.rest(ctx)
		return err == nil
	})
	if err != nil {
		return err
	}
	for _, what := range sums.wrong() {
		v.find(Finding{Kind: FindingChecksum, Column: -1, Text: what + " does not match its own checksum, though every block does"}, key)
	}
	v.report.Objects++
	v.progress(v.report.VerifyProgress)
	return nil
}

// part verifies the stripe of a range of an object, if that was not done before,
// and adds the range to the object's sums.
func (v *verification) part(ctx context.Context, key string, part stripePart, sums *objectSums) error {
	leave, err := v.p.enter()
	if err != nil {
		return err // it is closing, and there may be much to do yet
	}
	leave()
	if v.first(part.at) {
		done, err := v.stripe(ctx, key, part, sums)
		if done || err != nil {
			return err
		}
	}
	return v.again(ctx, key, part, sums)
}

// again reads the range of a stripe that was verified before, or is to be computed from
// what is good, and adds it to the object's sums: a column at a time while it yields.
func (v *verification) again(ctx context.Context, key string, part stripePart, sums *objectSums) error {
	at, length := part.at, int64(part.at.length)
	for from, end := part.from, part.from+part.n; from < end && !sums.broken; {
		began := time.Now()
		turn, err := v.turn(ctx, at, int(from/length))
		if err != nil {
			return err
		}
		n := end - from
		if !turn.Free {
			n = min(n, length-from%length)
		}
		rd, err := v.p.readStripe(ctx, at, from, n)
		turn.End()
		v.waited(began)
		var damage *DamageError
		if errors.As(err, &damage) {
			sums.broken = true
			v.lose(key, at, damage)
			return nil
		}
		if err != nil {
			return err
		}
		for _, b := range rd.spans {
			sums.write(b)
		}
		rd.release()
		from += n
	}
	return nil
}

// turn waits until the drive of a column may be read from (R18).
func (v *verification) turn(ctx context.Context, at stripeAt, col int) (*yield.Turn, error) {
	return v.work.Turn(ctx, v.p.diskOf(at.seg.driveOf(col, at.no)))
}

// first says whether the stripe is met for the first time.
func (v *verification) first(at stripeAt) bool {
	bits := v.seen[at.seg.id]
	for int(at.no/64) >= len(bits) {
		bits = append(bits, 0)
	}
	v.seen[at.seg.id] = bits
	word, bit := &bits[at.no/64], uint64(1)<<(at.no%64)
	if *word&bit != 0 {
		return false
	}
	*word |= bit
	return true
}

// lose notes that a stripe cannot be read, once, by the names of what lies in it.
func (v *verification) lose(key string, at stripeAt, why error) {
	i, ok := v.lost[stripeID{at.seg.id, at.no}]
	if !ok {
		v.lost[stripeID{at.seg.id, at.no}] = len(v.report.Findings)
		v.find(Finding{Kind: FindingLost, Segment: at.seg.id, Stripe: at.no, Column: -1, Text: why.Error()}, key)
		return
	}
	if i < len(v.report.Findings) && len(v.report.Findings[i].Objects) < namesMost {
		f := &v.report.Findings[i]
		f.Objects = append(f.Objects, v.bucket+"/"+key)
	}
}

// find adds a finding that an object led to.
func (v *verification) find(f Finding, key string) {
	if len(v.report.Findings) >= findingsMost {
		v.more++
		return
	}
	f.Objects = []string{v.bucket + "/" + key}
	v.report.Findings = append(v.report.Findings, f)
}

// sumUp says what was counted only.
func (v *verification) sumUp() {
	m := v.p.members.now()
	for id, n := range v.away {
		f := Finding{Kind: FindingMissing, Column: -1, Drive: id, Text: fmt.Sprintf("drive %v is not in use; %d columns on it were not verified", id, n)}
		if why := m.why[id]; why != nil {
			f.Text += fmt.Sprintf(" (%v)", why)
		}
		v.report.Findings = append(v.report.Findings, f)
	}
	if v.more > 0 {
		v.report.Findings = append(v.report.Findings, Finding{Kind: FindingChecksum, Column: -1, Text: fmt.Sprintf("and %d more findings, which are not listed", v.more)})
	}
	if v.report.Bad+v.report.Missing > 0 {
		v.p.workGrew()
	}
	v.progress(v.report.VerifyProgress)
}
