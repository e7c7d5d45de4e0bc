package blockstore

import (
	"context"
	"slices"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// findingNamesMost is how many objects a finding names that are not lost.
const findingNamesMost = 20

// nameFindings adds to the findings of blocks the objects that lie there, in one
// pass over the catalog.
func (p *Pool) nameFindings(ctx context.Context, findings []Finding) error {
	type place struct {
		segment drive.SegmentID
		stripe  uint32
	}
	at := make(map[place][]int)              // findings
	whole := make(map[drive.SegmentID][]int) // those of whole files
	ranges := make(map[drive.SegmentID][]StripeRange)
	for i, f := range findings {
		switch f.Kind {
		case FindingChecksum, FindingMissing, FindingMisplaced, FindingUnreadable, FindingParity:
		default:
			continue
		}
		key := place{f.Segment, f.Stripe}
		switch {
		case len(f.Objects) > 0:
		case f.Column < 0 && f.Kind == FindingMissing:
			whole[f.Segment] = append(whole[f.Segment], i)
		default:
			at[key] = append(at[key], i)
			ranges[f.Segment] = append(ranges[f.Segment], StripeRange{f.Stripe, f.Stripe + 1})
		}
	}
	if len(at)+len(whole) == 0 {
		return nil
	}
	for id, list := range ranges {
		ranges[id] = joined(list)
	}
	for o, err := range p.catalog.Owners(ctx) {
		if err != nil {
			return unavailable(err)
		}
		add := func(i int) {
			f, name := &findings[i], nameOf(&o)
			if len(f.Objects) < findingNamesMost && !slices.Contains(f.Objects, name) {
				f.Objects = append(f.Objects, name)
			}
		}
		for _, e := range o.Extents {
			if e.D == 0 || e.Column == 0 {
				continue
			}
			for _, i := range whole[e.Segment] {
				add(i)
			}
			for no := range touched(&e, ranges[e.Segment]) {
				for _, i := range at[place{e.Segment, no}] {
					add(i)
				}
			}
		}
	}
	return nil
}
