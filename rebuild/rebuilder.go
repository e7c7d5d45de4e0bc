package rebuild

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/holdfast-storage/holdfast/blockstore/yield"
)

// changePause is how long a change is left alone before the pool is asked what
// is due: changes come in flocks, and some are of our own making.
const changePause = 10 * time.Millisecond

// Rebuilder mends what is due, as long as Run runs. Its methods may be called
// from any goroutine.
type Rebuilder struct {
	pool  Pool
	opt   Options
	pace  *yield.Cap
	meter *yield.Meter
	ended chan ending // of jobs; room for all of them

	mu       sync.Mutex
	queue    *queue
	busy     bool      // something was due when the pool was last asked
	done     int       // segments, since busy
	bytes    int64     // written, since busy
	finished time.Time // when busy last ended
	trouble  string    // what the pool said instead of what is due
	hint     string    // what failed, and holds up nothing

	// Of Run's goroutine alone.
	unsettled bool
	refusals  int       // of Work, in a row
	hold      time.Time // not to ask Work before
}

// ending is what became of a job.
type ending struct {
	job     *job
	written int64
	err     error
}

// New makes a Rebuilder. It does nothing before Run.
func New(pool Pool, o Options) *Rebuilder {
	o = o.withDefaults()
	return &Rebuilder{
		pool: pool, opt: o, pace: yield.NewCap(o.BytesPerSecond), meter: &yield.Meter{},
		ended: make(chan ending, o.Workers), queue: newQueue(),
		unsettled: true, // work that a restart has cut short may have been the last
	}
}

// SetRate caps the bytes per second that are read and written, together; 0: no
// cap. It holds at once for what is being mended.
func (r *Rebuilder) SetRate(bytesPerSecond int64) { r.pace.Set(bytesPerSecond) }

// Run mends until ctx ends, and returns when all that it began has ended. It is
// to be called once.
func (r *Rebuilder) Run(ctx context.Context) {
	tick := time.NewTicker(r.opt.Tick)
	defer tick.Stop()
	defer r.drain(ctx)
	look := true // not only a job has ended: there may be news
	for ctx.Err() == nil {
		if look || !time.Now().Before(r.hold) {
			r.round(ctx, look)
		}
		look = true
		select {
		case <-ctx.Done():
		case e := <-r.ended:
			r.end(ctx, e)
			look = false
		case <-r.pool.Changed():
			r.hold = time.Time{}
			sleep(ctx, changePause)
		case <-tick.C:
			look = !time.Now().Before(r.hold)
		}
	}
}

// round asks what is due, and begins as much of it as there are workers for. It
// asks anew for each segment, so that one that has become critical goes first.
func (r *Rebuilder) round(ctx context.Context, look bool) {
	hint := ""
	if look {
		if err := r.pool.Prepare(ctx); err != nil {
			hint = "spares cannot be put to use: " + err.Error()
		}
	}
	due, err := r.pool.Work(ctx)
	if err != nil {
		r.refused(ctx, err)
		return
	}
	r.refusals, r.hold = 0, time.Time{}
	begun := r.begin(due)
	for _, j := range begun {
		r.unsettled = true
		go func() { r.ended <- r.mend(ctx, j) }()
	}
	active := r.activeJobs()
	// A round ends when nothing is under way. While something is, a drive that is
	// done need not wait for the others: it is looked at with every tick.
	if active == 0 || r.unsettled && look && len(begun) == 0 {
		if err := r.pool.Settle(ctx); err != nil {
			hint = "what was mended is not yet taken note of: " + err.Error()
		} else {
			r.unsettled = active > 0
		}
	}
	r.setHint(ctx, hint)
	if active == 0 && len(due) == 0 && !r.unsettled {
		r.finish(ctx)
	}
}

// begin takes the list of what is due and picks what is to be mended now.
func (r *Rebuilder) begin(due []Work) (jobs []*job) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	r.trouble = ""
	if len(due) > 0 && !r.busy {
		r.busy, r.done, r.bytes = true, 0, 0
		r.meter.Restart()
	}
	r.queue.refill(due, now)
	for len(r.queue.active) < r.opt.Workers {
		j, any := r.queue.take(now)
		if !any {
			break
		}
		jobs = append(jobs, j)
	}
	return jobs
}

// mend does one job.
func (r *Rebuilder) mend(ctx context.Context, j *job) ending {
	written, err := r.pool.Mend(ctx, j.work.Segment, MendOptions{
		Pace:     r.pace.Wait,
		Progress: func(_, written int64) { r.wrote(j, written) },
	})
	return ending{job: j, written: written, err: err}
}

func (r *Rebuilder) wrote(j *job, bytes int64) {
	if bytes <= 0 {
		return
	}
	j.written.Add(bytes)
	r.meter.Add(bytes)
	r.mu.Lock()
	r.bytes += bytes
	r.mu.Unlock()
}

// end takes note of what became of a job.
func (r *Rebuilder) end(ctx context.Context, e ending) {
	r.wrote(e.job, e.written-e.job.written.Load()) // what Progress was not told
	segment := e.job.work.Segment
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case e.err == nil:
		r.queue.succeeded(segment)
		r.done++
	case ctx.Err() != nil:
		delete(r.queue.active, segment)
	default:
		again := r.queue.failed(segment, e.err, time.Now())
		r.opt.Logger.LogAttrs(ctx, slog.LevelWarn, "A segment could not be mended; it is tried again.",
			slog.Uint64("segment", segment), slog.Int("attempts", again.Attempts),
			slog.Time("next", again.Next), slog.Any("error", e.err))
	}
}

// drain waits for what is under way.
func (r *Rebuilder) drain(ctx context.Context) {
	for r.activeJobs() > 0 {
		r.end(ctx, <-r.ended)
	}
}

func (r *Rebuilder) activeJobs() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.queue.active)
}

// refused notes that the pool does not say what is due. What is under way goes on.
func (r *Rebuilder) refused(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	r.refusals++
	r.hold = time.Now().Add(min(backoff(r.refusals), time.Minute))
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.trouble != err.Error() {
		r.trouble = err.Error()
		r.opt.Logger.LogAttrs(ctx, slog.LevelWarn, "The pool does not say what is to be mended; it is asked again.", slog.Any("error", err))
	}
}

func (r *Rebuilder) setHint(ctx context.Context, hint string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if hint != "" && hint != r.hint && ctx.Err() == nil {
		r.opt.Logger.LogAttrs(ctx, slog.LevelWarn, "Something about rebuilding does not work; it is tried again.", slog.String("error", hint))
	}
	r.hint = hint
}

// finish notes that nothing is left.
func (r *Rebuilder) finish(ctx context.Context) {
	r.mu.Lock()
	was := r.busy
	r.busy = false
	if was {
		r.finished = time.Now()
	}
	done := r.done
	r.mu.Unlock()
	if !was || done == 0 { // what is due no more because its drive is back was not rebuilt
		return
	}
	s := r.Status()
	r.opt.Logger.LogAttrs(ctx, slog.LevelInfo, "All that was due is mended.",
		slog.Int("segments", s.SegmentsDone), slog.Int64("bytes", s.BytesDone))
	if r.opt.Done != nil {
		r.opt.Done(s)
	}
}

// sleep waits, or not if ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
