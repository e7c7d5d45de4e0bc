package api

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/holdfast-storage/holdfast/fuse-free-api/md5"
	"github.com/holdfast-storage/holdfast/fuse-free-api/sigv4"
)

const (
	defaultRegion = "us-east-1"
	// maxHeaderBytes leaves room for a key of 1024 bytes, all of them
	// percent-encoded, a prefix and a token, and the headers kept.
	maxHeaderBytes = 32 << 10
	// afterDrain is how long requests that were cut may take to notice.
	afterDrain = 5 * time.Second
)

// Options configure a Server. Store, Admin and the keys must be given.
type Options struct {
	Store     Store
	Admin     Admin
	AccessKey string
	SecretKey string

	Region     string                // "": us-east-1
	Logger     *slog.Logger          // nil: none
	Registerer prometheus.Registerer // for the object listener's metrics; nil: none
	Gatherer   prometheus.Gatherer   // what /metrics shows; nil: nothing
	Rand       io.Reader             // for request ids and ETags, by several goroutines; nil: crypto/rand
	Now        func() time.Time      // what signatures' times are held against; nil: time.Now
	AccessLog  *slog.Logger          // takes a line for each request to the object listener; nil: none
	TLS        *Certificate          // of both listeners; nil: none, and they must be loopback
	Domains    []string              // below which buckets' names may stand as host names; see CheckDomain
	ETag       ETagMode

	StallTimeout   time.Duration // without a byte moved, before a client is cut; 0: 30 s
	HeaderTimeout  time.Duration // for a request's headers; 0: 10 s
	IdleTimeout    time.Duration // between requests of a connection; 0: 60 s
	DrainTimeout   time.Duration // for running requests at the end; 0: 30 s
	MaxConnections int           // of the object listener; 0: 4096
	MaxRequests    int           // to the object listener at once, 503 SlowDown beyond; 0: 2048
}

// Server is the HTTP edge of one pool. It is safe for concurrent use.
type Server struct {
	opts       Options
	keys       keys
	verifier   *sigv4.Verifier
	operations operationTable
	domains    domains
	ids        *requestIDs
	requests   atomic.Int64 // to the object listener, now
	documents  atomic.Int64 // bytes of those requests' documents, in memory
	metrics    *metrics
	md5s       *md5.Group
	calls      sync.Pool // of *call that are over
	heads      sync.Pool // of *[headBufferBytes]byte, for bodies' beginnings that are held back
	draining   atomic.Bool
	life       context.Context // ends when draining begins; for requests that are not worth waiting for
	endLife    context.CancelFunc
	keepAlive  time.Duration // shorter in tests

	maxObjectBytes, maxDocumentsBytes int64 // lower in tests
}

// streamLimits bound what one HTTP/2 connection can take. A connection's window
// has room for those of all its streams, or one whose body waits for the store
// would hold up the others; what that comes to in all is bounded by MaxRequests:
// 256 MiB, if as many clients as that send faster than the drives take it.
func streamLimits() *http.HTTP2Config {
	const streams, windowBytes = 128, 128 << 10
	return &http.HTTP2Config{
		MaxConcurrentStreams:          streams,
		MaxReceiveBufferPerStream:     windowBytes,
		MaxReceiveBufferPerConnection: streams * windowBytes,
		MaxReadFrameSize:              16 << 10,    // a connection keeps a buffer of that size
		SendPingTimeout:               time.Minute, // a client that is gone without a word is noticed
	}
}

