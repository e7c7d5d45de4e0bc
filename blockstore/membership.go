package blockstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// members keeps the pool's membership: who belongs to it, in which state, and
// which drives take part in what is written now.
//
// Invariant (R8): the membership in view is durable on a write quorum of its
// members, and segments are created only on drives that hold its label.
// A change goes in two rounds of label writes: the number of the new epoch is
// reserved on a quorum, then the label of that epoch is written to a quorum. A
// crash between the two leaves a number that nobody used; a crash within the
// second leaves a label that either counts (the next opening sees it on a
// quorum, or completes it by writing a newer one) or does not, and nothing was
// acknowledged under it.
type members struct {
	log      *slog.Logger
	patience time.Duration // how long a drive may take over a label

	change sync.Mutex // one change of membership at a time
	view   atomic.Pointer[membership]
	closed atomic.Bool // the pool closes: no more changes
	top    uint32      // highest epoch number seen or reserved; guarded by change
	wg     sync.WaitGroup
}

// membership is one epoch. It is never modified.
type membership struct {
	label    drive.Membership
	drives   map[uuid.UUID]*drive.Drive // every member that could be opened
	live     map[uuid.UUID]*drive.Drive // those that take part
	why      map[uuid.UUID]error        // why a member does not
	readOnly error                      // set when the quorum is lost
}

// quorum is the number of n members that a label must reach: a majority, and
// it meets every other quorum and every set of m+1 (R8).
func quorum(n, m int) int { return max(n-m, m+1) }

// enough says whether the drives in got are a quorum of each group.
func enough(got func(uuid.UUID) bool, m int, groups ...[]drive.Member) bool {
	for _, g := range groups {
		if len(g) == 0 {
			continue
		}
		n := 0
		for _, mem := range g {
			if got(mem.ID) {
				n++
			}
		}
		if n < quorum(len(g), m) {
			return false
		}
	}
	return true
}

// member finds a member's entry.
func (v *membership) member(id uuid.UUID) (drive.Member, bool) {
	i := slices.IndexFunc(v.label.Members, func(m drive.Member) bool { return m.ID == id })
	if i < 0 {
		return drive.Member{}, false
	}
	return v.label.Members[i], true
}

func (v *membership) isLive(id uuid.UUID) bool { return v.live[id] != nil }

// now is the membership in force.
func (ms *members) now() *membership { return ms.view.Load() }

// writeLabels writes labels to the targets in parallel and returns who has
// taken theirs. A drive that does not answer in time has not.
func (ms *members) writeLabels(targets map[uuid.UUID]*drive.Drive, label func(*drive.Drive) drive.Label) (got map[uuid.UUID]bool, failed map[uuid.UUID]error) {
	results := make(chan ioResult, len(targets))
	for id, d := range targets {
		ms.wg.Go(func() {
			err := d.WriteLabel(label(d))
			for try := 0; try < starvedTries && drive.IsStarved(err); try++ {
				time.Sleep(starvedPause << try)
				err = d.WriteLabel(label(d))
			}
			results <- ioResult{id, err}
		})
	}
	got, failed = make(map[uuid.UUID]bool), make(map[uuid.UUID]error)
	late := time.NewTimer(ms.patience)
	defer late.Stop()
	for range targets {
		select {
		case r := <-results:
			if r.err == nil {
				got[r.drive] = true
			} else {
				failed[r.drive] = r.err
			}
		case <-late.C:
			for id := range targets {
				if !got[id] && failed[id] == nil {
					failed[id] = errHung
				}
			}
			return got, failed
		}
	}
	return got, failed
}

// errHung: a drive did not answer in time.
var errHung = errors.New("the drive does not answer")

// advance makes next (whose epoch is set here) the membership, durably, or
// returns ErrReadOnly. The caller holds ms.change.
func (ms *members) advance(next drive.Membership, drives, targets map[uuid.UUID]*drive.Drive, why map[uuid.UUID]error) error {
	ms.top++
	epoch := ms.top
	got, failed := ms.writeLabels(targets, func(d *drive.Drive) drive.Label {
		l := d.Label()
		l.Reserved = epoch
		return l
	})
	has := func(id uuid.UUID) bool { return got[id] }
	if !enough(has, next.Parity, next.Members, next.Old) {
		return ms.lost(next, failed)
	}
	next.Epoch = epoch
	got, failed = ms.writeLabels(targets, func(d *drive.Drive) drive.Label {
		l := d.Label()
		l.Reserved = max(l.Reserved, epoch)
		l.Membership = next
		return l
	})
	if !enough(has, next.Parity, next.Members, next.Old) {
		return ms.lost(next, failed)
	}
	live := make(map[uuid.UUID]*drive.Drive)
	for _, m := range next.Members {
		if d := drives[m.ID]; d != nil && got[m.ID] && takesPart(m.State) {
			live[m.ID] = d
		}
	}
	why = maps.Clone(why)
	maps.Copy(why, failed)
	ms.view.Store(&membership{label: next, drives: drives, live: live, why: why})
	ms.log.Info("membership changed", "epoch", epoch, "members", len(next.Members), "live", len(live))
	return nil
}

