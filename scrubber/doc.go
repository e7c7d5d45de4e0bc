// Package scrubber is policy: what to verify when. It holds the schedule, the
// pace and the cursor of reading everything on the drives to find damage before
// it is needed (rules R16, R17, R18 and R25 of package blockstore).
//
// It reads and mends nothing itself. The pool does, through a small interface
// that this package declares; it knows segments by number and nothing of
// objects. It is not for damage that reads find: that goes to package rebuild.
//
// A run takes the list of segments when it starts and examines them in the order
// of their numbers. Those that cannot be examined are tried again at the end, a
// few times. Then catalog, segment table and replicas are held against each
// other, and what is not mended remains as findings. Segments that the pool
// suspects go first, between two segments of a run, or without one.
//
// # What is kept
//
// Under the name "scrub" the pool keeps, as JSON, the schedule, the counts and the
// cursor: every segment up to that number is done, or on the list "again" beside
// it. It is stored after every segment, so that a restart does no more than one
// segment twice. Findings are under "scrub/findings/…", in pages of which the
// oldest goes when there are more than 1000.
//
// # The clock
//
// The wall clock decides when to start a run, and nothing else; waiting and rates
// go by elapsed time. "Heeded" is the time up to which the schedule has been
// heeded. A run is due when the schedule has a time after heeded that is not in
// the future, and then heeded is now: however many runs were missed, and however
// far the clock jumped ahead, one starts. If the clock is before heeded it was
// set back; then heeded is now, too, and nothing starts.
package scrubber
