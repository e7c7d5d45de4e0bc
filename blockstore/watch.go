package blockstore

import (
	"errors"
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
	for _, s := range []*share{p.mem.uploads, p.mem.reads} {
		p.wg.Go(func() { p.reclaim(s) })
	}
}

// watchNew has every drive that is here looked after.
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
	for id, d := range p.members.now().here() {
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
	tick := time.NewTicker(p.patience / stuckShare)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-p.stopped:
			return
		}
		for id, d := range p.members.now().here() {
			if d.Stuck() > p.patience {
				p.hung(id)
			} else if d.StuckReading() > p.patience {
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

func (p *Pool) watchDrive(id uuid.UUID, d *drive.Drive) {
	tick := time.NewTicker(p.opt.PresencePeriod)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-tick.C:
		case <-p.stopped:
			return
		}
		if p.members.now().here()[id] != d {
			return
		}
		err := d.Present()
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
