package md5

import "sync"

const (
	// Lanes is how many streams are hashed beside each other.
	Lanes = 8
	// roundBytes is how much of each is hashed at a time; after it, others may join: about 25 µs.
	roundBytes = 16 << 10
	// joinBytes is from where on a piece is hashed with others. To wait and to be woken costs about what is won of
	// less, and so a small object never waits for a large one.
	joinBytes = 16 << 10
)

// Group hashes together what several goroutines write at the same time. It is safe for concurrent use; its hashes are
// each for one goroutine at a time.
//
// Who writes while nobody leads, leads: it hashes in rounds, of its own piece and of up to Lanes-1 others, those first
// that waited longest. Who writes meanwhile joins the queue, and sleeps until its piece is hashed. With its own piece
// done a leader leaves, and hands the lead to the first in the queue. So
//
//   - a hash is with one leader or in the queue, not both, from where its Write began to wait to where it is woken; its
//     bytes are taken off its rest as they are hashed: each is hashed once, in order, and before Write returns;
//   - while somebody waits somebody leads (leaders > 0 if waiting > 0), or was told to;
//   - whoever waits is in one of the next three rounds, since those of the last one queue behind it, and who comes
//     while there are Lanes waiting for each leader leads, too.
//
// Nobody waits for anything but computing while in it, so nothing that a caller holds can be missing elsewhere.
type Group struct {
	kernels

	resting sync.Pool // of hash.Hash

	mu      sync.Mutex
	leaders int
	first   *digest // of those that wait
	last    *digest
	waiting int
}

// kernels are the code for this processor.
type kernels struct {
	name   string
	single string // the name of what alone is, once chosen: it may be of other instructions
	// alone takes whole blocks of one stream into its state; nil: crypto/md5 does.
	alone func(state *[4]uint32, p *byte, blocks int)
	// together takes as many of each of several streams into theirs, which are beside each other; nil: there is none.
	together func(states *[4][Lanes]uint32, p *[Lanes]*byte, blocks int)
}

// NewGroup makes a group without streams. It takes about a millisecond to find the fastest code for this processor.
func NewGroup() *Group {
	if list := all(); len(list) > 0 && imaged() {
		return &Group{kernels: fastest(list)}
	}
	return &Group{kernels: kernels{name: "none", single: "none"}} // crypto/md5
}

// Instructions names the vector instructions that one stream alone and several are hashed with: "AVX-512", "AVX2" or "none".
func (g *Group) Instructions() (one, several string) { return g.single, g.name }

// hash hashes all of d's rest.
func (g *Group) hash(d *digest) {
	if len(d.rest) < joinBytes {
		g.one(d, len(d.rest))
		return
	}
	g.mu.Lock()
	if g.leaders > g.waiting/Lanes {
		g.push(d)
		g.mu.Unlock()
		<-d.turn
		if len(d.rest) == 0 {
			return
		}
	} else {
		g.leaders++
		g.mu.Unlock()
	}
	g.lead(d)
}

// lead hashes d's rest, and what others wait with beside it.
func (g *Group) lead(d *digest) {
	for {
		streams := [Lanes]*digest{d}
		n := 1
		g.mu.Lock()
		for ; n < Lanes && g.waiting > 0; n++ {
			streams[n] = g.pop()
		}
		g.mu.Unlock()
		g.round(streams[:n])

		g.mu.Lock()
		for _, s := range streams[1:n] {
			if len(s.rest) > 0 {
				g.push(s)
			} else {
				s.turn <- struct{}{} // which has room for it
			}
		}
		if len(d.rest) > 0 {
			g.mu.Unlock()
			continue
		}
		if g.waiting == 0 || g.leaders > 1 && g.waiting < Lanes {
			g.leaders--
		} else {
			g.pop().turn <- struct{}{}
		}
		g.mu.Unlock()
		return
	}
}

// round hashes as much of some streams as all of them have, and no more than roundBytes. The first is the leader's.
func (g *Group) round(streams []*digest) {
	bytes := roundBytes
	for _, s := range streams {
		bytes = min(bytes, len(s.rest))
	}
	if len(streams) == 1 {
		g.one(streams[0], bytes)
		return
	}
	at := &streams[0].lanes
	for lane := range Lanes {
		s := streams[min(lane, len(streams)-1)] // lanes that are left over do what the last one does
		at.from[lane] = &s.rest[0]
		for i, word := range s.state {
			at.states[i][lane] = word
		}
	}
	g.together(&at.states, &at.from, bytes/BlockSize)
	clear(at.from[:]) // the callers' again
	for lane, s := range streams {
		for i := range s.state {
			s.state[i] = at.states[i][lane]
		}
		s.hashed(bytes)
	}
}

// one hashes some bytes of a single stream.
func (g *Group) one(d *digest, bytes int) {
	p := d.rest[:bytes]
	if g.alone == nil {
		d.give()
		_, _ = d.std.Write(p) // it took what came before, so it takes this
		d.hashed(bytes)
		d.take()
		return
	}
	for len(p) > 0 {
		n := min(roundBytes, len(p)) // since a goroutine cannot be stopped within
		g.alone(&d.state, &p[0], n/BlockSize)
		p = p[n:]
	}
	d.hashed(bytes)
}

// push appends to the queue.
func (g *Group) push(d *digest) {
	if d.turn == nil {
		d.turn = make(chan struct{}, 1)
	}
	if g.waiting == 0 {
		g.first = d
	} else {
		g.last.next = d
	}
	g.last = d
	g.waiting++
}

// pop takes the first off it.
func (g *Group) pop() *digest {
	d := g.first
	g.first, d.next = d.next, nil
	g.waiting--
	if g.waiting == 0 {
		g.last = nil
	}
	return d
}
