package blockstore

import (
	"slices"
	"sync"
)

// leftovers keeps memory that is costly to make for whoever needs it next: a few of a kind, also over collections,
// each of which empties a sync.Pool. Large bodies are few and long: with one of these less memory is made for one than is
// for its commit, which is what the collector runs for.
type leftovers[T any] struct {
	mu    sync.Mutex
	list  []*T
	least int // of them that there were since the last trim
}

// leftoversMax is how many are kept: for as many large bodies as are under way where that many are usual.
const leftoversMax = 64

// get is nil if there is none.
func (l *leftovers[T]) get() *T {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(l.list)
	if n == 0 {
		return nil
	}
	x := l.list[n-1]
	l.list[n-1], l.list = nil, l.list[:n-1]
	l.least = min(l.least, n-1)
	return x
}

// put keeps x, which nobody else may know of, or leaves it to the collector.
func (l *leftovers[T]) put(x *T) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.list) < leftoversMax {
		l.list = append(l.list, x)
	}
}

// trim leaves to the collector what nobody has asked for since the trim before.
func (l *leftovers[T]) trim() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = slices.Delete(l.list, 0, l.least)
	l.least = len(l.list)
}
