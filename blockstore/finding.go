package blockstore

import (
	"github.com/google/uuid"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// Finding is one thing that reading the drives has shown to be wrong. Its JSON
// form is what scrub, verify and fsck print.
type Finding struct {
	Kind    string          `json:"kind"` // one of the Finding constants
	Segment drive.SegmentID `json:"segment"`
	Stripe  uint32          `json:"stripe"`
	Column  int             `json:"column"` // -1: of no single column
	Drive   uuid.UUID       `json:"drive"`  // zero: of no single drive
	Text    string          `json:"text"`
	Mended  bool            `json:"mended"`
	Objects []string        `json:"objects,omitempty"` // bucket/key of those that cannot be read; see nameOf
}

// Kinds of findings.
const (
	FindingChecksum   = "checksum"   // a block's bytes are not what was written
	FindingFirstPage  = "first-page" // that of a segment's file is not good; of no stripe
	FindingMissing    = "missing"    // no block is where one should be
	FindingMisplaced  = "misplaced"  // a block of another place lies there
	FindingUnreadable = "unreadable" // the drive reports an error
	FindingParity     = "parity"     // all checksums hold, but parity disagrees: quarantined
	FindingLost       = "lost"       // a live stripe has too few good columns
	FindingTable      = "table"      // an extent does not hold against the segment table
	FindingRecord     = "record"     // journal and catalog disagree
	FindingReplica    = "replica"    // replicas of the catalog disagree
)

// StripeRange is the stripes [From, To) of a segment.
type StripeRange struct{ From, To uint32 }
