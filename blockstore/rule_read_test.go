package blockstore

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/holdfast-storage/holdfast/blockstore/catalog"
	"github.com/holdfast-storage/holdfast/blockstore/drive"
	"github.com/holdfast-storage/holdfast/blockstore/faultfs"
)

// ruleBench is a bulk segment of 2+2 to lay stripes into by hand.
type ruleBench struct {
	t    *testing.T
	p    *Pool
	o    Options
	fsys *faultfs.FS
	seg  *segment
}

func newRuleBench(t *testing.T) *ruleBench {
	t.Helper()
	return newRuleBenchOf(t, time.Minute)
}

func newRuleBenchOf(t *testing.T, patience time.Duration) *ruleBench {
	t.Helper()
	return newRuleBenchWith(t, 4, patience)
}

// newRuleBenchWith has as many drives, two of them for parity.
func newRuleBenchWith(t *testing.T, drives int, patience time.Duration) *ruleBench {
	t.Helper()
	o, fsys := ruleOptions(t, drives, 2)
	o.Patience = patience
	p := rulePool(t, o)
	seg, err := p.newSegment(t.Context(), drive.Bulk)
	if err != nil {
		t.Fatal(err)
	}
	p.segments.add(seg)
	return &ruleBench{t, p, o, fsys, seg}
}

// stripe makes one of data, at the segment's first place. It has its checksums.
func (b *ruleBench) stripe(data []byte, d int) *stripe {
	b.t.Helper()
	bufs, err := b.p.mem.parity.getAll(b.t.Context(), d+b.seg.m)
	if err != nil {
		b.t.Fatal(err)
	}
	st := &stripe{d: d, length: len(data) / d, bufs: bufs}
	b.t.Cleanup(st.release)
	for i := range d {
		copy(bufs[i].payload(), data[i*st.length:(i+1)*st.length])
	}
	st.place(b.seg, 0, drive.FirstBlock)
	if err := b.p.seal(st, drive.Batch{}, false); err != nil {
		b.t.Fatal(err)
	}
	return st
}

// write puts a stored column of the stripe into a file.
func (b *ruleBench) write(st *stripe, i, file int) {
	b.t.Helper()
	done := make(chan error, 1)
	b.seg.files[file].WriteAt(st.block(i), st.offset, func(err error) { done <- err })
	if err := <-done; err != nil {
		b.t.Fatal(err)
	}
}

// lay writes all columns to where they belong.
func (b *ruleBench) lay(st *stripe) {
	for i := range st.columns() {
		b.write(st, i, st.file(i))
	}
}

// rot changes a byte of a stored column, counted from its block's start.
func (b *ruleBench) rot(st *stripe, i int, at int64) {
	b.t.Helper()
	v := b.p.members.now()
	path := v.drives[b.seg.drives[st.file(i)]].Dir() + "/segments/" + b.seg.id.String()
	if err := b.fsys.Corrupt(path, st.offset+at, 1, func(p []byte) { p[0] ^= 1 }); err != nil {
		b.t.Fatal(err)
	}
}

func (b *ruleBench) read(st *stripe) ([]byte, error) {
	at := stripeAt{seg: b.seg, no: st.no, offset: st.offset, d: st.d, length: st.length}
	rd, err := b.p.readStripe(b.t.Context(), at, 0, at.bytes())
	if err != nil {
		return nil, err
	}
	defer rd.release()
	return bytes.Join(rd.spans, nil), nil
}

// disagree makes the stripe's parity wrong, under checksums that hold.
func (b *ruleBench) disagree(st *stripe) {
	pieces, start := st.head.Pieces(), st.head.PayloadStart()
	for i := range st.columns() {
		cols := st.bufs[i].payload()[:st.length]
		if i >= st.d {
			cols[0] ^= 1
		}
		drive.SumPieces(st.head.Sums[i*pieces:(i+1)*pieces], cols)
	}
	for i, buf := range st.bufs {
		st.head.Column = drive.ColumnOf(i, st.d, b.seg.k)
		drive.EncodeHeader(buf.b[b.p.mem.payloadAt-start:b.p.mem.payloadAt], &st.head)
	}
}

// TestRottenPiecesAreNotUsed: a wrong byte is neither given out nor
// reconstructed from (R2).
func TestRottenPiecesAreNotUsed(t *testing.T) {
	b := newRuleBench(t)
	data := randomBody(1, 20_000)
	st := b.stripe(data, 2)
	b.lay(st)
	for _, i := range []int{0, 2} { // a data column, and the parity that would come first
		b.rot(st, i, int64(st.head.PayloadStart())+5000)
		if got, err := b.read(st); err != nil || !bytes.Equal(got, data) {
			t.Fatalf("with column %d rotten: %v, right: %v", i, err, bytes.Equal(got, data))
		}
	}
}

