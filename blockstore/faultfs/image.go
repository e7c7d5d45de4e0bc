package faultfs

import (
	"maps"
	"math/rand/v2"
	"slices"
)

// Kill returns the image after the process ended: everything written is seen, what is
// not durable stays not durable, no lock is held. The image is independent: neither
// side sees what happens to the other from now on. It has no hooks.
func (fs *FS) Kill() *FS {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	return fs.image(&copier{content: (*content).killed, both: true})
}

// PowerCut returns an image after a power cut: what is durable, and each dirty page,
// size and pending change of names with a chance of keepPercent in 100. Some of the
// pages kept are torn: mixed from new and old sectors of 512 bytes, unless keepPercent is 100. One number
// is drawn from rng, which may be nil when keepPercent is 0. All of the
// image is durable. A drive that is unplugged keeps only what is durable.
func (fs *FS) PowerCut(rng *rand.Rand, keepPercent int) *FS {
	seed := uint64(0)
	if keepPercent > 0 {
		seed = rng.Uint64()
	}
	fs.mu.Lock()
	defer fs.mu.Unlock()
	return fs.image(fs.cutter(seed, keepPercent))
}

// cutter makes the copier of a power cut.
func (fs *FS) cutter(seed uint64, keep int) *copier {
	names := make(map[*node][]entry)
	held := newTies() // of changes not kept, so that later ones are not either
	for _, p := range fs.pending {
		if held.hold(p) || !newStream(seed, p.number<<1|1).chance(keep) {
			held.add(p)
			continue
		}
		for _, c := range p.changes {
			list, ok := names[c.dir]
			if !ok {
				list = slices.Clone(c.dir.durableEntries())
			}
			names[c.dir] = c.apply(list)
		}
	}
	return &copier{
		content: func(c *content) content { return c.cut(0, nil) },
		keeping: func(n *node) content { return n.content.cut(keep, newStream(seed, n.number<<1)) },
		names: func(n *node) []entry {
			if list, ok := names[n]; ok {
				return list
			}
			return n.durableEntries()
		},
	}
}

// copier copies trees. Files with several names, and directories in two views, are copied once.
type copier struct {
	content func(*content) content // copies a file
	keeping func(*node) content    // copies a file instead, if set
	names   func(*node) []entry    // the names a directory has in the copy; nil: the ones seen
	both    bool                   // the durable names are copied too
	number  func() uint64          // numbers the copies; nil: as they were
	made    map[*node]*node
}

func (c *copier) copy(n *node) *node {
	if twin := c.made[n]; twin != nil {
		return twin
	}
	twin := &node{number: n.number, dir: n.dir, modified: n.modified, synced: n.dir,
		unplugged: n.unplugged, limited: n.limited, free: n.free}
	if c.number != nil {
		twin.number = c.number()
	}
	c.made[n] = twin
	switch {
	case n.dir:
		c.copyNames(n, twin)
	case c.keeping != nil:
		twin.content = c.keeping(n)
	default:
		twin.content = c.content(&n.content)
	}
	return twin
}

func (c *copier) copyNames(n, twin *node) {
	list := n.entries
	if c.names != nil {
		list = c.names(n)
	}
	twin.entries = c.list(list)
	for _, e := range twin.entries {
		e.node.links++
	}
	if c.both && !n.synced {
		twin.durable, twin.synced = c.list(n.durable), false
	}
}

func (c *copier) list(list []entry) []entry {
	twins := make([]entry, len(list))
	for i, e := range list {
		twins[i] = entry{e.name, c.copy(e.node)}
	}
	return twins
}

// image copies the whole file system.
func (fs *FS) image(c *copier) *FS {
	c.made = make(map[*node]*node, 64)
	twin := blank()
	twin.numbers, twin.serial, twin.clock = fs.numbers, fs.serial, fs.clock
	twin.root = c.copy(fs.root)
	for _, dir := range slices.Sorted(maps.Keys(fs.away)) {
		a := fs.away[dir]
		if a.unplugged && !c.both {
			// Its power went with it, whatever becomes of the rest.
			dead := fs.cutter(0, 0)
			dead.made = make(map[*node]*node)
			twin.away[dir] = away{dead.copy(a.node), true}
			continue
		}
		twin.away[dir] = away{c.copy(a.node), a.unplugged}
	}
	if c.both {
		for _, p := range fs.pending {
			if q := c.copyPending(p); q != nil {
				twin.pending = append(twin.pending, q)
			}
		}
	}
	return twin
}

// copyPending copies a pending change, unless it is in a directory that is gone.
func (c *copier) copyPending(p *pending) *pending {
	q := &pending{number: p.number}
	for _, change := range p.changes {
		dir := c.made[change.dir]
		if dir == nil {
			return nil
		}
		change.dir, change.node = dir, c.copy(change.node)
		q.changes = append(q.changes, change)
	}
	q.node = c.copy(p.node)
	return q
}
