package blockstore

import (
	"fmt"
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
	drive map[uuid.UUID]room
}

type room struct {
	free, total uint64
	full        bool         // a write said so since the last look
	device      vfs.DeviceID // zero if that cannot be known
}

// reserve is what new data may not use of a drive: 1 %, at most 1 GiB.
func (r room) reserve() uint64 { return min(r.total/100, 1<<30) }

func newSpace(fs vfs.FS) *space { return &space{fs: fs, drive: make(map[uuid.UUID]room)} }

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
	s.drive[d.ID()] = r
	s.mu.Unlock()
}

// take counts what is about to be written to a drive, so that the reserve holds
// however much is written between two looks.
func (s *space) take(id uuid.UUID, bytes int64) {
	s.mu.Lock()
	if r, known := s.drive[id]; known {
		r.free -= min(r.free, uint64(bytes))
		s.drive[id] = r
	}
	s.mu.Unlock()
}

// exhausted notes that a drive refused a write for lack of room.
func (s *space) exhausted(id uuid.UUID) {
	s.mu.Lock()
	r := s.drive[id]
	r.full, r.free = true, 0
	s.drive[id] = r
	s.mu.Unlock()
}

// of is a drive's free bytes, if they can be known.
func (s *space) of(id uuid.UUID) (free uint64, known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, known := s.drive[id]
	return r.free, known
}

// check says whether enough drives have room beyond their reserve.
func (s *space) check(v *membership) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for id := range v.live {
		if r, known := s.drive[id]; !known || r.total == 0 || !r.full && r.free > r.reserve() {
			n++
		}
	}
	if n < v.label.Parity+1 {
		return fmt.Errorf("%w: %d drives have room, %d are needed; delete objects or add drives", ErrNoSpace, n, v.label.Parity+1)
	}
	return nil
}

// both is what status shows of a drive.
func (s *space) both(id uuid.UUID) (free, total uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.drive[id]
	return r.free, r.total
}

// device tells which device a drive is on.
func (s *space) device(id uuid.UUID) vfs.DeviceID {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.drive[id].device
}
