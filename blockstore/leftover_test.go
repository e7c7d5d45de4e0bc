package blockstore

import "testing"

// TestLeftovers: what was given back is used again, a few at most, and what nobody asks for does not stay.
func TestLeftovers(t *testing.T) {
	var l leftovers[int]
	if l.get() != nil {
		t.Error("there is something to begin with")
	}
	for n := range leftoversMax + 1 {
		l.put(&n)
	}
	if n := len(l.list); n != leftoversMax {
		t.Errorf("%d are kept, not %d", n, leftoversMax)
	}
	l.trim()
	x, y := l.get(), l.get()
	l.put(x)
	l.put(y)
	if l.trim(); len(l.list) != 2 {
		t.Errorf("two were asked for, and %d are kept", len(l.list))
	}
	if l.get() != y || l.get() != x || l.get() != nil {
		t.Error("others are kept")
	}
	if l.trim(); len(l.list) != 0 || l.get() != nil {
		t.Error("something came back")
	}
}
