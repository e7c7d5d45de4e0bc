package report

import (
	"math"
	"time"

	"github.com/holdfast-storage/holdfast/bench"
)

// canned is a result with something of everything: made up, and the same each time.
func canned() bench.Result {
	r := bench.Result{
		Version: "v0.5.0", Command: "holdfast bench --full --html report.html /mnt/disk{1...6}",
		Began: time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC), Took: 7*time.Minute + 12*time.Second,
		Machine: bench.Machine{CPU: "Intel Xeon <Platinum>", Cores: 2, Memory: 23 << 30, System: "Linux 6.18.5", Go: "go1.26.8", Places: "6 directories on one disk, ext4"},
		Data:    4, Parity: 2,
		Limits: []bench.Line{
			{Name: "memory copy", Value: 9.1e9, Least: 8.8e9, Most: 9.4e9, Unit: bench.BytesPerSecond, About: "16 MiB to 16 MiB, one core"},
			{Name: "commit limit", Value: 1140, Least: 1080, Most: 1205, Unit: bench.OpsPerSecond, About: "8 KiB appended to each of 6 files, fdatasync, in lockstep"},
		},
		Goals: []bench.Goal{
			{Path: "PUT 4 KiB, 1 client", Figure: "rate", Of: "commit limit", Got: 968, Limit: 1140, Unit: bench.OpsPerSecond, Value: 0.85, Least: 0.82, Most: 0.9, Bound: 0.8, Rounds: 5},
			{Path: "GET 4 KiB, 32 clients", Figure: "rate", Of: "HTTP limit", Got: 14300, Limit: 28500, Unit: bench.OpsPerSecond, Value: 0.5, Least: 0.47, Most: 0.52, Bound: 0.65, Rounds: 5, About: "signatures and hashing of the body dominate"},
			{Path: "PUT 1 MiB, 8 clients, signed", Figure: "server CPU", Of: "MD5", Got: 2.4, Limit: 1.3, Unit: bench.SecondsPerGiB, Value: 1.85, Least: 1.8, Most: 1.9, Beside: true, AtMost: true, Rounds: 5},
			{Path: "LIST 1,000 of 10⁶ keys", Figure: "keys", Of: "1,000 HEADs", Got: 410e3, Limit: 22e3, Unit: bench.OpsPerSecond, Value: 18.6, Least: 17.9, Most: 19.2, Bound: 5, Rounds: 5},
			{Path: "PUT 4 KiB, 32 clients", Figure: "server CPU per operation", Of: "bare server", Got: 121e-6, Limit: 55e-6, Unit: bench.Seconds, Value: 2.2, Least: 2.1, Most: 2.4, Bound: 2.5, AtMost: true, Rounds: 5},
			{Path: "foreground during rebuild", Figure: "p99", Of: "idle", Got: 9e-3, Limit: 3e-3, Unit: bench.Seconds, Value: 3, Least: 2.6, Most: 3.4, Bound: 2, AtMost: true, Rounds: 5},
			{Path: "memory, 32 clients × 64 MiB", Figure: "resident", Got: 160 << 20, Unit: bench.Bytes, Value: 160 << 20, Bound: 256 << 20, AtMost: true, Rounds: 1, Once: true},
		},
		Notes: []string{"The client runs on the same two cores as the server.", "Left out: <codec>, for it was not asked for."},
	}
	for s, state := range []string{"healthy", "2 drives gone"} {
		for _, op := range []string{"PUT", "GET", "HEAD"} {
			for _, size := range []int64{4 << 10, 1 << 20, 128 << 20} {
				if op == "HEAD" && size > 4<<10 {
					continue
				}
				for _, clients := range []int{1, 32} {
					r.Cells = append(r.Cells, cannedCell(state, op, size, clients, 1-0.1*float64(s)))
				}
			}
		}
	}
	for i, objects := range []int64{1e4, 1e5, 1e6, 1e7} {
		grow := func(per float64) float64 { return 1 + per*float64(i) }
		r.Growth = append(r.Growth, bench.Grown{
			Objects: objects,
			Costs: []bench.Line{
				{Name: "PUT", Value: 150e-6 * grow(0.06), Least: 140e-6 * grow(0.06), Most: 165e-6 * grow(0.06), Unit: bench.Seconds},
				{Name: "GET", Value: 35e-6 * grow(0.2), Least: 33e-6 * grow(0.2), Most: 39e-6 * grow(0.2), Unit: bench.Seconds},
				{Name: "LIST page", Value: 2.1e-3 * grow(0.01), Least: 2e-3 * grow(0.01), Most: 2.2e-3 * grow(0.01), Unit: bench.Seconds},
			},
			Totals: []bench.Line{{Name: "start-up", Value: 0.02 + float64(objects)*2e-7, Unit: bench.Seconds}},
		})
	}
	return r
}

func cannedCell(state, op string, size int64, clients int, factor float64) bench.Cell {
	c := bench.Cell{Layer: "S3", State: state, Operation: op, Size: size, Clients: clients}
	for round := range 5 {
		wobble := 1 + 0.04*math.Sin(float64(round)*1.7)
		rate := factor * wobble * 20e3 * math.Sqrt(float64(clients)/32) / (1 + float64(size)/160e3)
		if op == "GET" {
			rate *= 1.7
		}
		p50 := time.Duration(float64(clients) / rate * 0.9 * 1e9)
		sample := bench.Sample{Ops: int64(rate), Elapsed: time.Second, CPU: time.Duration(rate * 60e3), Percentiles: bench.Percentiles{P50: p50, P99: 3 * p50, P999: 9 * p50}}
		limit := bench.Sample{Ops: int64(rate * 1.4), Elapsed: time.Second, CPU: time.Duration(rate * 1.4 * 25e3), Percentiles: bench.Percentiles{P50: p50 / 2, P99: p50, P999: 3 * p50}}
		if op != "HEAD" {
			sample.Bytes, limit.Bytes = sample.Ops*size, limit.Ops*size
		}
		c.Series.Samples, c.Series.Percentiles = append(c.Series.Samples, sample), sample.Percentiles
		c.Limit.Samples = append(c.Limit.Samples, limit)
	}
	return c
}
