package blockstore

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
	"github.com/holdfast-storage/holdfast/blockstore/faultfs"
)

// loseFiles removes the files of a drive from a pool, which then mends with small writes, and proves each. It says
// which segments are to be mended.
func (w *world) loseFiles(t *testing.T, dir string) (segments []drive.SegmentID) {
	t.Helper()
	segments = w.p.Segments()
	for path := range w.segmentFiles(t, dir) {
		must(t, w.fs.Remove(path))
	}
	for _, seg := range w.p.segments.all() {
		seg.closeFiles()
	}
	w.p.opt.proveEvery = 1
	w.p.opt.unyielding = false
	t.Cleanup(w.p.gate.Client().End)
	return segments
}

// TestMendProvesPartByPart: a long file is synced and read back in parts, and is the same in the end.
func TestMendProvesPartByPart(t *testing.T) {
	w := filled(t, shape{4, 2, 6}, 48)
	was := w.segmentFiles(t, w.dirs...)
	w.loseFiles(t, w.dirs[1])
	var mu sync.Mutex
	syncs := make(map[string]int)
	w.fs.SetHook(func(op faultfs.Op) (f faultfs.Fault) {
		if op.Kind == faultfs.Sync && strings.Contains(op.Path, "/segments/") {
			mu.Lock()
			syncs[op.Path]++
			mu.Unlock()
		}
		return f
	})
	r := mendAll(t, w.p, MendOptions{})
	w.fs.SetHook(nil)
	w.p.opt.unyielding = true
	most := 0
	for _, n := range syncs {
		most = max(most, n)
	}
	if r.MendedBlocks == 0 || most < 4 { // one as the file is made, one at the end
		t.Errorf("%d blocks mended, at most %d syncs of a file", r.MendedBlocks, most)
	}
	wantFiles(t, was, w.segmentFiles(t, w.dirs...))
	w.crash(newRand(1), 0)
	w.mustOpen(t)
	w.mustCheck(t)
}

// TestMendProvesEveryPart: of all that is written, the drive has lost one write, whichever it is. The file does not
// count, though all other parts are good.
func TestMendProvesEveryPart(t *testing.T) {
	w := filled(t, shape{4, 2, 6}, 48)
	for nth := range 3 {
		segments := w.loseFiles(t, w.dirs[1])
		among := func(path string) bool {
			return slices.ContainsFunc(segments, func(id drive.SegmentID) bool { return strings.HasSuffix(path, id.String()) })
		}
		var mu sync.Mutex
		writes := make(map[string]int)
		lost := ""
		w.fs.SetHook(func(op faultfs.Op) (f faultfs.Fault) {
			if op.Kind != faultfs.Write || op.Offset < drive.FirstBlock || !op.Below(w.dirs[1]+"/segments") || !among(op.Path) {
				return f
			}
			mu.Lock()
			defer mu.Unlock()
			if writes[op.Path]++; writes[op.Path] == nth+1 && lost == "" {
				lost, f.Lost = op.Path, true
			}
			return f
		})
		unmended := 0
		for _, id := range segments {
			_, err := mendOne(t.Context(), w.p, id, MendOptions{})
			if is := lost != "" && strings.HasSuffix(lost, id.String()); is != errors.Is(err, errReadBack) {
				t.Errorf("write %d was lost: %v, segment %v: %v", nth, is, id, err)
			}
			if err != nil {
				unmended++
				break // the drive is left out
			}
		}
		w.fs.SetHook(nil)
		w.p.opt.unyielding = true
		if lost == "" || unmended != 1 {
			t.Errorf("write %d: %d segments are not mended, lost in %q", nth, unmended, lost)
		}
		_, err := w.p.ClearDrive(t.Context(), "2", ChangeOptions{})
		must(t, err)
		waitFor(t, "the drive to be back", func() bool { return stateOf(t, w.p, 2) == "ONLINE" })
		mendUntil(t, w.p, "no work to be left", func() bool { return noWork(t, w.p) })
		must(t, w.p.SealOpen(t.Context()))
	}
	w.mustCheck(t)
}

