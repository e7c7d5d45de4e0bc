// Package drive keeps one drive of a pool: one directory, meant to be one disk.
//
// It knows the drive's label, its lock, its segment files and the frame of a
// block, and it carries out reads, writes and syncs through a bounded queue of
// the drive's own, so that a drive that hangs holds up nobody else (R13). It
// knows nothing of objects, batches, records or of the other drives: it never
// decides what is acknowledged, and it never reconstructs.
//
// # Words
//
//   - label: the small file that says which pool and drive this is, and what the
//     pool looked like when it was written. Replaced atomically.
//   - segment file: one of the k+m files of a segment; its first 4096 bytes are
//     the file header, then come blocks.
//   - column: one part of a stripe. Column c of stripe s lies in file
//     (c+s) mod (k+m).
//   - block: a column as it lies in a file: header, then payload.
//   - stored index: the position of a column among those that a stripe stores,
//     data 0..d-1 and then parity.
//   - piece: 4096 bytes of a column's payload, the unit of verifying; the last
//     one of a column may be shorter.
//
// # Invariants
//
//   - Decoders never panic, bound every length before they allocate, and refuse
//     what they do not know (R22). All zeros is never valid (R1).
//   - A block's header carries the checksums of every piece of every stored
//     column of its stripe, so that any sibling can vouch for any piece (R1).
//   - A failed sync is never retried: the drive stops taking writes for good
//     until it is opened again (R6). A full disk is not a failure (R7).
//   - A new file is synced, and then its directory, before it is handed out (R7).
//   - No file is created in a directory that no longer holds this drive's label
//     (R13).
//
// The format is described, with diagrams, in blockstore/FORMAT.md; a test holds
// that page and this code together.
package drive
