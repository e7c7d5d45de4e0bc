package blockstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/holdfast-storage/holdfast/blockstore/catalog"
	"github.com/holdfast-storage/holdfast/blockstore/drive"
	"github.com/holdfast-storage/holdfast/blockstore/faultfs"
)

// mendAll mends every sealed segment, and adds up what that came to.
func mendAll(t testing.TB, p *Pool, o MendOptions) (sum MendReport) {
	t.Helper()
	for _, id := range p.Segments() {
		r, err := mendOne(t.Context(), p, id, o)
		if err != nil {
			t.Fatal(err)
		}
		sum.MendedBlocks += r.MendedBlocks
		sum.MovedFiles += r.MovedFiles
		sum.Stripes += r.Stripes
		sum.ReadBytes += r.ReadBytes
		sum.WrittenBytes += r.WrittenBytes
		sum.Findings = append(sum.Findings, r.Findings...)
		sum.Doubtful = append(sum.Doubtful, r.Doubtful...)
	}
	return sum
}

// segmentFiles reads the files of all sealed segments on the drives.
func (w *world) segmentFiles(t testing.TB, dirs ...string) map[string][]byte {
	t.Helper()
	files := make(map[string][]byte)
	for _, dir := range dirs {
		names, err := w.fs.List(dir + "/segments")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if !slices.ContainsFunc(w.p.Segments(), func(id drive.SegmentID) bool { return id.String() == name }) {
				continue
			}
			path := dir + "/segments/" + name
			f, err := w.fs.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(f)
			if err := errors.Join(err, f.Close()); err != nil {
				t.Fatal(err)
			}
			files[path] = b
		}
	}
	return files
}

// wantFiles compares the files of sealed segments with what they were.
func wantFiles(t testing.TB, was, now map[string][]byte) {
	t.Helper()
	for path, b := range was {
		switch got, ok := now[path]; {
		case !ok:
			t.Errorf("%s is gone", path)
		case !bytes.Equal(trimZeros(got), trimZeros(b)):
			t.Errorf("%s differs: %d bytes, were %d", path, len(got), len(b))
		}
	}
}

func trimZeros(b []byte) []byte { return bytes.TrimRight(b, "\x00") }

// filled is a pool with objects of many sizes, all of them in sealed segments.
func filled(t *testing.T, s shape, objects int) *world {
	t.Helper()
	w := openWorld(t, s)
	sizes := []int{0, 1, 300, 4096, 20_000, 70_000, 300_000, 700_000}
	for i := range objects {
		w.mustPut(t, fmt.Sprintf("k%03d", i), sizes[i%len(sizes)])
	}
	must(t, w.p.SealOpen(t.Context()))
	return w
}

func TestMendMakesALostFileAgain(t *testing.T) {
	for _, s := range shapes() {
		t.Run(s.String(), func(t *testing.T) {
			w := filled(t, s, 24)
			was := w.segmentFiles(t, w.dirs...)
			lost := w.dirs[:s.m]
			for path := range w.segmentFiles(t, lost...) {
				must(t, w.fs.Remove(path))
			}
			for _, seg := range w.p.segments.all() {
				seg.closeFiles()
			}
			r := mendAll(t, w.p, MendOptions{})
			if r.MendedBlocks == 0 || len(r.Findings) != 0 || len(r.Doubtful) != 0 {
				t.Errorf("mended %d blocks, findings %v, doubtful %v", r.MendedBlocks, r.Findings, r.Doubtful)
			}
			wantFiles(t, was, w.segmentFiles(t, w.dirs...))
			if again := mendAll(t, w.p, MendOptions{}); again.MendedBlocks != 0 {
				t.Errorf("a second time mended %d blocks", again.MendedBlocks)
			}
			w.crash(newRand(1), 0)
			w.mustOpen(t)
			w.mustCheck(t)
			for _, dir := range w.dirs[s.drives-s.m:] { // others than those that were mended
				w.fs.Unplug(dir)
			}
			w.mustCheck(t)
		})
	}
}

// damage is a way to spoil a block.
type damage struct {
	name string
	do   func(rng *rand.Rand, block, other []byte)
}

