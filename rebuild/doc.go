// Package rebuild is policy: what to mend first. It holds the queue of segments
// that lack columns, those with the fewest left first, and its pace and
// progress (rules R16 and R18 of package blockstore).
//
// It reads and writes nothing itself. The pool does, through a small interface
// that this package declares. "Done" is the pool's word: every stored column
// was read from its drive and verified since the failure.
//
// It keeps nothing on the drives either. What is due follows from the pool's own
// tables, so a restart goes on where it was, and a segment that failed is tried
// again while the others go on.
package rebuild
