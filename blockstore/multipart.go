package blockstore

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/holdfast-storage/holdfast/blockstore/catalog"
)

// A multipart upload is an entry of the catalog, and its parts are bodies that are
// stored as an object's are, each with a record of its own. Completing it makes
// the object of the parts' extents: no byte moves. What makes an upload, a part or
// an object counts by its place in the log, so of a part, a completion and an
// abort that are on their way at once each sees what comes before it (decide.go).

// UploadOptions describes the object that a multipart upload is to become.
type UploadOptions struct {
	ContentType string
	Meta        []Pair
	System      []Pair
}

// UploadInfo is a multipart upload that was begun and neither completed nor
// aborted.
type UploadInfo struct {
	Key, ID      string
	Created      time.Time
	ContentType  string
	Meta, System []Pair
}

// uploadID writes the id of an upload: 16 hexadecimal digits.
func uploadID(id uint64) string { return fmt.Sprintf("%016x", id) }

// parseUploadID is the inverse. What is no id names no upload.
func parseUploadID(s string) (uint64, error) {
	id, err := strconv.ParseUint(s, 16, 64)
	if err != nil || uploadID(id) != s {
		return 0, ErrNoSuchUpload
	}
	return id, nil
}

// CreateUpload begins a multipart upload. It is durable when it returns.
func (p *Pool) CreateUpload(ctx context.Context, bucket, key string, opt UploadOptions) (id string, err error) {
	end, err := p.enter()
	if err != nil {
		return "", err
	}
	defer end()
	if err := checkKey(key); err != nil {
		return "", err
	}
	if err := p.writable(); err != nil {
		return "", err
	}
	rec := catalog.UploadCreate{
		Key: key, CreatedUnixNano: p.now().UnixNano(), ContentType: opt.ContentType,
		Meta: sortPairs(opt.Meta), System: sortPairs(opt.System),
	}
	if err := catalog.Validate(&rec); err != nil {
		return "", fmt.Errorf("%w: %w", ErrInvalidName, err)
	}
	r := &request{record: pairBytes(rec.Meta) + pairBytes(rec.System) + int64(len(key))}
	r.decide = func(d *decision) (catalog.Record, error) {
		b, err := d.bucket(bucket)
		if err != nil {
			return nil, err
		}
		rec.Bucket = b.ID
		d.setUpload(d.version(), &catalog.Upload{
			Bucket: b.ID, Key: key, ID: d.version(), CreatedUnixNano: rec.CreatedUnixNano,
			ContentType: rec.ContentType, Meta: rec.Meta, System: rec.System,
		})
		return &rec, nil
	}
	version, err := p.submit(ctx, r)
	if err != nil {
		return "", err
	}
	return uploadID(version), nil
}

// Upload describes an upload that is under way.
func (p *Pool) Upload(ctx context.Context, bucket, key, id string) (UploadInfo, error) {
	end, err := p.enter()
	if err != nil {
		return UploadInfo{}, err
	}
	defer end()
	u, err := p.findUpload(ctx, bucket, key, id)
	if err != nil {
		return UploadInfo{}, err
	}
	return uploadInfo(&u), nil
}

func uploadInfo(u *catalog.Upload) UploadInfo {
	return UploadInfo{
		Key: u.Key, ID: uploadID(u.ID), Created: time.Unix(0, u.CreatedUnixNano).UTC(),
		ContentType: u.ContentType, Meta: u.Meta, System: u.System,
	}
}

// findUpload looks an upload up. A change that is about it decides again.
func (p *Pool) findUpload(ctx context.Context, bucket, key, id string) (catalog.Upload, error) {
	if err := checkKey(key); err != nil {
		return catalog.Upload{}, err
	}
	if err := p.settledBucket(bucket, 0, false); err != nil {
		return catalog.Upload{}, err
	}
	b, err := p.catalog.Bucket(ctx, bucket)
	if err != nil {
		return catalog.Upload{}, notFoundAs(err, ErrNoSuchBucket)
	}
	number, err := parseUploadID(id)
	if err != nil {
		return catalog.Upload{}, err
	}
	if err := p.settledUpload(number); err != nil {
		return catalog.Upload{}, err
	}
	u, err := p.catalog.Upload(ctx, b.ID, key, number)
	if err != nil {
		return catalog.Upload{}, notFoundAs(err, ErrNoSuchUpload)
	}
	return u, nil
}

// stillUnderWay returns ErrNoSuchUpload if an upload has ended since it was found:
// then what was not found of it says nothing.
func (p *Pool) stillUnderWay(ctx context.Context, u *catalog.Upload) error {
	_, err := p.catalog.Upload(ctx, u.Bucket, u.Key, u.ID)
	if err != nil {
		err = notFoundAs(err, ErrNoSuchUpload)
	}
	return err
}

// AbortUpload ends an upload and gives up its parts.
func (p *Pool) AbortUpload(ctx context.Context, bucket, key, id string) error {
	end, err := p.enter()
	if err != nil {
		return err
	}
	defer end()
	if err := p.readOnly(); err != nil { // a full pool is no hindrance: it makes room
		return err
	}
	u, err := p.findUpload(ctx, bucket, key, id)
	if err != nil {
		return err
	}
	_, err = p.submit(ctx, &request{decide: func(d *decision) (catalog.Record, error) {
		if _, err := d.upload(u.Bucket, key, u.ID); err != nil {
			return nil, err
		}
		d.setUpload(u.ID, nil)
		return &catalog.UploadAbort{Bucket: u.Bucket, Key: key, Upload: u.ID}, nil
	}})
	return err
}