// New makes a server that serves nothing yet.
func New(opts Options) (*Server, error) {
	if opts.Store == nil || opts.Admin == nil {
		panic("api: Options without Store or Admin")
	}
	if opts.AccessKey == "" || opts.SecretKey == "" {
		return nil, errors.New("api: access key and secret must not be empty")
	}
	if opts.Region == "" {
		opts.Region = defaultRegion
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.Rand == nil {
		opts.Rand = rand.Reader
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Gatherer == nil {
		opts.Gatherer = prometheus.NewRegistry()
	}
	for d, fallback := range map[*time.Duration]time.Duration{
		&opts.StallTimeout: 30 * time.Second, &opts.HeaderTimeout: 10 * time.Second,
		&opts.IdleTimeout: time.Minute, &opts.DrainTimeout: 30 * time.Second,
	} {
		if *d <= 0 {
			*d = fallback
		}
	}
	if opts.MaxConnections <= 0 {
		opts.MaxConnections = 4096
	}
	if opts.MaxRequests <= 0 {
		opts.MaxRequests = 2048
	}
	hosts, err := newDomains(opts.Domains)
	if err != nil {
		return nil, fmt.Errorf("api: %w", err)
	}
	all := operations()
	ids, err := newRequestIDs(opts.Rand)
	if err != nil {
		return nil, fmt.Errorf("api: %w", err)
	}
	m, err := newMetrics(opts.Registerer, all)
	if err != nil {
		return nil, fmt.Errorf("api: metrics: %w", err)
	}
	if opts.TLS != nil && opts.Registerer != nil {
		if err := opts.Registerer.Register(opts.TLS.expiry()); err != nil {
			return nil, fmt.Errorf("api: metrics: %w", err)
		}
	}
	s := &Server{opts: opts, keys: newKeys(opts.AccessKey, opts.SecretKey), verifier: newVerifier(opts), operations: newOperationTable(all), domains: hosts,
		ids: ids, metrics: m, md5s: md5.NewGroup(), maxObjectBytes: maxObjectBytes, maxDocumentsBytes: maxDocumentsBytes, keepAlive: keepAliveInterval}
	s.life, s.endLife = context.WithCancel(context.Background())
	return s, nil
}

// ServeObjects serves the object listener until ctx ends, then lets running
// requests finish for DrainTimeout, and cuts what still runs. It closes ln.
// An error means that ln failed, was not loopback, or that requests were cut.
func (s *Server) ServeObjects(ctx context.Context, ln net.Listener) error {
	// Readiness ends with the first sign of the end, not after it; and by the end of serving in any case, which may come
	// before a context has told all that follow it.
	drain := func() {
		s.draining.Store(true)
		s.endLife()
	}
	defer drain()
	defer context.AfterFunc(ctx, drain)()
	if s.opts.TLS != nil {
		watching, end := context.WithCancel(ctx)
		var watcher sync.WaitGroup
		watcher.Go(func() { s.opts.TLS.watch(watching) })
		defer watcher.Wait()
		defer end()
	}
	return s.serve(ctx, ln, s.ObjectHandler(), s.opts.MaxConnections, s.metrics.connections)
}

// ServeAdmin serves the admin listener in the same way. Let it end after
// ServeObjects, so that health and metrics can be asked while it drains.
func (s *Server) ServeAdmin(ctx context.Context, ln net.Listener) error {
	const connections = 128
	return s.serve(ctx, ln, profilesUntil(ctx, s.AdminHandler()), connections, nil)
}

func (s *Server) serve(ctx context.Context, ln net.Listener, handler http.Handler, connections int, gauge prometheus.Gauge) error {
	if s.opts.TLS == nil && ln.Addr().Network() != "unix" {
		if err := CheckLoopback(ln.Addr().String()); err != nil {
			return errors.Join(err, ln.Close())
		}
	}
	// Requests outlive ctx: they are to be finished.
	base, cutRequests := context.WithCancel(context.WithoutCancel(ctx))
	defer cutRequests()
	running := newTracker()
	var requests sync.Pool // of *pacedRequest
	srv := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !running.begin() {
				panic(http.ErrAbortHandler)
			}
			defer running.end()
			paced(handler, s.opts.StallTimeout, &requests, w, r)
		}),
		ConnContext:                  withConn,
		BaseContext:                  func(net.Listener) context.Context { return base },
		ReadHeaderTimeout:            s.opts.HeaderTimeout,
		IdleTimeout:                  s.opts.IdleTimeout,
		MaxHeaderBytes:               maxHeaderBytes,
		DisableGeneralOptionsHandler: true,
		Protocols:                    &http.Protocols{},
		ErrorLog:                     slog.NewLogLogger(s.opts.Logger.Handler(), slog.LevelDebug),
	}
	srv.Protocols.SetHTTP1(true)
	limited := newLimitListener(ln, connections, s.opts.StallTimeout, gauge, s.opts.Logger)
	run := func() error { return srv.Serve(limited) }
	if s.opts.TLS != nil {
		srv.TLSConfig = s.opts.TLS.config()
		srv.Protocols.SetHTTP2(true)
		srv.HTTP2 = streamLimits()
		run = func() error { return srv.ServeTLS(limited, "", "") }
	}
	ended := make(chan error, 1)
	go func() { ended <- run() }()
	var failed error
	select {
	case err := <-ended:
		failed = fmt.Errorf("listener %s: %w", ln.Addr(), err)
		ended <- nil
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(base, s.opts.DrainTimeout)
	defer cancel()
	if err := srv.Shutdown(drain); err != nil {
		failed = errors.Join(failed, fmt.Errorf("listener %s: requests were cut after draining for %v: %w", ln.Addr(), s.opts.DrainTimeout, err))
		cutRequests()
		_ = srv.Close() // its errors are those of connections that are being cut
	}
	<-ended
	if n := running.close(afterDrain); n > 0 {
		failed = errors.Join(failed, fmt.Errorf("listener %s: %d requests did not end when they were cut", ln.Addr(), n))
	}
	return failed
}
