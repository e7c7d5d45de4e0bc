// Package md5 computes the MD5s (RFC 1321) that S3's ETags are, for as little of the processor as it can be had.
//
// MD5 is one long chain: each of its steps waits for the one before, and a processor that could do six things at a time
// does one. Two things help. AVX-512 has instructions for what takes several steps of the chain elsewhere, which some
// processors are faster with; and the chains of several streams run beside each other, one in each lane of a vector, in
// the time of one or two. What is fastest on this processor a Group finds out when it is made.
//
// A Group takes together what uploads have ready at the same time. It does not wait for there to be more: a lone
// stream is hashed at once, on its caller's goroutine, and what comes meanwhile is hashed with what is left of it.
// It has no goroutines of its own and no timers, holds no bytes but those that callers of Write wait with, and is done
// with when nobody refers to it.
//
// The state between two writes, what is no whole block, and the padding are crypto/md5's. Where there are no
// vectors, or this package has no code for them, all of it is.
package md5