// TestColumnsOfTwoGenerations: of two stripes that claim one place, columns
// never count together (R1).
func TestColumnsOfTwoGenerations(t *testing.T) {
	b := newRuleBench(t)
	old, fresh := randomBody(1, 20_000), randomBody(2, 20_000)
	was, is := b.stripe(old, 2), b.stripe(fresh, 2)
	b.lay(was)
	b.write(is, 1, is.file(1))
	if got, err := b.read(was); err != nil || !bytes.Equal(got, old) {
		t.Errorf("one column is of another stripe: %v, right: %v", err, bytes.Equal(got, old))
	}
	b.write(is, 3, is.file(3))
	if got, err := b.read(was); err == nil && !bytes.Equal(got, old) && !bytes.Equal(got, fresh) {
		t.Error("two stripes were mixed")
	}
}

// TestReconstructedIsVerified: parity that disagrees with data, under checksums
// that hold, gives an error and never its bytes (R2, R3).
func TestReconstructedIsVerified(t *testing.T) {
	b := newRuleBench(t)
	st := b.stripe(randomBody(1, 20_000), 2)
	b.disagree(st)
	b.lay(st)
	b.rot(st, 0, int64(st.head.PayloadStart()))
	var damage *DamageError
	if _, err := b.read(st); !errors.As(err, &damage) || !errors.Is(err, ErrUnavailable) {
		t.Errorf("read: %v", err)
	}
}

// TestBadColumnsAreBounded: a segment with very many bad columns notes some
// thousands one by one, then files as a whole; and tells of a few a second.
func TestBadColumnsAreBounded(t *testing.T) {
	b := newRuleBench(t)
	for no := range uint32(badMax + 10) {
		b.p.blame(stripeAt{seg: b.seg, no: no, d: 2, length: 100}, 0, errPiece)
		if no < badMax && (len(b.seg.bad) != int(no)+1 || b.seg.suspect != 0) {
			t.Fatalf("%d stripes are noted of %d, and files %b", len(b.seg.bad), no+1, b.seg.suspect)
		}
	}
	b.p.bulk.retire(true)
	b.p.retire(b.seg)
	if len(b.seg.bad) != badMax || b.seg.suspect != 0b1111 {
		t.Errorf("%d stripes are noted, and files %b", len(b.seg.bad), b.seg.suspect)
	}

	sealed := newSegment(1, drive.Bulk, 2, 2, b.seg.drives)
	sealed.seal(0)
	for no := range uint32(badMax + 1) {
		b.p.blame(stripeAt{seg: sealed, no: no, d: 2, length: 100}, 0, errPiece)
	}
	if want := uint64(1) << sealed.fileOf(0, badMax); sealed.suspect != want {
		t.Errorf("files %b are suspect, want %b", sealed.suspect, want)
	}

	var lines lineBudget
	logged, leftOut, at := 0, 0, time.Now()
	for i := range 100 {
		ok, n := lines.pass(at.Add(time.Duration(i) * 20 * time.Millisecond))
		if ok {
			logged, leftOut = logged+1, leftOut+n
		}
	}
	if logged != 2*linesMax || leftOut != 50-linesMax {
		t.Errorf("%d lines are logged of 100 in two seconds, and said to be left out of the first %d", logged, leftOut)
	}
}

// TestBlocksSayWhoTheyAre: a valid block in a place that is not its own is not
// read (R1).
func TestBlocksSayWhoTheyAre(t *testing.T) {
	b := newRuleBench(t)
	st := b.stripe(randomBody(1, 20_000), 2)
	at := stripeAt{seg: b.seg, no: st.no, offset: st.offset, d: st.d, length: st.length}
	for name, change := range map[string]func(*drive.Header){
		"":        func(*drive.Header) {},
		"pool":    func(h *drive.Header) { h.Pool = uuid.UUID{1} },
		"segment": func(h *drive.Header) { h.Segment++ },
		"stripe":  func(h *drive.Header) { h.Stripe++ },
		"offset":  func(h *drive.Header) { h.Offset += drive.PageBytes },
		"column":  func(h *drive.Header) { h.Column = 1 },
		"length":  func(h *drive.Header) { h.Length-- },
		"k":       func(h *drive.Header) { h.K++ },
	} {
		h := st.head
		h.Column = 0
		change(&h)
		header := make([]byte, h.PayloadStart())
		drive.EncodeHeader(header, &h)
		c := &column{stored: 0}
		err := c.verify(b.p, at, 0, header)
		if name == "" && err != nil || name != "" && !errors.Is(err, errForeignBlock) {
			t.Errorf("another %s: %v", name, err)
		}
	}
}

