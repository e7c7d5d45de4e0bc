package blockstore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-storage/holdfast/blockstore/catalog"
	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// The proof of redundancy is when each file of each sealed segment was read from
// its drive and verified, every block of it. Mending notes it, whatever it was
// done for; it is kept as a setting per segment, eight bytes a file: seconds
// since 1970, little endian, 0 for never. It names times and decides nothing (R25).

const (
	verifiedPrefix = "verified/"
	lossSetting    = "loss" // when a drive was last found missing, in the same form
)

// verifiedNow notes that the files (bit = file index) were verified, and does not
// return before that is durable, and all that was announced before.
func (p *Pool) verifiedNow(ctx context.Context, seg *segment, files uint64) error {
	now := p.now().Unix()
	seg.mu.Lock()
	if seg.verified == nil {
		seg.verified = make([]int64, seg.width())
	}
	value := make([]byte, 8*seg.width())
	for i := range seg.verified {
		if files&(1<<i) != 0 {
			seg.verified[i] = now
		}
		binary.LittleEndian.PutUint64(value[8*i:], uint64(seg.verified[i]))
	}
	seg.mu.Unlock()
	return p.SetSetting(ctx, verifiedPrefix+seg.id.String(), value)
}

// loadProof takes up what was noted before.
func (p *Pool) loadProof(ctx context.Context) error {
	for s, err := range p.catalog.Settings(ctx, verifiedPrefix) {
		if err != nil {
			return unavailable(err)
		}
		id, err := drive.ParseSegmentID(strings.TrimPrefix(s.Name, verifiedPrefix))
		seg := p.segments.get(id)
		if err != nil || seg == nil || len(s.Value) != 8*seg.width() {
			continue // of a segment that is gone
		}
		times := make([]int64, seg.width())
		for i := range times {
			times[i] = int64(binary.LittleEndian.Uint64(s.Value[8*i:]))
		}
		seg.mu.Lock()
		seg.verified = times
		seg.mu.Unlock()
	}
	loss, err := p.catalog.Setting(ctx, lossSetting)
	if err == nil && len(loss) == 8 && p.lastLoss.Load() == 0 {
		p.lastLoss.Store(int64(binary.LittleEndian.Uint64(loss)))
	}
	if errors.Is(err, catalog.ErrNotFound) {
		err = nil
	}
	return unavailable(err)
}

// noteLoss keeps when a drive was last found missing: what was verified before
// proves nothing about what is left.
func (p *Pool) noteLoss() {
	v := p.members.now()
	away := int64(v.away() + v.filling())
	if was := p.wereAway.Swap(away); away <= was || v.readOnly != nil {
		return
	}
	now := p.now().Unix()
	p.lastLoss.Store(now)
	p.announce(&catalog.Setting{Name: lossSetting, Value: binary.LittleEndian.AppendUint64(nil, uint64(now))})
}

// ProofStatus tells how much of what is stored was verified, and when.
type ProofStatus struct {
	Bytes          int64      `json:"bytes"`           // of sealed segments' files, on drives that are here or not
	Never          int64      `json:"never_bytes"`     // of these: not since they were written
	LastDay        int64      `json:"last_day_bytes"`  // within 24 hours
	LastWeek       int64      `json:"last_week_bytes"` // within 7 days
	LastMonth      int64      `json:"last_month_bytes"`
	Oldest         *time.Time `json:"oldest,omitempty"`     // of the verified ones
	SinceFailure   *time.Time `json:"failure,omitempty"`    // when a drive was last left out, or found missing
	AfterFailure   int64      `json:"since_failure_bytes"`  // verified since then
	RedundancyFull bool       `json:"redundancy_is_proven"` // no column is missing, and all was verified since the failure
}

// proof sums up the segments' times. Missing says whether any column is.
func (p *Pool) proof(missing bool) ProofStatus {
	now := p.now()
	var s ProofStatus
	since := p.lastLoss.Load()
	if since != 0 {
		t := time.Unix(since, 0).UTC()
		s.SinceFailure = &t
	}
	oldest := int64(0)
	for _, seg := range p.segments.all() {
		seg.mu.Lock()
		sealed, end, verified := seg.sealed, seg.end, seg.verified
		seg.mu.Unlock()
		if !sealed {
			continue
		}
		for i := range seg.width() {
			s.Bytes += end
			at := int64(0)
			if verified != nil {
				at = verified[i]
			}
			if at == 0 {
				s.Never += end
				continue
			}
			if oldest == 0 || at < oldest {
				oldest = at
			}
			age := now.Sub(time.Unix(at, 0))
			const day = 24 * time.Hour
			for _, b := range []struct {
				most time.Duration
				sum  *int64
			}{{day, &s.LastDay}, {7 * day, &s.LastWeek}, {30 * day, &s.LastMonth}} {
				if age <= b.most {
					*b.sum += end
				}
			}
			if at >= since {
				s.AfterFailure += end
			}
		}
	}
	if oldest != 0 {
		t := time.Unix(oldest, 0).UTC()
		s.Oldest = &t
	}
	s.RedundancyFull = !missing && s.AfterFailure == s.Bytes
	return s
}

// SealOpen ends the segments that are open, so that what was acknowledged until
// now can be verified. What comes later goes to new ones.
func (p *Pool) SealOpen(ctx context.Context) error {
	leave, err := p.enter()
	if err != nil {
		return err
	}
	defer leave()
	p.bulk.retire(true)
	p.rollWanted.Store(true)
	return p.SetSetting(ctx, "sealed", fmt.Appendf(nil, "%d", p.now().Unix()))
}

// Segments lists the sealed segments, oldest first.
func (p *Pool) Segments() []drive.SegmentID {
	var ids []drive.SegmentID
	for _, s := range p.segments.all() {
		s.mu.Lock()
		if s.sealed {
			ids = append(ids, s.id)
		}
		s.mu.Unlock()
	}
	slices.Sort(ids)
	return ids
}
