package blockstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/holdfast-storage/holdfast/blockstore/catalog"
	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// history is what was asked of a pool and what came of it: the model that the
// pool is held against. Of each name there is at most one change at a time.
//
// A change that had not returned at a crash, or returned ErrUnavailable, is
// "maybe": the old value or the new one is there, whole; what a reader found
// after the crash is fixed from then on.
type history struct {
	mu     sync.Mutex
	clock  int
	names  map[string]*track // a bucket's name, bucket/key, or what uploadName and partName make
	begins []*beginning      // of uploads whose id is not known, or was not at the time
}

// track is what happened to one name, in order.
type track struct{ changes []*change }

// change of a name to a value; nil deletes it.
type change struct {
	to           *value
	began, ended int
	outcome      changeOutcome
}

type changeOutcome int

const (
	underWay changeOutcome = iota
	done
	rejected // it has changed nothing
	unknown
)

// value of an object or a part; of a bucket only that it is there.
type value struct {
	body   []byte
	etag   string
	label  string     // in content type and metadata; empty: the ETag
	system []Pair     // kept with it
	parts  []PartInfo // of an object that was made of an upload, by number and size
	from   string     // id of that upload
	upload *uploadAs  // of an upload
}

func (v *value) labelled() string {
	if v.label == "" {
		return v.etag
	}
	return v.label
}

func (v *value) String() string {
	switch {
	case v == nil:
		return "absent"
	case v.etag == "":
		return "there"
	}
	return fmt.Sprintf("%s (%d bytes)", v.etag, len(v.body))
}

func newHistory() *history { return &history{names: make(map[string]*track)} }

func (h *history) now() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.clock
}

// begin notes that a change is asked for.
func (h *history) begin(name string, to *value) *change {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.clock++
	c := &change{to: to, began: h.clock}
	t := h.names[name]
	if t == nil {
		t = &track{}
		h.names[name] = t
	}
	t.changes = append(t.changes, c)
	return c
}

// end notes what came of it.
func (h *history) end(c *change, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.clock++
	c.ended = h.clock
	switch {
	case err == nil:
		c.outcome = done
	case maybe(err):
		c.outcome = unknown
	default:
		c.outcome = rejected
	}
}

// truncate forgets what was asked for after an image was taken: the run goes on
// from the image. What had not returned by then may have happened.
func (h *history) truncate(w span) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, t := range h.names {
		var kept []*change
		for _, c := range t.changes {
			if c.began > w.to {
				break
			}
			if c.outcome == done && c.ended > w.from {
				c.outcome = unknown
			}
			kept = append(kept, c)
		}
		t.changes = kept
	}
	h.truncateBegins(w)
}

// fix notes what was found after a crash: nothing else may be there any more.
func (h *history) fix(found map[string]*value) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.clock++
	for name := range found {
		if h.names[name] == nil {
			h.names[name] = &track{} // an upload whose id nobody was told
		}
	}
	for name := range h.names {
		h.names[name].changes = []*change{{to: found[name], began: h.clock, ended: h.clock, outcome: done}}
	}
	h.begins = nil
}

// span is the time in which something was looked at.
type span struct{ from, to int }

// allowed lists what a name may have been in a window.
func (t *track) allowed(w span) []*value {
	list := []*value{nil}
	for _, c := range t.changes {
		switch {
		case c.began > w.to:
			return list
		case c.outcome == rejected:
		case c.outcome == done && c.ended <= w.from:
			list = []*value{c.to}
		default:
			list = append(list, c.to)
		}
	}
	return list
}

// current is the value of a name, if it is known.
func (h *history) current(name string) (v *value, known bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	t := h.names[name]
	if t == nil {
		return nil, true
	}
	list := t.allowed(span{h.clock, h.clock})
	return list[len(list)-1], len(list) == 1
}

// match finds the one of the values that was found.
func match(list []*value, there bool, etag string) (*value, bool) {
	for _, v := range list {
		if (v != nil) == there && (v == nil || v.etag == etag) {
			return v, true
		}
	}
	return nil, false
}

// matchObject finds the one of the values that an object is.
func matchObject(list []*value, i ObjectInfo) (*value, bool) {
	for _, v := range list {
		if v != nil && v.etag == i.ETag && slices.Equal(v.system, i.System) && slices.EqualFunc(v.parts, i.Parts, samePart) {
			return v, true
		}
	}
	return nil, false
}

// check compares all that a pool holds with what it may hold, and returns what
// was found. Every body is read, and the accounts are compared.
func (h *history) check(ctx context.Context, p *Pool, w span) (map[string]*value, error) {
	found, err := h.compare(ctx, p, w)
	if err != nil {
		return nil, err
	}
	return found, sane(ctx, p, found)
}

