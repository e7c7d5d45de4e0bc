package blockstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"

	"github.com/google/uuid"

	"github.com/holdfast-storage/holdfast/blockstore/catalog"
	"github.com/holdfast-storage/holdfast/blockstore/drive"
	"github.com/holdfast-storage/holdfast/blockstore/yield"
)

// CrossReport is what CrossCheck came to.
type CrossReport struct {
	Extents  int64     `json:"extents"` // of objects, and of parts of uploads under way
	Objects  int64     `json:"objects"`
	Findings []Finding `json:"findings"`
}

const (
	findingsMost = 1000   // of one kind that are listed; the rest is counted
	namesMost    = 1000   // of objects in one finding
	namesInAll   = 20_000 // of objects in one report
)

// CrossCheck holds what does not lie in segments against each other: every
// extent of every object and part against the segment table, the stripes that
// could not be read (doubtful) against what owns them, and the replicas of the
// catalog against each other; and the drives' directories against the table, so
// that files which belong to nobody are removed. Where most replicas agree the others are dropped
// and made again. Pace is called after about so many bytes were read; nil: no
// waiting.
//
// Errors: ErrUnavailable without a catalog, ErrClosed; pace's; ctx's.
func (p *Pool) CrossCheck(ctx context.Context, doubtful map[drive.SegmentID][]StripeRange, pace func(ctx context.Context, bytes int) error) (CrossReport, error) {
	leave, err := p.enter()
	if err != nil {
		return CrossReport{}, err
	}
	defer leave()
	c := crossCheck{p: p, doubtful: make(map[drive.SegmentID][]StripeRange), lost: make(map[stripeID]*lostStripe), names: namesInAll}
	for id, ranges := range doubtful {
		c.doubtful[id] = joined(ranges)
	}
	for id, d := range p.members.now().live {
		if err := p.reconcile(ctx, d); err != nil && ctx.Err() == nil {
			p.log.Warn("a drive could not be held against the segment table", "drive", id, "error", err)
		}
	}
	work := p.background(yield.Routine)
	defer work.End()
	pace = pacing(work, pace)
	for o, err := range p.catalog.Owners(ctx) {
		if err == nil {
			err = c.owner(ctx, &o)
		}
		if err != nil {
			return c.report, unavailable(err)
		}
		if err := pace(ctx, 64+len(o.Key)+extentBytes*len(o.Extents)); err != nil {
			return c.report, err
		}
	}
	c.tables()
	c.losses()
	return c.report, c.replicas(ctx, pace, work.Free)
}

// crossCheck is one pass over the catalog.
type crossCheck struct {
	p        *Pool
	doubtful map[drive.SegmentID][]StripeRange
	lost     map[stripeID]*lostStripe
	names    int // that may still be listed
	more     int // lost stripes that are not listed
	wrong    int // extents that are not listed
	report   CrossReport
}

type stripeID struct {
	segment drive.SegmentID
	no      uint32
}

// lostStripe is who a stripe that cannot be read belongs to.
type lostStripe struct {
	names []string
	more  int // that are not named
}

// nameOf names what bytes belong to as people know it.
func nameOf(o *catalog.Owner) string {
	name := o.BucketName + "/" + o.Key
	if o.Upload != 0 { // it is no object yet
		name += fmt.Sprintf(" (part %d of upload %s)", o.Part, uploadID(o.Upload))
	}
	return name
}

// owner checks the extents of one object or part.
func (c *crossCheck) owner(ctx context.Context, o *catalog.Owner) error {
	if o.Upload == 0 {
		c.report.Objects++
	}
	for i := range o.Extents {
		e := &o.Extents[i]
		c.report.Extents++
		if c.refuses(e) != "" {
			// It may have moved, and its segment be gone, since it was read.
			now, err := c.p.stillOwns(ctx, o, e)
			if err != nil {
				return err
			}
			if why := c.refuses(e); now && why != "" {
				c.table(o, e, why)
			}
			continue // of what is not there no stripe can be read
		}
		for no := range touched(e, c.doubtful[e.Segment]) {
			c.lose(stripeID{e.Segment, no}, o)
		}
	}
	return nil
}

