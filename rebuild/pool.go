package rebuild

import (
	"context"
	"log/slog"
	"time"
)

// Pool is what a Rebuilder needs of the store. Mend is called from several
// goroutines at once, each with another segment; the rest from one.
type Pool interface {
	// Prepare makes ready what work needs: it puts spares to use. It is called
	// before Work when something has changed, and every few seconds.
	Prepare(ctx context.Context) error
	// Work lists what is due, each segment once, in any order.
	Work(ctx context.Context) ([]Work, error)
	// Mend makes one segment whole, and gives the bytes that it wrote.
	Mend(ctx context.Context, segment uint64, o MendOptions) (written int64, err error)
	// Settle takes note of what work has brought about: a drive that is filled,
	// one that is empty. It is called often, and is cheap when there is nothing.
	Settle(ctx context.Context) error
	// Changed has a token when Work may list more than it did.
	Changed() <-chan struct{}
}

// Work is a segment that is to be mended or moved.
type Work struct {
	Segment   uint64
	Remaining int    // columns that may still be lost; below zero: some data cannot be read
	Files     int    // to be made good or moved
	Bytes     int64  // to be written at most
	Blocked   string // why nothing can be done now; empty: it can
}

// MendOptions go with one call of Mend.
type MendOptions struct {
	// Pace is called before so many bytes are read or written, and waits until
	// they may be. Its error ends the mending.
	Pace func(ctx context.Context, bytes int) error
	// Progress is told what was read and written since the last call.
	Progress func(read, written int64)
}

// Options for New. The zero value works.
type Options struct {
	Workers        int           // segments at once; 0: 2
	BytesPerSecond int64         // read and written together; 0: no cap
	Tick           time.Duration // how often to look when nothing has changed; 0: 1 s
	Logger         *slog.Logger  // nil: none
	// Done is told when nothing is left after something was done; may be nil.
	// It must not block.
	Done func(Status)
}

func (o Options) withDefaults() Options {
	if o.Workers <= 0 {
		o.Workers = 2
	}
	if o.Tick <= 0 {
		o.Tick = time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}
