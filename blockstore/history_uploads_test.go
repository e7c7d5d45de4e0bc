package blockstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-storage/holdfast/blockstore/catalog"
)

// Uploads in the history. An upload and each of its parts have names of their own,
// and so are done, rejected or unknown as objects are. What an upload's end does
// to its parts is not noted: with the upload gone they are, whatever they were.

const uploadMark = "upload:"

func uploadName(id string) string { return uploadMark + id }

func partName(id string, number int) string { return fmt.Sprintf("%s%s:%d", uploadMark, id, number) }

func isUpload(name string) bool { return strings.HasPrefix(name, uploadMark) }

// uploadAs is an upload as it was begun.
type uploadAs struct{ bucket, key, id, label string }

func (u *uploadAs) options() UploadOptions {
	return UploadOptions{
		ContentType: "text/x-" + u.label, Meta: pairsOf("z", u.label, "a", "b"), System: pairsOf("kept", u.label),
	}
}

// beginning is an upload that was asked for. The id is known when the pool gives it.
type beginning struct {
	as uploadAs
	change
}

// asked notes that an upload is asked for.
func (h *history) asked(as uploadAs) *beginning {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.clock++
	b := &beginning{as: as, change: change{began: h.clock}}
	h.begins = append(h.begins, b)
	return b
}

// begun notes what came of it.
func (h *history) begun(b *beginning, id string, err error) {
	h.end(&b.change, err)
	if err != nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	as := b.as
	as.id = id
	t := h.names[uploadName(id)]
	if t == nil {
		t = &track{}
		h.names[uploadName(id)] = t
	}
	t.changes = append(t.changes, &change{to: &value{etag: id, upload: &as}, began: b.began, ended: b.ended, outcome: done})
}

func (h *history) truncateBegins(w span) {
	h.begins = slices.DeleteFunc(h.begins, func(b *beginning) bool { return b.began > w.to })
	for _, b := range h.begins {
		if b.outcome == done && b.ended > w.from {
			b.outcome = unknown
		}
	}
}

// uploadsOf lists uploads that are known to be under way.
func (h *history) uploadsOf(bucket, key string) (list []*uploadAs) {
	h.mu.Lock()
	var names []string
	for name := range h.names {
		if isUpload(name) {
			names = append(names, name)
		}
	}
	h.mu.Unlock()
	slices.Sort(names)
	for _, name := range names {
		if v, known := h.current(name); known && v != nil && v.upload != nil && v.upload.bucket == bucket && v.upload.key == key {
			list = append(list, v.upload)
		}
	}
	return list
}

// uploadsIn says whether a bucket may hold uploads, and whether that is sure.
func (h *history) uploadsIn(bucket string) (some, sure bool) {
	h.mu.Lock()
	sure = true
	for _, b := range h.begins {
		if b.as.bucket == bucket && (b.outcome == unknown || b.outcome == underWay) {
			sure = false
		}
	}
	was := make(map[string]bool)
	for name, t := range h.names {
		for _, c := range t.changes {
			if c.to != nil && c.to.upload != nil && c.to.upload.bucket == bucket {
				was[name] = true
			}
		}
	}
	h.mu.Unlock()
	for name := range was {
		v, known := h.current(name)
		some, sure = some || v != nil, sure && known
	}
	return some, sure
}

func samePart(a, b PartInfo) bool { return a.Number == b.Number && a.Size == b.Size }

// compareUploads compares the uploads of a bucket, and reads every part.
func compareUploads(ctx context.Context, p *Pool, bucket string, tracks map[string][]*value, begins []*beginning, w span, found map[string]*value) error {
	o := UploadsOptions{Max: 3}
	for {
		page, err := p.Uploads(ctx, bucket, o)
		if err != nil {
			return fmt.Errorf("listing uploads of %s: %w", bucket, err)
		}
		for _, info := range page.Uploads {
			v, err := compareUpload(ctx, p, bucket, info, tracks, begins, w)
			if err != nil {
				return fmt.Errorf("upload %s of %s/%s: %w", info.ID, bucket, info.Key, err)
			}
			found[uploadName(info.ID)] = v
			if done := found[bucket+"/"+info.Key]; done != nil && done.from == info.ID {
				return fmt.Errorf("upload %s of %s/%s is under way, and completed", info.ID, bucket, info.Key)
			}
			if err := compareParts(ctx, p, bucket, info, tracks, found); err != nil {
				return fmt.Errorf("upload %s of %s/%s: %w", info.ID, bucket, info.Key, err)
			}
		}
		if !page.Truncated {
			return nil
		}
		o.AfterKey, o.AfterID = page.NextKey, page.NextID
	}
}

