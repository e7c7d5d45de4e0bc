// Package faultfs is the file system that tests run on: a tree in memory that
// tells what reads see from what is durable, page by page and name by name. It can be
// killed or lose its power at any moment, and every operation on it can be
// made to fail in the ways drives fail. It implements Pebble's vfs.FS, so the
// catalog and the segments run on it alike. It is not a model of one
// real file system: where POSIX promises nothing, it is as bad as it may be.
//
// Words. A page is 4 KiB of a file. It is dirty from the write that changed it
// to the next sync of the file. Seen is what reads give (the page cache), durable is what a
// power cut leaves. A page is lost when a sync of it failed: it is seen, it is
// clean, and it is not durable, so that a second sync that succeeds says nothing
// (Rebello et al., "Can Applications Recover from fsync Failures?", ATC 2020).
// A pending change is one change of names (create, remove, rename, link) that no
// sync of its directory has made durable. An image is a copy of the
// whole as it stands after a crash.
//
// What holds:
//   - Syncing a file makes its dirty pages and its size durable, not its name.
//     Syncing a directory makes the pending changes in it durable, nothing else. SyncTo promises nothing.
//   - A rename is one change, even between directories: both names or neither. A power cut
//     keeps some changes of names and not others, in any mixture, but of the changes of one
//     file, or of one name, it keeps the first ones.
//   - DropCache makes lost pages read as what is durable. Like the kernel it leaves dirty
//     pages alone, and those that share a folio with one (SetFolio).
//   - Pages are never changed once written; files, images and snapshots share them. An image
//     costs time and memory by the number of files, not of pages.
//   - One seed gives one image of one state. File numbers and modification times come from
//     counters, not from the clock.
//
// Paths are separated by slashes; relative ones begin at the root. An FS is safe for concurrent use. The hooks
// run outside its locks, on the goroutine of the operation, several at once.
package faultfs
