package blockstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/holdfast-storage/holdfast/blockstore/catalog"
	"github.com/holdfast-storage/holdfast/blockstore/yield"
)

// checkRecords holds the records of an acknowledged batch against the catalog.
// A put that made what is there now must say what is there, but for what an amend
// may have changed; and nothing in the catalog may be older than a put of it. What
// was deleted or replaced since, or an upload that has ended, proves nothing. The findings have no place yet; that is the caller's to say.
func (p *Pool) checkRecords(ctx context.Context, work *yield.Work, lsn uint64, records []byte) []Finding {
	if lsn > p.catalog.Applied() {
		return nil // of a batch that no replica need have yet
	}
	c := recordCheck{p: p, ctx: ctx, work: work}
	index := 0
	err := catalog.VisitRecords(records, func(rec catalog.Record) error {
		version := sequence(lsn, index)
		index++
		switch r := rec.(type) {
		case *catalog.Put:
			return c.put(version, r)
		case *catalog.PartPut:
			return c.part(version, r)
		case *catalog.UploadComplete:
			return c.completed(version, r)
		}
		return nil
	})
	if stopped := c.look(); err == nil { // what came before a record that does not decode counts
		err = stopped
	}
	switch {
	case errors.Is(err, catalog.ErrRecord):
		c.list = append(c.list, Finding{Kind: FindingRecord, Column: -1, Text: fmt.Sprintf("the records of batch %d do not decode: %v", lsn, err)})
	case err != nil && ctx.Err() == nil:
		p.log.Warn("the journal's records could not be held against the catalog", "lsn", lsn, "error", err)
	}
	return c.list
}

type recordCheck struct {
	p    *Pool
	ctx  context.Context
	work *yield.Work
	list []Finding

	// Records about objects, and what those are called: looked up many at a time.
	waiting []saidOfObject
	names   []catalog.ObjectName
}

// recordsAtOnce is how many records wait before their objects are looked up.
const recordsAtOnce = 256

// recordsYielding is the same while clients are to find a processor free (R18).
const recordsYielding = 16

// saidOfObject is what one record says of an object.
type saidOfObject struct {
	version   uint64
	said      described
	completed bool // an upload's end, which does not say the size
}

// described is what record and catalog both say of an object or a part.
type described struct {
	size     int64
	etag     string
	checksum catalog.Checksum
}

func (c *recordCheck) put(version uint64, r *catalog.Put) error {
	said := described{r.Object.Size, r.Object.ETag, r.Object.Checksum}
	return c.object(r.Bucket, r.Key, saidOfObject{version: version, said: said})
}

// completed compares what the record itself says; of the rest the parts' records did.
func (c *recordCheck) completed(version uint64, r *catalog.UploadComplete) error {
	return c.object(r.Bucket, r.Key, saidOfObject{version: version, said: described{etag: r.ETag}, completed: true})
}

func (c *recordCheck) object(bucket uint64, key string, s saidOfObject) error {
	if c.names == nil {
		c.names = make([]catalog.ObjectName, 0, recordsAtOnce)
	}
	c.waiting = append(c.waiting, s)
	c.names = append(c.names, catalog.ObjectName{Bucket: bucket, Key: key})
	if len(c.names) < recordsAtOnce && (c.work.Free() || len(c.names) < recordsYielding) {
		return nil
	}
	return c.look()
}

// look compares what the records that wait say with what the catalog holds.
func (c *recordCheck) look() error {
	began := time.Now()
	waiting, names := c.waiting, c.names
	c.waiting, c.names = c.waiting[:0], nil // the names are the question's
	err := c.p.catalog.Objects(c.ctx, names, func(i int, o *catalog.Object) error {
		if o.Version == 0 {
			return nil // deleted since
		}
		s := waiting[i]
		if s.completed {
			s.said.size = o.Size
		}
		return c.compare(s.version, o.Version, s.said, described{o.Size, o.ETag, o.Checksum}, names[i].Bucket, names[i].Key, "the object")
	})
	if err != nil {
		return err
	}
	return c.work.Computed(c.ctx, time.Since(began))
}

func (c *recordCheck) part(version uint64, r *catalog.PartPut) error {
	part, err := c.p.catalog.Part(c.ctx, r.Upload, r.Number)
	if errors.Is(err, catalog.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	said := described{r.Size, r.ETag, r.Checksum}
	what := fmt.Sprintf("part %d of the upload", r.Number)
	return c.compare(version, part.Version, said, described{part.Size, part.ETag, part.Checksum}, r.Bucket, r.Key, what)
}

// compare adds a finding if what a record said is not what the catalog holds.
func (c *recordCheck) compare(version, current uint64, said, held described, bucket uint64, key, what string) error {
	var text string
	switch {
	case current > version, current == version && said == held:
		return nil
	case current < version:
		text = fmt.Sprintf("%s in the catalog is of version %d, the journal has a later one, %d", what, current, version)
	default:
		text = fmt.Sprintf("%s in the catalog has size %d, ETag %q and checksum %v, in the journal %d, %q and %v",
			what, held.size, held.etag, held.checksum, said.size, said.etag, said.checksum)
	}
	name, err := c.p.catalog.BucketName(c.ctx, bucket)
	if errors.Is(err, catalog.ErrNotFound) {
		return nil // deleted just now
	}
	if err != nil {
		return err
	}
	c.list = append(c.list, Finding{
		Kind: FindingRecord, Column: -1, Objects: []string{name + "/" + key},
		Text: text + "; stop the pool and make the catalog again: holdfast fsck --rebuild-catalog",
	})
	return nil
}