// damages are those of the fault model: other is a valid block of another place.
func damages() []damage {
	return []damage{
		{"flipped", func(rng *rand.Rand, b, _ []byte) { b[rng.IntN(len(b))] ^= 1 << rng.IntN(8) }},
		{"zeroed", func(_ *rand.Rand, b, _ []byte) { clear(b) }},
		{"another segment's", func(_ *rand.Rand, b, other []byte) { clear(b); copy(b, other) }},
		{"torn", func(rng *rand.Rand, b, _ []byte) { clear(b[min(512*rng.IntN(len(b)/512+1), len(b)/2):]) }},
		{"misdirected", func(_ *rand.Rand, b, other []byte) { copy(b, other) }},
	}
}

// blockPlace is where a block lies.
type blockPlace struct {
	path   string
	off, n int64
	stripe string // which stripe it is of
	start  int64  // of its payload
	length int64
}

// blocksOf finds the blocks in the files of sealed segments.
func blocksOf(t testing.TB, p *Pool, files map[string][]byte) (blocks []blockPlace) {
	t.Helper()
	for _, id := range p.Segments() {
		for path, b := range files {
			if !strings.HasSuffix(path, id.String()) {
				continue
			}
			for off := int64(drive.FirstBlock); off < int64(len(b)); {
				var h drive.Header
				if err := drive.DecodeHeader(b[off:], &h); err != nil {
					off += drive.PageBytes
					continue
				}
				blocks = append(blocks, blockPlace{
					path: path, off: off, n: min(h.BlockBytes(), int64(len(b))-off), stripe: fmt.Sprintf("%v/%d", id, h.Stripe),
					start: int64(h.PayloadStart()), length: int64(h.Length),
				})
				off += h.BlockBytes()
			}
		}
	}
	slices.SortFunc(blocks, func(a, b blockPlace) int {
		return strings.Compare(fmt.Sprintf("%s %012d", a.path, a.off), fmt.Sprintf("%s %012d", b.path, b.off))
	})
	return blocks
}

// spoil damages up to m columns of every stripe, and returns how many blocks
// that were.
func spoil(t *testing.T, w *world, rng *rand.Rand, most int) (spoiled int) {
	t.Helper()
	files := w.segmentFiles(t, w.dirs...)
	blocks := blocksOf(t, w.p, files)
	byStripe := make(map[string][]blockPlace)
	for _, b := range blocks {
		byStripe[b.stripe] = append(byStripe[b.stripe], b)
	}
	ways := damages()
	for _, b := range blocks {
		list := byStripe[b.stripe]
		if list == nil {
			continue
		}
		delete(byStripe, b.stripe)
		rng.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		for _, hit := range list[:1+rng.IntN(most)] {
			other := blocks[rng.IntN(len(blocks))]
			way := ways[rng.IntN(len(ways))]
			before := bytes.Clone(files[hit.path][hit.off:][:hit.n])
			must(t, w.fs.Corrupt(hit.path, hit.off, hit.n, func(p []byte) {
				way.do(rng, p, files[other.path][other.off:][:other.n])
				if bytes.Equal(p, before[:len(p)]) {
					p[len(p)-1] ^= 1
				}
			}))
			spoiled++
		}
	}
	return spoiled
}

// TestDamageIsMendedByOneWalk spoils up to m columns of 10,000 stripes in five
// ways: all of it is found and mended, and no good block is touched.
func TestDamageIsMendedByOneWalk(t *testing.T) {
	stripes := 10_000
	if testing.Short() {
		stripes = 500
	}
	rng := newRand(testSeed(t))
	w := newWorld(t, shape{4, 2, 6}, 8<<20, 1)
	w.mustOpen(t)
	t.Cleanup(func() { abandon(w.p, w.fs) })
	must(t, w.createBucket(t.Context(), "bucket", fuss{}))
	bodies := make(map[string][]byte)
	for i := range stripes {
		n := 200 + rng.IntN(9000)
		if i%50 == 0 {
			n = 300_000 + rng.IntN(500_000) // bulk
		}
		key := fmt.Sprintf("%05d", i)
		bodies[key] = randomBody(uint64(i), n)
		putBytes(t, w.p, "bucket", key, bodies[key])
	}
	must(t, w.p.SealOpen(t.Context()))
	was := w.segmentFiles(t, w.dirs...)
	spoiled := spoil(t, w, rng, w.shape.m)
	r := mendAll(t, w.p, MendOptions{})
	t.Logf("%d stripes, %d blocks spoiled, %d mended", r.Stripes, spoiled, r.MendedBlocks)
	if r.Stripes < int64(stripes) || r.MendedBlocks != int64(spoiled) || len(r.Doubtful) != 0 {
		t.Errorf("of %d stripes and %d spoiled blocks, %d blocks were mended, %v is doubtful", r.Stripes, spoiled, r.MendedBlocks, r.Doubtful)
	}
	wantFiles(t, was, w.segmentFiles(t, w.dirs...))
	for key, body := range bodies {
		wantBytes(t, w.p, "bucket", key, body)
	}
}

