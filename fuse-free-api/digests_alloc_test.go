//go:build !race

package api

import (
	"testing"

	"github.com/holdfast-storage/holdfast/fuse-free-api/checksum"
	streams "github.com/holdfast-storage/holdfast/fuse-free-api/md5"
)

// TestDigestsOfPiecesAllocateNothing: a body of 64 MiB has 512 of them.
func TestDigestsOfPiecesAllocateNothing(t *testing.T) {
	piece := make([]byte, 2*concurrentBytes)
	d := newDigests(streams.NewGroup(), true, false, checksum.CRC64NVME)
	if n := testing.AllocsPerRun(10, func() { d.write(piece) }); n != 0 {
		t.Errorf("%v allocations a piece", n)
	}
}
