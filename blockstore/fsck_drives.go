package blockstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"reflect"
	"slices"

	"github.com/google/uuid"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// labels reads every label before the pool is opened, which may write them anew,
// and holds them against the newest.
func (c *fsck) labels(o Options) error {
	labels, empty, broken, err := readLabels(o)
	if err != nil {
		return err
	}
	for _, dir := range empty {
		c.notef("%s holds no drive", dir)
	}
	for _, dir := range slices.Sorted(maps.Keys(broken)) {
		c.find(Finding{Kind: FindingDrive, Column: -1, Text: fmt.Sprintf("%s: %v", dir, broken[dir])})
	}
	top, err := newest(labels)
	if err != nil {
		return err
	}
	member := make(map[uuid.UUID]bool)
	for _, m := range slices.Concat(top.Members, top.Old) {
		member[m.ID] = true
	}
	if len(top.Old) > 0 {
		c.notef("a change of the pool's members is under way: the next opening ends it")
	}
	for _, dir := range slices.Sorted(maps.Keys(labels)) {
		l := labels[dir]
		// An opening writes all labels anew.
		f := Finding{Kind: FindingLabel, Column: -1, Drive: l.Drive, Mended: c.o.Repair || c.o.RebuildCatalog}
		same := l.Membership
		same.Checkpoint, same.Floor = top.Checkpoint, top.Floor
		switch {
		case !member[l.Drive]:
			c.notef("%s was a drive of the pool and is no longer", dir)
		case l.Epoch != top.Epoch:
			f.Text = fmt.Sprintf("%s: the label is of epoch %d, the newest one of epoch %d: it missed changes", dir, l.Epoch, top.Epoch)
			c.find(f)
		case !reflect.DeepEqual(same, top.Membership):
			f.Text = fmt.Sprintf("%s: the label contradicts another one of epoch %d", dir, l.Epoch)
			c.find(f)
		case l.Checkpoint != top.Checkpoint || l.Floor != top.Floor:
			c.notef("%s: the label has an earlier checkpoint than others: the next opening writes it anew", dir)
		}
	}
	return nil
}

// drives says which members are away or not in order.
func (c *fsck) drives(v *membership) {
	for _, m := range v.label.Members {
		d := v.drives[m.ID]
		if d != nil {
			c.report.Drives++
		}
		f := Finding{Kind: FindingDrive, Column: -1, Drive: m.ID}
		switch {
		case m.NonVoting && d == nil:
			c.notef("drive %d (%v), which holds nothing, is not here", m.Slot, m.ID)
		case m.NonVoting:
		case d == nil:
			f.Text = fmt.Sprintf("drive %d (%v) is not here: bring it back, or replace it: holdfast drive replace %d DIR", m.Slot, m.ID, m.Slot)
			c.find(f)
		case m.State == drive.Faulted || m.State == drive.Offline:
			f.Text = fmt.Sprintf("drive %d (%s) was left out, as %v: holdfast drive clear or replace", m.Slot, d.Dir(), m.State)
			c.find(f)
		case m.State == drive.Rebuilding || m.State == drive.Evacuating:
			c.notef("drive %d (%s) is %v: a daemon goes on with that", m.Slot, d.Dir(), m.State)
		case !v.isLive(m.ID):
			f.Text = fmt.Sprintf("drive %d (%s) takes no part: %v", m.Slot, d.Dir(), v.why[m.ID])
			c.find(f)
		}
	}
}

// strangers looks for files that belong to nobody. A crash leaves some, which
// harm nothing; Repair removes those of segments, but nothing that it does not know.
func (c *fsck) strangers(ctx context.Context) error {
	c.stage("looking for files that belong to nobody")
	v := c.p.members.now()
	for _, m := range v.label.Members {
		d := v.drives[m.ID]
		if d == nil {
			continue
		}
		names, err := c.p.opt.FS.List(d.Dir())
		if err != nil {
			c.find(Finding{Kind: FindingDrive, Column: -1, Drive: m.ID, Text: err.Error()})
			continue
		}
		for _, name := range drive.Strangers(names) {
			c.notef("%s is no part of a drive", c.p.opt.FS.PathJoin(d.Dir(), name))
		}
		before, err := c.strays(d)
		if err == nil && c.o.Repair {
			if err = c.p.reconcile(ctx, d); err != nil && ctx.Err() != nil {
				return ctx.Err()
			}
		}
		var after []drive.SegmentID
		if err == nil {
			after, err = c.strays(d)
		}
		if err != nil {
			c.find(Finding{Kind: FindingDrive, Column: -1, Drive: m.ID, Text: err.Error()})
			continue
		}
		if n := len(before) - len(after); n > 0 {
			c.notef("%s: %d files of segments that nothing needs were removed", d.Dir(), n)
		}
		if n := len(after); n > 0 {
			c.notef("%s: %d files of segments do not belong there by the segment table, as a crash may leave them (the first is %v); --repair removes those that nothing needs",
				d.Dir(), n, after[0])
		}
	}
	return nil
}

// filesGone finds the files of a segment that are not there at all, on drives
// that are.
func (c *fsck) filesGone(id drive.SegmentID) (list []Finding) {
	s := c.p.segments.get(id)
	s.mu.Lock()
	drives, stripes := slices.Clone(s.drives), s.next
	s.mu.Unlock()
	if stripes == 0 {
		return nil
	}
	v := c.p.members.now()
	for index, on := range drives {
		d := v.live[on]
		if d == nil {
			continue
		}
		f, err := patiently(c.p.patience, func() (*drive.File, error) { return d.OpenFile(id) }, (*drive.File).Close)
		if err == nil {
			f.Close()
		} else if errors.Is(err, fs.ErrNotExist) {
			list = append(list, Finding{
				Kind: FindingMissing, Segment: id, Column: -1, Drive: on,
				Text: fmt.Sprintf("file %d of the segment is not there", index),
			})
		}
	}
	return list
}

// strays are the segments that have a file on the drive which the table does not
// give to it.
func (c *fsck) strays(d *drive.Drive) ([]drive.SegmentID, error) {
	ids, err := patiently(c.p.patience, d.Segments, nil)
	return slices.DeleteFunc(ids, func(id drive.SegmentID) bool {
		s := c.p.segments.get(id)
		return s != nil && s.filesOn(func(on uuid.UUID) bool { return on == d.ID() }) != 0
	}), err
}
