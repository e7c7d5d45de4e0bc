package blockstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/uuid"

	"github.com/holdfast-storage/holdfast/blockstore/catalog"
	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// Catalog replicas stand on m+1 drives, so that one is left when m fail. They
// are named by their drive's id.

func (p *Pool) replicaOptions() catalog.ReplicaOptions {
	return catalog.ReplicaOptions{Logger: p.log, Cache: p.cache}
}

// openReplicas opens those that the live drives hold.
func (p *Pool) openReplicas(v *membership, fsys vfs.FS) map[uuid.UUID]*catalog.Replica {
	open := make(map[uuid.UUID]*catalog.Replica)
	for id, d := range v.live {
		dir := fsys.PathJoin(d.Dir(), drive.CatalogName)
		p.cache.Hold()
		r, err := patiently(p.patience, func() (*catalog.Replica, error) {
			defer p.cache.Close()
			if list, err := fsys.List(dir); err != nil || len(list) == 0 {
				return nil, nil // it holds none
			}
			return catalog.OpenReplica(fsys, dir, p.replicaOptions())
		}, func(r *catalog.Replica) {
			if r != nil {
				_ = r.Close()
			}
		})
		if r == nil && err == nil {
			continue
		}
		if err != nil {
			p.noteReplicaDropped(id, err)
			p.log.Warn("a catalog replica does not open; it will be made again", "drive", id, "error", err)
			p.replicaFailed(id, err)
			continue
		}
		if lsn, _ := r.Applied(); lsn < v.label.Floor || lsn == 0 {
			p.log.Info("a catalog replica is below the floor; it will be made again", "drive", id, "applied", lsn, "floor", v.label.Floor)
			_ = r.Close()
			continue
		}
		open[id] = r
	}
	return open
}

func closeReplicas(replicas map[uuid.UUID]*catalog.Replica) {
	for id, r := range replicas {
		_ = r.Close() // nothing in it that is not in the journal
		delete(replicas, id)
	}
}

// discardForeign closes replicas that hold a batch which is not in the log: of
// a branch that was cut away, on a drive that came back as it once was. One
// that ends among copies is foreign too: it took those batches where they lay
// before a recovery moved them, for one that took the copies has the end which
// was written behind them as well.
func (p *Pool) discardForeign(replicas map[uuid.UUID]*catalog.Replica, end *logEnd) (dropped bool) {
	uids := map[uint64]uint64{end.stableLSN: end.stableUID}
	copies := make(map[uint64]bool)
	for _, k := range end.kept {
		uids[k.lsn], copies[k.lsn] = k.uid, k.parts[0].copy
	}
	for id, r := range replicas {
		lsn, uid := r.Applied()
		if len(end.kept) > 0 && lsn < end.kept[0].lsn {
			_ = r.Close() // its last batch was not looked at; it is cloned
			delete(replicas, id)
			continue
		}
		if want, known := uids[lsn]; copies[lsn] || known && want != uid {
			p.log.Warn("a catalog replica is of another branch of the log; it will be made again", "drive", id, "applied", lsn)
			_ = r.Close()
			delete(replicas, id)
			dropped = true
		}
	}
	return dropped
}

// restoreCatalog brings replicas to the end of the log, or rebuilds one from
// the checkpoint and the tail, and begins to serve from them.
func (p *Pool) restoreCatalog(ctx context.Context, ev *evidence, replicas map[uuid.UUID]*catalog.Replica, end *logEnd, places map[uint64]catalog.Place) error {
	if p.opt.rebuildCatalog {
		return p.renewCatalog(ctx, ev, replicas, end, places)
	}
	p.catchUp(ctx, replicas, end, places)
	first := end.stableLSN // replicas at or past this can be brought up
	if len(end.kept) > 0 {
		first = min(first, end.kept[0].lsn-1)
	}
	if err := p.bringUp(ctx, replicas, first, end, places); err != nil {
		return err
	}
	closeReplicas(replicas) // those left stand where new ones will be made
	if len(p.catalog.Replicas()) == 0 {
		if err := p.rebuildCatalog(ctx, ev, end, places); err != nil {
			return err
		}
	}
	closeReplicas(replicas) // before they are made again: a replica's directory is locked while it is open
	p.wg.Go(p.keepReplicas)
	return nil
}