// compare is check without the accounts.
func (h *history) compare(ctx context.Context, p *Pool, w span) (map[string]*value, error) {
	h.mu.Lock()
	tracks := make(map[string][]*value)
	for name, t := range h.names {
		tracks[name] = t.allowed(w)
	}
	begins := slices.Clone(h.begins)
	h.mu.Unlock()
	found := make(map[string]*value)
	infos, err := p.Buckets(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing buckets: %w", err)
	}
	seen := make(map[string]bool)
	for _, b := range infos {
		if tracks[b.Name] == nil {
			return nil, fmt.Errorf("bucket %s was never made", b.Name)
		}
		seen[b.Name] = true
		list, err := listAll(ctx, p, b.Name)
		if err != nil {
			return nil, err
		}
		for _, o := range list {
			name := b.Name + "/" + o.Key
			if o, err = p.Stat(ctx, b.Name, o.Key); err != nil { // a listing does not show all
				return nil, fmt.Errorf("%s is listed, but Stat says: %w", name, err)
			}
			v, ok := matchObject(tracks[name], o)
			if !ok {
				return nil, fmt.Errorf("%s is %q of %d bytes, system %v, parts %v; may be: %v", name, o.ETag, o.Size, o.System, o.Parts, tracks[name])
			}
			got, err := getBytes(ctx, p, b.Name, o.Key)
			if err != nil {
				return nil, fmt.Errorf("reading %s, %v: %w", name, v, err)
			}
			if !bytes.Equal(got, v.body) {
				return nil, fmt.Errorf("%s has %d bytes, not those of %v", name, len(got), v)
			}
			seen[name], found[name] = true, v
		}
		found[b.Name] = &value{}
		if err := compareUploads(ctx, p, b.Name, tracks, begins, w, found); err != nil {
			return nil, err
		}
	}
	if err := missesNoUpload(tracks, found); err != nil {
		return nil, err
	}
	for name, list := range tracks {
		if isUpload(name) {
			continue
		}
		if seen[name] {
			if _, ok := match(list, true, ""); !ok && !strings.Contains(name, "/") {
				return nil, fmt.Errorf("bucket %s was deleted and is there", name)
			}
			continue
		}
		if _, ok := match(list, false, ""); !ok {
			return nil, fmt.Errorf("%s is absent; may be: %v", name, list)
		}
		if bucket, key, ok := strings.Cut(name, "/"); ok {
			if _, err := p.Stat(ctx, bucket, key); !errors.Is(err, ErrNoSuchKey) && !errors.Is(err, ErrNoSuchBucket) {
				return nil, fmt.Errorf("%s is not listed, but Stat says: %v", name, err)
			}
		}
	}
	return found, nil
}

func listAll(ctx context.Context, p *Pool, bucket string) ([]ObjectInfo, error) {
	var list []ObjectInfo
	after := ""
	for {
		page, err := p.List(ctx, bucket, ListOptions{After: after, Max: 1000})
		if err != nil {
			return nil, fmt.Errorf("listing %s: %w", bucket, err)
		}
		list = append(list, page.Objects...)
		if !page.Truncated {
			return list, nil
		}
		after = page.Next
	}
}

// sane holds the pool's accounts against each other: status, the table of
// segments, and where the objects lie.
func sane(ctx context.Context, p *Pool, found map[string]*value) error {
	objects, logical := int64(0), int64(0)
	for name, v := range found {
		if strings.Contains(name, "/") && !isUpload(name) {
			objects, logical = objects+1, logical+int64(len(v.body))
		}
	}
	s, err := p.Status(ctx)
	if err != nil {
		return err
	}
	if s.Pool.Objects != objects || s.Pool.LogicalBytes != logical {
		return fmt.Errorf("status counts %d objects of %d bytes; there are %d of %d", s.Pool.Objects, s.Pool.LogicalBytes, objects, logical)
	}
	sum := int64(0)
	for missing, n := range s.Redundancy.Missing {
		if n < 0 {
			return fmt.Errorf("redundancy: %d stripes with %s columns missing", n, missing)
		}
		sum += n
	}
	if sum != s.Redundancy.Stripes {
		return fmt.Errorf("redundancy: %d stripes, but %v", s.Redundancy.Stripes, s.Redundancy.Missing)
	}
	for o, err := range p.catalog.Owners(ctx) {
		if err == nil {
			err = accounted(p, o.Extents)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", nameOf(&o), err)
		}
	}
	return nil
}

// accounted says whether every stripe of an object or a part lies within what its
// segment's account says there is; rebuild and scrub will go by that.
func accounted(p *Pool, extents []catalog.Extent) error {
	for _, e := range extents {
		s := p.segments.get(e.Segment)
		if s == nil {
			return fmt.Errorf("segment %v is not in the table", e.Segment)
		}
		var out error
		splitRun(s, e, 0, e.Length, func(part stripePart) bool {
			s.mu.Lock()
			defer s.mu.Unlock()
			end := part.at.offset + drive.BlockBytes(s.kind, e.D, s.m, e.Column)
			c := class{int(part.at.no) % s.width(), e.D}
			if end > s.end || s.classes[c] == 0 {
				out = fmt.Errorf("stripe %d, to %d, is not in the account of segment %v: to %d, classes %v",
					part.at.no, end, s.id, s.end, s.classes)
			}
			return out == nil
		})
		if out != nil {
			return out
		}
	}
	return nil
}

// sameState says how two states that were found differ.
func sameState(a, b map[string]*value) error {
	var diff []string
	for name, v := range a {
		if b[name].String() != v.String() {
			diff = append(diff, fmt.Sprintf("%s: %v, then %v", name, v, b[name]))
		}
	}
	for name, v := range b {
		if a[name] == nil {
			diff = append(diff, fmt.Sprintf("%s: absent, then %v", name, v))
		}
	}
	slices.Sort(diff)
	if len(diff) > 0 {
		return errors.New(strings.Join(diff, "; "))
	}
	return nil
}
