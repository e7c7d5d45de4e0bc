package blockstore

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/holdfast-storage/holdfast/blockstore/catalog"
)

// CheckBucketName says whether a name is one that S3 allows for a bucket: 3 to
// 63 lower-case letters, digits, dots and hyphens, beginning and ending with a
// letter or digit, no two dots together, and not an IP address.
func CheckBucketName(name string) error {
	bad := func(why string) error { return fmt.Errorf("%w: bucket %q: %s", ErrInvalidName, name, why) }
	if len(name) < 3 || len(name) > 63 {
		return bad("3 to 63 characters are allowed")
	}
	for _, c := range []byte(name) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '.' && c != '-' {
			return bad("only a-z, 0-9, '.' and '-' are allowed")
		}
	}
	if strings.Trim(name, ".-") != name || strings.Contains(name, "..") || strings.Contains(name, ".-") || strings.Contains(name, "-.") {
		return bad("labels between dots begin and end with a letter or a digit")
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return bad("it looks like an IP address")
	}
	return nil
}

// CreateBucket makes a bucket. ErrBucketExists if there is one of that name.
func (p *Pool) CreateBucket(ctx context.Context, name string) error {
	end, err := p.enter()
	if err != nil {
		return err
	}
	defer end()
	if err := CheckBucketName(name); err != nil {
		return err
	}
	if err := p.writable(); err != nil {
		return err
	}
	created := p.now().UnixNano()
	_, err = p.submit(ctx, &request{decide: func(d *decision) (catalog.Record, error) {
		switch _, err := d.bucket(name); {
		case err == nil:
			return nil, ErrBucketExists
		case !errors.Is(err, ErrNoSuchBucket):
			return nil, err
		}
		d.setBucket(name, &catalog.Bucket{Name: name, ID: d.version(), CreatedUnixNano: created})
		return &catalog.BucketCreate{Name: name, CreatedUnixNano: created}, nil
	}})
	return err
}

// DeleteBucket removes an empty bucket. ErrBucketNotEmpty if it is not.
func (p *Pool) DeleteBucket(ctx context.Context, name string) error {
	end, err := p.enter()
	if err != nil {
		return err
	}
	defer end()
	if err := p.readOnly(); err != nil {
		return err
	}
	_, err = p.submit(ctx, &request{decide: func(d *decision) (catalog.Record, error) {
		b, err := d.bucket(name)
		if err != nil {
			return nil, err
		}
		empty, err := d.empty(b.ID)
		if err != nil {
			return nil, err
		}
		if !empty {
			return nil, ErrBucketNotEmpty
		}
		d.setBucket(name, nil)
		return &catalog.BucketDelete{Bucket: b.ID}, nil
	}})
	return err
}

// Bucket describes a bucket.
func (p *Pool) Bucket(ctx context.Context, name string) (BucketInfo, error) {
	end, err := p.enter()
	if err != nil {
		return BucketInfo{}, err
	}
	defer end()
	if err := p.settledBucket(name, 0, false); err != nil {
		return BucketInfo{}, err
	}
	b, err := p.catalog.Bucket(ctx, name)
	if err != nil {
		return BucketInfo{}, notFoundAs(err, ErrNoSuchBucket)
	}
	return bucketInfo(b), nil
}

// Buckets lists all buckets by name.
func (p *Pool) Buckets(ctx context.Context) ([]BucketInfo, error) {
	end, err := p.enter()
	if err != nil {
		return nil, err
	}
	defer end()
	if err := p.settledBuckets(); err != nil {
		return nil, err
	}
	all, err := p.catalog.Buckets(ctx)
	if err != nil {
		return nil, unavailable(err)
	}
	list := make([]BucketInfo, len(all))
	for i, b := range all {
		list[i] = bucketInfo(b)
	}
	return list, nil
}

func bucketInfo(b catalog.Bucket) BucketInfo {
	return BucketInfo{Name: b.Name, Created: time.Unix(0, b.CreatedUnixNano).UTC()}
}

// ListOptions selects a page of a listing, in the order of the keys' bytes.
type ListOptions struct {
	Prefix    string
	Delimiter string // keys that have it behind the prefix are listed as one common prefix
	After     string // keys, and common prefixes, greater than this
	Max       int    // objects and common prefixes together; 0 lists none
}

// ListPage is a page of a listing.
type ListPage struct {
	Objects   []ObjectInfo // without Meta and System
	Prefixes  []string
	Next      string // After of the next page, if Truncated
	Truncated bool
}

// List lists a bucket's objects.
func (p *Pool) List(ctx context.Context, bucket string, o ListOptions) (ListPage, error) {
	end, err := p.enter()
	if err != nil {
		return ListPage{}, err
	}
	defer end()
	b, err := p.catalog.Bucket(ctx, bucket)
	if err != nil {
		return ListPage{}, notFoundAs(err, ErrNoSuchBucket)
	}
	if err := p.settledBucket(bucket, b.ID, true); err != nil {
		return ListPage{}, err
	}
	page, err := p.catalog.List(ctx, b.ID, catalog.ListOptions{Prefix: o.Prefix, Delimiter: o.Delimiter, After: o.After, Max: o.Max})
	if err != nil {
		return ListPage{}, unavailable(err)
	}
	list := ListPage{Prefixes: page.Prefixes, Next: page.Next, Truncated: page.Truncated}
	for i := range page.Objects {
		list.Objects = append(list.Objects, infoOf(bucket, page.Objects[i].Key, &page.Objects[i].Object))
	}
	return list, nil
}