// refuses says why an extent cannot be, by the segment table; empty: it can.
func (c *crossCheck) refuses(e *catalog.Extent) string {
	seg := c.p.segments.get(e.Segment)
	if seg == nil {
		return "its segment is not in the table"
	}
	return seg.refuses(e)
}

// refuses says why an extent cannot lie in the segment; empty: it can.
func (s *segment) refuses(e *catalog.Extent) string {
	s.mu.Lock()
	end := s.end
	s.mu.Unlock()
	per := int64(e.D) * int64(e.Column)
	if e.D > s.k || per == 0 {
		return fmt.Sprintf("it has %d data columns of %d bytes, and its segment has at most %d", e.D, e.Column, s.k)
	}
	// A seal counts stripes without those that a failed upload left between
	// others, so it bounds no stripe's number; the files' end does.
	last := (e.Start + e.Length - 1) / per // of its stripes, from its first
	if last >= end/drive.PageBytes {
		return fmt.Sprintf("it goes over %d stripes, which the %d bytes of its segment's files cannot hold", last+1, end)
	}
	size := (last + 1) * drive.BlockBytes(s.kind, e.D, s.m, e.Column)
	if e.Offset < drive.FirstBlock+int64(e.Stripe)*drive.PageBytes || e.Offset > end-size {
		return fmt.Sprintf("its %d bytes at offset %d are not within the %d of its segment's files", size, e.Offset, end)
	}
	return ""
}

// stillOwns says whether what was an owner of an extent is so still.
func (p *Pool) stillOwns(ctx context.Context, o *catalog.Owner, e *catalog.Extent) (bool, error) {
	var extents []catalog.Extent
	var err error
	if o.Upload != 0 {
		var part catalog.Part
		part, err = p.catalog.Part(ctx, o.Upload, o.Part)
		extents = part.Extents
	} else {
		var obj catalog.Object
		obj, err = p.catalog.Object(ctx, o.Bucket, o.Key)
		extents = obj.Extents
	}
	if errors.Is(err, catalog.ErrNotFound) {
		return false, nil
	}
	return slices.Contains(extents, *e), err
}

// table notes an extent that cannot be.
func (c *crossCheck) table(o *catalog.Owner, e *catalog.Extent, why string) {
	if len(c.report.Findings) == findingsMost {
		c.wrong++
		return
	}
	c.report.Findings = append(c.report.Findings, Finding{
		Kind: FindingTable, Segment: e.Segment, Stripe: e.Stripe, Column: -1, Objects: []string{nameOf(o)},
		Text: fmt.Sprintf("%d bytes of it cannot be where the catalog says: %s", e.Length, why),
	})
}

func (c *crossCheck) tables() {
	if c.wrong > 0 {
		c.report.Findings = append(c.report.Findings, Finding{
			Kind: FindingTable, Column: -1, Text: fmt.Sprintf("and %d more extents cannot be where the catalog says", c.wrong),
		})
	}
}

// lose notes that a stripe which cannot be read is somebody's.
func (c *crossCheck) lose(id stripeID, o *catalog.Owner) {
	l := c.lost[id]
	switch {
	case l == nil && len(c.lost) == findingsMost:
		c.more++
		return
	case l == nil:
		l = &lostStripe{}
		c.lost[id] = l
	}
	name := nameOf(o)
	switch {
	case slices.Contains(l.names[max(0, len(l.names)-1):], name): // two extents, or two parts
	case len(l.names) == namesMost || c.names == 0:
		l.more++
	default:
		l.names = append(l.names, name)
		c.names--
	}
}

func (c *crossCheck) losses() {
	var ids []stripeID
	for id := range c.lost {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b stripeID) int {
		return cmp.Or(cmp.Compare(a.segment, b.segment), cmp.Compare(a.no, b.no))
	})
	for _, id := range ids {
		l := c.lost[id]
		f := Finding{Kind: FindingLost, Segment: id.segment, Stripe: id.no, Column: -1, Objects: l.names,
			Text: "fewer good columns than are needed to read it are here"}
		if l.more > 0 {
			f.Text += fmt.Sprintf("; it holds %d more objects than are named", l.more)
		}
		c.report.Findings = append(c.report.Findings, f)
	}
	if c.more > 0 {
		c.report.Findings = append(c.report.Findings, Finding{Kind: FindingLost, Column: -1,
			Text: fmt.Sprintf("and objects lie in further stripes that cannot be read, in %d places", c.more)})
	}
}

