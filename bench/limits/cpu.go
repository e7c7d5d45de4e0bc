package limits

import (
	"context"
	"crypto/sha256"
	"fmt"
	"hash"
	"math/rand/v2"
	"runtime"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/holdfast-storage/holdfast/bench"
	"github.com/holdfast-storage/holdfast/erasure"
)

const (
	// copyBytes is the length of each of the two buffers of MemoryCopy: with 1 GiB in all, above the caches of any
	// processor of today (the largest have 512 MiB per socket, shared by dozens of cores).
	copyBytes = 512 << 20
	// hashBytes is the length of what is hashed again and again. It stays in the second-level cache, as does what
	// has just come from a socket.
	hashBytes = 256 << 10
	// columnBytes is the payload of a full bulk block.
	columnBytes = 128 << 10
)

// MemoryCopy copies memory that is in no cache. Bytes are those copied: memory
// moves twice as many. It holds 1 GiB from its first run on.
func MemoryCopy() bench.Side {
	const step = 1 << 20
	var from, to []byte
	at := 0
	return onThread("memory copy", step, func() {
		if from == nil {
			from, to = random(copyBytes), random(copyBytes)
		}
		copy(to[at:at+step], from[at:at+step])
		at = (at + step) % copyBytes
	})
}

// XXHash is xxhash64, which guards every 4 KiB that is stored; in such pieces.
func XXHash() bench.Side {
	const piece = 4 << 10
	buf := random(hashBytes)
	var sum uint64
	return onThread("xxhash64", hashBytes, func() {
		for at := 0; at < len(buf); at += piece {
			sum ^= xxhash.Sum64(buf[at : at+piece])
		}
	})
}

// SHA256 is what a signed payload asks for.
func SHA256() bench.Side { return hashing("SHA-256", sha256.New()) }

func hashing(name string, h hash.Hash) bench.Side {
	buf := random(hashBytes)
	return onThread(name, hashBytes, func() { h.Write(buf) })
}

// Encode is Reed–Solomon: the parity of a full stripe, in cache. Bytes are those of the data columns.
func Encode(data, parity int) (bench.Side, error) {
	code, err := erasure.New(data, parity)
	if err != nil {
		return bench.Side{}, err
	}
	columns := make([][]byte, data+parity)
	for i := range columns {
		columns[i] = random(columnBytes)
	}
	if err := code.Encode(columns[:data], columns[data:]); err != nil { // makes what the code keeps
		return bench.Side{}, err
	}
	return onThread(fmt.Sprintf("Reed–Solomon %d+%d", data, parity), int64(data*columnBytes), func() {
		_ = code.Encode(columns[:data], columns[data:]) // it has done so before, with the same columns
	}), nil
}

// onThread repeats work, which is about so many bytes, on a thread of its own.
// The CPU time is that thread's.
func onThread(name string, bytes int64, work func()) bench.Side {
	run := func(ctx context.Context, span time.Duration) (s bench.Sample, err error) {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		work() // what is made at the first time is not measured
		cpu, began := threadTime(), time.Now()
		for s.Elapsed < span && ctx.Err() == nil {
			work()
			s.Ops++
			s.Elapsed = time.Since(began)
		}
		s.CPU = threadTime() - cpu
		s.Bytes = s.Ops * bytes
		return s, ctx.Err()
	}
	return bench.Side{Name: name, Run: run}
}

// random makes bytes that do not compress. The seed is fixed: every run works on the same.
func random(n int) []byte {
	var seed [32]byte
	buf := make([]byte, n)
	_, _ = rand.NewChaCha8(seed).Read(buf) // never fails
	return buf
}
