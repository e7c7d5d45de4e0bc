package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/holdfast-storage/holdfast/blockstore"
	api "github.com/holdfast-storage/holdfast/fuse-free-api"
)

// operationMetrics count what is asked of the pool, at its edge: below the
// protocol, above everything that the engine does. All label values are there
// from the start, so that a rate over them begins at zero.
type operationMetrics struct {
	operations *prometheus.CounterVec   // operation
	failures   *prometheus.CounterVec   // operation, kind
	duration   *prometheus.HistogramVec // operation

	figures map[string]operationFigures // by operation: to look them up by labels takes longer
}

// operationFigures are those of one operation.
type operationFigures struct {
	ended prometheus.Counter
	took  prometheus.Observer
}

// Operations as labels.
const (
	opPut    = "put"
	opGet    = "get"
	opStat   = "stat"
	opDelete = "delete"
	opList   = "list"
	opBucket = "bucket" // all that is asked of buckets themselves
	opUpload = "upload" // all that is asked of multipart uploads, but for putting parts
	opSystem = "attributes"
)

func operations() []string {
	return []string{opPut, opGet, opStat, opDelete, opList, opBucket, opUpload, opSystem}
}

// errorKind is what a failed operation is counted under.
type errorKind struct {
	err  error
	name string
}

// Kinds of errors that no sentinel of the edge stands for.
const (
	kindCanceled = "canceled" // the client went away, or sent too little
	kindOther    = "other"
)

func errorKinds() []errorKind {
	return []errorKind{
		{api.ErrNoSuchBucket, "no_such_bucket"},
		{api.ErrNoSuchKey, "no_such_key"},
		{api.ErrBucketExists, "bucket_exists"},
		{api.ErrBucketNotEmpty, "bucket_not_empty"},
		{api.ErrPrecondition, "precondition"},
		{api.ErrReadOnly, "read_only"},
		{api.ErrNoSpace, "no_space"},
		{api.ErrBusy, "busy"},
		{api.ErrClosed, "closed"},
		{api.ErrNoSuchUpload, "no_such_upload"},
		{api.ErrNoSuchPart, "no_such_part"},
		{api.ErrTooManyPieces, "bad_request"},
		{api.ErrBodySize, kindCanceled},
		{api.ErrInvalidName, "bad_request"},
		{api.ErrKeyTooLong, "bad_request"},
		{context.Canceled, kindCanceled},
		{context.DeadlineExceeded, kindCanceled},
		{api.ErrUnavailable, "unavailable"},
	}
}

// kindOf names an operation's error, by the first kind that it is.
func kindOf(err error) string {
	var client *blockstore.WriteError
	if errors.As(err, &client) {
		return kindCanceled
	}
	for _, k := range errorKinds() {
		if errors.Is(err, k.err) {
			return k.name
		}
	}
	return kindOther
}

