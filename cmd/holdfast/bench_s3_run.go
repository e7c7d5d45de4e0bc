package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/holdfast-storage/holdfast/bench"
	"github.com/holdfast-storage/holdfast/bench/s3"
)

// benchS3Clean is how long removing what was stored may take.
const benchS3Clean = 5 * time.Minute

// benchS3Measured is a row, and what it was made of.
type benchS3Measured struct {
	benchS3Row
	series []bench.Series
}

// run measures everything. The error names what it was about.
func (p benchS3Plan) run(ctx context.Context, con *console) (rows []benchS3Measured, err error) {
	most, err := p.most()
	if err != nil {
		return nil, err
	}
	where := p.targets[0].Endpoint
	if len(p.targets) > 1 {
		where = "each of " + where + " and " + p.targets[1].Endpoint
	}
	fmt.Fprintf(con.err, "at most %s are kept on %s at a time, and removed at the end\n", sizeWithBytes(most), where)
	bar := newGauge(con.err, "bench")
	defer bar.end()
	steps := len(p.sizes) * len(p.clients) * len(p.operations)
	for i, size := range p.sizes {
		var one sync.Mutex // objects are stored by many
		tell := func(note string, done int, part float64) {
			one.Lock()
			defer one.Unlock()
			all := float64(i*len(p.clients)*len(p.operations)+done) + part
			bar.show(standing{share: max(all/float64(steps), 1e-9), note: note})
		}
		more, err := p.runSize(ctx, con, size, tell)
		rows = append(rows, more...)
		if err != nil {
			return rows, err
		}
	}
	return rows, nil
}

// most is how much is kept on a server at a time.
func (p benchS3Plan) most() (most int64, err error) {
	for _, size := range p.sizes {
		l, err := p.load(0, size, p.operations[0], nil)
		if err != nil {
			return 0, err
		}
		most = max(most, l.Most())
	}
	return most, nil
}

// runSize measures all operations with objects of one size, and removes these.
func (p benchS3Plan) runSize(ctx context.Context, con *console, size int64, tell func(note string, done int, part float64)) (rows []benchS3Measured, err error) {
	var loads []*s3.Loader // one for each server, which those of the rows share the objects of
	defer func() {
		if ctx.Err() != nil {
			fmt.Fprintln(con.err, "interrupted; what was stored is being removed")
		}
		late, cancel := context.WithTimeout(context.WithoutCancel(ctx), benchS3Clean)
		defer cancel()
		for _, l := range loads {
			err = errors.Join(err, l.Clean(late))
		}
	}()
	told := func(what string, done, all int64) {
		tell(fmt.Sprintf("%s %d of %d, objects of %s", what, done, all, humanize.IBytes(uint64(size))), len(rows), 0)
	}
	for i := range p.targets {
		l, err := p.load(i, size, p.operations[0], told)
		if err != nil {
			return nil, err
		}
		loads = append(loads, l)
	}
	for _, operation := range p.operations {
		for _, clients := range p.clients {
			row, err := p.runRow(ctx, loads, operation, clients, size, func(note string, part float64) { tell(note, len(rows), part) })
			if err != nil {
				return rows, err
			}
			rows = append(rows, row)
		}
	}
	return rows, nil
}

// runRow measures one operation on all servers.
func (p benchS3Plan) runRow(ctx context.Context, loads []*s3.Loader, operation bench.Operation, clients int, size int64,
	tell func(note string, part float64),
) (row benchS3Measured, err error) {
	row.benchS3Row = benchS3Row{Operation: string(operation), Size: size, Clients: clients, Payload: string(p.payload)}
	var sides []bench.Side
	var own []*s3.Loader
	for _, shared := range loads {
		l, err := shared.As(operation, clients)
		if err != nil {
			return row, err
		}
		defer l.Close()
		if err := l.Prepare(ctx); err != nil {
			return row, err
		}
		own = append(own, l)
		sides = append(sides, l.Side())
	}
	turns := p.turns
	turns.Told = func(_ string, done, all int) { tell(row.String(), float64(done)/float64(all)) }
	if row.series, err = bench.InTurn(ctx, turns, sides...); err != nil {
		return row, err
	}
	for i, series := range row.series {
		row.Servers = append(row.Servers, benchS3Figures(p.targets[i], series, own[i].Refused()))
	}
	if len(row.series) > 1 {
		row.Ratio = bench.Ratio(row.series[0], row.series[1], bench.OpsRate)
	}
	return row, nil
}

func benchS3Figures(target s3.Target, series bench.Series, refused int64) benchS3Server {
	s := benchS3Server{
		Endpoint: target.Endpoint, Rate: series.Median(bench.OpsRate), Bytes: series.Median(bench.ByteRate), Refused: refused,
		P50: series.P50.Seconds(), P99: series.P99.Seconds(), P999: series.P999.Seconds(),
	}
	if target.PID != 0 && s.Rate > 0 {
		s.CPUOp = series.Median(bench.CPUPerOp)
		if s.Bytes > 0 {
			s.CPUGiB = series.Median(bench.CPUPerByte) * (1 << 30)
		}
	}
	for _, sample := range series.Samples {
		s.Rounds = append(s.Rounds, benchS3Sample{sample.Ops, sample.Bytes, sample.Elapsed.Seconds(), sample.CPU.Seconds()})
	}
	return s
}

// explainBenchS3 says what can be done about what servers most often say no to.
func explainBenchS3(err error) error {
	var answer *s3.Error
	var unknown x509.UnknownAuthorityError
	switch {
	case errors.As(err, &answer) && answer.Status == http.StatusForbidden:
		return &hintError{err, "the server has other keys, or does not let them do this: look at " + envAccess + " and " + envSecret +
			" (of the second server: " + envAccess2 + " and " + envSecret2 + ")"}
	case errors.As(err, &answer) && (answer.Status/100 == 3 || answer.Code == "AuthorizationHeaderMalformed"):
		return &hintError{err, "name the server's region with --region"}
	case errors.As(err, &unknown):
		return &hintError{err, "name the certificate of the authority behind it, or its own, with HOLDFAST_CA_CERT"}
	}
	return err
}
