// Package limits measures what the machine can do without Holdfast: memory,
// hashes, Reed–Solomon, the drives, and a bare HTTP server. Each is a
// [bench.Side], so that it runs in turn with the path that it bounds.
//
// A limit does exactly the work that the path cannot avoid, in the shape in which
// the path does it (block sizes, files at once, syncs), and nothing else: no
// checksums, no records, no locks. It is written plainly. Where a cleverer
// program would do better (io_uring, splice), it would be another path, and another limit.
//
// What runs on the processor alone allocates nothing while it is measured, and
// stays on one thread. What touches drives goes through [Files]. Rates are of
// the bytes of bodies, not of what redundancy makes of them, unless said otherwise.
package limits
