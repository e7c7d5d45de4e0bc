package blockstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/holdfast-storage/holdfast/blockstore/catalog"
	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// A pool with too few drives for a write quorum, but with no more than m
// absent, is opened read-only (R8). It writes nothing: no label, no sync, no
// catalog; what its catalog must be brought up by goes into memory.
//
// What it serves must neither be older than what was acknowledged nor be taken
// back later. Batches up to stable, or that a catalog has applied, are settled.
// Those past it may be cut away or kept by the next read-write opening, so
// whatever they touch is not served.

// unsettled is what batches touch of which it is not known whether they count.
type unsettled struct {
	buckets map[string]bool // names
	ids     map[uint64]bool // buckets whose listing is not settled
	objects map[objectKey]bool
	uploads map[uint64]bool // ids
	listing map[uint64]bool // buckets whose list of uploads is not settled
	deleted []uint64        // buckets whose deletion is not settled
}

// openReadOnly serves what the drives found hold. why says why not read-write.
func (p *Pool) openReadOnly(ctx context.Context, f *found, why error) error {
	p.observer = true
	v := &membership{label: f.top.Membership, drives: f.drives, live: make(map[uuid.UUID]*drive.Drive), spare: make(map[uuid.UUID]*drive.Drive), why: make(map[uuid.UUID]error)}
	v.readOnly = fmt.Errorf("%w: %w", ErrReadOnly, why)
	for _, m := range v.label.Members {
		switch {
		case f.drives[m.ID] == nil:
			v.why[m.ID] = f.missing()
		case m.State == drive.Faulted || m.State == drive.Offline:
			v.why[m.ID] = fmt.Errorf("it was left out before: %v", m.State)
		case m.NonVoting:
			v.spare[m.ID] = f.drives[m.ID]
		default:
			v.live[m.ID] = f.drives[m.ID]
		}
	}
	p.members.view.Store(v)
	p.log.Warn("too few drives to write: the pool is opened read-only", "reason", why)
	p.catalog = catalog.New(catalog.Options{Logger: p.log})
	ev, err := p.gatherEvidence(f.drives, f)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	cp := v.label.Checkpoint
	below := catalog.Overlay(p.opt.FS)
	replicas := p.openReplicas(v, below)
	defer func() { closeReplicas(replicas) }()
	end, best, err := p.endOfLog(ctx, ev, replicas, cp.LSN)
	if err != nil {
		return err
	}
	settled := max(end.stableLSN, best)
	p.adopt(end, ev, settled)
	if err := p.noteUnsettled(ctx, end, settled); err != nil {
		return err
	}
	for id, r := range replicas {
		lsn, _ := r.Applied()
		if lsn+1 < end.first() || p.replay(ctx, end, lsn, settled, nil, r.Apply) != nil || p.catalog.Attach(r, id.String()) != nil {
			continue
		}
		delete(replicas, id)
	}
	if len(p.catalog.Replicas()) == 0 {
		if err := p.rebuildInMemory(ctx, ev, settled); err != nil {
			return err
		}
	}
	if err := p.nameUnsettled(ctx); err != nil {
		return err
	}
	return p.loadSegments(ctx, ev)
}

// nameUnsettled finds the names of buckets whose deletion is not settled.
func (p *Pool) nameUnsettled(ctx context.Context) error {
	if p.unsettled == nil {
		return nil
	}
	for _, id := range p.unsettled.deleted {
		name, err := p.catalog.BucketName(ctx, id)
		if err != nil && !errors.Is(err, catalog.ErrNotFound) {
			return unavailable(err)
		}
		p.unsettled.buckets[name] = true
	}
	return nil
}

// first is the LSN of the first batch that was read.
func (e *logEnd) first() uint64 {
	if len(e.kept) == 0 {
		return e.stableLSN + 1
	}
	return e.kept[0].lsn
}

