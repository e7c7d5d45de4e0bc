package blockstore

import (
	"errors"
	"fmt"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// Errors that callers test for with errors.Is. None of them means that
// something was lost: a failed change has changed nothing that a reader sees,
// unless it is ErrUnavailable from a change, which may or may not have
// happened (as after a timeout).
var (
	ErrNoSuchBucket   = errors.New("no such bucket")
	ErrNoSuchKey      = errors.New("no such key")
	ErrBucketExists   = errors.New("the bucket exists already")
	ErrBucketNotEmpty = errors.New("the bucket is not empty")
	ErrPrecondition   = errors.New("a condition of the request does not hold")
	ErrInvalidName    = errors.New("not a valid bucket name or key")
	ErrKeyTooLong     = errors.New("the key is longer than 1024 bytes")
	ErrBodySize       = errors.New("the body is not of the announced size")
	ErrReadOnly       = errors.New("the pool is read-only")
	ErrUnavailable    = errors.New("not available at present")
	ErrBusy           = errors.New("too many requests at once: slow down")
	ErrNoSpace        = errors.New("no space left on enough drives")
	ErrClosed         = errors.New("the pool is closed")
	ErrNoSuchUpload   = errors.New("no such multipart upload")
	ErrNoSuchPart     = errors.New("no such part of the upload")
	ErrTooManyPieces  = errors.New("the object would be in too many pieces")
)

// Errors of Open.
var (
	// ErrNoPool: no directory belongs to a pool, and Init was not asked for.
	ErrNoPool = errors.New("no pool here")
	// ErrForeign: a directory does not belong with the others.
	ErrForeign = errors.New("the directory does not belong to this pool")
	// ErrQuorum: too few of the pool's drives are there.
	ErrQuorum = errors.New("too few drives")
	// ErrDamaged: the journal lacks what was acknowledged.
	ErrDamaged = errors.New("the journal is damaged")
	// ErrOptions: options that contradict each other or the pool.
	ErrOptions = errors.New("not possible")
)

// Errors of changes to the pool's drives. Nothing has changed then.
var (
	// ErrUnsafe: the change would leave less redundancy than is safe (R24).
	ErrUnsafe = errors.New("refused")
	// ErrNoDrive: no drive is known by that name.
	ErrNoDrive = errors.New("no such drive")
	// ErrDirInUse: a directory cannot become a drive: it is one, of this pool or
	// another, it holds files, or it is on the disk of another drive.
	ErrDirInUse = errors.New("the directory cannot be used")
	// ErrTooSmall: a directory has less room than the drive needs that it replaces.
	ErrTooSmall = errors.New("too small")
	// ErrNowhere: a drive cannot be evacuated, since no other could take all of its files.
	ErrNowhere = errors.New("nowhere to go")
	// ErrHoldsColumns: a drive cannot be removed while it holds columns.
	ErrHoldsColumns = errors.New("the drive still holds data")
	// ErrDriveState: the drive is in a state in which this cannot be done, or need not.
	ErrDriveState = errors.New("not possible in the drive's state")
)

// DamageError names the stripe that could not be read. It wraps
// ErrUnavailable: its columns may be on drives that are away and come back.
type DamageError struct {
	Segment drive.SegmentID
	Stripe  uint32
	Good    int // good columns found
	Need    int // columns needed
	Cause   error
}

func (e *DamageError) Error() string {
	s := fmt.Sprintf("segment %v: stripe %d: %d good columns of the %d needed", e.Segment, e.Stripe, e.Good, e.Need)
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	return s
}

// Unwrap lets errors.Is find ErrUnavailable and the cause.
func (e *DamageError) Unwrap() []error {
	if e.Cause == nil {
		return []error{ErrUnavailable}
	}
	return []error{ErrUnavailable, e.Cause}
}

// WriteError wraps an error of the writer that an object was being sent to:
// the client went away, the object is not to blame.
type WriteError struct{ Err error }

func (e *WriteError) Error() string { return "writing to the client: " + e.Err.Error() }
func (e *WriteError) Unwrap() error { return e.Err }
