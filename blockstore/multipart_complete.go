package blockstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/holdfast-storage/holdfast/blockstore/catalog"
)

// CompleteOptions says what object is made of an upload.
type CompleteOptions struct {
	Numbers []int // of the parts, ascending, at least one
	If      Condition
	// Finish is called with the parts as they are stored, in the order of
	// Numbers, before the object becomes visible; again if a part was replaced
	// meanwhile. Its error rejects the change. Its System pairs, if any, stand in
	// place of the upload's.
	Finish func(parts []PartInfo) (Finished, error)
}

// completeTries is how often a completion is begun anew because a part of it was
// replaced while it was on its way.
const completeTries = 4

// errPartReplaced says that a part is not any more what Finish was shown.
var errPartReplaced = errors.New("a part was replaced meanwhile")

// CompleteUpload makes an object of parts of an upload, in place of the one of that
// key if there is one, and ends the upload; parts that are not named are given up.
// No byte of them moves.
//
// What Finish says, an ETag above all, is of the parts that it was shown, and
// is decided with the commit to be of those that the object is made of: a part
// that was replaced in between has the whole begin anew, so that Finish judges the
// new one. A client that goes on replacing parts while it completes gets ErrBusy in
// the end, which unlike ErrUnavailable says that nothing has changed.
//
// Errors: ErrNoSuchPart, ErrTooManyPieces if the object is more than the catalog
// holds of one; as Put.
func (p *Pool) CompleteUpload(ctx context.Context, bucket, key, id string, opt CompleteOptions) (ObjectInfo, error) {
	end, err := p.enter()
	if err != nil {
		return ObjectInfo{}, err
	}
	defer end()
	if err := p.readOnly(); err != nil { // a full pool is no hindrance: nothing is stored
		return ObjectInfo{}, err
	}
	if err := checkNumbers(opt.Numbers); err != nil {
		return ObjectInfo{}, err
	}
	u, err := p.findUpload(ctx, bucket, key, id)
	if err != nil {
		return ObjectInfo{}, err
	}
	for range completeTries {
		obj, err := p.completeOnce(ctx, &u, opt)
		if errors.Is(err, errPartReplaced) {
			continue
		}
		if err != nil {
			return ObjectInfo{}, err
		}
		return infoOf(bucket, key, &obj), nil
	}
	return ObjectInfo{}, fmt.Errorf("%w: parts of the upload are being replaced all the time", ErrBusy)
}

func checkNumbers(numbers []int) error {
	if len(numbers) == 0 {
		return fmt.Errorf("%w: none is named", ErrNoSuchPart)
	}
	last := 0
	for _, n := range numbers {
		if n <= last || n > catalog.MaxParts {
			return fmt.Errorf("%w: they are named in ascending order, each once, from 1 to %d", ErrNoSuchPart, catalog.MaxParts)
		}
		last = n
	}
	return nil
}

// completeOnce is one try.
func (p *Pool) completeOnce(ctx context.Context, u *catalog.Upload, opt CompleteOptions) (catalog.Object, error) {
	var obj catalog.Object
	shown, err := p.namedParts(ctx, u, opt.Numbers)
	if err != nil {
		return obj, err
	}
	infos := make([]PartInfo, len(shown))
	for i := range shown {
		infos[i] = partInfo(&shown[i])
	}
	var done Finished
	if opt.Finish != nil {
		if done, err = opt.Finish(infos); err != nil {
			return obj, err
		}
	}
	rec := &catalog.UploadComplete{
		Bucket: u.Bucket, Key: u.Key, Upload: u.ID, ModTimeUnixNano: p.now().UnixNano(),
		ETag: done.ETag, System: mergePairs(nil, done.System), Parts: opt.Numbers,
	}
	if err := catalog.Validate(rec); err != nil {
		return obj, fmt.Errorf("%w: %w", ErrInvalidName, err)
	}
	const numberBytes = 2 // of a part, in the record
	r := &request{record: pairBytes(rec.System) + int64(len(u.Key)+numberBytes*len(opt.Numbers))}
	r.decide = func(d *decision) (catalog.Record, error) {
		if _, err := d.upload(u.Bucket, u.Key, u.ID); err != nil {
			return nil, err
		}
		parts, err := d.sameParts(shown)
		if err != nil {
			return nil, err
		}
		if err := d.condition(u.Bucket, u.Key, opt.If); err != nil {
			return nil, err
		}
		// The catalog will make the same of it: nothing is acknowledged that is void.
		next := 0
		obj, err = rec.Object(d.version(), u, func(int) (catalog.Part, error) {
			next++
			return parts[next-1], nil
		})
		if err != nil {
			return nil, tooManyPieces(err)
		}
		d.setUpload(u.ID, nil)
		d.setObject(u.Bucket, u.Key, &obj)
		return rec, nil
	}
	_, err = p.submit(ctx, r)
	return obj, err
}

// namedParts reads parts of an upload.
func (p *Pool) namedParts(ctx context.Context, u *catalog.Upload, numbers []int) ([]catalog.Part, error) {
	parts, err := p.catalog.NamedParts(ctx, u.ID, numbers)
	if errors.Is(err, catalog.ErrNotFound) {
		if err := p.stillUnderWay(ctx, u); err != nil {
			return nil, err
		}
		return nil, ErrNoSuchPart
	}
	return parts, tooManyPieces(unavailable(err))
}

// tooManyPieces translates the catalog's word for what no entry can hold.
func tooManyPieces(err error) error {
	if errors.Is(err, catalog.ErrTooLarge) {
		return fmt.Errorf("%w: %w", ErrTooManyPieces, catalog.ErrTooLarge)
	}
	return err
}

// sameParts reads again the parts of an upload that is under way, which may have
// moved since but must be of the same versions, or returns errPartReplaced.
func (d *decision) sameParts(shown []catalog.Part) ([]catalog.Part, error) {
	numbers := make([]int, len(shown))
	for i := range shown {
		numbers[i] = shown[i].Number
		if d.parts[partOf{shown[i].Upload, shown[i].Number}] {
			return nil, errPartReplaced
		}
	}
	parts, err := d.catalog.NamedParts(d.ctx, shown[0].Upload, numbers)
	if err != nil {
		return nil, tooManyPieces(unavailable(err)) // a part of an upload that is alive does not go
	}
	for i := range parts {
		if parts[i].Version != shown[i].Version {
			return nil, errPartReplaced
		}
	}
	return parts, nil
}
