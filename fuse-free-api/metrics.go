package api

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are those of the object listener.
type metrics struct {
	requests       *prometheus.CounterVec   // operation, class
	duration       *prometheus.HistogramVec // operation
	received, sent prometheus.Counter
	inFlight       prometheus.Gauge
	connections    prometheus.Gauge

	figures map[string]*figures // by operation: to look them up by labels takes longer
}

// figures are those of one operation.
type figures struct {
	classes  [6]prometheus.Counter // by the status's first digit; 0: cut
	duration prometheus.Observer
}

// noOperation stands for that of a request which was refused before it was
// known what it asks for.
const noOperation = "none"

// newMetrics registers with reg, if it is not nil. All label values are there
// from the start, so that a rate over them begins at zero.
func newMetrics(reg prometheus.Registerer, all []*operation) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "holdfast_http_requests_total",
			Help: "Requests to the object listener, by operation and class of status; none: refused before the operation was known; cut: ended before the answer was whole."}, []string{"operation", "class"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "holdfast_http_request_duration_seconds",
			Help:    "Time from a request's headers to the end of its answer, bodies included.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}}, []string{"operation"}),
		received: prometheus.NewCounter(prometheus.CounterOpts{Name: "holdfast_http_received_bytes_total",
			Help: "Bytes of request bodies read."}),
		sent: prometheus.NewCounter(prometheus.CounterOpts{Name: "holdfast_http_sent_bytes_total",
			Help: "Bytes of response bodies written."}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{Name: "holdfast_http_requests_in_flight",
			Help: "Requests being served now."}),
		connections: prometheus.NewGauge(prometheus.GaugeOpts{Name: "holdfast_http_connections",
			Help: "Connections open now."}),
	}
	names := []string{noOperation}
	for _, op := range all {
		names = append(names, op.name)
	}
	m.figures = make(map[string]*figures, len(names))
	for _, name := range names {
		f := &figures{duration: m.duration.WithLabelValues(name)}
		f.classes[0] = m.requests.WithLabelValues(name, "cut")
		for digit := 2; digit <= 5; digit++ {
			f.classes[digit] = m.requests.WithLabelValues(name, strconv.Itoa(digit)+"xx")
		}
		m.figures[name] = f
	}
	if reg == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.requests, m.duration, m.received, m.sent, m.inFlight, m.connections} {
		if err := reg.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *metrics) observe(operation string, status int, cut bool, took time.Duration) {
	f, digit := m.figures[operation], status/100
	if cut {
		digit = 0
	}
	if digit < len(f.classes) && f.classes[digit] != nil {
		f.classes[digit].Inc()
	} else {
		m.requests.WithLabelValues(operation, strconv.Itoa(digit)+"xx").Inc()
	}
	f.duration.Observe(took.Seconds())
}
