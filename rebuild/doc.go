// Package rebuild is policy: what to mend first. It holds the queue of columns
// that are missing, ordered by how few are left of their stripes, and its pace
// and progress (rules R16 and R18 of package blockstore).
//
// It reads and writes nothing itself. The pool does, through a small interface
// that this package declares. "Done" is the pool's word: every stored column
// was read from its drive and verified since the failure.
package rebuild
