package guard

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/holdfast-storage/holdfast/bench"
	"github.com/holdfast-storage/holdfast/bench/s3"
)

// Room is how much both daemons together write to their drives, with room to spare.
const Room = 8 << 30

// MemoryLimit is where the collector of a daemon begins after all (GOMEMLIMIT).
const MemoryLimit = "1GiB"

// rounds is how often each side counts, and tracedRounds how often with strace besides: what a round has that
// is none of the operations' own, a segment that ends for one, is in few of them.
const (
	rounds       = 5
	tracedRounds = 3
)

// keysMax bounds what is stored to be read, in bytes.
const keysMax = 64 << 20

// load is what is put to both, the same number of times.
type load struct {
	operation  bench.Operation
	size       int64
	operations int64 // in each round
}

func (l load) String() string {
	return fmt.Sprintf("%s %s", l.operation, humanize.IBytes(uint64(l.size)))
}

func loads() []load {
	return []load{
		{bench.Put, 4 << 10, 800},
		{bench.Get, 4 << 10, 2000},
		{bench.Put, 16 << 20, 6},
		{bench.Get, 16 << 20, 20},
		{bench.Put, 64 << 20, 3},
		{bench.Get, 64 << 20, 6},
	}
}

// Side is one build: a daemon, with an S3 endpoint.
type Side struct {
	Target s3.Target
	Server Server
}

// Report is what came out.
type Report struct {
	Rows  []Row    `json:"rows"`
	Notes []string `json:"notes,omitempty"` // what could not be compared, and why
}

// Worse says whether a figure has become worse.
func (r Report) Worse() bool {
	for _, row := range r.Rows {
		if row.Worse {
			return true
		}
	}
	return false
}

// Compare runs all loads against both. told is called before each.
func Compare(ctx context.Context, base, head Side, told func(what string, done, all int)) (Report, error) {
	var report Report
	sides := [2]Side{base, head}
	all := loads()
	for i, load := range all {
		told(load.String(), i, len(all))
		counted, notes, err := count(ctx, load, sides)
		if err != nil {
			return report, fmt.Errorf("%s: %w", load, err)
		}
		for _, note := range notes {
			report.note(note)
		}
		for _, figure := range Figures() {
			if row, ok := figure.row(load, counted[0], counted[1]); ok {
				report.Rows = append(report.Rows, row)
			}
		}
	}
	return report, nil
}

// note adds a note once.
func (r *Report) note(text string) {
	for _, note := range r.Notes {
		if note == text {
			return
		}
	}
	r.Notes = append(r.Notes, text)
}

// count runs a load against both in turn, and gives the counts of each round.
// The last rounds are traced.
func count(ctx context.Context, load load, sides [2]Side) (counted [2][]Counts, notes []string, err error) {
	var loaders [2]*s3.Loader
	var asking [2]Counts
	for i, side := range sides {
		loader, err := s3.NewLoad(side.Target, s3.Load{
			Operation: load.operation, Size: load.size, Operations: load.operations, Keys: min(load.operations, keysMax/load.size), Prefix: "guard",
		})
		if err != nil {
			return counted, nil, err
		}
		defer loader.Close()
		if err := loader.Prepare(ctx); err != nil {
			return counted, nil, err
		}
		if err := load.run(ctx, loader); err != nil { // warm
			return counted, nil, err
		}
		if asking[i], err = side.Server.asking(ctx); err != nil {
			return counted, nil, err
		}
		loaders[i] = loader
	}
	for range rounds {
		for i, side := range sides {
			counts, err := side.Server.during(ctx, func() error { return load.run(ctx, loaders[i]) })
			if err != nil {
				return counted, nil, err
			}
			counted[i] = append(counted[i], counts.less(asking[i]))
		}
	}
	for range tracedRounds {
		for i, side := range sides {
			counts, err := traced(ctx, side.Server.PID, func() error { return load.run(ctx, loaders[i]) })
			switch {
			case errors.Is(err, errNoTrace):
				notes = append(notes, err.Error())
			case err != nil:
				return counted, nil, err
			}
			counted[i] = append(counted[i], counts)
		}
	}
	return counted, notes, nil
}

// run does the operations, all of them.
func (l load) run(ctx context.Context, loader *s3.Loader) error {
	sample, err := loader.Side().Run(ctx, time.Hour) // its operations bound it
	if err == nil && sample.Ops != l.operations {
		err = fmt.Errorf("the server was too busy for %d of %d operations", l.operations-sample.Ops, l.operations)
	}
	return err
}
