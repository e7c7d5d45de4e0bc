package s3

import (
	"context"
	"crypto/md5"
	"encoding/base64"
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/holdfast-storage/holdfast/bench"
)

// hands is how many connections store and delete what is not measured, at least.
const hands = 16

// makeAtMost is for how long the making of a bucket may hold up an interrupt.
const makeAtMost = 5 * time.Second

// Prepare makes the bucket if it is not there, and stores what the operation reads: all keys, for Mix half of them. It
// may be called again, and stores then what is missing.
func (l *Loader) Prepare(ctx context.Context) error {
	helper := l.helper()
	defer helper.Close()
	if err := helper.makeBucket(ctx); err != nil {
		return err
	}
	o := l.objects
	if l.load.Operation != bench.Put {
		if err := l.refill(ctx); err != nil {
			return err
		}
	}
	want := o.keys
	switch l.load.Operation {
	case bench.Put:
		want = 0
	case bench.Mix:
		want = max(1, want/2)
	}
	if have := o.stored.Load(); have < want {
		if err := helper.store(ctx, have, want); err != nil {
			return err
		}
		o.stored.Store(want)
		o.puts.Store(max(o.puts.Load(), want))
	}
	if l.load.Payload == Unsigned || l.load.Operation != bench.Put && l.load.Operation != bench.Mix {
		return nil
	}
	return helper.over(ctx, "hashing", 0, o.keys, func(_ context.Context, w *worker, n int64) error {
		o.put(&w.request, &w.body, n, l.load.Payload)
		return nil
	})
}

// Warm reads all that the operation reads, once: what is measured then comes from the server's memory, if that has room.
func (l *Loader) Warm(ctx context.Context) error {
	switch l.load.Operation {
	case bench.Get, bench.Range, bench.Mix:
	default:
		return nil
	}
	helper := l.helper()
	defer helper.Close()
	return helper.over(ctx, "warming up", 0, l.objects.stored.Load(), func(ctx context.Context, w *worker, n int64) error {
		for {
			if _, done, err := w.get(ctx, n, 0, l.load.Size); done || err != nil {
				return err
			}
		}
	})
}

// helper is the load with enough connections to be done soon.
func (l *Loader) helper() *Loader {
	load := l.load
	load.Clients = max(load.Clients, hands)
	if load.Size >= 16<<20 {
		load.Clients = 2
	}
	load.Payload = Unsigned
	return newLoader(l.server, load, l.objects)
}

// refill stores again what DELETE has taken.
func (l *Loader) refill(ctx context.Context) error {
	if l.objects.gone == 0 {
		return nil
	}
	helper := l.helper()
	defer helper.Close()
	helper.load.Told = nil
	if err := helper.store(ctx, 0, l.objects.gone); err != nil {
		return err
	}
	l.objects.gone = 0
	return nil
}

// store puts the objects from one number up to another, again where the server is too busy.
func (l *Loader) store(ctx context.Context, from, to int64) error {
	l.objects.begun.Store(max(l.objects.begun.Load(), to))
	return l.over(ctx, "storing", from, to, func(ctx context.Context, w *worker, n int64) error {
		for {
			if _, done, err := w.put(ctx, n); done || err != nil {
				return err
			}
		}
	})
}

// over has the workers share the numbers from one up to another.
func (l *Loader) over(ctx context.Context, what string, from, to int64, do func(ctx context.Context, w *worker, n int64) error) error {
	var next, done atomic.Int64
	next.Store(from)
	return l.each(ctx, func(ctx context.Context, w *worker) error {
		for ctx.Err() == nil {
			n := next.Add(1) - 1
			if n >= to {
				return nil
			}
			if err := do(ctx, w, n); err != nil {
				return err
			}
			if got := done.Add(1); l.load.Told != nil {
				l.load.Told(what, got, to-from)
			}
		}
		return ctx.Err()
	})
}

// makeBucket makes the bucket unless it is there.
func (l *Loader) makeBucket(ctx context.Context) error {
	w := l.workers[0]
	w.bucket("HEAD")
	if _, _, err := w.do(ctx, &w.keys); err == nil {
		if !l.server.Bare {
			return nil
		}
	} else if !hasStatus(err, http.StatusNotFound) {
		return err
	}
	w.bucket("PUT")
	if region := l.server.Region; region != "us-east-1" && !l.server.Bare { // which is the only one that must not be named
		w.document(`<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><LocationConstraint>` + region +
			`</LocationConstraint></CreateBucketConfiguration>`)
	}
	// Who interrupts it does not learn whether the bucket was made, and it is to be removed.
	whole, cancel := context.WithTimeout(context.WithoutCancel(ctx), makeAtMost)
	defer cancel()
	if _, _, err := w.do(whole, &w.keys); err != nil {
		return err
	}
	l.objects.made.Store(true)
	return nil
}

// bucket fills in a request for the bucket itself.
func (w *worker) bucket(method string) {
	w.request = request{method: method, path: append(w.request.path[:0], w.loader.objects.root...), payload: []byte(unsigned), length: -1, decoded: -1, to: -1}
	if method == "PUT" {
		w.request.length = 0
	}
}

// document gives the request a body, with its MD5.
func (w *worker) document(text string) {
	hash := md5.Sum([]byte(text))
	w.request.md5 = base64.StdEncoding.EncodeToString(hash[:])
	w.request.length = int64(len(text))
	w.body = sent{text: []byte(text)}
}

func hasStatus(err error, status int) bool {
	var answer *Error
	return errors.As(err, &answer) && answer.Status == status
}
