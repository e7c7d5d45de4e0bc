package blockstore

import (
	"context"
	"fmt"
	"maps"
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
		m.seg.foundAgain(nil)
		return nil
	}
	live, owned, err := m.p.owners(ctx, m.seg, m.report.Doubtful)
	if err != nil {
		return err
	}
	for _, s := range live {
		thin, known := m.thin[s]
		if !known { // nothing of it was found
			thin = m.seg.allOf(s, owned[s].d)
		}
		m.seg.markLost(s, thin, m.epoch)
		m.stuck |= thin.files
		f := m.finding(-1, FindingLost, "fewer good columns than are needed to read it are here", false)
		f.Stripe, f.Objects = s, owned[s].names
		m.find(f)
	}
	m.seg.foundAgain(live)
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
		if f.Kind != FindingFirstPage {
			ranges = append(ranges, StripeRange{f.Stripe, f.Stripe + 1})
		}
	}
	if len(ranges) == 0 {
		return nil
	}
	live, _, err := m.p.owners(ctx, m.seg, ranges)
	if err != nil {
		return err
	}
	m.report.Findings = slices.DeleteFunc(m.report.Findings, func(f Finding) bool {
		_, found := slices.BinarySearch(live, f.Stripe)
		return !found && f.Kind != FindingFirstPage
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

// markLost notes that a stripe cannot be read, and which files lack its block. It
// is tried again when the membership is not that of this epoch any more.
func (s *segment) markLost(stripe uint32, thin badStripe, epoch uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bad[stripe] = badStripe{d: thin.d, files: thin.files, lost: epoch}
}

// foundAgain notes that of the stripes that could not be read before these still
// cannot. The others can, or nothing live lies in them: they are as any that is
// marked, and end with the files they are marked in.
func (s *segment) foundAgain(lost []uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for no, b := range s.bad {
		if _, still := slices.BinarySearch(lost, no); b.lost != 0 && !still {
			b.lost = 0
			s.bad[no] = b
		}
	}
}

// allOf is a stripe of d data columns none of which is there.
func (s *segment) allOf(stripe uint32, d int) badStripe {
	b := badStripe{d: d}
	for i := range d + s.m {
		b.files |= 1 << s.fileOf(drive.ColumnOf(i, d, s.k), stripe)
	}
	return b
}

// ownedStripe is a stripe that something live lies in.
type ownedStripe struct {
	d     int
	names []string
}

// owners finds what is live in some stripes of a segment: the stripes, and who
// they belong to.
func (p *Pool) owners(ctx context.Context, seg *segment, ranges []StripeRange) (live []uint32, owned map[uint32]ownedStripe, err error) {
	const namesMost = 1000 // of a stripe
	owned = make(map[uint32]ownedStripe)
	for o, err := range p.catalog.Owners(ctx) {
		if err != nil {
			return nil, nil, unavailable(err)
		}
		for _, e := range o.Extents {
			if e.Segment != seg.id || e.D == 0 || e.Column == 0 {
				continue
			}
			for _, s := range stripesOf(e, ranges) {
				if of := owned[s]; len(of.names) < namesMost {
					owned[s] = ownedStripe{e.D, append(of.names, nameOf(&o))}
				}
			}
		}
	}
	return slices.Sorted(maps.Keys(owned)), owned, nil
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
