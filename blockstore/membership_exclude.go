package blockstore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/google/uuid"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// exclude leaves drives out: their new states are durable on a quorum before
// it returns nil (R6), and from then on nothing waits for them. It returns nil
// too if all of them were left out already. A drive is REMOVED when its label is
// gone from its path, else FAULTED.
func (ms *members) exclude(ctx context.Context, bad map[uuid.UUID]error) error {
	ms.change.Lock()
	defer ms.change.Unlock()
	return ms.excludeLocked(ctx, bad, nil)
}

// leave leaves out a drive that the operator gives up, even one that is away,
// unless check, which sees the membership that the change is made to, refuses.
func (ms *members) leave(ctx context.Context, id uuid.UUID, state drive.State, why error, check func(*membership) error) error {
	ms.change.Lock()
	defer ms.change.Unlock()
	if err := check(ms.now()); err != nil {
		return err
	}
	return ms.excludeLocked(ctx, map[uuid.UUID]error{id: why}, map[uuid.UUID]drive.State{id: state})
}

// cause is why a drive is to be left out. One that was taken away is REMOVED,
// and takes part again when it is back, even if what showed it was a write that
// failed.
func (ms *members) cause(d *drive.Drive, err error) error {
	if d == nil || errors.Is(err, drive.ErrRemoved) || errors.Is(err, errHung) || errors.Is(err, errOperator) {
		return err
	}
	_, gone := patiently(ms.patience/lateShare, func() (struct{}, error) { return struct{}{}, d.Present() }, nil)
	if errors.Is(gone, drive.ErrRemoved) {
		return fmt.Errorf("%w; seen by: %w", gone, err)
	}
	return err
}

// excludeLocked is exclude for who holds ms.change. A drive with an entry in
// states gets that state.
func (ms *members) excludeLocked(ctx context.Context, bad map[uuid.UUID]error, states map[uuid.UUID]drive.State) error {
	for {
		if ms.closed.Load() {
			return ErrClosed // it may be why an operation failed
		}
		v := ms.now()
		if v.readOnly != nil {
			ms.forget(v, bad)
			return v.readOnly
		}
		why, drop := maps.Clone(v.why), false
		for id, err := range bad {
			m, ok := v.member(id)
			if !ok {
				continue
			}
			// One that is not here and should be did not take the last label:
			// say so. One that is away gets the state that is asked for.
			want, asked := states[id]
			drop = drop || v.isHere(id) || attends(m) && !v.keptAway(m) || asked && m.State != want
			if why[id] == nil || asked {
				why[id] = err
			}
		}
		if !drop {
			return nil
		}
		next := v.label
		next.Members = slices.Clone(next.Members)
		targets := v.here()
		for i, m := range next.Members {
			state, asked := states[m.ID]
			if why[m.ID] == nil || !attends(m) && !asked || v.keptAway(m) && !asked {
				continue
			}
			if !v.isHere(m.ID) && bad[m.ID] == nil && blameless(why[m.ID]) {
				continue
			}
			delete(targets, m.ID)
			if !asked {
				why[m.ID], state = ms.cause(v.drives[m.ID], why[m.ID]), drive.Faulted
				switch {
				case errors.Is(why[m.ID], drive.ErrRemoved) && keepsState(m.State):
					state = m.State
				case errors.Is(why[m.ID], drive.ErrRemoved):
					state = drive.Removed
				}
			}
			next.Members[i].State = state
			if d := v.drives[m.ID]; d != nil {
				d.Fail(why[m.ID])
			}
			ms.log.Error("a drive is left out", "drive", m.ID, "slot", m.Slot, "state", state, "error", why[m.ID])
		}
		if err := ms.advance(next, v.drives, targets, why); err != nil {
			ms.forget(ms.now(), bad)
			return err
		}
		// A target that did not take its label is out as well; say so in a
		// further epoch, as long as that is possible.
		after := ms.now()
		bad = make(map[uuid.UUID]error)
		for id := range targets {
			if !after.isHere(id) && !blameless(after.why[id]) {
				bad[id] = after.why[id]
			}
		}
		if len(bad) == 0 {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// stop makes the pool read-only for the rest of this opening.
func (ms *members) stop(why error) {
	ms.change.Lock()
	defer ms.change.Unlock()
	v := *ms.now()
	if v.readOnly == nil {
		v.readOnly = fmt.Errorf("%w: %w", ErrReadOnly, why)
		ms.show(&v)
		ms.log.Error("the pool is read-only", "error", why)
	}
}

// forget stops reading from drives while the pool is read-only: no label says
// so, since none can be written.
func (ms *members) forget(v *membership, bad map[uuid.UUID]error) {
	next := *v
	next.why, next.live, next.spare = maps.Clone(v.why), maps.Clone(v.live), maps.Clone(v.spare)
	for id, err := range bad {
		if next.why[id] == nil {
			next.why[id] = err
		}
		delete(next.live, id)
		delete(next.spare, id)
	}
	ms.show(&next)
}
