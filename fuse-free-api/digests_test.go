package api

import (
	"crypto/md5"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/holdfast-storage/holdfast/fuse-free-api/checksum"
	streams "github.com/holdfast-storage/holdfast/fuse-free-api/md5"
)

// However a body is cut into pieces, its hashes are those of the whole.
func TestDigestsOfPieces(t *testing.T) {
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	body := make([]byte, 1<<20)
	for i := range body {
		body[i] = byte(rng.Uint32())
	}
	group := streams.NewGroup()
	wantMD5, wantSHA256 := md5.Sum(body), sha256.Sum256(body)
	for _, a := range append(checksum.All(), 0) {
		for with := range 4 {
			d := newDigests(group, with&1 != 0, with&2 != 0, a)
			for rest := body; len(rest) > 0; {
				n := min(rng.IntN(3*concurrentBytes), len(rest))
				d.write(rest[:n])
				rest = rest[n:]
			}
			if d.n != int64(len(body)) {
				t.Fatalf("%d bytes", d.n)
			}
			if with&1 != 0 && string(d.md5.Sum(nil)) != string(wantMD5[:]) || with&2 != 0 && string(d.sha256.Sum(nil)) != string(wantSHA256[:]) {
				t.Fatalf("%v, %d: wrong MD5 or SHA-256", a, with)
			}
			if a == 0 {
				continue
			}
			h := a.New()
			_, _ = h.Write(body)
			if string(d.checksum.Sum(nil)) != string(h.Sum(nil)) {
				t.Fatalf("%v, %d: wrong checksum", a, with)
			}
			if with&2 != 0 && a == checksum.SHA256 && len(d.slow) != 1+with&1 {
				t.Errorf("SHA-256 is computed twice")
			}
		}
	}
}

// What the digests cost beside MD5 alone, in the pieces that the store gives.
func BenchmarkDigests(b *testing.B) {
	for _, pieceBytes := range []int{16 << 10, 128 << 10, 1 << 20} {
		piece := make([]byte, pieceBytes)
		for _, c := range []struct {
			name        string
			md5, sha256 bool
			algorithm   checksum.Algorithm
		}{
			{"none", false, false, 0},
			{"md5", true, false, 0},
			{"md5+crc64nvme", true, false, checksum.CRC64NVME},
			{"md5+crc32", true, false, checksum.CRC32},
			{"md5+sha256", true, true, 0},
			{"md5+sha256+crc32", true, true, checksum.CRC32},
			{"crc64nvme", false, false, checksum.CRC64NVME},
		} {
			b.Run(fmt.Sprintf("%dKiB/%s", pieceBytes>>10, c.name), func(b *testing.B) {
				d := newDigests(streams.NewGroup(), c.md5, c.sha256, c.algorithm)
				b.SetBytes(int64(pieceBytes))
				for b.Loop() {
					d.write(piece)
				}
			})
		}
	}
}
