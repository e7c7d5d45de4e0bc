package blockstore

import (
	"fmt"
	"iter"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/uuid"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// space knows how much room the drives have. A part of each is kept for
// deletes, checkpoints and mending, which must go on when the pool is full
// (R19).
type space struct {
	fs vfs.FS

	mu    sync.Mutex
	drive map[uuid.UUID]*room
}

type room struct {
	free, total uint64
	queued      uint64       // bytes on their way; free is without them
	full        bool         // a write said so since the last look
	device      vfs.DeviceID // zero if that cannot be known
}

// reserve is what new data may not use of a drive: 1 %, but from 16 MiB to
// 1 GiB, and of a tiny drive an eighth. It is kept by accounting alone: bodies
// and their records are refused first, so that there is room for labels, journal
// segments and the catalog.
func (r room) reserve() uint64 { return min(max(r.total/100, 16<<20), 1<<30, r.total/8) }

// forData is the room for new data. A remainder too small for a block is none.
func (r room) forData() uint64 {
	if r.full || r.free < r.reserve()+uint64(drive.MaxColumnBytes)+headersMax {
		return 0
	}
	return r.free - r.reserve()
}

// headersMax is no less than a block has beside its payload.
const headersMax = 64 << 10

func newSpace(fs vfs.FS) *space { return &space{fs: fs, drive: make(map[uuid.UUID]*room)} }

// look asks a drive. It hangs when the drive does.
func (s *space) look(d *drive.Drive) {
	free, total, err := d.FreeBytes()
	if err != nil {
		return // the next write tells
	}
	r := room{free: free, total: total}
	if fi, err := s.fs.Stat(d.Dir()); err == nil {
		r.device = fi.DeviceID()
	}
	s.mu.Lock()
	if old := s.drive[d.ID()]; old != nil {
		r.queued = old.queued
	}
	r.free -= min(r.free, r.queued)
	s.drive[d.ID()] = &r
	s.mu.Unlock()
}

// take counts what is about to be written to a drive, so that the reserve holds
// however much is written between two looks.
func (s *space) take(id uuid.UUID, bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for r := range s.sharing(id) {
		r.free -= min(r.free, uint64(bytes))
		r.queued += uint64(bytes)
	}
}

// landed says that what was taken is on the drive, or will not be.
func (s *space) landed(id uuid.UUID, bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for r := range s.sharing(id) {
		r.queued -= min(r.queued, uint64(bytes))
	}
}

// sharing goes through the account of a drive, and those of the drives that share
// its room. The mutex is held.
func (s *space) sharing(id uuid.UUID) iter.Seq[*room] {
	return func(yield func(*room) bool) {
		own := s.drive[id]
		if own == nil {
			return
		}
		shared := own.device != (vfs.DeviceID{})
		if !shared {
			yield(own)
			return
		}
		for _, r := range s.drive {
			if r.device == own.device && !yield(r) {
				return
			}
		}
	}
}

// exhausted notes that a drive refused a write for lack of room.
func (s *space) exhausted(id uuid.UUID) {
	s.mu.Lock()
	r := s.drive[id]
	if r == nil {
		r = &room{}
		s.drive[id] = r
	}
	r.full, r.free = true, 0
	s.mu.Unlock()
}

// of is how many bytes a segment of that kind may still take of a drive, if that
// can be known. Only the journal may use the reserve.
func (s *space) of(id uuid.UUID, kind drive.Kind) (free uint64, known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, known := s.drive[id]
	if !known {
		return 0, false
	}
	if known = r.total > 0 || r.full; kind == drive.Journal {
		return r.free, known
	}
	return r.forData(), known
}

// admits says whether all drives of a bulk segment have room for one more stripe.
func (s *space) admits(drives []uuid.UUID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range drives {
		if r, known := s.drive[id]; known && (r.full || r.total > 0 && r.forData() == 0) {
			return false
		}
	}
	return true
}

// check says whether enough drives have room beyond their reserve.
func (s *space) check(v *membership) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for id := range v.live {
		if !v.accepts(id) {
			continue
		}
		if r, known := s.drive[id]; !known || r.total == 0 && !r.full || r.forData() > 0 {
			if n++; n > v.label.Parity { // every request asks, so no more is looked at than need be
				return nil
			}
		}
	}
	return fmt.Errorf("%w: %d drives have room, %d are needed; delete objects or add drives", ErrNoSpace, n, v.label.Parity+1)
}

// both is what status shows of a drive.
func (s *space) both(id uuid.UUID) (free, total uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.drive[id]; r != nil {
		return r.free, r.total
	}
	return 0, 0
}

// device tells which device a drive is on.
func (s *space) device(id uuid.UUID) vfs.DeviceID {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.drive[id]; r != nil {
		return r.device
	}
	return vfs.DeviceID{}
}
