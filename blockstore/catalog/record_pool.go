package catalog

import (
	"github.com/google/uuid"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// Records of segments, checkpoints and the pool itself.

// Segment says that a segment was opened, over one drive per file.
type Segment struct {
	ID     drive.SegmentID
	Kind   drive.Kind
	K, M   int
	Base   uint64 // first LSN of a journal segment
	Drives []uuid.UUID
}

func (*Segment) Type() Type { return TypeSegment }

func (r *Segment) code(c *coder) {
	codeSegment(c, &r.Kind, &r.K, &r.M, &r.Base, &r.Drives)
	codeID(c, 6, &r.ID)
}

// Seal says that a segment takes no more stripes, and what it holds. A later
// seal of the same segment counts in place of the earlier one. Void if the
// segment is not in the table, or a class does not fit its width.
type Seal struct {
	ID      drive.SegmentID
	Stripes uint32
	End     int64 // bytes of each file that count
	Last    uint64
	Classes []Class // ascending by rotation, then D; their counts add up to Stripes
	Suspect uint64  // files (bit = index) that may lack blocks they should hold
}

func (*Seal) Type() Type { return TypeSeal }

func (r *Seal) code(c *coder) {
	codeID(c, 1, &r.ID)
	codeSeal(c, 2, &r.Stripes, &r.End, &r.Last, &r.Classes, &r.Suspect, 0)
}

// Remap says that a file of a segment lies on another drive from now on. Void
// if there is no such segment or file.
type Remap struct {
	ID    drive.SegmentID
	Index int
	Drive uuid.UUID
}

func (*Remap) Type() Type { return TypeRemap }

func (r *Remap) code(c *coder) {
	codeID(c, 1, &r.ID)
	c.int(2, &r.Index, MaxFiles-1)
	c.drive(3, &r.Drive)
}

// Drop removes a segment from the table, so that its files are garbage. Void
// while live bytes lie in it.
type Drop struct{ ID drive.SegmentID }

func (*Drop) Type() Type { return TypeDrop }

func (r *Drop) code(c *coder) { codeID(c, 1, &r.ID) }

// Entry is one key and value of the catalog, as a checkpoint restates them.
type Entry struct{ Key, Value []byte }

func (e *Entry) code(c *coder) {
	c.raw(1, &e.Key, MaxEntryKey)
	c.raw(2, &e.Value, MaxEntryValue)
	if c.err == nil && len(e.Key) == 0 {
		c.fail("an entry without a key")
	}
}

// Restate is a piece of checkpoint At: entries as they stood at that LSN, in
// key order over all its pieces. It counts at At, so it says nothing to a
// replica that applies it in its turn (R10). A replica that is rebuilt takes
// the entries by ApplyEntries.
type Restate struct {
	At      uint64
	UID     uint64 // of the batch of LSN At
	Entries []Entry
	Last    bool
}

func (*Restate) Type() Type { return TypeRestate }

func (r *Restate) code(c *coder) {
	c.uint64(1, &r.At)
	c.fixed(2, &r.UID)
	list(c, 3, &r.Entries, MaxEntries, (*Entry).code)
	c.bool(4, &r.Last)
}

// Opening says that the pool was opened under Epoch, and that batches of
// earlier epochs past End are void. It changes nothing in the catalog.
type Opening struct {
	Epoch uint32
	End   uint64
}

func (*Opening) Type() Type { return TypeOpening }

func (r *Opening) code(c *coder) {
	c.uint32(1, &r.Epoch)
	c.uint64(2, &r.End)
}

// Setting sets a named value of the pool; an empty value removes it.
type Setting struct {
	Name  string
	Value []byte
}

func (*Setting) Type() Type { return TypeSetting }

func (r *Setting) code(c *coder) {
	c.string(1, &r.Name, MaxSettingName)
	codeSettingValue(c, 2, &r.Value)
	if c.err == nil && r.Name == "" {
		c.fail("a setting without a name")
	}
}

func codeSettingValue(c *coder, num int32, v *[]byte) { c.raw(fieldNumber(num), v, MaxPairValue) }
