package blockstore

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// isContentError says of a read's error that the drive answered, with what is
// not the block that was asked for.
func isContentError(err error) bool {
	return errors.Is(err, errPiece) || errors.Is(err, errForeignBlock) || errors.Is(err, drive.ErrNoBlock) || errors.Is(err, drive.ErrChecksum)
}

// noteColumn notes that a column could not be read or was wrong. Errors of the
// drive are told of the drive, not of each segment on it: one that is failing
// has them everywhere.
func (p *Pool) noteColumn(at stripeAt, col int, id uuid.UUID, err error) {
	e := Event{
		Kind: "read_error", Stage: StageMasked, Severity: SeverityWarning, Drive: about(id),
		Text: fmt.Sprintf("segment %v, stripe %d: column %d could not be read: %v", at.seg.id, at.no, col, err),
		Done: "its bytes were reconstructed from other columns; the segment is due to be mended",
	}
	if isContentError(err) {
		e.Kind, e.Segment = "checksum", at.seg.id.String()
		e.Text = fmt.Sprintf("stripe %d: column %d is not what was written: %v", at.no, col, err)
	}
	p.note(e)
}

// noteUnreadable notes that an object, or a part of it, could not be read.
func (p *Pool) noteUnreadable(bucket, key string, err error) {
	if err == nil {
		return
	}
	e := Event{
		Kind: "unreadable", Stage: StageReduced, Severity: SeverityError, Objects: []string{bucket + "/" + key},
		Done: "the reader got an error, and no bytes that are not the object's; bring back the drives that are away",
	}
	var damage *DamageError
	switch {
	case errors.As(err, &damage):
		e.Segment, e.Text = damage.Segment.String(), damage.Error()
	case errors.Is(err, errOwnChecksum):
		e.Text, e.Done = err.Error(), "the reader got an error in place of the last bytes"
	default:
		return
	}
	p.note(e)
}

// noteSpace notes that the drives have no room for new data, and that they have
// some again.
func (p *Pool) noteSpace(err error) {
	switch full := errors.Is(err, ErrNoSpace); {
	case full && p.full.CompareAndSwap(false, true):
		p.note(Event{
			Kind: "no_space", Stage: StageReduced, Severity: SeverityError, Text: err.Error(),
			Done: "new objects are refused; reads and deletes go on",
		})
	case !full && p.full.Load() && p.full.CompareAndSwap(true, false):
		p.note(Event{
			Kind: "space", Stage: StageRecovered, Severity: SeverityInfo, Text: "there is room for new objects again",
			Done: "they are taken",
		})
	}
}

// noteReplicaDropped notes that a drive's replica of the catalog is of no use.
func (p *Pool) noteReplicaDropped(id uuid.UUID, err error) {
	if p.ctx.Err() != nil {
		return // the pool closes
	}
	p.replicasLost.Store(true)
	p.note(Event{
		Kind: "replica_dropped", Stage: StageMasked, Severity: SeverityWarning, Drive: about(id),
		Text: fmt.Sprintf("a replica of the catalog was given up: %v", err), Done: "another one is made on a drive that is well",
	})
}

// noteReplicaMade notes that a replica of the catalog was made, unless that is
// what a pool without trouble does when it is opened.
func (p *Pool) noteReplicaMade(id uuid.UUID) {
	if !p.replicasLost.Load() {
		return
	}
	p.note(Event{
		Kind: "replica_made", Stage: StageRecovered, Severity: SeverityInfo, Drive: about(id),
		Text: "a replica of the catalog was made anew",
	})
}

// noteMended notes what was found wrong with a segment and mended, if anything.
// Columns of drives that are gone are no findings: their drives were told of.
func (p *Pool) noteMended(id drive.SegmentID, r *MendReport) {
	if len(r.Findings) == 0 {
		return
	}
	e := Event{Kind: "mended", Stage: StageRecovered, Severity: SeverityWarning, Segment: id.String()}
	kinds, remain := make(map[string]int), 0
	for _, f := range r.Findings {
		kinds[f.Kind]++
		if !f.Mended {
			remain++
			e.Objects = append(e.Objects, f.Objects...)
		}
	}
	var list []string
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		list = append(list, fmt.Sprintf("%d %s", kinds[kind], kind))
	}
	e.Text = fmt.Sprintf("%d findings in segment %v: %s", len(r.Findings), id, strings.Join(list, ", "))
	e.Done = "all was mended and read back"
	if remain > 0 {
		// It is tried again and again: told once, until it is different.
		e.Kind, e.Stage, e.Severity, e.once = "damage", StageReduced, SeverityError, true
		e.Done = fmt.Sprintf("%d were mended; %d remain", len(r.Findings)-remain, remain)
	}
	p.note(e)
}
