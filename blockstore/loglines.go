package blockstore

import (
	"sync"
	"time"

	"github.com/google/uuid"
)

// A drive with many bad columns has one to tell of with every read. logLines lets
// a few lines a second through for each drive, and counts those it leaves out.
type logLines struct {
	mu     sync.Mutex
	drives map[uuid.UUID]*lineBudget
}

// linesMax is how many lines a second are logged of a drive's bad columns.
const linesMax = 5

type lineBudget struct {
	mu      sync.Mutex
	began   time.Time // of the second under way
	lines   int       // in it
	leftOut int       // since the last one that was logged
}

func (l *logLines) of(id uuid.UUID) *lineBudget {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.drives[id]
	if b == nil {
		b = &lineBudget{}
		if l.drives == nil {
			l.drives = make(map[uuid.UUID]*lineBudget)
		}
		l.drives[id] = b
	}
	return b
}

// pass says whether to log a line, and how many were left out before it.
func (b *lineBudget) pass(now time.Time) (ok bool, leftOut int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if now.Sub(b.began) >= time.Second {
		b.began, b.lines = now, 0
	}
	if b.lines == linesMax {
		b.leftOut++
		return false, 0
	}
	b.lines++
	leftOut, b.leftOut = b.leftOut, 0
	return true, leftOut
}
