package md5

import (
	"crypto/md5"
	"math"
	"time"
)

const (
	// tryRounds and tryBytes are what a kernel is tried with: about a millisecond for all of them.
	tryRounds = 5
	tryBytes  = 16 << 10
)

// fastest puts the fastest code for lone streams together with the fastest for several. Which that is differs from
// processor to processor: AVX-512 hashes one stream at 1.2 times crypto/md5's speed on some, and at 0.7 times on others
// that have the same instructions. So they are tried, each at its best of several times, since anything else may run meanwhile.
func fastest(list []kernels) kernels {
	best := kernels{name: "none", single: "none"}
	p := make([]byte, tryBytes)
	std := md5.New()
	alone, together := took(func() { _, _ = std.Write(p) }), time.Duration(math.MaxInt64)
	at := &lanes{}
	for lane := range at.from {
		at.from[lane] = &p[0]
	}
	var state [4]uint32
	for _, k := range list {
		if k.alone != nil {
			if t := took(func() { k.alone(&state, &p[0], tryBytes/BlockSize) }); t < alone {
				alone, best.alone, best.single = t, k.alone, k.name
			}
		}
		if t := took(func() { k.together(&at.states, &at.from, tryBytes/BlockSize) }); t < together {
			together, best.together, best.name = t, k.together, k.name
		}
	}
	return best
}

// took is the least that f took of some times.
func took(f func()) time.Duration {
	least := time.Duration(math.MaxInt64)
	for range tryRounds {
		began := time.Now()
		f()
		least = min(least, time.Since(began))
	}
	return least
}