// TestFindingsNameObjects: what a scrub finds says whose it is.
func TestFindingsNameObjects(t *testing.T) {
	w := openWorld(t, shape{4, 2, 6})
	w.mustPut(t, "large", 400_000)
	must(t, w.p.SealOpen(t.Context()))
	b, err := w.p.catalog.Bucket(t.Context(), "bucket")
	must(t, err)
	obj, err := w.p.catalog.Object(t.Context(), b.ID, "large")
	must(t, err)
	e := obj.Extents[0]
	for _, bp := range blocksOf(t, w.p, w.segmentFiles(t, w.dirs...)) {
		if bp.stripe == fmt.Sprintf("%v/%d", e.Segment, e.Stripe) {
			must(t, w.fs.Corrupt(bp.path, bp.off+bp.start, 1, func(p []byte) { p[0] ^= 1 }))
			break
		}
	}
	r := mendAll(t, w.p, MendOptions{Names: true})
	if len(r.Findings) != 1 || !r.Findings[0].Mended || !slices.Equal(r.Findings[0].Objects, []string{"bucket/large"}) {
		t.Errorf("findings: %+v", r.Findings)
	}
}

// TestFirstPagesAreMended: of each file in turn the first page is spoiled, and the segment
// mended. In the end there is still one to know the segment by when the pool is opened.
func TestFirstPagesAreMended(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, fsys *faultfs.FS, path string, turn int){
		"a bit": func(t *testing.T, fsys *faultfs.FS, path string, turn int) {
			must(t, fsys.Corrupt(path, 0, drive.FileHeaderBytes, func(p []byte) { p[100*(turn+1)] ^= 1 }))
		},
		"a bit of the version": func(t *testing.T, fsys *faultfs.FS, path string, turn int) {
			must(t, fsys.Corrupt(path, 4, 2, func(p []byte) { p[turn%2] ^= 1 << turn }))
		},
		"a bit behind the page cache": func(t *testing.T, fsys *faultfs.FS, path string, turn int) {
			spoilBehindCache(t, fsys, path, 0, drive.FileHeaderBytes, func(p []byte) { p[100*(turn+1)] ^= 1 })
		},
		"the whole page": func(t *testing.T, fsys *faultfs.FS, path string, _ int) {
			must(t, fsys.Corrupt(path, 0, drive.FileHeaderBytes, func(p []byte) { clear(p) }))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := filled(t, shape{4, 2, 6}, 8)
			must(t, w.p.SealOpen(t.Context()))
			was := w.segmentFiles(t, w.dirs...)
			for turn, dir := range w.dirs {
				files := w.segmentFiles(t, dir)
				for path := range files {
					spoil(t, w.fs, path, turn)
				}
				mendsFirstPages(t, w, len(files))
				wantFiles(t, was, w.segmentFiles(t, w.dirs...))
			}
		})
	}
}

// TestUnreadableFirstPageIsMended: where a drive cannot read the page, it is written anew.
func TestUnreadableFirstPageIsMended(t *testing.T) {
	w := filled(t, shape{4, 2, 6}, 8)
	must(t, w.p.SealOpen(t.Context()))
	var mu sync.Mutex
	lost := make(map[string]bool)
	for name := range w.segmentFiles(t, w.dirs[3]) {
		lost[strings.TrimPrefix(name, "/")] = true // as operations name it
	}
	n := len(lost)
	w.fs.SetHook(func(op faultfs.Op) (f faultfs.Fault) {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case op.Offset != 0 || !lost[op.Path]:
		case op.Kind == faultfs.Read:
			f.Err = syscall.EIO
		case op.Kind == faultfs.Write:
			delete(lost, op.Path)
		}
		return f
	})
	mendsFirstPages(t, w, n)
	w.fs.SetHook(nil)
}