func newOperationMetrics(reg prometheus.Registerer) (*operationMetrics, error) {
	m := &operationMetrics{
		operations: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "holdfast_pool_operations_total",
			Help: "Operations on the pool that have ended, failed ones included."}, []string{"operation"}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "holdfast_pool_operation_errors_total",
			Help: "Operations on the pool that failed, by the kind of error. Keys that are not there and clients that went away are kinds, too."}, []string{"operation", "kind"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "holdfast_pool_operation_duration_seconds",
			Help:    "Time that operations on the pool took, failed ones included. A put ends when the object is durable, a get with its last byte; both include the client's pace.",
			Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}}, []string{"operation"}),
	}
	m.figures = make(map[string]operationFigures)
	for _, op := range operations() {
		m.figures[op] = operationFigures{m.operations.WithLabelValues(op), m.duration.WithLabelValues(op)}
		m.failures.WithLabelValues(op, kindOther)
		for _, k := range errorKinds() {
			m.failures.WithLabelValues(op, k.name)
		}
	}
	for _, c := range []prometheus.Collector{m.operations, m.failures, m.duration} {
		if err := reg.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// ended counts an operation that began then.
func (m *operationMetrics) ended(op string, began time.Time, err error) {
	m.figures[op].ended.Inc()
	m.figures[op].took.Observe(time.Since(began).Seconds())
	if err != nil {
		m.failures.WithLabelValues(op, kindOf(err)).Inc()
	}
}

// measuredStore counts what passes through to a store. It changes nothing of it.
type measuredStore struct {
	store   api.Store
	metrics *operationMetrics
}

func (s measuredStore) CreateBucket(ctx context.Context, name string) (err error) {
	defer func(began time.Time) { s.metrics.ended(opBucket, began, err) }(time.Now())
	return s.store.CreateBucket(ctx, name)
}

func (s measuredStore) DeleteBucket(ctx context.Context, name string) (err error) {
	defer func(began time.Time) { s.metrics.ended(opBucket, began, err) }(time.Now())
	return s.store.DeleteBucket(ctx, name)
}

func (s measuredStore) Bucket(ctx context.Context, name string) (info api.BucketInfo, err error) {
	defer func(began time.Time) { s.metrics.ended(opBucket, began, err) }(time.Now())
	return s.store.Bucket(ctx, name)
}

func (s measuredStore) Buckets(ctx context.Context) (list []api.BucketInfo, err error) {
	defer func(began time.Time) { s.metrics.ended(opBucket, began, err) }(time.Now())
	return s.store.Buckets(ctx)
}

func (s measuredStore) Put(ctx context.Context, bucket, key string, body io.Reader, req api.PutRequest) (info api.ObjectInfo, err error) {
	watched := &measuredBody{body: body}
	defer func(began time.Time) { s.metrics.endedPut(began, watched, err) }(time.Now())
	return s.store.Put(ctx, bucket, key, watched, req)
}

// endedPut counts a put of an object or of a part.
func (m *operationMetrics) endedPut(began time.Time, body *measuredBody, err error) {
	if err != nil && body.err != nil {
		err = errClientGone
	}
	m.ended(opPut, began, err)
}

// errClientGone stands for whatever a body that ends too early gives.
var errClientGone = fmt.Errorf("the client sent less than it announced: %w", context.Canceled)

// measuredBody remembers that a body could not be read: then the client is to blame, not the pool.
type measuredBody struct {
	body io.Reader
	err  error
}

func (b *measuredBody) Read(p []byte) (int, error) {
	n, err := b.body.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		b.err = err
	}
	return n, err
}

// Immediate and Await are the body's, where it has them (blockstore.ImmediateBody).
func (b *measuredBody) Immediate(on bool) bool {
	body, ok := b.body.(blockstore.ImmediateBody)
	return ok && body.Immediate(on)
}

func (b *measuredBody) Await() { b.body.(blockstore.ImmediateBody).Await() }

func (s measuredStore) Stat(ctx context.Context, bucket, key string) (info api.ObjectInfo, err error) {
	defer func(began time.Time) { s.metrics.ended(opStat, began, err) }(time.Now())
	return s.store.Stat(ctx, bucket, key)
}

func (s measuredStore) Delete(ctx context.Context, bucket, key string, cond api.Condition) (existed bool, err error) {
	defer func(began time.Time) { s.metrics.ended(opDelete, began, err) }(time.Now())
	return s.store.Delete(ctx, bucket, key, cond)
}

func (s measuredStore) List(ctx context.Context, bucket string, opts api.ListOptions) (page api.ListPage, err error) {
	defer func(began time.Time) { s.metrics.ended(opList, began, err) }(time.Now())
	return s.store.List(ctx, bucket, opts)
}

// Get counts the operation when the object is closed: only then it is known how it went.
func (s measuredStore) Get(ctx context.Context, bucket, key string) (api.Object, error) {
	began := time.Now()
	object, err := s.store.Get(ctx, bucket, key)
	if err != nil {
		s.metrics.ended(opGet, began, err)
		return nil, err
	}
	return &measuredObject{Object: object, metrics: s.metrics, began: began}, nil
}

// measuredObject is an open object. As the store's it is used by one goroutine at a time.
type measuredObject struct {
	api.Object
	metrics *operationMetrics
	began   time.Time
	err     error // the first
}

func (o *measuredObject) WriteTo(ctx context.Context, w io.Writer, off, n int64) error {
	err := o.Object.WriteTo(ctx, w, off, n)
	if o.err == nil {
		o.err = err
	}
	return err
}

func (o *measuredObject) Close() {
	o.Object.Close()
	o.metrics.ended(opGet, o.began, o.err)
}
