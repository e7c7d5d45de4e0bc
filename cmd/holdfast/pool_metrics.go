package main

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// statusPatience bounds what a scrape waits for the pool.
const statusPatience = 5 * time.Second

// poolMetrics are the figures of the status, read anew at each scrape.
type poolMetrics struct {
	report func(context.Context) (statusReport, error)

	up, objects, logical, capacity, free, mayFail, epoch, segments, stripes, state, errors *prometheus.Desc
	commits, changes                                                                       *prometheus.Desc

	mend mendMetrics
}

// driveStates are all that a drive can be in: there is a series for each, so that one that is left goes to 0.
func driveStates() []string {
	return []string{stateOnline, stateDegraded, stateFaulted, stateOffline, stateRemoved, stateUnavail, stateSpare, stateRebuilding, stateEvacuating}
}

// poolStates are those of the pool.
func poolStates() []string { return []string{stateOnline, stateDegraded, stateUnavail} }

func newPoolMetrics(report func(context.Context) (statusReport, error)) *poolMetrics {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("holdfast_"+name, help, labels, nil)
	}
	return &poolMetrics{
		report:   report,
		up:       desc("pool_state", "1 for the state that the pool is in, 0 for all others.", "state"),
		objects:  desc("pool_objects", "Objects in all buckets."),
		logical:  desc("pool_logical_bytes", "Bytes of all objects, as clients count them."),
		capacity: desc("pool_capacity_bytes", "Bytes of objects that the drives have room for, parity taken off."),
		free:     desc("pool_free_bytes", "Of these, bytes that are free."),
		mayFail:  desc("pool_may_still_fail", "Drives that may fail now with every object still readable."),
		epoch:    desc("pool_epoch", "Number of the membership in force."),
		segments: desc("pool_segments", "Segments in use."),
		stripes:  desc("pool_stripes", "Stripes by the number of their columns that should be stored and are not known good.", "missing"),
		state:    desc("drive_state", "1 for the state that the drive is in, 0 for all others.", "slot", "state"),
		errors:   desc("drive_errors_total", "Errors of the drive since the daemon was started.", "slot", "kind"),
		commits:  desc("pool_commits_total", "Batches of changes that were made durable since the daemon was started."),
		changes:  desc("pool_committed_changes_total", "Changes in these batches: by holdfast_pool_commits_total, they are the objects per commit."),
		mend:     newMendMetrics(desc),
	}
}

// Describe implements prometheus.Collector.
func (m *poolMetrics) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.up, m.objects, m.logical, m.capacity, m.free, m.mayFail, m.epoch, m.segments, m.stripes, m.state, m.errors, m.commits, m.changes} {
		out <- d
	}
	m.mend.describe(out)
}

// Collect implements prometheus.Collector.
func (m *poolMetrics) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), statusPatience)
	defer cancel()
	put := metricWriter(out)
	r, err := m.report(ctx)
	if err != nil {
		put.states(m.up, poolStates(), stateUnavail)
		return
	}
	put.states(m.up, poolStates(), r.Pool.State)
	put.gauge(m.objects, float64(r.Pool.Objects))
	put.gauge(m.logical, float64(r.Pool.LogicalBytes))
	put.gauge(m.capacity, float64(r.Pool.CapacityBytes))
	put.gauge(m.free, float64(r.Pool.FreeBytes))
	put.gauge(m.mayFail, float64(r.mayFail()))
	put.gauge(m.epoch, float64(r.Pool.Epoch))
	put.gauge(m.segments, float64(r.Redundancy.Segments))
	// Up to parity and one more there always is a series, so that an alert can stand on it.
	for n := range r.Pool.Parity + 2 {
		columns := strconv.Itoa(n)
		put.gauge(m.stripes, float64(r.Redundancy.Missing[columns]), columns)
	}
	for columns, stripes := range r.Redundancy.Missing {
		if n, err := strconv.Atoi(columns); err != nil || n > r.Pool.Parity+1 {
			put.gauge(m.stripes, float64(stripes), columns)
		}
	}
	for _, d := range r.Drives {
		slot := strconv.Itoa(d.Slot)
		put.states(m.state, driveStates(), d.State, slot)
		for kind, n := range map[string]uint64{"read": d.ReadErrors, "write": d.WriteErrors, "checksum": d.ChecksumErrors} {
			put.counter(m.errors, float64(n), slot, kind)
		}
	}
	put.counter(m.commits, float64(r.Commits.Batches))
	put.counter(m.changes, float64(r.Commits.Changes))
	m.mend.collect(put, r)
}

// metricWriter makes metrics of figures.
type metricWriter chan<- prometheus.Metric

func (w metricWriter) gauge(d *prometheus.Desc, value float64, labels ...string) {
	w <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
}

func (w metricWriter) counter(d *prometheus.Desc, value float64, labels ...string) {
	w <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, value, labels...)
}

// states writes one series for each state, 1 for the one that is; the state is the last label.
func (w metricWriter) states(d *prometheus.Desc, all []string, state string, labels ...string) {
	if !slices.Contains(all, state) {
		all = append(slices.Clone(all), state)
	}
	for _, s := range all {
		value := 0.0
		if s == state {
			value = 1
		}
		w.gauge(d, value, append(slices.Clone(labels), s)...)
	}
}

// time writes a moment, in seconds since 1970; nothing if there is none.
func (w metricWriter) time(d *prometheus.Desc, at *time.Time) {
	if at != nil {
		w.gauge(d, float64(at.UnixMilli())/1000)
	}
}