// TestMendOpensAtOnce: the files of a segment are opened beside each other, so that drives which
// take long, or hang, take that long once.
func TestMendOpensAtOnce(t *testing.T) {
	w := filled(t, shape{4, 2, 6}, 8)
	must(t, w.p.SealOpen(t.Context()))
	id := w.p.Segments()[0]
	var mu sync.Mutex
	waiting, all := 0, make(chan struct{})
	w.fs.SetHook(func(op faultfs.Op) (f faultfs.Fault) {
		if op.Kind != faultfs.Open || !strings.HasSuffix(op.Path, id.String()) {
			return f
		}
		mu.Lock()
		if waiting++; waiting == len(w.dirs) {
			close(all)
		}
		mu.Unlock()
		select {
		case <-all:
		case <-t.Context().Done():
		}
		return f
	})
	defer w.fs.SetHook(nil)
	if _, err := mendOne(t.Context(), w.p, id, MendOptions{ReadOnly: true}); err != nil {
		t.Error(err)
	}
	select {
	case <-all:
	default:
		t.Errorf("%d files of %d were opened", waiting, len(w.dirs))
	}
}

// mendsFirstPages demands that just so many first pages are found and mended.
func mendsFirstPages(t *testing.T, w *world, n int) {
	t.Helper()
	seen := mendAll(t, w.p, MendOptions{ReadOnly: true})
	if len(seen.Findings) != n || n > 0 && seen.Findings[0].Mended {
		t.Errorf("%d first pages are spoiled, and a look finds %+v", n, seen.Findings)
	}
	r := mendAll(t, w.p, MendOptions{})
	if r.MendedBlocks != int64(n) || len(r.Findings) != n || n > 0 && (!r.Findings[0].Mended || r.Findings[0].Kind != FindingFirstPage) {
		t.Errorf("of %d first pages %d were mended: %+v", n, r.MendedBlocks, r.Findings)
	}
	if again := mendAll(t, w.p, MendOptions{ReadOnly: true}); len(again.Findings) != 0 {
		t.Errorf("mended, and a look finds %+v", again.Findings)
	}
}

// TestMendEndsWhatIsMarked: a column that was found bad where no stripe counts, as
// of a batch that a crash cut short, is no work for ever.
func TestMendEndsWhatIsMarked(t *testing.T) {
	w := filled(t, shape{4, 2, 6}, 8)
	seg := w.p.segments.get(w.p.Segments()[0])
	seg.markBad(0, seg.next+3, 1) // behind the end
	if work, err := w.p.Work(t.Context()); err != nil || len(work) != 1 {
		t.Fatalf("work: %v, %v", work, err)
	}
	mendAll(t, w.p, MendOptions{Move: true})
	if work, err := w.p.Work(t.Context()); err != nil || len(work) != 0 {
		t.Errorf("work is left: %v, %v", work, err)
	}
}

// thinPool is a pool in which a stripe cannot be read for now: of its three columns
// that of the second drive is bad, and the first drive is away.
func thinPool(t *testing.T, change func(*Options)) (*Pool, Options, *faultfs.FS, catalog.Extent) {
	t.Helper()
	p, o, fsys := lifePool(t, 3, func(o *Options) {
		o.RebuildAfter, o.PresencePeriod = time.Hour, 5*time.Millisecond
		if change != nil {
			change(o)
		}
	})
	w := &world{p: p, fs: fsys, dirs: o.Dirs}
	_, err := p.AddDrives(t.Context(), []string{"/pool/extra"}, false, ChangeOptions{Force: true})
	must(t, err)
	must(t, p.SealOpen(t.Context()))
	b, err := p.catalog.Bucket(t.Context(), "bucket")
	must(t, err)
	list, err := listAll(t.Context(), p, "bucket")
	must(t, err)
	var e catalog.Extent
	for _, info := range list { // a stripe of two data columns on the first three drives
		obj, err := p.catalog.Object(t.Context(), b.ID, info.Key)
		must(t, err)
		for _, x := range obj.Extents {
			if x.D == 2 {
				e = x
			}
		}
	}
	if e.D != 2 {
		t.Fatal("no object has a stripe of two data columns")
	}
	stripe := fmt.Sprintf("%v/%d", e.Segment, e.Stripe)
	for _, bp := range blocksOf(t, p, w.segmentFiles(t, o.Dirs[1])) {
		if bp.stripe == stripe {
			must(t, fsys.Corrupt(bp.path, bp.off+bp.start, 1, func(p []byte) { p[0] ^= 1 }))
		}
	}
	fsys.Unplug(o.Dirs[0])
	waitFor(t, "the drive to be missed", func() bool { return stateOf(t, p, 1) == "REMOVED" })
	return p, o, fsys, e
}

