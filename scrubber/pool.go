package scrubber

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// Pool is what a Scrubber needs of the store.
type Pool interface {
	// SealOpen closes the segments that are being written, so that what they
	// hold can be examined. Called once when a run starts.
	SealOpen(ctx context.Context) error
	// Segments lists the segments that can be examined.
	Segments(ctx context.Context) ([]uint64, error)
	// Examine reads every column of a segment from the drives, verifies it, and
	// mends what it can. pace is called before so many bytes are read or written.
	//
	// What is found is in the Result, not an error, even if it could not be
	// mended. An error says that the segment could not be examined to its end,
	// and that it is worth trying again; what came before it counts all the same.
	// Two errors say more: ErrGone and ErrBusy.
	Examine(ctx context.Context, segment uint64, pace Pace) (Result, error)
	// CrossCheck holds catalog, segment table and replicas against each other.
	// doubtful are stripes that the run could not read: they are damage if
	// something lies in them. Called once when a run ends.
	CrossCheck(ctx context.Context, doubtful map[uint64][]StripeRange, pace Pace) (Result, error)
	// Load gives what Store stored last under a name; nil if nothing is there.
	Load(ctx context.Context, name string) ([]byte, error)
	// Store keeps at most 64 KiB under a name, durably when it returns. An empty
	// value removes the name. Names are "scrub" and those that begin with "scrub/".
	Store(ctx context.Context, name string, value []byte) error
	// Suspects gives segments that are to be examined before all others, with or
	// without a run.
	Suspects() <-chan uint64
}

// Pace waits until so many bytes may be read or written. Its error is to end
// what is being done.
type Pace = func(ctx context.Context, bytes int) error

// Errors that Examine may wrap.
var (
	// ErrGone: the pool has no such segment any more. It counts as examined.
	ErrGone = errors.New("the segment is gone")
	// ErrBusy: the segment is in use. It is tried for longer than others, and if
	// it stays in use the next run has to do.
	ErrBusy = errors.New("the segment is in use at present")
)

// Result is what an examination came to.
type Result struct {
	Bytes    int64 // read
	Mended   int64 // blocks that were made good
	Unread   int   // files that could not be read: their drives are away
	Findings []Finding
	Doubtful []StripeRange // too few columns are good; CrossCheck tells whether it matters
}

// StripeRange is the stripes [From, To) of a segment.
type StripeRange struct{ From, To uint32 }

// Finding is one thing that was wrong. The Scrubber fills in Time, and Segment
// if it is 0 and one was examined.
type Finding struct {
	Time        time.Time `json:"time"`
	Kind        string    `json:"kind,omitempty"` // the pool's word for it
	Segment     uint64    `json:"segment,omitempty"`
	Text        string    `json:"text"`
	Objects     []string  `json:"objects,omitempty"`      // bucket/key of those that cannot be read
	ObjectsMore int       `json:"objects_more,omitempty"` // that are not named, for lack of room
	Mended      bool      `json:"mended"`
}

// Options for New. The zero value works.
type Options struct {
	BytesPerSecond int64            // for runs that are started without a rate; 0: no cap
	Now            func() time.Time // the wall clock; nil: time.Now. It decides when to start, and nothing else
	Tick           time.Duration    // how often the schedule is looked at; 0: 30 s
	Logger         *slog.Logger     // nil: none
	// Started and Ended are told of runs, not of segments brought forward; may be
	// nil. They must not block, and not call the Scrubber.
	Started, Ended func(Status)
}

func (o Options) withDefaults() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Tick <= 0 {
		o.Tick = 30 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}
