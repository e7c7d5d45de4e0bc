package blockstore

import (
	"errors"

	"github.com/google/uuid"
)

// ChangeOptions modify a change of the pool's drives.
type ChangeOptions struct {
	DryRun bool // say what would happen, change nothing
	Force  bool // go below safety (R24), or take a directory that is not quite empty
}

// ChangeReport says what a change of one drive does, or would do.
type ChangeReport struct {
	Slot         int       `json:"slot"`
	ID           uuid.UUID `json:"id"`
	Path         string    `json:"path"`
	State        string    `json:"state"`          // afterwards
	MayStillFail int       `json:"may_still_fail"` // drives, afterwards, without an object becoming unreadable
	BytesToMove  int64     `json:"bytes_to_move"`  // of the drive's files, to other drives or to this one
	DryRun       bool      `json:"dry_run"`
	Note         string    `json:"note,omitempty"` // what to know or do next
}

var errLater = errors.New("not there yet")
