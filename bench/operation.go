package bench

import "strconv"

// Operation is what a load does, through S3 or on a pool, as Cell.Operation says it.
type Operation string

// The operations.
const (
	Put    Operation = "PUT"
	Get    Operation = "GET"
	Range  Operation = "ranged GET" // RangeBytes at a random place
	Head   Operation = "HEAD"
	List   Operation = "LIST"      // a page of ListKeys
	Delete Operation = "DELETE"    // of what is there
	Mix    Operation = "70/30 mix" // 70 GETs to 30 PUTs
)

const (
	// RangeBytes is how much a ranged GET asks for.
	RangeBytes = 4 << 10
	// ListKeys is how many keys a LIST asks for, the most that S3 gives at once.
	ListKeys = 1000
	// GetShare is how many of 100 requests of the mix are GETs.
	GetShare = 70
)

// Operations lists them in the order in which they are shown.
func Operations() []Operation { return []Operation{Put, Get, Range, Head, List, Delete, Mix} }

// Key is the key of the n-th object of a load: <prefix>/<size>/<n>, all decimal.
// The bare server takes the size from it.
func Key(prefix string, size, n int64) string {
	b := make([]byte, 0, len(prefix)+40)
	b = append(append(b, prefix...), '/')
	b = append(strconv.AppendInt(b, size, 10), '/')
	return string(strconv.AppendInt(b, n, 10))
}
