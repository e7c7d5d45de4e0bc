package blockstore

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// watch starts what keeps an eye on the pool until it closes. It looks for every
// drive at its path, each on a goroutine of its own since a hung drive does not
// answer (R13).
func (p *Pool) watch() {
	p.book.mu.Lock()
	p.book.serving = true
	p.book.mu.Unlock()
	p.watchNew()
	p.wg.Go(p.watchStuck)
	if !p.observer {
		p.wg.Go(p.welcome)
	}
	p.wg.Go(p.trimMemory)
	for _, s := range []*share{p.mem.uploads, p.mem.reads} {
		p.wg.Go(func() { p.reclaim(s) })
	}
}

// trimPeriod is for how long memory that is not needed stays, at least.
const trimPeriod = 10 * time.Second

// trimMemory gives memory back to the system that was not needed for a while.
func (p *Pool) trimMemory() {
	tick := time.NewTicker(trimPeriod)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			p.mem.arena.trim()
			p.mem.own.trim()
			p.kits.trim()
			p.answers.trim()
			p.wideReadings.trim()
			p.mendRooms.trim()
		case <-p.stopped:
			return
		}
	}
}

// watchNew has every drive that is open looked after.
func (p *Pool) watchNew() {
	p.book.mu.Lock()
	defer p.book.mu.Unlock()
	select {
	case <-p.stopped:
		return
	default:
	}
	if !p.book.serving {
		return
	}
	for id, d := range p.members.now().drives { // also those that are left out: they may go
		if !p.book.watched[d] {
			p.book.watched[d] = true
			p.wg.Go(func() {
				p.watchDrive(id, d)
				p.book.mu.Lock()
				delete(p.book.watched, d)
				p.book.mu.Unlock()
			})
		}
	}
}

// watchStuck leaves out the drives on which a write, sync or read exhausts the
// pool's patience, whoever waits for it or for the memory that it holds.
func (p *Pool) watchStuck() {
	between := p.patience / stuckShare
	tick := time.NewTicker(between)
	defer tick.Stop()
	writing, reading := make(map[uuid.UUID]watched), make(map[uuid.UUID]watched)
	for {
		select {
		case <-tick.C:
		case <-p.stopped:
			return
		}
		for id, d := range p.members.now().here() {
			writing[id] = writing[id].look(d.Stuck(), between)
			reading[id] = reading[id].look(d.StuckReading(), between)
			if time.Duration(writing[id]) > p.patience {
				p.hung(id)
			} else if time.Duration(reading[id]) > p.patience {
				p.readHung(id)
			}
		}
	}
}

// stuckShare of the pool's patience is how often it is looked for what hangs.
const stuckShare = 8

// hung leaves out a drive that does not get on with what it was given. What
// waits in its queue is answered then, and the memory comes back.
func (p *Pool) hung(id uuid.UUID) {
	d := p.members.now().here()[id]
	if d == nil {
		return
	}
	d.Fail(errHung)
	if err := p.exclude(p.ctx, map[uuid.UUID]error{id: errHung}); err != nil && !errors.Is(err, ErrClosed) {
		p.log.Error("a drive hangs and could not be left out", "drive", id, "error", err)
	}
}

// watchDrive looks after a drive until it is closed, or gone and let go.
func (p *Pool) watchDrive(id uuid.UUID, d *drive.Drive) {
	tick := time.NewTicker(p.opt.PresencePeriod)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-tick.C:
		case <-p.stopped:
			return
		}
		v := p.members.now()
		if v.drives[id] != d {
			return
		}
		err := d.Present()
		if v.here()[id] != d {
			if p.releasable(v, id, err) {
				p.release(id, d)
				return
			}
			continue
		}
		if err == nil {
			err = d.Failed()
		}
		if errors.Is(err, drive.ErrRemoved) || errors.Is(err, drive.ErrFailed) {
			if err := p.exclude(p.ctx, map[uuid.UUID]error{id: err}); err != nil {
				p.log.Error("a drive is gone and could not be left out", "drive", id, "error", err)
				return
			}
			continue
		}
		if n%4 == 0 {
			p.space.look(d)
		}
	}
}

// noticeGone leaves out at once the drives that are not at their paths any more, as
// their watch does within a second: who decides by what is here asks first, so that no
// drive counts that has nothing to give. One that does not answer is here (R12).
func (p *Pool) noticeGone(ctx context.Context) error {
	var mu sync.Mutex
	var wg sync.WaitGroup
	gone := make(map[uuid.UUID]error)
	for id, d := range p.members.now().here() {
		wg.Go(func() {
			_, err := patiently(p.patience/lateShare, func() (struct{}, error) { return struct{}{}, d.Present() }, nil)
			if errors.Is(err, drive.ErrRemoved) {
				mu.Lock()
				defer mu.Unlock()
				gone[id] = err
			}
		})
	}
	if wg.Wait(); len(gone) == 0 {
		return nil
	}
	return p.exclude(ctx, gone)
}

// releasable says of a drive that is open and takes no part that nothing is to be
// had from it: it is not at its path any more, so that what its descriptors say
// proves nothing (R13), or the operator took it out for a while. One that failed
// and is still there is read from where nothing else is left, and so are those of
// a pool that lost its quorum.
func (p *Pool) releasable(v *membership, id uuid.UUID, present error) bool {
	m, member := v.member(id)
	return member && v.readOnly == nil && (errors.Is(present, drive.ErrRemoved) || m.State == drive.Offline)
}

// release closes a drive that takes no part, its files and its lock, so that its
// disk can be unmounted, looked at and mounted again while the pool runs. Nothing
// waits for it but the goroutine that watched the drive: one that hangs does not close.
func (p *Pool) release(id uuid.UUID, d *drive.Drive) {
	if err := p.closeDrive(id, d); err != nil {
		p.log.Warn("a drive that is not in use does not close", "drive", id, "error", err)
	}
}
