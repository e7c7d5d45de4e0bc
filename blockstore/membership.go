package blockstore

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strconv"
	"strings"
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
	clock    func() time.Time

	change sync.Mutex // one change of membership at a time
	view   atomic.Pointer[membership]
	closed atomic.Bool // the pool closes: no more changes
	top    uint32      // highest epoch number seen or reserved; guarded by change
	wg     sync.WaitGroup

	changed func() // called after every change, if set; must not wait

	leftMu sync.Mutex
	left   map[uuid.UUID]time.Time // since when a member does not take part
}

// now is the membership in force.
func (ms *members) now() *membership { return ms.view.Load() }

// show puts a membership in force.
func (ms *members) show(v *membership) {
	ms.view.Store(v)
	now := ms.clock()
	ms.leftMu.Lock()
	for _, m := range v.label.Members {
		if v.isHere(m.ID) {
			delete(ms.left, m.ID)
		} else if _, known := ms.left[m.ID]; !known {
			ms.left[m.ID] = now
		}
	}
	ms.leftMu.Unlock()
	if ms.changed != nil {
		ms.changed()
	}
}

// since is from when on a member has not taken part in this opening; the time
// now if it does take part.
func (ms *members) since(id uuid.UUID) time.Time {
	ms.leftMu.Lock()
	defer ms.leftMu.Unlock()
	if t, away := ms.left[id]; away {
		return t
	}
	return ms.clock()
}

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
	late := countDown(ms.patience, nil)
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
		return ms.lost(next, got, failed)
	}
	next.Epoch = epoch
	got, failed = ms.writeLabels(targets, func(d *drive.Drive) drive.Label {
		l := d.Label()
		l.Reserved = max(l.Reserved, epoch)
		l.Membership = next
		return l
	})
	if !enough(has, next.Parity, next.Members, next.Old) {
		return ms.lost(next, got, failed)
	}
	live, spare := make(map[uuid.UUID]*drive.Drive), make(map[uuid.UUID]*drive.Drive)
	for _, m := range next.Members {
		if d := drives[m.ID]; d != nil && got[m.ID] && attends(m) {
			if m.NonVoting {
				spare[m.ID] = d
			} else {
				live[m.ID] = d
			}
		}
	}
	why = maps.Clone(why)
	maps.Copy(why, failed)
	ms.show(&membership{label: next, drives: drives, live: live, spare: spare, why: why})
	ms.log.Info("membership changed", "epoch", epoch, "members", len(next.Members), "live", len(live), "spare", len(spare))
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
func (ms *members) lost(next drive.Membership, got map[uuid.UUID]bool, failed map[uuid.UUID]error) error {
	err := fmt.Errorf("%w: %s", ErrReadOnly, lackOfQuorum(next, got))
	if old := ms.view.Load(); old != nil {
		v := *old
		v.readOnly = err
		v.why = maps.Clone(old.why)
		maps.Copy(v.why, failed)
		silent := func(id uuid.UUID, _ *drive.Drive) bool { return v.why[id] != nil }
		v.live, v.spare = maps.Clone(old.live), maps.Clone(old.spare)
		maps.DeleteFunc(v.live, silent)
		maps.DeleteFunc(v.spare, silent)
		ms.show(&v)
	}
	ms.log.Error("quorum lost: the pool is read-only", "failed", len(failed))
	return err
}

// lackOfQuorum says of a label that reached no quorum how far it came, which voting
// drives it did not reach, and how many of them are enough to go on.
func lackOfQuorum(next drive.Membership, got map[uuid.UUID]bool) string {
	group := next.Members
	if enough(func(id uuid.UUID) bool { return got[id] }, next.Parity, group) {
		group = next.Old
	}
	var without []string
	for _, m := range group {
		if !m.NonVoting && !got[m.ID] {
			without = append(without, strconv.Itoa(m.Slot))
		}
	}
	n := voters(group)
	reached, need := n-len(without), quorum(n, next.Parity)
	return fmt.Sprintf("a label reached %d of %d drives and needs %d; bring back %d of the drives in slots %s, and start the daemon again",
		reached, n, need, need-reached, strings.Join(without, ", "))
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
	got, failed := ms.writeLabels(v.here(), func(d *drive.Drive) drive.Label {
		l := d.Label()
		l.Membership = next
		return l
	})
	if !enough(func(id uuid.UUID) bool { return got[id] }, next.Parity, next.Members, next.Old) {
		return failed, ms.lost(next, got, failed)
	}
	changed := *v
	changed.label = next
	ms.show(&changed)
	return failed, nil
}
