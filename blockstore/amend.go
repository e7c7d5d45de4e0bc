package blockstore

import (
	"context"
	"fmt"

	"github.com/holdfast-storage/holdfast/blockstore/catalog"
)

// SetSystem replaces the system pairs of an object while that version of it is
// current; version, ETag and time stay. ErrPrecondition if another version is.
func (p *Pool) SetSystem(ctx context.Context, bucket, key string, version uint64, system []Pair) error {
	end, err := p.enter()
	if err != nil {
		return err
	}
	defer end()
	if err := checkKey(key); err != nil {
		return err
	}
	if err := p.writable(); err != nil {
		return err
	}
	rec := &catalog.Amend{Key: key, Version: version, System: sortPairs(system)}
	if err := catalog.Validate(rec); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalidName, err)
	}
	r := &request{record: pairBytes(rec.System) + int64(len(key))}
	r.decide = func(d *decision) (catalog.Record, error) {
		b, err := d.bucket(bucket)
		if err != nil {
			return nil, err
		}
		o, err := d.object(b.ID, key)
		switch {
		case err != nil:
			return nil, err
		case o == nil:
			return nil, ErrNoSuchKey
		case o.Version != version:
			return nil, ErrPrecondition
		}
		amended, err := rec.Object(*o)
		if err != nil {
			return nil, tooManyPieces(err)
		}
		rec.Bucket = b.ID
		d.setObject(b.ID, key, &amended)
		return rec, nil
	}
	_, err = p.submit(ctx, r)
	return err
}
