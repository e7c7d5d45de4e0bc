package suite

import (
	"context"

	"github.com/holdfast-storage/holdfast/blockstore"
)

// StartMending begins beside a pool in this process what a daemon has beside its own: a rebuild goes on whenever
// something is due, a scrub when it is asked for.
type StartMending func(ctx context.Context, pool *blockstore.Pool) Mending

// Mending is background work, without a cap.
type Mending interface {
	// StartScrub begins a scrub. One that is on goes on, and that is fine.
	StartScrub(ctx context.Context) error
	Scrubbed() WorkState
	Rebuilt() WorkState
	// Stop ends all of it where it is, and waits until it has. The pool is closed after it.
	Stop()
}

// WorkState is how far background work is.
type WorkState struct {
	Running bool   // it is being done at this moment
	Over    bool   // nothing is left of it
	Bytes   int64  // done, from 0 each time it begins
	Reason  string // why it does not go on
}
