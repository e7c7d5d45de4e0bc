// Package engine measures a Pool without HTTP: what the engine itself costs,
// below the S3 edge. A [Load] is an operation on objects of a size by a number
// of clients, [Fill] stores many small objects quickly, [Scrub] and [Rebuild]
// read and make again what lies on the drives, beside bare reads, writes
// and copies of the same files, and [Codec] is the erasure code alone.
//
// Everything runs in this process, so a sample's CPU is what the process took,
// the load included; the load makes no bodies while it is timed and looks at
// none.
//
// A pool does not give back the room of what was overwritten or deleted before
// its segments are compacted. So whoever measures bounds what is written
// ([Load.MostBytes]) and uses a pool made for it.
package engine