// catchUp brings the replicas that are behind the best one to where that stands, each by itself. One that fails,
// or takes longer than Open waits for replicas, is closed, to be made again: the
// pool needs nothing of what only they read.
//
// Crash argument: what they take was acknowledged, and the best one has it where it lies now. A crash
// leaves each with the beginning of that, as it was found.
func (p *Pool) catchUp(ctx context.Context, replicas map[uuid.UUID]*catalog.Replica, end *logEnd, places map[uint64]catalog.Place) {
	best := bestApplied(replicas, 0)
	ctx, cancel := withPatience(ctx, p.opt.replicasWait)
	defer cancel()
	behind := takeBehind(replicas, best)
	failed := make(map[uuid.UUID]error)
	var mu sync.Mutex
	var wg sync.WaitGroup
	for id, r := range behind {
		wg.Go(func() {
			_, err := patiently(p.patience, func() (*catalog.Replica, error) {
				err := p.replayTo(ctx, r, end, best, places)
				if err != nil {
					_ = r.Close()
				}
				return r, err
			}, func(r *catalog.Replica) { _ = r.Close() })
			mu.Lock()
			defer mu.Unlock()
			failed[id] = err
		})
	}
	wg.Wait()
	for id, r := range behind {
		if err := failed[id]; err != nil {
			p.log.Warn("a catalog replica that is behind cannot be brought up; one will be made", "drive", id, "error", err)
			p.noteReplicaDropped(id, err)
			p.replicaFailed(id, err) // what hangs is at the replica yet
			continue
		}
		replicas[id] = r
	}
}

// replayTo feeds one replica what it lacks up to a batch.
func (p *Pool) replayTo(ctx context.Context, r *catalog.Replica, end *logEnd, to uint64, places map[uint64]catalog.Place) error {
	from, _ := r.Applied()
	if from+1 < end.first() {
		return fmt.Errorf("it is at batch %d, and the journal was read from %d", from, end.first())
	}
	return p.replay(ctx, end, from, to, places, func(b catalog.Batch) error {
		if b.LSN > to { // the end of the log, which all take
			return nil
		}
		return r.Apply(b)
	})
}

// bringUp brings the replicas that have everything up to first to the end of the
// log, all in one go through the journal, and attaches them. It leaves the others.
func (p *Pool) bringUp(ctx context.Context, replicas map[uuid.UUID]*catalog.Replica, first uint64, end *logEnd, places map[uint64]catalog.Place) error {
	ids := make(map[*catalog.Replica]uuid.UUID)
	var open []*catalog.Replica
	failed := make(map[*catalog.Replica]error)
	least := ^uint64(0)
	for id, r := range replicas {
		if lsn, _ := r.Applied(); lsn >= first {
			ids[r], open, least = id, append(open, r), min(least, lsn)
		}
	}
	err := p.replay(ctx, end, least, ^uint64(0), places, func(b catalog.Batch) error {
		for i, err := range catalog.ApplyTogether(open, b) {
			if err != nil {
				failed[open[i]] = err
			}
		}
		open = slices.DeleteFunc(open, func(r *catalog.Replica) bool { return failed[r] != nil })
		return nil
	})
	if errors.Is(err, ErrDamaged) {
		return err
	}
	for r, id := range ids {
		bad := cmp.Or(failed[r], err)
		if bad == nil {
			bad = p.catalog.Attach(r, id.String())
		}
		if bad != nil {
			p.noteReplicaDropped(id, bad)
			p.log.Warn("a catalog replica takes no records; it will be made again", "drive", id, "error", bad)
			continue
		}
		delete(replicas, id)
	}
	return nil
}

// rebuildCatalog makes a replica out of the journal alone (R10): of more of it
// than was read to find the end of the log, which stays where it was settled.
func (p *Pool) rebuildCatalog(ctx context.Context, ev *evidence, settled *logEnd, places map[uint64]catalog.Place) error {
	v := p.members.now()
	cp := v.label.Checkpoint
	end, err := ev.decide(ctx, cp.LSN, ev.exists)
	if err != nil {
		return err
	}
	end.last = settled.last
	p.adopt(end, ev, settled.stableLSN)
	p.log.Info("rebuilding the catalog from the journal", "checkpoint", cp.LSN, "records past it up to", end.last.LSN)
	var errs []error
	for _, id := range p.replicaHomes(v) {
		d := v.drives[id]
		r, err := p.rebuildOn(ctx, d, cp, end, places)
		if err == nil {
			if err = p.catalog.Attach(r, id.String()); err == nil {
				return nil
			}
		}
		errs = append(errs, fmt.Errorf("drive %v: %w", id, err))
		if r != nil {
			_ = r.Close()
		}
	}
	return fmt.Errorf("%w: the catalog could not be rebuilt: %w", ErrUnavailable, errors.Join(errs...))
}

