package suite

import "time"

const (
	kib = 1 << 10
	mib = 1 << 20
	gib = 1 << 30

	// spanOps is how long a turn of small operations takes, spanBulk of large
	// ones, which fill drives and page cache faster.
	spanOps  = time.Second
	spanBulk = 500 * time.Millisecond
)

// goals are the rows of what Holdfast promises, in the order in which they are
// shown, on k+m drives on one disk and two cores that the client shares.
//
// Rounds are five. What a family adds to the page cache stays below 3 GiB: a virtual
// machine may give freed memory back to its host, and then touching fresh page cache
// is slow, and billed to the server. Large bodies are written past it.
func goals() []family {
	return []family{
		lonePut(),
		smallObjects(),
		mediumPut(),
		largePut(),
		fastPut(),
		largeGet(),
		drivesGone(),
		scrubbing(),
		rebuilding(),
		foreground(),
		memory(),
		allocation(),
		million(),
		space(),
	}
}
