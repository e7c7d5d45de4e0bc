package blockstore

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/google/uuid"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// A change of who votes goes in two epochs (R8). The label of the first has the
// new members and the old ones, and counts once it is durable on a quorum of
// both; that of the second has the new members alone.
//
// Invariant: at any time, every set of drives that can open the pool meets every
// other one. While the first label is on its way, some drives name the old
// members alone and need a quorum of those; the others name both and need both,
// so any two such sets meet in a quorum of the old. The second label is written
// only when the first is durable on a quorum of both; so whoever opens by the
// old members alone lacks a quorum of them, and from then on any two sets meet
// in a quorum of the new.
//
// Crash argument: a crash leaves the first label nowhere (the change did not
// happen), on some drives (the next opening needs a quorum of both, which is
// there if all drives are, and finishes the change; or it does not see the label,
// uses a number above the one that was reserved, and the change is void), or the
// second on some (the next opening sees it, or finishes the first). A drive that
// is to join has, until the first label, one that names it nowhere, and one that
// left gets such a label at the end (retired): neither opens anything.
//
// That last label is written after the second epoch counts, so it is never newer
// than what a quorum has; when the drive is not there for it, its own last label
// names members of whom a quorum has gone on without it.

// reform makes next, made of v, of which Members and Width were changed, the membership:
// with joint labels if it changes who votes. Joined are the drives that become
// members, open and labelled. The caller holds ms.change, and closes the drives
// that it returns: those that are members no more.
//
// It returns ErrUnsafe, with nothing changed, when too few drives are here for
// it; ErrReadOnly when a label did not reach a quorum after all.
func (ms *members) reform(ctx context.Context, v *membership, next drive.Membership, joined map[uuid.UUID]*drive.Drive) (gone map[uuid.UUID]*drive.Drive, err error) {
	if ms.closed.Load() {
		return nil, ErrClosed
	}
	if v.readOnly != nil {
		return nil, v.readOnly
	}
	drives, why, targets := maps.Clone(v.drives), maps.Clone(v.why), v.here()
	for id, d := range joined {
		drives[id], targets[id] = d, d
		delete(why, id)
	}
	next.Old = nil
	if !sameVoters(v.label.Members, next.Members) {
		next.Old = slices.Clone(v.label.Members)
	}
	could := func(id uuid.UUID) bool { return targets[id] != nil }
	if !enough(could, next.Parity, next.Members, next.Old) {
		return nil, fmt.Errorf("%w: too few of the pool's drives are in use to change its members; bring drives back first", ErrUnsafe)
	}
	for i, m := range next.Members {
		if _, was := v.member(m.ID); joined[m.ID] != nil && !was {
			next.Members[i].Joined = ms.top + 1 // as advance will number it
		}
	}
	if err := ms.advance(next, drives, targets, why); err != nil {
		return nil, err
	}
	member := func(id uuid.UUID) bool { _, ok := ms.now().member(id); return ok }
	gone = make(map[uuid.UUID]*drive.Drive)
	stay := maps.Clone(drives)
	for id, d := range drives {
		if !member(id) {
			gone[id] = d
			delete(stay, id)
		}
	}
	if len(next.Old) > 0 {
		if err := ms.finish(stay); err != nil {
			return gone, err
		}
	} else if len(gone) > 0 {
		now := *ms.now()
		now.drives = stay
		ms.show(&now)
	}
	ms.retire(gone)
	// Who did not take a label on the way is out.
	bad, after := make(map[uuid.UUID]error), ms.now()
	for id := range targets {
		if member(id) && !after.isHere(id) && !blameless(after.why[id]) {
			bad[id] = after.why[id]
		}
	}
	if len(bad) == 0 {
		return gone, nil
	}
	return gone, ms.excludeLocked(ctx, bad, nil)
}

// finish ends a joint change whose label is durable on a quorum of both: the
// old members are left out of the label. Drives are those of the members.
func (ms *members) finish(drives map[uuid.UUID]*drive.Drive) error {
	v := ms.now()
	next := v.label.Clone()
	next.Old = nil
	targets := v.here()
	maps.DeleteFunc(targets, func(id uuid.UUID, _ *drive.Drive) bool { return drives[id] == nil })
	return ms.advance(next, drives, targets, v.why)
}

// retire gives drives that are members no more their last label, as far as they
// take it: one by which they can open nothing, alone or with others like them.
func (ms *members) retire(gone map[uuid.UUID]*drive.Drive) {
	label := ms.now().label
	targets := maps.Clone(gone)
	maps.DeleteFunc(targets, func(_ uuid.UUID, d *drive.Drive) bool { return d.Failed() != nil })
	_, failed := ms.writeLabels(targets, func(d *drive.Drive) drive.Label {
		l := d.Label()
		l.Reserved = max(l.Reserved, label.Epoch)
		l.Membership = label
		return l
	})
	for id, err := range failed {
		ms.log.Warn("a drive left the pool and does not take a label that says so", "drive", id, "error", err)
	}
}

// sameVoters says whether the same drives have a vote in both lists.
func sameVoters(a, b []drive.Member) bool {
	votes := func(list []drive.Member) map[uuid.UUID]bool {
		ids := make(map[uuid.UUID]bool)
		for _, m := range list {
			if !m.NonVoting {
				ids[m.ID] = true
			}
		}
		return ids
	}
	return maps.Equal(votes(a), votes(b))
}

// alter makes a change of states, or of members without a vote, that change
// makes to a copy of the membership in force, and of the reasons why drives take
// no part; drives that were opened for it are added. It does nothing if change
// returns an error, or changes no member.
func (ms *members) alter(ctx context.Context, joined map[uuid.UUID]*drive.Drive, change func(*membership, *drive.Membership) error) (gone map[uuid.UUID]*drive.Drive, err error) {
	ms.change.Lock()
	defer ms.change.Unlock()
	v := *ms.now()
	v.why = maps.Clone(v.why)
	next := v.label.Clone()
	if err := change(&v, &next); err != nil {
		return nil, err
	}
	if len(joined) == 0 && slices.Equal(next.Members, v.label.Members) && next.Width == v.label.Width {
		return nil, nil
	}
	return ms.reform(ctx, &v, next, joined)
}