func (p *Pool) rebuildOn(ctx context.Context, d *drive.Drive, cp drive.Checkpoint, end *logEnd, places map[uint64]catalog.Place) (*catalog.Replica, error) {
	dir, err := d.CatalogDir()
	if err != nil {
		return nil, err
	}
	return p.rebuildAt(ctx, p.opt.FS, dir, cp, end, ^uint64(0), places)
}

// rebuildAt makes a replica out of the checkpoint and the batches up to to.
func (p *Pool) rebuildAt(ctx context.Context, fsys vfs.FS, dir string, cp drive.Checkpoint, end *logEnd, to uint64, places map[uint64]catalog.Place) (*catalog.Replica, error) {
	r, err := catalog.MakeReplica(fsys, dir, p.replicaOptions())
	if err != nil {
		return nil, err
	}
	var uid uint64
	whole := cp.LSN == 0
	err = p.replay(ctx, end, cp.LSN, to, places, func(b catalog.Batch) error {
		if b.LSN < cp.First || b.LSN > cp.Last {
			return nil
		}
		return catalog.DecodeRecords(b.Records, func(rec catalog.Record) error {
			if re, ok := rec.(*catalog.Restate); ok && re.At == cp.LSN {
				uid, whole = re.UID, whole || re.Last
				return r.ApplyEntries(re.Entries)
			}
			return nil
		})
	})
	if err == nil && !whole {
		err = fmt.Errorf("%w: checkpoint %d is not whole", ErrDamaged, cp.LSN)
	}
	if err == nil {
		err = r.EndEntries(cp.LSN, uid)
	}
	if err == nil {
		err = p.replay(ctx, end, cp.LSN, to, places, r.Apply)
	}
	if err == nil {
		err = r.Flush()
	}
	return r, err
}

