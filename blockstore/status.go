package blockstore

import (
	"context"
	"errors"
	"math/bits"
	"strconv"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/uuid"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
	"github.com/holdfast-storage/holdfast/blockstore/yield"
)

// Status is the state of the pool. Its JSON form is what `holdfast status
// --json` prints; scripts rely on it.
type Status struct {
	Pool       PoolStatus       `json:"pool"`
	Drives     []DriveStatus    `json:"drives"`
	Redundancy RedundancyStatus `json:"redundancy"`
	Verified   ProofStatus      `json:"verified"`
	Memory     MemoryStatus     `json:"memory"`
	Commits    CommitStatus     `json:"commits"`
	Background BackgroundStatus `json:"background"`
}

// PoolStatus describes the pool as a whole.
type PoolStatus struct {
	ID            uuid.UUID `json:"id"`
	State         string    `json:"state"` // ONLINE; DEGRADED while something is missing or being rebuilt; UNAVAIL when it takes no writes
	Reason        string    `json:"reason,omitempty"`
	Epoch         uint32    `json:"epoch"`
	Data          int       `json:"data"`   // k of new segments, now
	Parity        int       `json:"parity"` // m
	Width         int       `json:"width"`  // k+m at full width
	ReadOnly      bool      `json:"read_only"`
	Spare         int       `json:"may_still_fail"` // drives that may fail now without loss
	Objects       int64     `json:"objects"`
	LogicalBytes  int64     `json:"logical_bytes"`
	CapacityBytes uint64    `json:"capacity_bytes"` // for data, parity taken off
	FreeBytes     uint64    `json:"free_bytes"`     // for data, parity taken off
	Stage         string    `json:"stage"`          // running, masked, reduced
}

// DriveStatus describes one drive.
type DriveStatus struct {
	Slot           int       `json:"slot"`
	ID             uuid.UUID `json:"id"`
	Path           string    `json:"path"`
	State          string    `json:"state"`
	Reason         string    `json:"reason,omitempty"`
	ReadErrors     uint64    `json:"read_errors"`
	WriteErrors    uint64    `json:"write_errors"`
	ChecksumErrors uint64    `json:"checksum_errors"`
	CapacityBytes  uint64    `json:"capacity_bytes"`
	FreeBytes      uint64    `json:"free_bytes"`
	Catalog        string    `json:"catalog,omitempty"` // serving, replica, or cloning
}

// RedundancyStatus counts stripes by the columns that should be stored and are
// not known good.
type RedundancyStatus struct {
	Segments int              `json:"segments"`
	Stripes  int64            `json:"stripes"`
	Missing  map[string]int64 `json:"missing"`
}

// MemoryStatus is what of the buffers' budget is in use.
type MemoryStatus struct {
	UsedBytes  int64 `json:"used_bytes"`
	TotalBytes int64 `json:"total_bytes"`
}

// CommitStatus tells how changes were grouped since the pool was opened.
type CommitStatus struct {
	Batches int64  `json:"batches"`
	Changes int64  `json:"changes"`
	LSN     uint64 `json:"lsn"`
}

// BackgroundStatus tells how scrub and rebuild give way to clients (R18).
type BackgroundStatus struct {
	Yielding    bool    `json:"yielding"`     // work is held back at present, for clients are active
	ScrubShare  float64 `json:"scrub_share"`  // of the time that it takes while it is held back, as clients' latency has shown
	RepairShare float64 `json:"repair_share"` // the same of rebuild and evacuation
}

// Well says whether nothing needs attention.
func (s *Status) Well() bool { return s.Pool.State == "ONLINE" }

// Status describes the pool as it is now.
func (p *Pool) Status(ctx context.Context) (Status, error) {
	leave, err := p.enter()
	if err != nil {
		return Status{}, err
	}
	defer leave()
	v := p.members.now()
	s := Status{Redundancy: p.redundancy(v)}
	s.Drives = p.driveStatus(v)
	s.Pool = PoolStatus{
		ID: p.id, Epoch: v.label.Epoch, Data: p.fullK(), Parity: p.parity, Width: v.label.Width,
		ReadOnly: v.readOnly != nil, Stage: "running", State: "ONLINE",
	}
	s.Pool.CapacityBytes, s.Pool.FreeBytes = p.usable(s.Drives)
	worst := 0
	for n, count := range s.Redundancy.Missing {
		if i, _ := strconv.Atoi(n); count > 0 {
			worst = max(worst, i)
		}
	}
	away := v.away()
	s.Pool.Spare = max(0, p.parity-max(worst, away+v.filling()))
	switch {
	case v.readOnly != nil:
		s.Pool.State, s.Pool.Stage, s.Pool.Reason = "UNAVAIL", "reduced", v.readOnly.Error()
	case away > 0 || worst > 0 || v.filling() > 0:
		s.Pool.State, s.Pool.Stage = "DEGRADED", "masked"
		if worst > p.parity {
			s.Pool.Stage = "reduced"
		}
	}
	s.Pool.Objects, s.Pool.LogicalBytes, err = p.catalog.Totals(ctx)
	if err != nil && !errors.Is(err, context.Canceled) {
		s.Pool.State, s.Pool.Stage, s.Pool.Reason = "UNAVAIL", "reduced", "no catalog answers: "+err.Error()
	}
	s.Verified = p.proof(worst > 0 || away > 0 || v.filling() > 0)
	s.Memory.UsedBytes, s.Memory.TotalBytes = p.mem.usage()
	s.Background = BackgroundStatus{
		Yielding: p.gate.Yielding(), ScrubShare: p.gate.Share(yield.Routine), RepairShare: p.gate.Share(yield.Repair),
	}
	s.Commits = CommitStatus{Batches: p.batches.Load(), Changes: p.changes.Load(), LSN: p.acked.Load()}
	return s, nil
}