// TestLostStripeKeepsItsPlaces: a stripe that cannot be read from what is here is
// not given up by what moves meanwhile. When the drive is back that has the rest
// of it, it is read.
func TestLostStripeKeepsItsPlaces(t *testing.T) {
	for _, evacuate := range []bool{false, true} {
		t.Run(fmt.Sprintf("evacuate=%v", evacuate), func(t *testing.T) {
			p, o, fsys, _ := thinPool(t, nil)
			if evacuate {
				// Wherever the journal is now, there is room for it.
				_, err := p.AddDrives(t.Context(), []string{"/pool/another"}, false, ChangeOptions{Force: true})
				must(t, err)
				_, err = p.EvacuateDrive(t.Context(), "3", ChangeOptions{Force: true})
				must(t, err)
			} else {
				p.opt.RebuildAfter = 0
			}
			for range 2 {
				err := mendRound(t.Context(), p)
				if err != nil && !errors.Is(err, ErrUnmended) {
					t.Fatal(err)
				}
			}
			fsys.Plug(o.Dirs[0])
			waitFor(t, "the drive to be back", func() bool { return stateOf(t, p, 1) == "ONLINE" })
			mendUntil(t, p, "no work to be left", func() bool { return noWork(t, p) })
			wantSizes(t, p, "old")
			wantWhole(t, p)
		})
	}
}

// TestTooMuchDamageIsReported spoils m+1 columns of an object's stripe: the
// finding names the object, and nothing is written.
func TestTooMuchDamageIsReported(t *testing.T) {
	w := filled(t, shape{4, 2, 6}, 16)
	body := randomBody(77, 600_000)
	putBytes(t, w.p, "bucket", "precious", body)
	must(t, w.p.SealOpen(t.Context()))
	b, err := w.p.catalog.Bucket(t.Context(), "bucket")
	must(t, err)
	obj, err := w.p.catalog.Object(t.Context(), b.ID, "precious")
	must(t, err)
	e := obj.Extents[0]
	hit := 0
	for _, bp := range blocksOf(t, w.p, w.segmentFiles(t, w.dirs...)) {
		if bp.stripe == fmt.Sprintf("%v/%d", e.Segment, e.Stripe) && hit < w.shape.m+1 {
			hit++
			must(t, w.fs.Corrupt(bp.path, bp.off+bp.start, 100, func(p []byte) { p[3] ^= 1 }))
		}
	}
	spoiled := w.segmentFiles(t, w.dirs...)
	for range 2 { // and it stays so
		r := mendAll(t, w.p, MendOptions{})
		i := slices.IndexFunc(r.Findings, func(f Finding) bool { return f.Kind == FindingLost })
		if i < 0 || !slices.Equal(r.Findings[i].Objects, []string{"bucket/precious"}) || r.Findings[i].Mended {
			t.Fatalf("findings: %+v", r.Findings)
		}
		wantFiles(t, spoiled, w.segmentFiles(t, w.dirs...))
	}
	if _, err := getBytes(t.Context(), w.p, "bucket", "precious"); !errors.Is(err, ErrUnavailable) {
		t.Errorf("reading it: %v", err)
	}
	w.mustCheckBut(t, "precious")
}

// mustCheckBut compares all but one key, which the history does not know.
func (w *world) mustCheckBut(t *testing.T, key string) {
	t.Helper()
	list, err := listAll(t.Context(), w.p, "bucket")
	must(t, err)
	for _, o := range list {
		if o.Key != key {
			must(t, w.get(t.Context(), "bucket", o.Key, newRand(1)))
		}
	}
}

