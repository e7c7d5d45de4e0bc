package blockstore

import (
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Options say how to open a pool. The zero value of each but Dirs works.
type Options struct {
	Dirs []string // one per drive, in any order

	// Init makes a pool of the directories if none of them belongs to one.
	Init bool
	// ReadOnly opens the pool to be looked at: it takes the drives' locks and
	// changes not one byte on any of them. What is not settled is not served, as
	// in a pool that is read-only for want of drives. It does not go with Init.
	ReadOnly bool
	// Parity is the number of drives that may fail, for a new pool; of one that
	// exists it must be the same, or 0. 0: 1 for 2 and 3 drives, 2 for 4 to 11,
	// 3 from 12.
	Parity int
	// SegmentBytes is the size of a segment's files. 0: as the pool was made
	// with, or 256 MiB.
	SegmentBytes int64
	// MemoryBytes bounds the buffers for bodies on their way. 0: 128 MiB. Each segment
	// that is being mended takes up to 64 MiB more, and what a walk took is kept for the next one, of two at most.
	MemoryBytes int64
	// CheckpointRecords is how many records the journal may hold, beyond twice
	// the live ones, before a checkpoint is made. 0: 65536.
	CheckpointRecords int64
	// Patience is how long a drive may take for a write before it counts as
	// hung. 0: 15 s.
	Patience time.Duration
	// PresencePeriod is how often drives are looked for at their paths. 0: 500 ms.
	PresencePeriod time.Duration
	// RebuildAfter is how long a drive may be away before a spare is used for it,
	// or its columns are made anew elsewhere. 0: 15 s; below 0: never by itself.
	RebuildAfter time.Duration
	// EventGather is how long events are gathered before they are written in one
	// batch. With hours none is written but when the pool closes: for tests that
	// count what is written. 0: 50 ms.
	EventGather time.Duration

	offline        bool  // Fsck's: nothing is done that was not asked for
	rebuildCatalog bool  // Fsck's: no replica of the catalog is trusted
	unyielding     bool  // a test's, which has no time for it: nothing yields to clients
	proveEvery     int64 // a test's, of small files; 0: proveEvery

	replicasWait time.Duration // how long Open waits for replicas of the catalog that are missing. 0: replicasWait
	replicaAgain time.Duration // after which one that could not be made is tried again. 0: replicaAgain

	FS     vfs.FS           // nil: the operating system's
	Logger *slog.Logger     // nil: none
	Now    func() time.Time // nil: time.Now; names times only
	Rand   io.Reader        // nil: crypto/rand
}

const (
	widthMax         = 12 // of a segment, unless parity asks for more
	segmentBytesMin  = 64 << 10
	segmentBytesMost = 1 << 40

	// catalogCacheBytes is for the blocks of all replicas of the catalog, of which one
	// serves at a time. An object's entry has about 80 bytes there.
	catalogCacheBytes = 48 << 20
)

func (o Options) withDefaults() (Options, error) {
	if len(o.Dirs) == 0 {
		return o, fmt.Errorf("%w: no directory was given", ErrOptions)
	}
	if o.ReadOnly && o.Init {
		return o, fmt.Errorf("%w: a pool that is only looked at is not made", ErrOptions)
	}
	if o.SegmentBytes != 0 && (o.SegmentBytes < segmentBytesMin || o.SegmentBytes > segmentBytesMost) {
		return o, fmt.Errorf("%w: a segment size of %d bytes; it must be from 64 KiB to 1 TiB", ErrOptions, o.SegmentBytes)
	}
	if o.MemoryBytes == 0 {
		o.MemoryBytes = 128 << 20
	}
	if o.CheckpointRecords == 0 {
		o.CheckpointRecords = 1 << 16
	}
	if o.Patience == 0 {
		o.Patience = 15 * time.Second
	}
	if o.PresencePeriod == 0 {
		o.PresencePeriod = 500 * time.Millisecond
	}
	if o.RebuildAfter == 0 {
		o.RebuildAfter = 15 * time.Second
	}
	if o.EventGather == 0 {
		o.EventGather = eventGather
	}
	if o.replicasWait == 0 {
		o.replicasWait = replicasWait
	}
	if o.replicaAgain == 0 {
		o.replicaAgain = replicaAgain
	}
	if o.FS == nil {
		o.FS = vfs.Default
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	return o, nil
}

// geometry chooses parity and width for a new pool of n drives.
func (o Options) geometry(n int) (parity, width int, err error) {
	parity = o.Parity
	if parity == 0 {
		switch {
		case n < 4:
			parity = 1
		case n < 12:
			parity = 2
		default:
			parity = 3
		}
	}
	switch {
	case n < 2:
		return 0, 0, fmt.Errorf("%w: a pool of %d drive; at least 2 are needed", ErrOptions, n)
	case parity < 0 || parity > 8:
		return 0, 0, fmt.Errorf("%w: parity %d; it must be from 1 to 8", ErrOptions, parity)
	case parity >= n:
		return 0, 0, fmt.Errorf("%w: parity %d with %d drives; it must be smaller than their number", ErrOptions, parity, n)
	}
	width = min(n, max(widthMax, parity+1))
	return parity, width, nil
}
