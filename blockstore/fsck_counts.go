package blockstore

import (
	"context"
	"fmt"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// counts holds what the catalog keeps count of against what it holds: objects and
// bytes in all, and live bytes per segment. Replicas can agree on wrong counts: the
// one that serves computes them for all, so one that was wrong has given its
// errors to the others before it was found. Nothing else changes meanwhile.
func (c *fsck) counts(ctx context.Context) error {
	c.stage("counting")
	var objects, bytes int64
	live := make(map[drive.SegmentID]int64)
	for o, err := range c.p.catalog.Owners(ctx) {
		if err != nil {
			return unavailable(err)
		}
		if o.Upload == 0 {
			objects++
		}
		for _, e := range o.Extents {
			live[e.Segment] += e.Length
			if o.Upload == 0 {
				bytes += e.Length
			}
		}
	}
	wrong := ""
	n, size, err := c.p.catalog.Totals(ctx)
	if err != nil {
		return unavailable(err)
	}
	if n != objects || size != bytes {
		wrong = fmt.Sprintf("it counts %d objects of %d bytes, and holds %d of %d", n, size, objects, bytes)
	}
	for _, s := range c.p.segments.all() {
		n, err := c.p.catalog.Live(ctx, s.id)
		if err != nil {
			return unavailable(err)
		}
		if n != live[s.id] && wrong == "" {
			wrong = fmt.Sprintf("it counts %d live bytes in segment %v, and holds %d", n, s.id, live[s.id])
		}
	}
	if wrong != "" {
		c.find(Finding{Kind: FindingReplica, Column: -1, Text: "the catalog's counts are wrong: " + wrong + "; make it again: holdfast fsck --rebuild-catalog"})
	}
	return nil
}