// TestMisplacedBlocksAreNoEvidence: recovery does not count a block that lies in
// another column's file (R1).
func TestMisplacedBlocksAreNoEvidence(t *testing.T) {
	b := newRuleBench(t)
	st := b.stripe(randomBody(1, 5000), 1)
	b.lay(st)
	b.write(st, 0, b.seg.fileOf(1, st.no)) // which holds nothing of this stripe
	b.rot(st, 0, 0)
	head := drive.FileHeader{Kind: b.seg.kind, K: b.seg.k, M: b.seg.m, Pool: b.p.id, Segment: b.seg.id, Drives: b.seg.drives}
	found := b.p.scanSegment(t.Context(), head, b.p.members.now().drives, true)
	for _, s := range found.stripes[st.no] {
		if s.good&1 != 0 {
			t.Error("the column counts, and is not where it is read")
		}
	}
	if len(found.stripes[st.no]) != 1 {
		t.Errorf("%d stripes found", len(found.stripes[st.no]))
	}
}

// TestObjectsHaveTheirOwnChecksum: stripes that are right, but not the object's,
// are not given out whole (R3), and neither are those whose checksum is of the other form.
func TestObjectsHaveTheirOwnChecksum(t *testing.T) {
	o, _ := ruleOptions(t, 2, 1)
	p := rulePool(t, o)
	putBytes(t, p, "bucket", "right", randomBody(1, 5000))
	obj, err := p.Get(t.Context(), "bucket", "right")
	if err != nil {
		t.Fatal(err)
	}
	rec := obj.object
	obj.Close()
	b, err := p.catalog.Bucket(t.Context(), "bucket")
	if err != nil {
		t.Fatal(err)
	}
	body := catalog.Body{Extents: rec.Extents}
	rec.Version, rec.Extents = 0, nil
	forge := func(key string, sum catalog.Checksum) {
		rec := rec
		rec.Checksum = sum
		_, err = p.submit(t.Context(), &request{decide: func(*decision) (catalog.Record, error) {
			return &catalog.Put{Bucket: b.ID, Key: key, Object: rec, Body: body}, nil
		}})
		if err != nil {
			t.Fatal(err)
		}
	}
	forge("wrong", catalog.Checksum{Sum: rec.Checksum.Sum ^ 1, Leaves: true})
	forge("of before", checksumOf(randomBody(1, 5000), false))
	forge("other form", catalog.Checksum{Sum: rec.Checksum.Sum})
	wantBytes(t, p, "bucket", "right", randomBody(1, 5000))
	wantBytes(t, p, "bucket", "of before", randomBody(1, 5000))
	for _, key := range []string{"wrong", "other form"} {
		if _, err := getBytes(t.Context(), p, "bucket", key); !errors.Is(err, ErrUnavailable) {
			t.Errorf("%s: %v", key, err)
		}
	}
}

// TestNotFoundTakesACatalog: without a catalog there is no answer, and never
// "not found" (R12).
func TestNotFoundTakesACatalog(t *testing.T) {
	o, _ := ruleOptions(t, 2, 1)
	p := rulePool(t, o)
	putBytes(t, p, "bucket", "k", []byte("x"))
	for replicas := p.catalog.Replicas(); len(replicas) > 0; replicas = p.catalog.Replicas() {
		_ = p.catalog.Detach(t.Context(), replicas[0].Name)
	}
	_, bucketErr := p.Bucket(t.Context(), "bucket")
	_, statErr := p.Stat(t.Context(), "bucket", "k")
	_, getErr := p.Get(t.Context(), "bucket", "k")
	_, listErr := p.List(t.Context(), "bucket", ListOptions{Max: 1})
	_, putErr := p.Put(t.Context(), "bucket", "k", bytes.NewReader(nil), PutOptions{})
	_, deleteErr := p.Delete(t.Context(), "bucket", "k", Condition{})
	for i, err := range []error{bucketErr, statErr, getErr, listErr, putErr, deleteErr} {
		if !errors.Is(err, ErrUnavailable) || errors.Is(err, ErrNoSuchKey) || errors.Is(err, ErrNoSuchBucket) {
			t.Errorf("%d: %v", i, err)
		}
	}
}
