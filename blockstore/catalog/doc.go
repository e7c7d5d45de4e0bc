// Package catalog keeps the names of a pool's objects and what they stand for:
// buckets, objects, uploads under way and their parts, the segment table and
// settings. It is derived from the journal and can be rebuilt from it, so it
// is never the only copy of anything.
//
// It is not the journal: it neither writes nor reads segments, and it decides
// nothing. Whether a put may replace what is there, or a bucket may go, is
// decided by the committer before a record is written; a record that does not
// fit the catalog it meets is void, and changes nothing.
//
// # Words
//
//   - record: one change (Put, Delete, Relocate …), in the protobuf wire format;
//     the tables stand in blockstore/FORMAT.md
//   - batch: the records of one LSN; LSNs are dense, from 1
//   - sequence number: lsn<<16 | index of the record in its batch. It names the
//     version of an object, and the id of a bucket or upload by its creation, so
//     that records of a dead incarnation are void (R11)
//   - entry: one key and value of the catalog. Entries are restatable (a
//     checkpoint carries them) or derived (live bytes per segment, totals and the
//     applied LSN, which follow from the others)
//   - replica: one Pebble database on one drive; Catalog runs several, one of
//     which serves
//
// # Invariants
//
//   - Applying is deterministic: replicas that applied the same batches hold the
//     same keys and values to the byte, however the batches were chunked, and
//     whether they came as records or as a checkpoint and a tail (R10).
//   - A replica holds the effect of exactly the batches up to its applied LSN:
//     entries and LSN change in one Pebble batch, and with the write-ahead log
//     off a crash leaves an exact prefix of the batches.
//   - A read is answered by a replica that has applied everything acknowledged
//     and had not failed when the answer was complete. If there is none the
//     answer is ErrUnavailable, never ErrNotFound (R12).
//   - Nothing waits for a replica that is not serving, and not for long for one
//     that is: queues are bounded, laggards are dropped (R13).
package catalog

import "errors"

var (
	// ErrNotFound says that the catalog was asked and holds no such entry.
	ErrNotFound = errors.New("catalog: not found")
	// ErrUnavailable says that no replica can answer.
	ErrUnavailable = errors.New("catalog: no usable replica; the journal gives one when the daemon is started again")
	// ErrRecord says that bytes are not a record or entry of this format.
	ErrRecord = errors.New("catalog: malformed record")
)
