package s3

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holdfast-storage/holdfast/bench"
)

// Loader is a load on a target. One run at a time.
type Loader struct {
	load    Load
	server  *server
	objects *objects
	workers []*worker
	refused atomic.Int64

	latencies []time.Duration // of all workers: kept from run to run
}

// NewLoad connects to nothing yet.
func NewLoad(target Target, load Load) (*Loader, error) {
	load, err := load.withDefaults()
	if err != nil {
		return nil, err
	}
	server, err := newServer(target)
	if err != nil {
		return nil, err
	}
	return newLoader(server, load, newObjects(load)), nil
}

func newLoader(server *server, load Load, objects *objects) *Loader {
	l := &Loader{load: load, server: server, objects: objects}
	for i := range load.Clients {
		l.workers = append(l.workers, newWorker(l, uint64(i)))
	}
	return l
}

// As is another load on the same objects, with connections of its own. What Prepare has stored for l serves it too:
// its own stores what more it needs. Clean either, not both.
func (l *Loader) As(operation bench.Operation, clients int) (*Loader, error) {
	load := l.load
	load.Operation, load.Clients = operation, clients
	load, err := load.withDefaults()
	if err != nil {
		return nil, err
	}
	return newLoader(l.server, load, l.objects), nil
}

// Most is how many bytes the load keeps on the server at most.
func (l *Loader) Most() int64 { return l.objects.keys * l.objects.size }

// Refused is how many requests the server has answered with 503 so far, which counts as no operation. It is the only
// answer that is not the end: the client waits a moment.
func (l *Loader) Refused() int64 { return l.refused.Load() }

// Side runs the load. What it needs has been stored by Prepare.
func (l *Loader) Side() bench.Side { return bench.Side{Name: l.load.name(), Run: l.run} }

// Close ends the connections and leaves what is stored.
func (l *Loader) Close() {
	for _, w := range l.workers {
		w.client.hangUp()
	}
}

// run is one run of the side: all clients for the span, and the requests that have begun by its end to their end.
func (l *Loader) run(ctx context.Context, span time.Duration) (bench.Sample, error) {
	if l.load.Operation == bench.Delete { // what earlier runs took
		if err := l.refill(ctx); err != nil {
			return bench.Sample{}, err
		}
	}
	for _, w := range l.workers { // first connections are no work
		if err := w.client.dial(ctx); err != nil {
			return bench.Sample{}, err
		}
	}
	tickets := &tickets{most: -1}
	if l.load.Written > 0 {
		tickets.most = max(1, l.load.Written/max(1, l.load.Size))
	}
	if l.load.Operations > 0 && (tickets.most < 0 || l.load.Operations < tickets.most) {
		tickets.most = l.load.Operations
	}
	if l.load.Operation == bench.Delete {
		tickets.most = l.objects.stored.Load()
	}
	before, err := l.cpu()
	if err != nil {
		return bench.Sample{}, err
	}
	began := time.Now()
	err = l.each(ctx, func(ctx context.Context, w *worker) error { return w.work(ctx, began, span, tickets) })
	sample := bench.Sample{Elapsed: time.Since(began)}
	if l.load.Operation == bench.Delete {
		l.objects.gone = tickets.taken()
	}
	if err != nil {
		return sample, err
	}
	after, err := l.cpu()
	sample.CPU = after - before
	l.gather(&sample)
	return sample, err
}

// each runs do for all workers and waits for them. The first error, and the end of ctx, end all.
func (l *Loader) each(ctx context.Context, do func(ctx context.Context, w *worker) error) error {
	inner, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	hungUp := make(chan struct{})
	stop := context.AfterFunc(inner, func() {
		defer close(hungUp)
		for _, w := range l.workers {
			w.client.interrupt()
		}
	})
	var all sync.WaitGroup
	for _, w := range l.workers {
		all.Go(func() {
			if err := do(inner, w); err != nil {
				cancel(err)
			}
		})
	}
	all.Wait()
	if stop() {
		return nil
	}
	<-hungUp
	l.Close()
	return context.Cause(inner)
}

// cpu is what the server has taken so far; 0 if nobody can tell here.
func (l *Loader) cpu() (time.Duration, error) {
	if l.server.PID == 0 {
		return 0, nil
	}
	took, err := bench.ProcessCPU(l.server.PID)
	if errors.Is(err, errors.ErrUnsupported) {
		return 0, nil
	}
	return took, err
}

// gather adds up what the workers did.
func (l *Loader) gather(sample *bench.Sample) {
	l.latencies = l.latencies[:0]
	for _, w := range l.workers {
		sample.Ops += w.ops
		sample.Bytes += w.bytes
		l.latencies = append(l.latencies, w.latencies...)
	}
	sample.Latencies(l.latencies)
}

// tickets are the operations of a run, where their number is bounded.
type tickets struct {
	most  int64 // below 0: any number
	drawn atomic.Int64
}

// draw returns the number of the operation, from 0; false: there are no more.
func (t *tickets) draw() (int64, bool) {
	if t.most < 0 {
		return 0, true
	}
	n := t.drawn.Add(1) - 1
	return n, n < t.most
}

// taken is how many were drawn.
func (t *tickets) taken() int64 { return min(t.drawn.Load(), t.most) }
