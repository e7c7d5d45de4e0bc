package blockstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/holdfast-storage/holdfast/blockstore/catalog"
	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// renewal is what making the catalog anew has shown: whether the old replicas
// said what the journal says.
type renewal struct {
	same      []uuid.UUID // drives whose replica said the same
	different map[uuid.UUID]string
}

// renewCatalog throws the replicas away and makes one from checkpoint and
// journal. Those that could be opened are brought to the journal's end first, so
// that they can be compared: applying is deterministic, so all are equal to the
// byte if nothing was wrong. Nothing else is applied meanwhile, since nothing is
// committed yet.
//
// Crash argument: the catalog is derived. Whatever is left of it, the next
// opening makes it from the journal or goes on from a replica that is whole.
func (p *Pool) renewCatalog(ctx context.Context, ev *evidence, replicas map[uuid.UUID]*catalog.Replica, end *logEnd, places map[uint64]catalog.Place) error {
	p.renewed = &renewal{different: make(map[uuid.UUID]string)}
	digests := make(map[uuid.UUID]uint64)
	first := end.first() // replicas before this were behind, which says nothing
	for id, r := range replicas {
		lsn, _ := r.Applied()
		if lsn+1 < first {
			continue
		}
		err := p.replay(ctx, end, lsn, ^uint64(0), places, r.Apply)
		if err == nil {
			digests[id], err = r.Digest()
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			p.renewed.different[id] = fmt.Sprintf("it could not be brought to the journal's end: %v", err)
		}
	}
	closeReplicas(replicas)
	for id, d := range p.members.now().live {
		if err := p.wipeCatalog(d); err != nil {
			return fmt.Errorf("drive %v: throwing its catalog away: %w", id, err)
		}
	}
	if err := p.rebuildCatalog(ctx, ev, end, places); err != nil {
		return err
	}
	list, err := p.catalog.CompareReplicas(ctx, nil, nil)
	if err != nil {
		return err
	}
	for id, digest := range digests {
		if len(list) == 1 && list[0].Err == nil && list[0].Digest == digest {
			p.renewed.same = append(p.renewed.same, id)
		} else {
			p.renewed.different[id] = "it did not say what the journal says"
		}
	}
	p.wg.Go(p.keepReplicas)
	return nil
}

// wipeCatalog empties a drive's catalog directory.
func (p *Pool) wipeCatalog(d *drive.Drive) error {
	dir, err := d.CatalogDir()
	if err != nil {
		return err
	}
	names, err := p.opt.FS.List(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := p.opt.FS.RemoveAll(p.opt.FS.PathJoin(dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// renewal says what making the catalog anew has shown.
func (c *fsck) renewal() {
	if r := c.p.renewed; r != nil {
		c.report.Rebuilt = true
		for id, text := range r.different {
			c.find(Finding{Kind: FindingReplica, Column: -1, Drive: id, Mended: true, Text: "the replica of the catalog was made again: " + text})
		}
		c.notef("the catalog was made again from checkpoint and journal; %d of the %d replicas that were there said the same to the byte",
			len(r.same), len(r.same)+len(r.different))
	}
}

// replicas says what the catalog's replicas are like, once those that were found
// wrong have been made again.
func (c *fsck) replicas(ctx context.Context) error {
	if err := c.awaitReplicas(ctx); err != nil {
		return err
	}
	attached := make(map[string]bool)
	for _, r := range c.p.catalog.Replicas() {
		attached[r.Name] = !r.Cloning
		if id, err := uuid.Parse(r.Name); err == nil && id != uuid.Nil && !r.Cloning {
			c.report.Replicas++
		}
	}
	v := c.p.members.now()
	for id, d := range v.live {
		known := slices.ContainsFunc(c.report.Findings, func(f Finding) bool { return f.Kind == FindingReplica && f.Drive == id && !f.Mended })
		if known || attached[id.String()] {
			continue
		}
		if err := c.unused(id, d); err != nil {
			return err
		}
	}
	if c.report.Replicas == 0 {
		c.notef("no drive holds a whole replica of the catalog; an opening makes them from the journal")
	}
	return nil
}

// unused looks at a replica that was not taken: it may be damaged, or not whole,
// as a closing pool leaves one that it was about to make.
func (c *fsck) unused(id uuid.UUID, d *drive.Drive) error {
	dir := c.p.opt.FS.PathJoin(d.Dir(), drive.CatalogName)
	names, err := c.p.opt.FS.List(dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(names) == 0 {
		return nil
	}
	var s catalog.Summary
	if err == nil {
		s, err = summarize(c.p.opt.FS, dir)
	}
	switch {
	case err != nil:
		c.find(Finding{Kind: FindingReplica, Column: -1, Drive: id, Text: fmt.Sprintf("the replica of the catalog in %s cannot be read: %v; a repair makes it again", dir, err)})
	case s.LSN == 0 || s.Building:
		c.notef("the replica of the catalog in %s is not whole; an opening makes it again if it is wanted", dir)
	default:
		c.notef("the replica of the catalog in %s ends at batch %d and is not used; an opening makes it again if it is wanted", dir, s.LSN)
	}
	return nil
}

// awaitReplicas waits until there are as many whole replicas as there should be,
// or none was added for too long: that is noted, and no reason to fail. A pool
// that takes no changes makes none.
func (c *fsck) awaitReplicas(ctx context.Context) error {
	if c.p.opt.ReadOnly {
		return nil
	}
	c.stage("waiting for the catalog's replicas")
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	have, since := 0, time.Now()
	for {
		whole, cloning := 0, 0
		for _, r := range c.p.catalog.Replicas() {
			if r.Cloning {
				cloning++
			} else {
				whole++
			}
		}
		want := min(c.p.parity+1, len(c.p.replicaHomes(c.p.members.now())))
		switch {
		case whole >= want && cloning == 0:
			return nil
		case whole != have || cloning > 0:
			have, since = whole, time.Now()
		case time.Since(since) > c.p.patience:
			c.notef("only %d of %d replicas of the catalog could be made", whole, want)
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
