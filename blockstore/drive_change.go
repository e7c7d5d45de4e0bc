package blockstore

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/dustin/go-humanize"
	"github.com/google/uuid"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// ChangeOptions modify a change of the pool's drives.
type ChangeOptions struct {
	DryRun bool // say what would happen, change nothing
	Force  bool // go below safety (R24), or take a directory that had better not be used
}

// ChangeReport says what a change of one drive does, or would do.
type ChangeReport struct {
	Slot         int       `json:"slot"`
	ID           uuid.UUID `json:"id"` // all zero of a drive that a dry run did not make
	Path         string    `json:"path"`
	State        string    `json:"state"`          // afterwards
	MayStillFail int       `json:"may_still_fail"` // drives, afterwards, without an object becoming unreadable
	BytesToMove  int64     `json:"bytes_to_move"`  // of the drive's files, to other drives or to this one
	DryRun       bool      `json:"dry_run"`
	Note         string    `json:"note,omitempty"` // what to know or do next
}

// enterChange is enter for a change that goes by which drives are here. It is refused by
// a pool that takes none.
func (p *Pool) enterChange(ctx context.Context) (leave func(), err error) {
	leave, err = p.enter()
	if err != nil {
		return nil, err
	}
	if err = p.readOnly(); err == nil {
		err = p.noticeGone(ctx)
	}
	if err != nil {
		leave()
		return nil, err
	}
	return leave, nil
}

// report begins the report about a member that will be in that state.
func (p *Pool) report(m drive.Member, state drive.State, o ChangeOptions) ChangeReport {
	return ChangeReport{
		Slot: m.Slot, ID: m.ID, Path: p.book.path(m.ID), State: state.String(), DryRun: o.DryRun,
		MayStillFail: max(0, p.parity-p.lost(p.members.now())),
	}
}

// bytesText is a number of bytes for the eye.
func bytesText(n int64) string { return humanize.IBytes(uint64(max(n, 0))) }

// lost is how many columns the worst stripe lacks, or how many voting drives are
// away or being filled if those are more: an opening goes by their number (R9).
func (p *Pool) lost(v *membership) int {
	counts := make(map[int]int64)
	for _, s := range p.segments.all() {
		s.count(v, counts)
	}
	worst := out(v)
	for n, stripes := range counts {
		if stripes > 0 {
			worst = max(worst, n)
		}
	}
	return worst
}

// out is how many voting drives are away or being filled.
func out(v *membership) int { return v.away() + v.filling() }

// unreadable is how many stripes lack more columns than may be lost. The worst one
// says nothing of the others: it may be lost already.
func (p *Pool) unreadable(v *membership) (stripes int64) {
	counts := make(map[int]int64)
	for _, s := range p.segments.all() {
		s.count(v, counts)
	}
	for n, c := range counts {
		if n > p.parity {
			stripes += c
		}
	}
	return stripes
}

// without is the membership as it would be without a drive.
func (v *membership) without(id uuid.UUID) *membership {
	w := *v
	w.live, w.spare = maps.Clone(v.live), maps.Clone(v.spare)
	delete(w.live, id)
	delete(w.spare, id)
	return &w
}

// findMember finds a member by slot, id or path; the path may be where it was
// last seen.
func (p *Pool) findMember(v *membership, ref string) (drive.Member, error) {
	slots := make(map[int]bool)
	for _, m := range v.label.Members {
		path := p.book.path(m.ID)
		if ref == strconv.Itoa(m.Slot) || ref == m.ID.String() || path != "" && filepath.Clean(ref) == filepath.Clean(path) {
			return m, nil
		}
		slots[m.Slot] = true
	}
	return drive.Member{}, fmt.Errorf("%w: %q is no slot (%v), id or path of this pool", ErrNoDrive, ref, slices.Sorted(maps.Keys(slots)))
}

// freeSlot is the smallest number that no member has, and none of taken.
func freeSlot(members []drive.Member, taken map[int]bool) int {
	used := maps.Clone(taken)
	if used == nil {
		used = make(map[int]bool)
	}
	for _, m := range members {
		used[m.Slot] = true
	}
	for slot := 1; ; slot++ {
		if !used[slot] {
			return slot
		}
	}
}
