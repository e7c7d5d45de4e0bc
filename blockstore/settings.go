package blockstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/holdfast-storage/holdfast/blockstore/catalog"
)

// Settings are small named values that the pool keeps for itself: where a scrub
// stands, which spare stands in for which drive, events. They are records like
// all others, so they survive what objects survive. Names in use:
//
//	scrub, scrub/…   the scrubber's cursor, schedule and findings
//	sealed           when a scrub last sealed what was open
//	verified/…       when a segment's files were last verified
//	standin/…        the spare that stands in for a drive
//	emptying/…       that a drive is being emptied, for when it fails
//	event/…          one event each (events.go)

// Setting gives the value of a setting, or nil if there is none.
//
// Errors: ErrClosed, ErrUnavailable.
func (p *Pool) Setting(ctx context.Context, name string) ([]byte, error) {
	leave, err := p.enter()
	if err != nil {
		return nil, err
	}
	defer leave()
	value, err := p.catalog.Setting(ctx, name)
	if errors.Is(err, catalog.ErrNotFound) {
		return nil, nil
	}
	return value, unavailable(err)
}

// SetSetting sets a value of at most 64 KiB under a name of 1 to 255 bytes,
// durably; an empty value removes it. A pool without room for objects takes
// settings all the same (R19).
//
// Errors: ErrClosed, ErrOptions, ErrReadOnly, ErrUnavailable.
func (p *Pool) SetSetting(ctx context.Context, name string, value []byte) error {
	leave, err := p.enter()
	if err != nil {
		return err
	}
	defer leave()
	if err := p.readOnly(); err != nil {
		return err
	}
	rec := &catalog.Setting{Name: name, Value: value}
	if err := catalog.Validate(rec); err != nil {
		return fmt.Errorf("%w: setting %q of %d bytes: %w", ErrOptions, name, len(value), err)
	}
	_, err = p.submitOwn(ctx, settingRequest(rec))
	return err
}

// settingRequest is the change that a setting's record makes.
func settingRequest(rec *catalog.Setting) *request {
	return &request{
		record: int64(len(rec.Name) + len(rec.Value)),
		decide: func(*decision) (catalog.Record, error) { return rec, nil },
	}
}

// submitAll hands changes to the committer together, so that they mostly go into
// one batch, in their order, and waits for all. It returns the first error.
func (p *Pool) submitAll(ctx context.Context, requests []*request) error {
	var sendErr error
	sent := 0
	for sent < len(requests) && sendErr == nil {
		if sendErr = p.handOver(ctx, requests[sent]); sendErr == nil {
			sent++
		}
	}
	var errs []error
	for _, r := range requests[:sent] {
		_, err := p.outcome(r)
		errs = append(errs, err)
	}
	return cmp.Or(append(errs, sendErr)...)
}