// A process that has no descriptors left for a moment tries a label again.
const (
	starvedTries = 5
	starvedPause = 10 * time.Millisecond // doubled each time
)

// blameless says of a drive that took no label that it is none of its fault:
// the disk is full, or the process starved. It does not take part until the
// pool is opened again, but no label calls it faulted.
func blameless(err error) bool {
	return !errors.Is(err, drive.ErrFailed) && (drive.IsNoSpace(err) || drive.IsStarved(err))
}

// lost makes the pool read-only: no quorum could be reached.
func (ms *members) lost(next drive.Membership, failed map[uuid.UUID]error) error {
	have := len(next.Members) - len(failed)
	err := fmt.Errorf("%w: a label reached fewer than the %d of %d drives that it needs; bring drives back and restart",
		ErrReadOnly, quorum(len(next.Members), next.Parity), len(next.Members))
	if old := ms.view.Load(); old != nil {
		v := *old
		v.readOnly = err
		v.why = maps.Clone(old.why)
		maps.Copy(v.why, failed)
		v.live = make(map[uuid.UUID]*drive.Drive)
		for id, d := range old.live {
			if v.why[id] == nil {
				v.live[id] = d
			}
		}
		ms.view.Store(&v)
	}
	ms.log.Error("quorum lost: the pool is read-only", "answering", have)
	return err
}

// exclude leaves drives out: their new states are durable on a quorum before
// it returns nil (R6), and from then on nothing waits for them. It returns nil
// too if all of them were left out already. A drive is REMOVED when its label is
// gone from its path, else FAULTED.
func (ms *members) exclude(ctx context.Context, bad map[uuid.UUID]error) error {
	ms.change.Lock()
	defer ms.change.Unlock()
	return ms.excludeLocked(ctx, bad, nil)
}

// fail leaves out a drive that the operator gives up, even one that is away,
// unless check, which sees the membership that the change is made to, refuses.
func (ms *members) fail(ctx context.Context, id uuid.UUID, check func(*membership) error) error {
	ms.change.Lock()
	defer ms.change.Unlock()
	if err := check(ms.now()); err != nil {
		return err
	}
	return ms.excludeLocked(ctx, map[uuid.UUID]error{id: errOperator}, map[uuid.UUID]drive.State{id: drive.Faulted})
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
			// One that is not live and takes part did not take the last label:
			// say so. One that is away gets the state that is asked for.
			want, asked := states[id]
			drop = drop || v.isLive(id) || takesPart(m.State) || asked && m.State != want
			if why[id] == nil || asked {
				why[id] = err
			}
		}
		if !drop {
			return nil
		}
		next := v.label
		next.Members = slices.Clone(next.Members)
		targets := maps.Clone(v.live)
		for i, m := range next.Members {
			state, ok := states[m.ID]
			if why[m.ID] == nil || !takesPart(m.State) && !ok {
				continue
			}
			if !v.isLive(m.ID) && bad[m.ID] == nil && blameless(why[m.ID]) {
				continue
			}
			delete(targets, m.ID)
			if !ok {
				why[m.ID], state = ms.cause(v.drives[m.ID], why[m.ID]), drive.Faulted
				if errors.Is(why[m.ID], drive.ErrRemoved) {
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
			if !after.isLive(id) && !blameless(after.why[id]) {
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
		ms.view.Store(&v)
		ms.log.Error("the pool is read-only", "error", why)
	}
}

// forget stops reading from drives while the pool is read-only: no label says
// so, since none can be written.
func (ms *members) forget(v *membership, bad map[uuid.UUID]error) {
	next := *v
	next.why, next.live = maps.Clone(v.why), maps.Clone(v.live)
	for id, err := range bad {
		if next.why[id] == nil {
			next.why[id] = err
		}
		delete(next.live, id)
	}
	ms.view.Store(&next)
}

// setCheckpoint writes a checkpoint into the labels of the epoch in force. It
// counts once it stands on a quorum (R10).
func (ms *members) setCheckpoint(cp drive.Checkpoint, floor uint64) (bad map[uuid.UUID]error, err error) {
	ms.change.Lock()
	defer ms.change.Unlock()
	v := ms.now()
	if v.readOnly != nil {
		return nil, v.readOnly
	}
	next := v.label
	next.Checkpoint, next.Floor = cp, floor
	got, failed := ms.writeLabels(v.live, func(d *drive.Drive) drive.Label {
		l := d.Label()
		l.Membership = next
		return l
	})
	if !enough(func(id uuid.UUID) bool { return got[id] }, next.Parity, next.Members, next.Old) {
		return failed, ms.lost(next, failed)
	}
	changed := *v
	changed.label = next
	ms.view.Store(&changed)
	return failed, nil
}

// takesPart says whether a drive in this state holds new segments.
func takesPart(s drive.State) bool { return s == drive.Online || s == drive.Rebuilding }
