package growth

import "fmt"

const (
	bucket      = "growth"
	prefix      = "objects"
	objectBytes = 100 // of each body
)

// key is the key of the n-th object. Two numbers never give one key.
func key(n int64) string { return fmt.Sprintf("%s/%d/%016x", prefix, objectBytes, scatter(uint64(n))) }

// scatter is a bijection whose values look random: the finalizer of splitmix64
// (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014).
func scatter(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
