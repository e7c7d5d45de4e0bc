package suite

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/holdfast-storage/holdfast/blockstore"
)

// pool is a pool on directories of its own with the daemon that serves it.
type pool struct {
	Server
	stage    *stage
	admin    *admin
	dirs     []string // of the drives, by slot
	flags    []string
	replaced int // drives so far
}

// pool starts a daemon on a new pool. With drives gone it has no room to rebuild
// anything by itself: the others hold a column of each segment already, so
// that nothing is in the way of what is measured.
func (s *stage) pool(ctx context.Context, flags ...string) (*pool, error) {
	p := &pool{stage: s, dirs: s.newDirs(), flags: flags}
	return p, p.start(ctx, "--init")
}

// newPool is a pool that no daemon serves, with as many drives that may fail as the daemons' pools have.
func (s *stage) newPool(dirs []string) blockstore.Options {
	return blockstore.Options{Dirs: dirs, Init: true, Parity: s.parity}
}

// start starts the daemon, which does not run.
func (p *pool) start(ctx context.Context, more ...string) error {
	began := time.Now()
	server, err := p.stage.Launcher.StartDaemon(ctx, p.dirs, slices.Concat(p.flags, more)...)
	if err != nil {
		return fmt.Errorf("a daemon to be measured: %w", err)
	}
	if server.Ready == 0 {
		server.Ready = time.Since(began)
	}
	p.Server, p.admin = server, newAdmin(server)
	p.stage.later(server.Kill) // its directories go, too
	return nil
}

// lose takes so many drives away, the last ones, and waits until the daemon knows.
func (p *pool) lose(ctx context.Context, drives int) error {
	keep := len(p.dirs) - drives
	lost := p.dirs[keep:]
	if err := removeAll(lost); err != nil {
		return err
	}
	return p.admin.await(ctx, fmt.Sprintf("%d drives to be missed", drives), func(s poolState) bool {
		missed := 0
		for _, d := range s.Drives {
			if slices.Contains(lost, d.Path) && d.State != "ONLINE" {
				missed++
			}
		}
		return missed == drives
	})
}