// replicaHomes are the live drives in the order in which they get a replica:
// those last whose replica was dropped before, and those that are being
// evacuated at the very end.
func (p *Pool) replicaHomes(v *membership) []uuid.UUID {
	var homes []drive.Member
	for _, m := range v.label.Members {
		if v.isLive(m.ID) {
			homes = append(homes, m)
		}
	}
	unlucky := func(m drive.Member) int {
		if _, yes := p.unlucky.Load(m.ID); yes {
			return 1
		}
		return 0
	}
	leaves := func(m drive.Member) int {
		if v.accepts(m.ID) {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(homes, func(a, b drive.Member) int {
		return cmp.Or(cmp.Compare(leaves(a), leaves(b)), cmp.Compare(unlucky(a), unlucky(b)), cmp.Compare(a.Slot, b.Slot))
	})
	ids := make([]uuid.UUID, len(homes))
	for i, m := range homes {
		ids[i] = m.ID
	}
	return ids
}

const (
	// replicasWait is enough to make the replicas of a new pool, and of no large one.
	replicasWait = time.Second
	// replicaAgain is after how long one that could not be made is tried again: for want
	// of room, say.
	replicaAgain = time.Minute
)

// awaitReplicas waits for the replicas that are missing, but not for long: without
// them a pool that has just been made would not survive the loss of the one drive
// that has the first, and the clones of a large catalog take longer than those who
// wait for the pool to open.
func (p *Pool) awaitReplicas(ctx context.Context) {
	late := time.NewTimer(p.opt.replicasWait)
	defer late.Stop()
	select {
	case <-p.replicasTried:
	case <-late.C:
	case <-ctx.Done():
	}
}

// keepReplicas makes replicas until there are m+1, as long as the pool is open.
func (p *Pool) keepReplicas() {
	failed := p.makeReplicas()
	close(p.replicasTried)
	for ; ; failed = p.makeReplicas() {
		var again <-chan time.Time
		if failed {
			again = time.After(p.opt.replicaAgain)
			select { // what fails has it looked again as well
			case <-time.After(min(replicasWait, p.opt.replicaAgain)):
			case <-p.stopped:
				return
			}
		}
		select {
		case <-p.replicaWanted:
		case <-again:
		case <-p.stopped:
			return
		}
	}
}

// wantReplicas has it looked whether replicas are to be made. It does not wait.
func (p *Pool) wantReplicas() {
	select {
	case p.replicaWanted <- struct{}{}:
	default:
	}
}

// makeReplicas makes those that are missing, and says whether one could not be made.
func (p *Pool) makeReplicas() (failed bool) {
	v := p.members.now()
	if v.readOnly != nil {
		return false
	}
	have, lasting := make(map[string]bool), 0
	for _, r := range p.catalog.Replicas() {
		have[r.Name] = true
		if id, err := uuid.Parse(r.Name); err == nil && v.accepts(id) {
			lasting++ // not on a drive that is being emptied
		}
	}
	for _, id := range p.replicaHomes(v) {
		if lasting > p.parity || p.ctx.Err() != nil {
			return failed
		}
		if have[id.String()] {
			continue
		}
		if err := p.makeReplica(id, v.drives[id]); err != nil {
			p.log.Warn("a catalog replica could not be made", "drive", id, "error", err)
			p.replicaFailed(id, err)
			failed = true
			continue
		}
		lasting++
		p.noteReplicaMade(id)
		p.log.Info("catalog replica made", "drive", id)
		p.dropReplicas() // the last one, which a drive kept that takes no part any more, is the last no longer
	}
	return failed
}

// makeReplica makes one on a drive, for as long as that takes part: what hangs in a
// drive that was left out is left behind.
func (p *Pool) makeReplica(id uuid.UUID, d *drive.Drive) error {
	ctx, cancel := context.WithCancel(p.ctx)
	defer cancel()
	made := make(chan error, 1)
	p.wg.Go(func() {
		dir, err := d.CatalogDir()
		if err == nil {
			err = p.catalog.Clone(ctx, id.String(), p.opt.FS, dir, p.replicaOptions())
		}
		made <- err
	})
	for {
		select {
		case err := <-made:
			return err
		case <-p.replicaWanted:
			defer p.wantReplicas() // something else may be due as well
			if !p.members.now().isLive(id) {
				cancel()
				p.dropReplicas() // it may have become one since
				return errDriveLeft
			}
		case <-p.ctx.Done():
			return p.ctx.Err()
		}
	}
}

var errDriveLeft = errors.New("its drive was left out")

// catalogWithout says whether the catalog has all its replicas, or one on every
// drive that may have one, without that drive.
func (p *Pool) catalogWithout(v *membership, id uuid.UUID) bool {
	whole := 0
	for _, r := range p.catalog.Replicas() {
		if other, err := uuid.Parse(r.Name); err == nil && other != id && v.accepts(other) && !r.Cloning {
			whole++
		}
	}
	return whole >= min(p.parity+1, v.accepting())
}

// replicaDropped is called by the catalog when a replica is of no use any more.
func (p *Pool) replicaDropped(name string, err error) {
	p.log.Warn("catalog replica dropped; another will be made", "drive", name, "error", err)
	if id, bad := uuid.Parse(name); bad == nil {
		p.unlucky.Store(id, true)
		p.noteReplicaDropped(id, err)
		p.replicaFailed(id, err)
	}
	p.wantReplicas()
}

// discardReplica removes what a closed replica that was found wrong left on its drive: by its
// last batch it is as good as the others, and an opening would bring it up again.
//
// Nothing depends on it: after a crash before that, the next scrub finds it wrong once more.
func (p *Pool) discardReplica(name string) {
	v := p.members.now()
	id, err := uuid.Parse(name)
	if err != nil || !v.isLive(id) || v.readOnly != nil || p.ctx.Err() != nil {
		return
	}
	if err := v.drives[id].RemoveCatalog(); err != nil {
		p.log.Warn("a catalog replica that is wrong stays on its drive", "drive", id, "error", err)
	}
}

// replicaFailed leaves the drive out if it did not take a write of the
// catalog's (R6), or hangs. A full disk is no fault of the drive.
func (p *Pool) replicaFailed(id uuid.UUID, err error) {
	failed := errors.Is(err, catalog.ErrWrite) && !drive.IsNoSpace(err) || errors.Is(err, errHung)
	if !failed || p.observer || p.ctx.Err() != nil {
		return
	}
	if err := p.exclude(p.ctx, map[uuid.UUID]error{id: err}); err != nil {
		p.log.Error("a drive failed and could not be left out", "drive", id, "error", err)
	}
}

// giveUpReplicas takes out, as the pool closes, what drives hold that take no part any
// more: it was read from because there was no other, and is not to be made durable.
func (p *Pool) giveUpReplicas() {
	v := p.members.now()
	if v == nil {
		return
	}
	ctx, cancel := context.WithCancel(p.ctx)
	cancel() // the catalog's Close waits for them
	for _, r := range p.catalog.Replicas() {
		if id, err := uuid.Parse(r.Name); err == nil && !v.isLive(id) {
			_ = p.catalog.Detach(ctx, r.Name)
		}
	}
}

// dropReplica takes a drive's replica out when the drive is left out.
func (p *Pool) dropReplica(id uuid.UUID) {
	if p.catalog == nil {
		return
	}
	ctx, cancel := context.WithCancel(p.ctx)
	cancel() // it closes by itself; nobody waits for a drive that failed
	if err := p.catalog.Detach(ctx, id.String()); errors.Is(err, catalog.ErrNotFound) {
		return
	}
	p.replicaDropped(id.String(), errDriveLeft)
}