func (p *Pool) driveStatus(v *membership) []DriveStatus {
	replicas := make(map[string]string)
	for _, r := range p.catalog.Replicas() {
		switch {
		case r.Serving:
			replicas[r.Name] = "serving"
		case r.Cloning:
			replicas[r.Name] = "cloning"
		default:
			replicas[r.Name] = "replica"
		}
	}
	var list []DriveStatus
	for _, m := range v.label.Members {
		d := DriveStatus{Slot: m.Slot, ID: m.ID, State: m.State.String(), Catalog: replicas[m.ID.String()]}
		why := v.why[m.ID]
		if attends(m) && !v.isHere(m.ID) { // no label says so yet, or will
			switch {
			case errors.Is(why, drive.ErrRemoved):
				d.State = drive.Removed.String()
			case errors.Is(why, errMissing):
				d.State = drive.Unavail.String()
			default:
				d.State = drive.Faulted.String()
			}
		}
		if why != nil {
			d.Reason = why.Error()
		}
		d.Path = p.book.path(m.ID)
		if dr := v.drives[m.ID]; dr != nil {
			d.ReadErrors, d.WriteErrors, d.ChecksumErrors = dr.Errors()
		}
		d.FreeBytes, d.CapacityBytes = p.space.both(m.ID)
		list = append(list, d)
	}
	return list
}

// usable estimates what the drives hold for data: the sum less parity's share.
// Directories that share a device share its room.
func (p *Pool) usable(drives []DriveStatus) (capacity, free uint64) {
	n := uint64(0)
	devices := make(map[vfs.DeviceID]uint64)
	for _, d := range drives {
		devices[p.space.device(d.ID)]++
	}
	for _, d := range drives {
		if d.State == drive.Online.String() || d.State == drive.Rebuilding.String() {
			share := uint64(1)
			if dev := p.space.device(d.ID); dev != (vfs.DeviceID{}) {
				share = devices[dev]
			}
			capacity, free, n = capacity+d.CapacityBytes/share, free+d.FreeBytes/share, n+1
		}
	}
	width := min(n, uint64(p.width))
	if width <= uint64(p.parity) {
		return 0, 0
	}
	data := width - uint64(p.parity)
	return capacity / width * data, free / width * data
}

// redundancy counts from the segment table; nothing is read.
func (p *Pool) redundancy(v *membership) RedundancyStatus {
	r := RedundancyStatus{Missing: map[string]int64{"0": 0}}
	counts := make(map[int]int64)
	for _, s := range p.segments.all() {
		r.Segments++
		s.count(v, counts)
	}
	for n, c := range counts {
		r.Stripes += c
		r.Missing[strconv.Itoa(n)] = c
	}
	return r
}

// out is the files that are not read from: they lack blocks, or their drives take no
// part. The caller holds s.mu.
func (s *segment) out(v *membership) uint64 {
	files := s.suspect
	for i, id := range s.drives {
		if !v.isLive(id) {
			files |= 1 << i
		}
	}
	return files
}

// count adds the segment's stripes to counts, by missing columns.
func (s *segment) count(v *membership, counts map[int]int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	gone := s.out(v)
	missing := func(c class, gone uint64) int {
		n := 0
		for i := range c.d + s.m {
			file := (drive.ColumnOf(i, c.d, s.k) + c.rotation) % s.width()
			if gone&(1<<file) != 0 {
				n++
			}
		}
		return n
	}
	for c, n := range s.classes {
		if n > 0 {
			counts[missing(c, gone)] += n
		}
	}
	// Single columns found bad beyond those.
	for stripe, b := range s.bad {
		c := class{int(stripe) % s.width(), b.d}
		extra := bits.OnesCount64(b.files &^ gone)
		if extra == 0 || !s.sealed && stripe >= s.next || s.classes[c] == 0 { // of a sealed one, next is a count

			continue
		}
		before := missing(c, gone)
		counts[before]--
		counts[before+extra]++
	}
}
