package blockstore

import (
	"context"
	"errors"
	"slices"

	"github.com/google/uuid"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// A pool that is opened with Options.ReadOnly is only looked at: as one with too
// few drives to write it serves what is settled, and not one byte changes on any
// drive. The drives themselves refuse writes (drive.Options.ReadOnly), and
// replicas of the catalog take what they lack in memory.

// errLooking is why such a pool takes no changes.
var errLooking = errors.New("it was opened to be looked at only")

// startLooking is start for a pool that is only looked at. It takes no more
// drives than reading does.
func (p *Pool) startLooking(ctx context.Context, f *found) error {
	top := f.top.Membership
	votes := func(id uuid.UUID) bool {
		i := slices.IndexFunc(top.Members, func(m drive.Member) bool { return m.ID == id })
		return f.drives[id] != nil && (i < 0 || top.Members[i].State != drive.Faulted)
	}
	if !enough(votes, top.Parity, top.Members, top.Old) {
		err := p.tooFew(f, votes)
		var few *tooFewError
		if !errors.As(err, &few) || !few.readable {
			return err
		}
	}
	if err := p.openReadOnly(ctx, f, errLooking); err != nil {
		return err
	}
	p.wg.Go(p.watch)
	p.wg.Go(p.keepEvents)
	return nil
}
