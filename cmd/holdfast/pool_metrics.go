package main

import (
	"context"
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
}

func newPoolMetrics(report func(context.Context) (statusReport, error)) *poolMetrics {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("holdfast_"+name, help, labels, nil)
	}
	return &poolMetrics{
		report:   report,
		up:       desc("pool_up", "1 if the pool tells how it is, by its state.", "state"),
		objects:  desc("pool_objects", "Objects in all buckets."),
		logical:  desc("pool_logical_bytes", "Bytes of all objects, as clients count them."),
		capacity: desc("pool_capacity_bytes", "Bytes of objects that the drives have room for, parity taken off."),
		free:     desc("pool_free_bytes", "Of these, bytes that are free."),
		mayFail:  desc("pool_may_still_fail", "Drives that may fail now with every object still readable."),
		epoch:    desc("pool_epoch", "Number of the membership in force."),
		segments: desc("pool_segments", "Segments in use."),
		stripes:  desc("pool_stripes", "Stripes by the number of their columns that should be stored and are not known good.", "missing"),
		state:    desc("drive_state", "1 for the state that the drive is in.", "slot", "state"),
		errors:   desc("drive_errors_total", "Errors of the drive since the daemon was started.", "slot", "kind"),
	}
}

// Describe implements prometheus.Collector.
func (m *poolMetrics) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.up, m.objects, m.logical, m.capacity, m.free, m.mayFail, m.epoch, m.segments, m.stripes, m.state, m.errors} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (m *poolMetrics) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), statusPatience)
	defer cancel()
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	r, err := m.report(ctx)
	if err != nil {
		gauge(m.up, 0, stateUnavail)
		return
	}
	gauge(m.up, 1, r.Pool.State)
	gauge(m.objects, float64(r.Pool.Objects))
	gauge(m.logical, float64(r.Pool.LogicalBytes))
	gauge(m.capacity, float64(r.Pool.CapacityBytes))
	gauge(m.free, float64(r.Pool.FreeBytes))
	gauge(m.mayFail, float64(r.mayFail()))
	gauge(m.epoch, float64(r.Pool.Epoch))
	gauge(m.segments, float64(r.Redundancy.Segments))
	for columns, stripes := range r.Redundancy.Missing {
		gauge(m.stripes, float64(stripes), columns)
	}
	for _, d := range r.Drives {
		slot := strconv.Itoa(d.Slot)
		gauge(m.state, 1, slot, d.State)
		for kind, n := range map[string]uint64{"read": d.ReadErrors, "write": d.WriteErrors, "checksum": d.ChecksumErrors} {
			out <- prometheus.MustNewConstMetric(m.errors, prometheus.CounterValue, float64(n), slot, kind)
		}
	}
}
