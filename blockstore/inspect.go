package blockstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/uuid"

	"github.com/holdfast-storage/holdfast/blockstore/catalog"
	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// Inspecting shows what lies in a drive's directory, or in single files of it,
// as FORMAT.md describes it. It believes nothing: what does not verify is shown
// as such, and ends nothing. It needs no pool: one copied file will do.
//
// The documents that Inspect makes are the structs below, in the order in which
// things lie. Their JSON form is what `holdfast inspect --json` prints, one to a
// line; Type tells them apart.

// InspectedLabel is a label. Of one that does not decode only Error is set.
type InspectedLabel struct {
	Type          string            `json:"type"` // label
	Path          string            `json:"path"`
	Error         string            `json:"error,omitempty"`
	Pool          uuid.UUID         `json:"pool"`
	Drive         uuid.UUID         `json:"drive"`
	CreatedUnix   int64             `json:"created_unix"`
	ReservedEpoch uint32            `json:"reserved_epoch"`
	Epoch         uint32            `json:"epoch"`
	Parity        int               `json:"parity"`
	Width         int               `json:"width"`
	Features      drive.Features    `json:"features,omitempty"` // bits
	SegmentBytes  int64             `json:"segment_bytes"`
	CheckpointLSN uint64            `json:"checkpoint_lsn"`
	FirstLSN      uint64            `json:"checkpoint_first_lsn"`
	LastLSN       uint64            `json:"checkpoint_last_lsn"`
	Floor         uint64            `json:"floor"`
	Members       []InspectedMember `json:"members"`
	OldMembers    []InspectedMember `json:"old_members,omitempty"`
}

// InspectedMember is one member that a label names.
type InspectedMember struct {
	Drive     uuid.UUID `json:"drive"`
	Slot      int       `json:"slot"`
	State     string    `json:"state"`
	Joined    uint32    `json:"joined_epoch"`
	NonVoting bool      `json:"non_voting,omitempty"`
}

// InspectedCatalog is what a replica of the catalog holds, counted.
type InspectedCatalog struct {
	Type      string           `json:"type"` // catalog
	Path      string           `json:"path"`
	Error     string           `json:"error,omitempty"`
	LSN       uint64           `json:"applied_lsn"`
	UID       string           `json:"applied_uid,omitempty"`
	Objects   int64            `json:"objects"`
	Bytes     int64            `json:"logical_bytes"`
	Building  bool             `json:"building,omitempty"`
	Entries   map[string]int64 `json:"entries,omitempty"` // by kind, in FORMAT.md's words
	Malformed int64            `json:"malformed_entries"`
	Digest    string           `json:"digest,omitempty"` // equal for equal replicas
}

// InspectedFile is the first page of a segment's file. Of one that is not good
// only Path, Bytes and Error are set.
type InspectedFile struct {
	Type    string      `json:"type"` // file
	Path    string      `json:"path"`
	Bytes   int64       `json:"bytes"`
	Error   string      `json:"error,omitempty"`
	Kind    string      `json:"kind,omitempty"`
	Segment string      `json:"segment,omitempty"`
	Index   int         `json:"index"`
	K       int         `json:"k"`
	M       int         `json:"m"`
	Pool    uuid.UUID   `json:"pool"`
	Drive   uuid.UUID   `json:"drive"`
	Drives  []uuid.UUID `json:"drives,omitempty"`
}

// InspectedBlock is a block whose header is good.
type InspectedBlock struct {
	Type        string          `json:"type"` // block
	Path        string          `json:"path"`
	Offset      int64           `json:"offset"`
	Bytes       int64           `json:"bytes"`
	Kind        string          `json:"kind"`
	Segment     string          `json:"segment"`
	Stripe      uint32          `json:"stripe"`
	Column      int             `json:"column"`
	Parity      bool            `json:"parity"`
	DataColumns int             `json:"data_columns"` // stored ones, d
	K           int             `json:"k"`
	M           int             `json:"m"`
	Length      int             `json:"payload_bytes"`
	Pieces      int             `json:"pieces"`
	BadPieces   []int           `json:"bad_pieces,omitempty"` // by number
	Copy        bool            `json:"copy,omitempty"`
	Table       string          `json:"table"`           // hash of the table of checksums: equal within a stripe
	Wrong       string          `json:"wrong,omitempty"` // why the block does not count where it lies
	Batch       *InspectedPlace `json:"batch,omitempty"`
}

// InspectedPlace says to which batch a journal block belongs.
type InspectedPlace struct {
	LSN       uint64 `json:"lsn"`
	UID       string `json:"uid"`
	StableLSN uint64 `json:"stable_lsn"`
	StableUID string `json:"stable_uid"`
	Base      uint64 `json:"base_lsn"`
	Prev      string `json:"previous_segment"`
	Part      int    `json:"part"`
	Parts     int    `json:"parts"`
}

// InspectedRange is bytes of a segment's file that are no block: a hole (zeros),
// damage (anything else), or what cannot be read.
type InspectedRange struct {
	Type   string `json:"type"` // hole, damage, unreadable
	Path   string `json:"path"`
	Offset int64  `json:"offset"`
	Bytes  int64  `json:"bytes"`
	Text   string `json:"text,omitempty"`
}