// TestMendProvesPastLargeFolios: the page cache holds pages together, and keeps the end of a part that is proved for as
// long as the next one is written to. What is there is not taken for what is on the drive, which has said of a part
// that it is durable and lost it; where nothing is lost all is proved in the end.
func TestMendProvesPastLargeFolios(t *testing.T) {
	w := newWorld(t, shape{4, 2, 6}, 16<<20, 1)
	w.mustOpen(t)
	t.Cleanup(func() { abandon(w.p, w.fs) })
	must(t, w.createBucket(t.Context(), "bucket", fuss{}))
	w.mustPut(t, "large", 12_000_000) // 3 MB of each file
	must(t, w.p.SealOpen(t.Context()))
	id := w.segmentOf(t, "large")
	was := w.segmentFiles(t, w.dirs...)
	w.fs.SetFolio(1024)
	for _, lies := range []bool{true, false} {
		w.loseFiles(t, w.dirs[1])
		var mu sync.Mutex
		at, more, lied, written := int64(0), 3, false, make(chan struct{}) // until the second write after it is done
		w.fs.SetHook(func(op faultfs.Op) (f faultfs.Fault) {
			mu.Lock()
			switch {
			case !op.Below(w.dirs[1]):
			case strings.HasSuffix(op.Path, id.String()) && op.Kind == faultfs.Write && op.Offset >= drive.FirstBlock:
				if at = op.Offset; lied {
					if more--; more == 0 {
						close(written)
					}
				}
			case strings.HasSuffix(op.Path, id.String()) && op.Kind == faultfs.Sync && at > 0 && at < 1_000_000 && !lied:
				if lied = true; lies {
					f.Torn = 1
				}
			case strings.HasSuffix(op.Path, "/label") && lied && more > 0: // the part is to be read back
				mu.Unlock()
				<-written
				return f
			}
			mu.Unlock()
			return f
		})
		_, err := mendOne(t.Context(), w.p, id, MendOptions{})
		w.fs.SetHook(nil)
		w.p.opt.unyielding = true
		if !lied {
			t.Fatal("no part was proved while the next one was written")
		}
		if !lies {
			must(t, err)
			break
		}
		if !errors.Is(err, errReadBack) {
			t.Errorf("mending what the drive has lost: %v", err)
		}
		_, err = w.p.ClearDrive(t.Context(), "2", ChangeOptions{})
		must(t, err)
		waitFor(t, "the drive to be back", func() bool { return stateOf(t, w.p, 2) == "ONLINE" })
	}
	w.crash(newRand(1), 0)
	w.mustOpen(t)
	for path, content := range w.segmentFiles(t, w.dirs[1]) {
		if strings.HasSuffix(path, id.String()) && !bytes.Equal(content, was[path]) {
			t.Error("after a power cut the file is not what it was")
		}
	}
	w.mustCheck(t)
}

// TestSumOf: whatever becomes of a block, its checksum is another one.
func TestSumOf(t *testing.T) {
	rng := rand.New(rand.NewPCG(testSeed(t), 2))
	for _, n := range []int{drive.PageBytes, 7 * drive.PageBytes, 8 * drive.PageBytes, (drive.MaxBlockBytes + drive.PageBytes - 1) / drive.PageBytes * drive.PageBytes} {
		block := make([]byte, n)
		for i := range block {
			block[i] = byte(rng.Uint32())
		}
		was := sumOf(block)
		for range 100 {
			at, by := rng.IntN(n), byte(1+rng.IntN(255))
			block[at] ^= by
			if sumOf(block) == was {
				t.Errorf("a block of %d with another byte at %d has the same checksum", n, at)
			}
			block[at] ^= by
		}
		if n > drive.PageBytes {
			swapped := slices.Concat(block[drive.PageBytes:2*drive.PageBytes], block[:drive.PageBytes], block[2*drive.PageBytes:])
			if sumOf(swapped) == was || sumOf(block[:n-drive.PageBytes]) == was {
				t.Errorf("a block of %d with its pages swapped, or without the last one, has the same checksum", n)
			}
		}
		if sumOf(block) != was {
			t.Errorf("a block of %d has two checksums", n)
		}
	}
}

func TestIsZero(t *testing.T) {
	for _, n := range []int{0, 1, 2, 63, 4000} {
		b := make([]byte, n)
		if !isZero(b) {
			t.Errorf("%d zeros are not zero", n)
		}
		for at := range b {
			if b[at] = 0x80; isZero(b) {
				t.Errorf("of %d bytes that at %d is not zero, and it is not seen", n, at)
			}
			b[at] = 0
		}
	}
}
