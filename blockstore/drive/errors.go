package drive

import (
	"errors"
	"fmt"
	"syscall"
)

// Errors of the decoders.
var (
	// ErrNoBlock: there is no block here; zeros, or something that does not
	// begin like one.
	ErrNoBlock = errors.New("no block")
	// ErrChecksum: it looks like what was looked for, but its checksum does not hold.
	ErrChecksum = errors.New("checksum does not match")
	// ErrVersion: written in a version, or with a feature, that this binary does not know.
	ErrVersion = errors.New("format not known to this version")
	// ErrMalformed: a field has a value that it cannot have, or the beginning is wrong.
	ErrMalformed = errors.New("malformed")
)

// ErrTooShort is returned by DecodeHeader when the bytes given begin like a
// block but end before its header does. Need is the length to decode with.
type ErrTooShort struct {
	Need int // bytes from the block's start
}

func (e ErrTooShort) Error() string {
	return fmt.Sprintf("the block's header is %d bytes long, and fewer are given", e.Need)
}

// Errors of a Drive and its files.
var (
	// ErrNotFound: there is no directory at the drive's path.
	ErrNotFound = errors.New("no such directory")
	// ErrNoLabel: the directory is there, but no label is in it.
	ErrNoLabel = errors.New("directory holds no label")
	// ErrNotEmpty: the directory holds something, so it cannot become a drive.
	ErrNotEmpty = errors.New("directory is not empty")
	// ErrLocked: someone else has the drive open.
	ErrLocked = errors.New("drive is in use by another process")
	// ErrRemoved: what is at the drive's path is no longer this drive.
	ErrRemoved = errors.New("drive is no longer at its path")
	// ErrFailed: the drive takes no more writes; the error also wraps the reason.
	ErrFailed = errors.New("drive takes no more writes")
	// ErrReadOnly: the drive was opened to be looked at only.
	ErrReadOnly = errors.New("drive was opened read-only")
	// ErrForeign: a segment file belongs to another pool, drive or segment.
	ErrForeign = errors.New("segment file is not this drive's")
	// ErrClosed: the drive or the file has been closed.
	ErrClosed = errors.New("drive closed")
)

// IsNoSpace says whether err means that the disk or a quota is full, which is
// no fault of the drive (R7).
func IsNoSpace(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// IsStarved says whether err means that this process, or the machine, has run
// out of open files or memory, which is no fault of the drive.
func IsStarved(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.ENOMEM)
}