// joined sorts ranges of stripes, so that none overlap.
func joined(ranges []StripeRange) (list []StripeRange) {
	sorted := slices.SortedFunc(slices.Values(ranges), func(a, b StripeRange) int { return cmp.Compare(a.From, b.From) })
	for _, r := range sorted {
		switch n := len(list); {
		case r.From >= r.To:
		case n > 0 && r.From <= list[n-1].To:
			list[n-1].To = max(list[n-1].To, r.To)
		default:
			list = append(list, r)
		}
	}
	return list
}

// touched yields the stripes of an extent that lie within the joined ranges.
func touched(e *catalog.Extent, ranges []StripeRange) func(yield func(uint32) bool) {
	per := int64(e.D) * int64(e.Column)
	from, to := int64(e.Stripe)+e.Start/per, int64(e.Stripe)+(e.Start+e.Length-1)/per+1
	return func(yield func(uint32) bool) {
		for i := sort.Search(len(ranges), func(i int) bool { return int64(ranges[i].To) > from }); i < len(ranges); i++ {
			for no := max(from, int64(ranges[i].From)); no < min(to, int64(ranges[i].To)); no++ {
				if !yield(uint32(no)) {
					return
				}
			}
			if int64(ranges[i].To) >= to {
				return
			}
		}
	}
}

// replicas compares the replicas of the catalog. What most of them say is
// right, for all came to it by the same batches. They are read side by side while beside
// says that nothing is held back (R18).
func (c *crossCheck) replicas(ctx context.Context, pace func(context.Context, int) error, beside func() bool) error {
	list, err := c.p.catalog.CompareReplicas(ctx, pace, beside)
	if err != nil {
		if errors.Is(err, catalog.ErrUnavailable) {
			return unavailable(err)
		}
		return err
	}
	same := make(map[uint64]int)
	compared, most := 0, uint64(0)
	for _, r := range list {
		switch {
		case r.Err == nil:
			compared++
			if same[r.Digest]++; same[r.Digest] > same[most] {
				most = r.Digest
			}
		case errors.Is(r.Err, catalog.ErrLaggard), errors.Is(r.Err, catalog.ErrLeft):
			// Its drive is slow, or has just left: that is known by other ways.
		default:
			c.replica(r, fmt.Sprintf("a replica of the catalog cannot be read: %v", r.Err))
		}
	}
	if len(same) <= 1 {
		return nil
	}
	if 2*same[most] <= compared {
		c.report.Findings = append(c.report.Findings, Finding{Kind: FindingReplica, Column: -1, Text: fmt.Sprintf(
			"the %d replicas of the catalog differ, and no majority says which is right; stop the pool and make the catalog again: holdfast fsck --rebuild-catalog", compared)})
		return nil
	}
	for _, r := range list {
		if r.Err == nil && r.Digest != most {
			text := fmt.Sprintf("a replica of the catalog differs from the %d others", same[most])
			c.p.catalog.Drop(r.Name, errors.New("it differs from the others"), func() { c.p.discardReplica(r.Name) })
			c.replica(r, text)
		}
	}
	return nil
}

// replica notes that a replica was dropped. The pool makes another, unless it
// takes no changes.
func (c *crossCheck) replica(r catalog.ReplicaDigest, text string) {
	f := Finding{Kind: FindingReplica, Column: -1, Text: text, Mended: c.p.readOnly() == nil}
	f.Drive, _ = uuid.Parse(r.Name) // one in memory is on no drive
	if f.Mended {
		f.Text += "; it is made again from them"
	} else {
		f.Text += "; it is not asked any more"
	}
	c.report.Findings = append(c.report.Findings, f)
}