// InspectedSum closes a segment's file.
type InspectedSum struct {
	Type            string `json:"type"` // sum
	Path            string `json:"path"`
	Blocks          int64  `json:"blocks"`     // that count and hold
	BadBlocks       int64  `json:"bad_blocks"` // whose payload does not hold
	WrongBlocks     int64  `json:"wrong_blocks"`
	DamagedBytes    int64  `json:"damaged_bytes"`
	HoleBytes       int64  `json:"hole_bytes"`
	UnreadableBytes int64  `json:"unreadable_bytes"`
}

// InspectedBatch is a batch of the journal, put together from the files given.
type InspectedBatch struct {
	Type        string `json:"type"` // batch
	Segment     string `json:"segment"`
	LSN         uint64 `json:"lsn"`
	UID         string `json:"uid"`
	FirstStripe uint32 `json:"first_stripe"`
	Parts       int    `json:"parts"`
	DataColumns int    `json:"data_columns"`
	ColumnBytes int    `json:"column_bytes"`
	Copy        bool   `json:"copy,omitempty"`
	Records     int64  `json:"records"` // as the batch says; 0 if that cannot be read
	Shown       int    `json:"shown"`   // of them, those that follow
	Error       string `json:"error,omitempty"`
}

// InspectedRecord is one record of a batch.
type InspectedRecord struct {
	Type     string         `json:"type"` // record
	LSN      uint64         `json:"lsn"`
	Index    int            `json:"index"`
	Sequence uint64         `json:"sequence"`
	Record   string         `json:"record"` // its type, in FORMAT.md's words
	Fields   catalog.Fields `json:"fields"`
}

// InspectedEntry is one entry that a restate record carries.
type InspectedEntry struct {
	Type   string         `json:"type"` // entry
	Kind   string         `json:"kind"`
	Error  string         `json:"error,omitempty"`
	Key    string         `json:"key,omitempty"` // in hexadecimal, of one that does not decode
	Fields catalog.Fields `json:"fields,omitempty"`
}

// InspectedOther is a file or directory that no drive has.
type InspectedOther struct {
	Type string `json:"type"` // other
	Path string `json:"path"`
	Text string `json:"text"`
}

// ErrNotHoldfast: neither a drive's directory nor a file of one.
var ErrNotHoldfast = errors.New("nothing of Holdfast's")

// Inspect shows the directories of drives, and single files of them, to see,
// which gets the structs above one after another. Files of one segment, be they
// in several directories, are put together, so that batches can be read whose
// columns are spread over them. A directory's lock is taken; a single file is
// read as it is. Nothing is written. fsys may be nil: the operating system's.
//
// Errors: see's, drive.ErrLocked, ErrNotHoldfast, fs.ErrNotExist and the file
// system's for what cannot be opened at all. What is damaged is no error.
func Inspect(ctx context.Context, fsys vfs.FS, paths []string, see func(any) error) error {
	if fsys == nil {
		fsys = vfs.Default
	}
	in := &inspection{ctx: ctx, fs: fsys, see: see}
	defer in.close()
	for _, path := range paths {
		if err := in.add(path); err != nil {
			return err
		}
	}
	return in.segments()
}

// inspection is one call of Inspect.
type inspection struct {
	ctx   context.Context
	fs    vfs.FS
	see   func(any) error
	locks []io.Closer
	alone []string      // files that were given by themselves
	files []segmentFile // of directories
}

// segmentFile is a file of a drive's directory.
type segmentFile struct{ name, path string }

func (in *inspection) close() {
	for _, l := range in.locks {
		_ = l.Close() // nothing was written
	}
}

// add takes in one path: a directory's label and catalog are shown at once,
// segments later, together with those of other directories.
func (in *inspection) add(path string) error {
	fi, err := in.fs.Stat(path)
	if err != nil {
		return fmt.Errorf("inspect %s: %w", path, err)
	}
	if fi.IsDir() {
		return in.addDir(path)
	}
	label, err := in.isLabel(path)
	if err != nil {
		return fmt.Errorf("inspect %s: %w", path, err)
	}
	if label {
		return in.label(path)
	}
	in.alone = append(in.alone, path)
	return nil
}

func (in *inspection) addDir(dir string) error {
	names, err := in.fs.List(dir)
	if err != nil {
		return fmt.Errorf("inspect %s: %w", dir, err)
	}
	has := make(map[string]bool)
	for _, name := range names {
		has[name] = true
	}
	if !has[drive.LabelName] && !has[drive.SegmentsName] {
		return fmt.Errorf("%s: %w: it has neither a label nor segments", dir, ErrNotHoldfast)
	}
	lock, err := drive.LockToLook(in.fs, dir)
	if err != nil {
		return err
	}
	in.locks = append(in.locks, lock)
	if err := in.label(in.fs.PathJoin(dir, drive.LabelName)); err != nil {
		return err
	}
	for _, name := range drive.Strangers(names) {
		if err := in.see(InspectedOther{"other", in.fs.PathJoin(dir, name), "no part of a drive"}); err != nil {
			return err
		}
	}
	if err := in.catalog(in.fs.PathJoin(dir, drive.CatalogName)); err != nil {
		return err
	}
	segments := in.fs.PathJoin(dir, drive.SegmentsName)
	names, err = in.fs.List(segments)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return in.see(InspectedRange{Type: "unreadable", Path: segments, Text: err.Error()})
	}
	for _, name := range names {
		path := in.fs.PathJoin(segments, name)
		if _, err := drive.ParseSegmentID(name); err != nil {
			if err := in.see(InspectedOther{"other", path, "no segment has that name"}); err != nil {
				return err
			}
			continue
		}
		in.files = append(in.files, segmentFile{name, path})
	}
	return nil
}
