package blockstore

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/holdfast-storage/holdfast/blockstore/catalog"
)

// PartOptions says how a part's body is stored; see PutOptions.
type PartOptions struct {
	Size   int64 // bytes; -1 if not known
	Digest func(p []byte)
	Finish func() (Finished, error)
}

// PartInfo is a part of an upload, or of a multipart object; of the latter
// without ETag and Modified.
type PartInfo struct {
	Number   int // 1 to 10000
	Size     int64
	ETag     string // without quotes
	Modified time.Time
	System   []Pair
}

// PutPart stores a part of an upload, in place of the one of that number if there
// is one. As with Put it is durable when this returns nil, and nothing has
// changed on an error but ErrUnavailable. ErrNoSuchUpload if the upload ended before
// the part came to its end.
func (p *Pool) PutPart(ctx context.Context, bucket, key, id string, number int, body io.Reader, opt PartOptions) (PartInfo, error) {
	end, err := p.enter()
	if err != nil {
		return PartInfo{}, err
	}
	defer end()
	if number < 1 || number > catalog.MaxParts {
		return PartInfo{}, fmt.Errorf("%w: parts are numbered 1 to %d", ErrNoSuchPart, catalog.MaxParts)
	}
	if err := p.writable(); err != nil {
		return PartInfo{}, err
	}
	u, err := p.findUpload(ctx, bucket, key, id) // before the body is read
	if err != nil {
		return PartInfo{}, err
	}
	up := p.newUpload(ctx, body, opt.Size, opt.Digest)
	defer up.close()
	stored, err := up.store(opt.Finish)
	if err != nil {
		return PartInfo{}, err
	}
	rec := &catalog.PartPut{
		Bucket: u.Bucket, Key: key, Upload: u.ID, Number: number, Size: stored.size, ModTimeUnixNano: p.now().UnixNano(),
		ETag: stored.ETag, Checksum: stored.checksum, System: mergePairs(nil, stored.System), Body: stored.body(),
	}
	r := stored.request(pairBytes(rec.System) + int64(len(key)))
	r.decide = func(d *decision) (catalog.Record, error) {
		if err := p.writable(); err != nil { // no more than when the body began
			return nil, err
		}
		if _, err := d.upload(u.Bucket, key, u.ID); err != nil {
			return nil, err
		}
		d.setPart(u.ID, number)
		return rec, nil
	}
	if _, err := p.submit(ctx, r); err != nil {
		return PartInfo{}, err
	}
	return PartInfo{Number: number, Size: rec.Size, ETag: rec.ETag, Modified: time.Unix(0, rec.ModTimeUnixNano).UTC(), System: rec.System}, nil
}

func partInfo(part *catalog.Part) PartInfo {
	return PartInfo{
		Number: part.Number, Size: part.Size, ETag: part.ETag,
		Modified: time.Unix(0, part.ModTimeUnixNano).UTC(), System: part.System,
	}
}

// Parts gives up to max parts of an upload with a higher number than after,
// ascending, and says whether there are more.
func (p *Pool) Parts(ctx context.Context, bucket, key, id string, after, max int) (parts []PartInfo, more bool, err error) {
	end, err := p.enter()
	if err != nil {
		return nil, false, err
	}
	defer end()
	u, err := p.findUpload(ctx, bucket, key, id)
	if err != nil {
		return nil, false, err
	}
	list, more, err := p.catalog.Parts(ctx, u.ID, after, max)
	if err != nil {
		return nil, false, unavailable(err)
	}
	if len(list) == 0 {
		if err := p.stillUnderWay(ctx, &u); err != nil {
			return nil, false, err
		}
	}
	for i := range list {
		parts = append(parts, partInfo(&list[i]))
	}
	return parts, more, nil
}