func compareUpload(ctx context.Context, p *Pool, bucket string, listed UploadInfo, tracks map[string][]*value, begins []*beginning, w span) (*value, error) {
	info, err := p.Upload(ctx, bucket, listed.Key, listed.ID)
	if err != nil {
		return nil, err
	}
	is := func(as uploadAs) bool {
		o := as.options()
		return as.bucket == bucket && as.key == info.Key && info.ContentType == o.ContentType &&
			slices.Equal(info.Meta, sortPairs(o.Meta)) && slices.Equal(info.System, o.System)
	}
	for _, v := range tracks[uploadName(info.ID)] {
		if v != nil && is(*v.upload) {
			return v, nil
		}
	}
	for _, b := range begins { // nobody was told its id
		if is(b.as) && b.began <= w.to && b.outcome != rejected && (b.outcome != done || b.ended > w.from) {
			as := b.as
			as.id = info.ID
			return &value{etag: info.ID, upload: &as}, nil
		}
	}
	return nil, fmt.Errorf("%+v was not begun, or has ended; may be: %v", info, tracks[uploadName(info.ID)])
}

func compareParts(ctx context.Context, p *Pool, bucket string, up UploadInfo, tracks map[string][]*value, found map[string]*value) error {
	for after := 0; ; {
		parts, more, err := p.Parts(ctx, bucket, up.Key, up.ID, after, 2)
		if err != nil {
			return err
		}
		for _, part := range parts {
			after = part.Number
			name := partName(up.ID, part.Number)
			v, ok := match(tracks[name], true, part.ETag)
			if !ok {
				return fmt.Errorf("part %+v; may be: %v", part, tracks[name])
			}
			got, err := partBytes(ctx, p, up.ID, part.Number)
			if err != nil {
				return fmt.Errorf("reading part %d, %v: %w", part.Number, v, err)
			}
			if !bytes.Equal(got, v.body) {
				return fmt.Errorf("part %d has %d bytes, not those of %v", part.Number, len(got), v)
			}
			found[name] = v
		}
		if !more {
			return nil
		}
	}
}

// missesNoUpload says whether all uploads and parts that must be there were found.
func missesNoUpload(tracks map[string][]*value, found map[string]*value) error {
	for name, list := range tracks {
		if !isUpload(name) || found[name] != nil {
			continue
		}
		upload, _, part := strings.Cut(strings.TrimPrefix(name, uploadMark), ":")
		if part && found[uploadName(upload)] == nil {
			continue // it ended with its upload
		}
		if _, ok := match(list, false, ""); !ok {
			return fmt.Errorf("%s is absent; may be: %v", name, list)
		}
	}
	return nil
}

// partBytes reads a part of an upload that is under way, as if it were an object.
func partBytes(ctx context.Context, p *Pool, id string, number int) ([]byte, error) {
	upload, err := parseUploadID(id)
	if err != nil {
		return nil, err
	}
	part, err := p.catalog.Part(ctx, upload, number)
	if err != nil {
		return nil, err
	}
	o := &Object{p: p, info: ObjectInfo{Size: part.Size}, object: catalog.Object{Size: part.Size, Checksum: part.Checksum, Extents: part.Extents}}
	for _, e := range part.Extents {
		seg := p.segments.get(e.Segment)
		if seg == nil {
			return nil, errors.New("the segment is not in the table")
		}
		o.segs = append(o.segs, seg)
	}
	var b bytes.Buffer
	err = o.WriteTo(ctx, &b, 0, part.Size)
	return b.Bytes(), err
}
