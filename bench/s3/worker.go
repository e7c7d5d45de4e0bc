package s3

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/holdfast-storage/holdfast/bench"
)

// mostLatencies bounds how many latencies a run keeps, of all clients together. Past it every one has the same chance
// to be among them.
const mostLatencies = 1 << 20

// worker is one client of a load: a connection, and what goes through it.
type worker struct {
	loader *Loader
	client *client
	random *rand.Rand

	request request
	body    sent
	check   check
	keys    counter
	failure keeper

	ops       int64
	bytes     int64
	latencies []time.Duration
}

func newWorker(l *Loader, seed uint64) *worker {
	w := &worker{
		loader: l, client: newClient(l.server), random: rand.New(rand.NewPCG(seed, 0x5333)),
		failure: keeper{most: 4 << 10},
	}
	if !l.server.Bare {
		w.check.source = l.objects.source
	}
	return w
}

// work does operations from began on until the span is over or there are no more tickets.
func (w *worker) work(ctx context.Context, began time.Time, span time.Duration, t *tickets) error {
	w.ops, w.bytes, w.latencies = 0, 0, w.latencies[:0]
	for at := began; at.Sub(began) < span; {
		ticket, more := t.draw()
		if !more {
			return nil
		}
		n, done, err := w.operation(ctx, ticket)
		if err != nil {
			return err
		}
		now := time.Now()
		if done {
			w.ops++
			w.bytes += n
			w.keep(now.Sub(at))
		}
		at = now
	}
	return nil
}

// keep notes a latency: all of them, then a fair selection (algorithm R: Vitter, "Random Sampling with a Reservoir", 1985).
func (w *worker) keep(latency time.Duration) {
	most := mostLatencies / len(w.loader.workers)
	if len(w.latencies) < most {
		w.latencies = append(w.latencies, latency)
	} else if i := w.random.Int64N(w.ops); i < int64(most) {
		w.latencies[i] = latency
	}
}

// operation does one, and says how many bytes of bodies went by. done is false if the server was too busy.
func (w *worker) operation(ctx context.Context, ticket int64) (bytes int64, done bool, err error) {
	o := w.loader.objects
	switch w.loader.load.Operation {
	case bench.Put:
		return w.put(ctx, o.next())
	case bench.Mix:
		if w.random.IntN(100) >= bench.GetShare {
			return w.put(ctx, o.next())
		}
		return w.get(ctx, w.any(), 0, o.size)
	case bench.Get:
		return w.get(ctx, w.any(), 0, o.size)
	case bench.Range:
		return w.get(ctx, w.any(), w.random.Int64N(o.size-bench.RangeBytes+1), bench.RangeBytes)
	case bench.Head:
		o.plain(&w.request, "HEAD", w.any())
		resp, done, err := w.do(ctx, &w.keys)
		if err == nil && done && resp.length != o.size {
			err = fmt.Errorf("%s: an object of %d bytes, but %d were stored", &w.request, resp.length, o.size)
		}
		return 0, done, err
	case bench.List:
		return w.list(ctx)
	case bench.Delete:
		o.plain(&w.request, "DELETE", ticket)
		_, done, err := w.do(ctx, &w.keys)
		return 0, done, err
	}
	return 0, false, fmt.Errorf("no operation %q", w.loader.load.Operation)
}

// any is one of the objects that are there.
func (w *worker) any() int64 { return w.random.Int64N(max(1, w.loader.objects.stored.Load())) }

func (w *worker) put(ctx context.Context, n int64) (int64, bool, error) {
	o := w.loader.objects
	o.put(&w.request, &w.body, n, w.loader.load.Payload)
	_, done, err := w.do(ctx, &w.keys)
	return o.size, done, err
}

// get reads length bytes of object n from a place on.
func (w *worker) get(ctx context.Context, n, from, length int64) (int64, bool, error) {
	o := w.loader.objects
	o.plain(&w.request, "GET", n)
	if length != o.size {
		w.request.from, w.request.to = from, from+length-1
	}
	w.check.expect(place(n)+from, length)
	resp, done, err := w.do(ctx, &w.check)
	if err != nil || !done {
		return 0, done, err
	}
	switch {
	case length != o.size && resp.status != 206:
		err = fmt.Errorf("%s: a range was asked for, and the answer is %d", &w.request, resp.status)
	case w.check.seen != length:
		err = fmt.Errorf("%s: %d bytes came, and %d were stored", &w.request, w.check.seen, length)
	case w.check.wrong && !w.loader.load.There:
		err = fmt.Errorf("%s: other bytes came than were stored", &w.request)
	}
	return length, true, err
}

// list asks for a page somewhere in the middle, so that it is a full one if there are enough keys.
func (w *worker) list(ctx context.Context) (int64, bool, error) {
	o := w.loader.objects
	stored := o.stored.Load()
	want := min(stored, bench.ListKeys)
	o.page(&w.request, w.random.Int64N(stored-want+1))
	w.keys.reset()
	_, done, err := w.do(ctx, &w.keys)
	if err == nil && done && !w.loader.server.Bare && w.keys.keys != want {
		err = fmt.Errorf("%s: %d keys came, where there are %d", &w.request, w.keys.keys, want)
	}
	return w.keys.bytes, done, err
}

// do sends the request with the body. What the server cannot do now is not done, but no error.
func (w *worker) do(ctx context.Context, to taker) (response, bool, error) {
	w.failure.kept = w.failure.kept[:0]
	resp, err := w.client.do(ctx, &w.request, &w.body, to, &w.failure)
	w.body = sent{}
	switch {
	case err != nil:
		return resp, false, err
	case resp.status == 503:
		w.loader.refused.Add(1)
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
		}
		return resp, false, ctx.Err()
	case resp.status/100 != 2:
		return resp, false, failure(&w.request, resp.status, w.failure.kept)
	}
	return resp, true, nil
}