// TestParityThatDisagreesIsQuarantined forges a stripe whose checksums all hold
// and whose parity is not that of its data: it is reported, never "fixed" (R2).
func TestParityThatDisagreesIsQuarantined(t *testing.T) {
	w := openWorld(t, shape{2, 1, 3})
	w.mustPut(t, "a", 300)
	must(t, w.p.SealOpen(t.Context()))
	files := w.segmentFiles(t, w.dirs...)
	blocks := blocksOf(t, w.p, files)
	// Change the last byte of parity, and the table in every block to match it.
	target := blocks[len(blocks)-1].stripe
	var heads []drive.Header
	var places []blockPlace
	parity := -1
	for _, b := range blocks {
		if b.stripe == target {
			var h drive.Header
			must(t, drive.DecodeHeader(files[b.path][b.off:], &h))
			if h.Column >= h.K {
				parity = len(heads)
			}
			heads, places = append(heads, h), append(places, b)
		}
	}
	forged := bytes.Clone(files[places[parity].path][places[parity].off:][:places[parity].n])
	forged[places[parity].start] ^= 0x55
	sums := make([]uint64, heads[parity].Pieces())
	drive.SumPieces(sums, forged[places[parity].start:][:places[parity].length])
	for i, b := range places {
		h := heads[i]
		copy(h.Sums[heads[parity].Stored()*h.Pieces():], sums)
		must(t, w.fs.Corrupt(b.path, b.off, b.n, func(p []byte) {
			if i == parity {
				copy(p, forged)
			}
			drive.EncodeHeader(p[:h.PayloadStart()], &h)
		}))
	}
	forgedFiles := w.segmentFiles(t, w.dirs...)
	r := mendAll(t, w.p, MendOptions{})
	if len(r.Findings) != 1 || r.Findings[0].Kind != FindingParity || r.Findings[0].Mended {
		t.Fatalf("findings: %+v", r.Findings)
	}
	wantFiles(t, forgedFiles, w.segmentFiles(t, w.dirs...))
}

// TestMendMovesFiles gives a failed drive's files to others, and the pool does
// without that drive from then on.
func TestMendMovesFiles(t *testing.T) {
	w := filled(t, shape{2, 1, 6}, 24)
	w.p.opt.RebuildAfter = 0
	_, err := w.p.FailDrive(t.Context(), "2", ChangeOptions{})
	must(t, err)
	must(t, w.p.SealOpen(t.Context()))
	work, err := w.p.Work(t.Context())
	must(t, err)
	if len(work) == 0 {
		t.Fatal("there is no work")
	}
	r := mendAll(t, w.p, MendOptions{Move: true})
	if r.MovedFiles != len(work) {
		t.Errorf("%d files moved, %d had to", r.MovedFiles, len(work))
	}
	if work, err = w.p.Work(t.Context()); err != nil || len(work) != 0 {
		t.Errorf("left: %v, %v", work, err)
	}
	must(t, w.fs.RemoveAll(w.dirs[1]))
	w.fs.Unplug(w.dirs[4])
	w.mustCheck(t)
	w.fs.Plug(w.dirs[4])
	w.crash(newRand(3), 0)
	w.mustOpen(t)
	w.mustCheck(t)
	s, err := w.p.Status(t.Context())
	must(t, err)
	for n, count := range s.Redundancy.Missing {
		if n != "0" && count != 0 {
			t.Errorf("%d stripes miss %s columns", count, n)
		}
	}
}

// TestMendGoesOnAfterACrash cuts the power at every sync while files move.
func TestMendGoesOnAfterACrash(t *testing.T) {
	w := filled(t, shape{2, 1, 6}, 16)
	w.p.opt.RebuildAfter = 0
	_, err := w.p.FailDrive(t.Context(), "2", ChangeOptions{})
	must(t, err)
	must(t, w.p.SealOpen(t.Context()))
	rng := newRand(5)
	var mu sync.Mutex // syncs end on the drives' own goroutines
	var images []*faultfs.FS
	w.fs.AfterSync(func(faultfs.Op) {
		mu.Lock()
		defer mu.Unlock()
		if len(images) < 60 {
			images = append(images, takeImage(w.fs, rng, crashWays()[rng.IntN(len(crashWays()))]))
		}
	})
	mendAll(t, w.p, MendOptions{Move: true})
	w.fs.AfterSync(nil)
	now := w.h.now()
	for i, image := range images {
		p, err := openOn(context.WithoutCancel(t.Context()), w.opt, image)
		if err != nil {
			t.Fatalf("image %d: %v", i, err)
		}
		p.opt.RebuildAfter = 0
		if _, err := w.h.check(t.Context(), p, span{now, now}); err != nil {
			t.Fatalf("image %d: %v", i, err)
		}
		mendAll(t, p, MendOptions{Move: true})
		if _, err := w.h.check(t.Context(), p, span{now, now}); err != nil {
			t.Fatalf("image %d, mended: %v", i, err)
		}
		abandon(p, image)
	}
}
