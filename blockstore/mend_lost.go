package blockstore

import (
	"context"
	"fmt"
	"slices"

	"github.com/holdfast-storage/holdfast/blockstore/catalog"
	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// settleDoubt tells which of the stripes that cannot be read matter. One that
// nothing live lies in is what a failed upload left: void. The others are
// damage, reported by the names of the objects, and left as they are: they are
// never turned into something else. Journal records that cannot be read are
// stated again by a checkpoint, since the catalog has them.
func (m *mender) settleDoubt(ctx context.Context) error {
	if len(m.report.Doubtful) == 0 {
		return nil
	}
	live, names, err := m.p.owners(ctx, m.seg, m.report.Doubtful)
	if err != nil {
		return err
	}
	epoch := m.p.members.now().label.Epoch
	for _, s := range live {
		m.seg.markLost(s, epoch)
		lacks, known := m.thin[s]
		if !known { // nothing of it was found
			lacks = 1<<m.seg.width() - 1
		}
		m.stuck |= lacks
		f := m.finding(-1, FindingLost, "fewer good columns than are needed to read it are here", false)
		f.Stripe, f.Objects = s, names[s]
		m.find(f)
	}
	m.report.Doubtful = m.report.Doubtful[:0]
	for _, s := range live {
		m.doubt(s, s+1)
	}
	return m.restateRecords(ctx)
}

// forgetVoid drops findings about stripes of a bulk segment that nothing live
// lies in: what a crash left of an upload may lack columns. Mending makes them
// good all the same, since it costs less than to find out.
func (m *mender) forgetVoid(ctx context.Context) error {
	if m.seg.kind != drive.Bulk || len(m.report.Findings) == 0 {
		return nil
	}
	var ranges []StripeRange
	for _, f := range m.report.Findings {
		ranges = append(ranges, StripeRange{f.Stripe, f.Stripe + 1})
	}
	live, _, err := m.p.owners(ctx, m.seg, ranges)
	if err != nil {
		return err
	}
	m.report.Findings = slices.DeleteFunc(m.report.Findings, func(f Finding) bool {
		_, found := slices.BinarySearch(live, f.Stripe)
		return !found
	})
	return nil
}

// restateRecords makes a checkpoint if records are gone that the catalog would be
// rebuilt from.
func (m *mender) restateRecords(ctx context.Context) error {
	m.seg.mu.Lock()
	kind, last := m.seg.kind, m.seg.last
	m.seg.mu.Unlock()
	v := m.p.members.now()
	if kind != drive.Journal || m.o.ReadOnly || v.readOnly != nil || last <= v.label.Checkpoint.LSN {
		return nil
	}
	if err := m.p.checkpoint(); err != nil {
		return fmt.Errorf("restating the records of journal segment %v: %w", m.seg.id, err)
	}
	m.find(m.finding(-1, FindingRecord, "records that cannot be read are stated again in a checkpoint", true))
	return ctx.Err()
}

// markLost notes that a stripe cannot be read. It is tried again when the
// membership has changed.
func (s *segment) markLost(stripe uint32, epoch uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.bad[stripe]
	if b.d = max(b.d, 1); b.files == 0 {
		b.files = 1<<s.width() - 1
	}
	b.lost = epoch
	s.bad[stripe] = b
}

// owners finds what is live in some stripes of a segment: the stripes, and who
// they belong to.
func (p *Pool) owners(ctx context.Context, seg *segment, ranges []StripeRange) (live []uint32, names map[uint32][]string, err error) {
	const namesMost = 1000 // of a stripe
	names = make(map[uint32][]string)
	for o, err := range p.catalog.Owners(ctx) {
		if err != nil {
			return nil, nil, unavailable(err)
		}
		for _, e := range o.Extents {
			if e.Segment != seg.id {
				continue
			}
			for _, s := range stripesOf(e, ranges) {
				if list := names[s]; len(list) < namesMost {
					names[s] = append(list, o.BucketName+"/"+o.Key)
				}
			}
		}
	}
	for s := range names {
		live = append(live, s)
	}
	slices.Sort(live)
	return live, names, nil
}

// stripesOf are the stripes of an extent that lie within ranges.
func stripesOf(e catalog.Extent, ranges []StripeRange) []uint32 {
	per := int64(e.D) * int64(e.Column)
	from := int64(e.Stripe) + e.Start/per
	to := int64(e.Stripe) + (e.Start+e.Length+per-1)/per
	var list []uint32
	for _, r := range ranges {
		for s := max(from, int64(r.From)); s < min(to, int64(r.To)); s++ {
			list = append(list, uint32(s))
		}
	}
	return list
}

// finding begins what is reported about the stripe at hand, or with -1 about no
// column of it.
func (m *mender) finding(stored int, kind, text string, mended bool) Finding {
	f := Finding{Segment: m.seg.id, Stripe: m.stripe.head.Stripe, Column: -1, Kind: kind, Text: text, Mended: mended}
	if stored >= 0 {
		f.Column = drive.ColumnOf(stored, m.stripe.head.D, m.stripe.head.K)
		f.Drive = m.laneOf(stored).id
	}
	return f
}
