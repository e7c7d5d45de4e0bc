// Package blockstore is the pool: it keeps objects on local drives, erasure
// coded, in an append-only log, so that any m drives may fail.
//
// It is the only place that turns objects into stripes and stripes into
// blocks, that reads any d columns of a stripe, reconstructs and verifies. It
// knows nothing of HTTP, and decides nothing about when to scrub or what to
// rebuild first. What lies on the drives is described in FORMAT.md.
//
// # Words
//
// A pool is its drives and the objects on them. A segment is k+m files, one on
// each of k+m drives, appended together. A stripe is one append to a segment: d
// data columns (1 ≤ d ≤ k) and m parity columns; column c of stripe s lies in
// file (c+s) mod (k+m). A block is a column as it lies in a file. Journal
// segments hold batches: records, and the bodies of small objects; bulk
// segments hold stripes of larger bodies. A batch has an LSN; stable is the last
// batch that was acknowledged when a batch was built. The catalog is names →
// records, derived from the journal. An epoch numbers the pool's membership.
//
// # Where to read
//
// A PUT goes object.go (Put) → upload.go (the body into columns and stripes) →
// output.go (blocks to drives) → commit.go and decide.go (what the change is
// judged by) → journal.go (the batch becomes durable) → catalog. A part of a
// multipart upload goes the same way (multipart_part.go), and completing one takes
// the parts' extents (multipart_complete.go). A client's hash of a body is taken
// beside all that (digest.go). A GET goes
// get.go → send.go → read.go (verify) → rescue.go (compute what is not good). An
// opening goes open.go → membership.go (the new epoch) → recovery.go, with evidence.go and
// scan.go finding the log's end, and replicas.go the catalog.
//
// Drives come and go by drive_*.go and return.go, each by a change of membership
// (membership_joint.go); spares.go and settle.go end what such a change began.
// reconcile.go holds what lies on a drive against the segment table. work.go says
// which segments need mending, and mend.go → mend_lane.go → mend_stripe.go →
// mend_write.go → mend_finish.go mends one or moves its files; scrub, rebuild and
// evacuation are all this walk. crosscheck.go and records_check.go hold catalog,
// segment table and journal against each other, verify.go reads every column of
// some objects, proof.go keeps what was verified when, and event_log.go what
// happened. What needs no daemon: inspect.go shows what lies in files, look.go
// opens a pool without changing a byte, fsck.go examines and repairs it.
//
// # Rules
//
// The code cites these by number.
//
// Blocks.
//
//   - R1. A block's header says which block it is and carries the checksums of
//     all pieces of all columns of its stripe; a checksum covers the header.
//     Blocks count together only if those tables are identical. All zeros is
//     never valid.
//   - R2. Every input is verified before anything is reconstructed from it. If
//     all checksums hold but parity disagrees: report, never "fix" parity.
//   - R3. What was reconstructed is verified before it is used, against the
//     siblings' tables, and whole objects against their own checksum
//     (checksum.go).
//   - R4. An acknowledged sector is never written again, except to mend a block
//     that is already bad.
//
// Commit.
//
//   - R5. A record enters the journal only after every bulk stripe it names is
//     durable. A batch is acknowledged when every stored block of it is durable,
//     in LSN order. Conditions are decided against the catalog plus what is in
//     flight.
//   - R6. A failed sync is never retried, nor judged by reading back: the drive
//     stops taking writes. Leaving a drive out is a change of membership, durable
//     on a write quorum before anything is acknowledged without it. Open segments
//     are sealed; a batch in flight is written whole to a new segment; a bulk
//     stripe with fewer than d+1 good columns is encoded again from what it has,
//     else the PUT fails.
//   - R7. A new file is synced, then its directory, before an acknowledgement
//     depends on it. No mmap. A full disk is no drive error.
//   - R8. Write quorum: max(N−m, m+1) of the N members, to open and to go on
//     read-write. Below it the pool is read-only, and then writes nothing. Opening
//     read-write makes a new epoch: its number is reserved on a quorum, then the
//     label is written to a quorum. A label that changes the members keeps the old
//     ones until it is durable on a quorum of both. Members without columns have no
//     vote. Of labels of one epoch the one with the highest checkpoint counts. With
//     fewer than k+m drives new segments are narrower, so that new data survives m
//     failures too.
//   - R9. Recovery syncs what it reads and reads past the page cache; the blocks
//     of all present members are evidence. A bad block never ends a scan. The
//     journal is followed back from the newest segment that counts. A batch at or
//     below the highest stable was acknowledged: unreadable, it is damage. Above
//     it the log ends at the first batch that is missing or unreadable, provided
//     that a present drive whose label is at least as new as the segment lacks a
//     block of it; if only absent drives could hold it, nothing is decided. With
//     more than m members absent nothing is decided or served. What is kept above
//     stable is copied whole into a new segment, marked; the end is written behind
//     it; a segment of copies alone does not count. Only then catalogs apply the
//     tail. A segment open at a crash is never appended to.
//   - R10. A checkpoint restates all records ≤ C in the journal; then labels on a
//     quorum say that records ≤ C count only there. To a replica at or past C the
//     restated records say nothing. The floor rises in the labels before anything
//     at or below it is dropped; a replica below it is copied afresh, never
//     replayed.
//   - R11. A record names its object by bucket and creation; a relocate applies
//     only while the version it moves is current.
//   - R12. Unreachable is not absent. An empty or missing directory under a known
//     drive's path is a missing drive. No usable catalog: no answer, never "not
//     found".
//
// Faults.
//
//   - R13. One bounded queue per drive, one feeder per catalog replica: a hung
//     drive holds up nobody else. A drive whose label is no longer at its path is
//     REMOVED within a second; open descriptors prove nothing.
//   - R14. Transient errors are retried with backoff; repeated ones open a breaker.
//   - R15. A slow drive is sat out before it is failed, never several at once.
//   - R16. Rebuild and scrub are sequential, verify, keep a durable cursor. "Done"
//     means every stored column was read and verified since the failure.
//   - R17. Scrub reads the drive, not the page cache.
//   - R18. Background work yields to clients, by the latency that they see, with a
//     floor so that it always ends; not when no parity is left.
//   - R19. Space is kept so that deletes, checkpoints and mending work on a full pool.
//   - R20. Compaction: copy, sync, read back, record, drop. Readers and uncommitted
//     writers pin segments.
//
// Edges.
//
//   - R21. Memory is bounded: buffers come from one budget, with reserves for
//     commits, parity and degraded reads, so that waiting cannot deadlock.
//   - R22. Decoders never panic, bound every length before allocating, say what was
//     wrong. An older binary refuses a format it does not know.
//   - R23. Bad input gets a clear error and changes nothing on disk.
//   - R24. What reduces redundancy says what may still fail, has a dry run, and
//     refuses to go below safety unless forced.
//   - R25. Nothing depends on the wall clock but names of times.
//
// R16 and R17 are mend*.go, proof.go and the packages rebuild and scrubber, which
// decide when. Of R14 the breakers are not built yet, only that what failed is
// tried again later and later (there, and return.go). R18 is yielding.go and the
// package yield, beside a rate that can be set. R15 and R20 have their places in the format and are built with the work
// they are about; until then a drive that hangs for Options.Patience is left out.
package blockstore
