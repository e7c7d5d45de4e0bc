// Package scrubber is policy: what to verify when. It holds the schedule, the
// pace and the cursor of reading everything on the drives to find damage before
// it is needed (rules R16, R17 and R18 of package blockstore).
//
// It reads and mends nothing itself. The pool does, through a small interface
// that this package declares; it knows segments by number and nothing of
// objects. It is not for damage that reads find: that goes to package rebuild.
package scrubber
