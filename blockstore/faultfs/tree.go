package faultfs

import (
	"path"
	"slices"
	"strings"
	"syscall"
	"time"
)

// node is a file or a directory. Guarded by the lock of its FS.
type node struct {
	number   uint64
	dir      bool
	links    int // names seen
	modified time.Duration

	content // of a file

	// Of a directory: the names seen and, unless synced, the durable ones.
	entries, durable []entry
	synced           bool
	unplugged        bool // descriptors below give EIO
	limited          bool
	free             int64 // bytes that may still be allocated below, if limited
}

// entry is a name in a directory; lists of them are sorted by name.
type entry struct {
	name string
	node *node
}

func find(list []entry, name string) (int, bool) {
	return slices.BinarySearchFunc(list, name, func(e entry, name string) int { return strings.Compare(e.name, name) })
}

func lookup(list []entry, name string) *node {
	if i, ok := find(list, name); ok {
		return list[i].node
	}
	return nil
}

// put sets, or with a nil node removes, a name.
func put(list []entry, name string, n *node) []entry {
	i, ok := find(list, name)
	switch {
	case n == nil && ok:
		return slices.Delete(list, i, i+1)
	case n == nil:
		return list
	case ok:
		list[i].node = n
		return list
	}
	return slices.Insert(list, i, entry{name, n})
}

// durableEntries lists the names that a power cut leaves, without the pending ones.
func (n *node) durableEntries() []entry {
	if n.synced {
		return n.entries
	}
	return n.durable
}

// pending is one change of names that is not durable yet.
type pending struct {
	number  uint64
	node    *node // the file that it is about
	changes []change
}

// change is what happens to one name: it gets the node, or loses it if gone.
type change struct {
	dir  *node
	name string
	node *node
	gone bool
}

func (c change) apply(list []entry) []entry {
	if !c.gone {
		return put(list, c.name, c.node)
	}
	if lookup(list, c.name) == c.node {
		return put(list, c.name, nil)
	}
	return list
}

func (p *pending) in(dir *node) bool {
	return slices.ContainsFunc(p.changes, func(c change) bool { return c.dir == dir })
}

// change makes one change of names seen, and pending.
func (fs *FS) change(about *node, changes ...change) {
	for _, c := range changes {
		if c.dir.synced {
			c.dir.durable, c.dir.synced = slices.Clone(c.dir.entries), false
		}
		if old := lookup(c.dir.entries, c.name); old != nil {
			old.links--
		}
		if c.gone {
			c.dir.entries = put(c.dir.entries, c.name, nil)
		} else {
			c.dir.entries = put(c.dir.entries, c.name, c.node)
			c.node.links++
		}
		c.dir.modified = fs.tick()
	}
	fs.serial++
	fs.pending = append(fs.pending, &pending{fs.serial, about, changes})
}

// ties are the files and names that some changes are about. Two changes that share
// one must become durable in their order, or a file could get lost between two names.
type ties struct {
	nodes map[*node]bool
	names map[tie]bool
}

type tie struct {
	dir  *node
	name string
}

func newTies() ties { return ties{make(map[*node]bool), make(map[tie]bool)} }

func (t ties) add(p *pending) {
	t.nodes[p.node] = true
	for _, c := range p.changes {
		t.names[tie{c.dir, c.name}] = true
	}
}

func (t ties) hold(p *pending) bool {
	return t.nodes[p.node] || slices.ContainsFunc(p.changes, func(c change) bool { return t.names[tie{c.dir, c.name}] })
}

// syncDir makes the pending changes in dir durable, with those elsewhere that must
// come before one of them. A sync that failed forgets those in dir.
func (fs *FS) syncDir(dir *node, failed bool) {
	due, later := make(map[*pending]bool), newTies()
	for _, p := range slices.Backward(fs.pending) {
		if p.in(dir) || !failed && later.hold(p) {
			due[p] = true
			later.add(p)
		}
	}
	fs.pending = slices.DeleteFunc(fs.pending, func(p *pending) bool {
		if due[p] && !failed {
			for _, c := range p.changes {
				if !c.dir.synced {
					c.dir.durable = c.apply(c.dir.durable)
				}
			}
		}
		return due[p]
	})
	if !dir.synced && slices.Equal(dir.durable, dir.entries) {
		dir.durable, dir.synced = nil, true
	}
}

// place replaces what stands at a name in both views, as when a drive is pulled or
// put in: n is nil for nothing. Pending changes of the name are void.
func (fs *FS) place(dir *node, name string, n *node) {
	if old := lookup(dir.entries, name); old != nil {
		old.links--
	}
	dir.entries = put(dir.entries, name, n)
	if !dir.synced {
		dir.durable = put(dir.durable, name, n)
	}
	if n != nil {
		n.links++
	}
	fs.pending = slices.DeleteFunc(fs.pending, func(p *pending) bool {
		return slices.ContainsFunc(p.changes, func(c change) bool { return c.dir == dir && c.name == name })
	})
}

// spot is where a path leads.
type spot struct {
	chain []*node // the directories on the way, from the root
	name  string  // the last component; "" for the root
	node  *node   // what stands there, or nil
}

func (s spot) parent() *node { return s.chain[len(s.chain)-1] }

// inside is the chain of what lies below the spot.
func (s spot) inside() []*node {
	if s.name == "" {
		return s.chain
	}
	return append(slices.Clone(s.chain), s.node)
}

// clean gives the one form in which paths are compared: no slash at either end.
func clean(name string) string { return strings.Trim(path.Clean("/"+name), "/") }

// resolve walks to name. All but the last component must be directories.
func (fs *FS) resolve(name string) (spot, error) {
	s := spot{chain: []*node{fs.root}}
	rest := clean(name)
	if rest == "" {
		s.node = fs.root
		return s, nil
	}
	for {
		part, tail, more := strings.Cut(rest, "/")
		s.name, s.node = part, lookup(s.parent().entries, part)
		if !more {
			return s, nil
		}
		if s.node == nil {
			return s, syscall.ENOENT
		}
		if !s.node.dir {
			return s, syscall.ENOTDIR
		}
		s.chain, rest = append(s.chain, s.node), tail
	}
}

// existing is resolve for what must be there.
func (fs *FS) existing(name string) (spot, error) {
	s, err := fs.resolve(name)
	if err == nil && s.node == nil {
		err = syscall.ENOENT
	}
	return s, err
}

// limit finds the nearest directory of a chain whose space is limited.
func limit(chain []*node) *node {
	for _, dir := range slices.Backward(chain) {
		if dir.limited {
			return dir
		}
	}
	return nil
}

// credit gives back the space of a tree that lost its last name.
func credit(chain []*node, n *node) {
	if dir := limit(chain); dir != nil && n.links == 0 {
		dir.free += usage(n)
	}
}

// usage is the space that the tree at n takes, in bytes.
func usage(n *node) int64 {
	total := int64(n.allocated()) * pageBytes
	for _, e := range n.entries {
		total += usage(e.node)
	}
	return total
}