func (p *Pool) rebuildInMemory(ctx context.Context, ev *evidence, settled uint64) error {
	cp := p.members.now().label.Checkpoint
	end, err := ev.decide(ctx, cp.LSN, ev.exists)
	if err != nil {
		return err
	}
	p.adopt(end, ev, settled)
	mem := vfs.NewMem()
	if err := mem.MkdirAll("/memory", 0o700); err != nil {
		return err
	}
	r, err := p.rebuildAt(ctx, mem, "/memory/catalog", cp, end, settled, nil)
	if err == nil {
		err = p.catalog.Attach(r, "memory")
	}
	if err != nil {
		return fmt.Errorf("%w: the catalog could not be rebuilt: %w", ErrUnavailable, err)
	}
	return nil
}

// noteUnsettled remembers what the batches past settled touch.
func (p *Pool) noteUnsettled(ctx context.Context, end *logEnd, settled uint64) error {
	u := &unsettled{buckets: make(map[string]bool), ids: make(map[uint64]bool), objects: make(map[objectKey]bool),
		uploads: make(map[uint64]bool), listing: make(map[uint64]bool)}
	object := func(bucket uint64, key string) {
		u.ids[bucket] = true
		u.objects[objectKey{bucket, key}] = true
	}
	upload := func(bucket, id uint64) {
		u.uploads[id] = true
		u.listing[bucket] = true
	}
	err := p.replay(ctx, end, settled, ^uint64(0), nil, func(b catalog.Batch) error {
		index := 0
		return catalog.DecodeRecords(b.Records, func(rec catalog.Record) error {
			version := sequence(b.LSN, index)
			index++
			switch r := rec.(type) {
			case *catalog.Put:
				object(r.Bucket, r.Key)
			case *catalog.Amend:
				u.objects[objectKey{r.Bucket, r.Key}] = true // listings do not show what it changes
			case *catalog.Delete:
				object(r.Bucket, r.Key)
			case *catalog.UploadCreate:
				upload(r.Bucket, version)
			case *catalog.PartPut:
				u.uploads[r.Upload] = true
			case *catalog.UploadAbort:
				upload(r.Bucket, r.Upload)
			case *catalog.UploadComplete:
				upload(r.Bucket, r.Upload)
				object(r.Bucket, r.Key)
			case *catalog.BucketCreate:
				u.buckets[r.Name] = true
			case *catalog.BucketDelete:
				u.ids[r.Bucket] = true
				u.deleted = append(u.deleted, r.Bucket)
			}
			return nil
		})
	})
	if err == nil && len(u.objects)+len(u.buckets)+len(u.ids)+len(u.uploads) > 0 {
		p.unsettled = u
	}
	return err
}

var errUnsettled = errors.New("whether the last changes count is settled only when more drives are there")

// settledBucket refuses a bucket whose existence, or listing, is not settled.
func (p *Pool) settledBucket(name string, id uint64, listing bool) error {
	if u := p.unsettled; u != nil && (u.buckets[name] || listing && u.ids[id]) {
		return unavailable(errUnsettled)
	}
	return nil
}

// settledObject refuses an object that is not settled.
func (p *Pool) settledObject(bucket uint64, key string) error {
	if u := p.unsettled; u != nil && u.objects[objectKey{bucket, key}] {
		return unavailable(errUnsettled)
	}
	return nil
}

// settledUpload refuses an upload that is not settled.
func (p *Pool) settledUpload(id uint64) error {
	if u := p.unsettled; u != nil && u.uploads[id] {
		return unavailable(errUnsettled)
	}
	return nil
}

// settledUploads refuses the list of a bucket's uploads if it is not settled.
func (p *Pool) settledUploads(bucket uint64) error {
	if u := p.unsettled; u != nil && u.listing[bucket] {
		return unavailable(errUnsettled)
	}
	return nil
}

// settledBuckets refuses the list of buckets if it is not settled.
func (p *Pool) settledBuckets() error {
	if u := p.unsettled; u != nil && len(u.buckets) > 0 {
		return unavailable(errUnsettled)
	}
	return nil
}
