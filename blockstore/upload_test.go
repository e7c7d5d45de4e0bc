package blockstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
	"github.com/holdfast-storage/holdfast/blockstore/faultfs"
)

// fillUp makes one drive refuse every write to a bulk segment's stripes for lack
// of room from the nth on, which is not known to the pool before.
func fillUp(fsys *faultfs.FS, dir string, after int64) (written *atomic.Int64) {
	var here atomic.Int64
	written = new(atomic.Int64)
	fsys.SetHook(func(op faultfs.Op) faultfs.Fault {
		if op.Kind != faultfs.Write || !strings.Contains(op.Path, "segments/") {
			return faultfs.Fault{}
		}
		written.Add(op.Length)
		if op.Below(dir) && op.Offset > 0 && op.Length >= 64<<10 && here.Add(1) > after {
			return faultfs.Fault{Err: syscall.ENOSPC}
		}
		return faultfs.Fault{}
	})
	return written
}

// TestSealKnowsMissingColumns: a column that was found missing only after its
// segment was sealed is missing after a restart, too.
func TestSealKnowsMissingColumns(t *testing.T) {
	p, o, fsys := poolWithBucket(t, 6, func(o *Options) {
		o.SegmentBytes, o.PresencePeriod = 1<<20, time.Hour
	})
	putBytes(t, p, "bucket", "first", randomBody(1, 1<<20))
	fillUp(fsys, o.Dirs[0], 4)
	body := randomBody(2, 12<<20) // several segments
	putBytes(t, p, "bucket", "x", body)
	before := status(t, p).Redundancy
	if before.Missing["1"] == 0 {
		t.Fatalf("no column is missing: %+v", before)
	}
	fsys.SetHook(nil)
	img := fsys.Kill()
	if err := p.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	for name, fsys := range map[string]*faultfs.FS{"closed": fsys, "killed": img} {
		t.Run(name, func(t *testing.T) {
			o.FS, o.Init = fsys, false
			q := openPool(t, o)
			if after := status(t, q).Redundancy; after.Missing["1"] < before.Missing["1"] {
				t.Errorf("%d stripes miss a column after a restart, %d before", after.Missing["1"], before.Missing["1"])
			}
			wantBytes(t, q, "bucket", "x", body)
			if n := lost(t, q, "bucket", "x"); n > 0 {
				t.Errorf("%d columns are missing that no segment says may be", n)
			}
		})
	}
}

// lost counts the columns of an object that cannot be read although their file
// is not suspect.
func lost(t *testing.T, p *Pool, bucket, key string) (n int) {
	t.Helper()
	obj, err := p.Get(t.Context(), bucket, key)
	if err != nil {
		t.Fatal(err)
	}
	defer obj.Close()
	obj.parts(0, obj.info.Size, func(sp stripePart) bool {
		for i := range sp.at.d + sp.at.seg.m {
			buf, err := p.mem.rescues.get(t.Context())
			must(t, err)
			c := &column{stored: i, hi: drive.Pieces(sp.at.length), buf: buf, err: errUnread}
			r := p.newReading(t.Context(), sp.at, 1)
			r.cols = []*column{c}
			r.readAll()
			file := sp.at.seg.fileOf(drive.ColumnOf(i, sp.at.d, sp.at.seg.k), sp.at.no)
			if c.err != nil && sp.at.seg.suspect&(1<<file) == 0 {
				n++
			}
			r.end()
		}
		return true
	})
	return n
}

// TestMissingAddsUp: what a stripe lacks after one round of settling still
// counts when a drive is lost in the next.
func TestMissingAddsUp(t *testing.T) {
	p, _, _ := poolWithBucket(t, 6, func(o *Options) { o.PresencePeriod = time.Hour })
	body := randomBody(1, 1<<20)
	u := p.newUpload(t.Context(), bytes.NewReader(body), int64(len(body)), nil)
	defer u.close()
	if err := u.receive(); err != nil {
		t.Fatal(err)
	}
	if err := u.syncAll(); err != nil {
		t.Fatal(err)
	}
	s := &u.stripes[0]
	s.missing = 1 << s.seg.fileOf(0, s.no) // found in the first round
	if thin, err := u.judge(); err != nil || len(thin) > 0 {
		t.Fatalf("one of two columns to spare is missing: %v, %v", thin, err)
	}
	id := s.seg.driveOf(1, s.no) // lost before the second
	if err := p.exclude(t.Context(), map[uuid.UUID]error{id: errHung}); err != nil {
		t.Fatal(err)
	}
	if err := u.syncAll(); err != nil {
		t.Fatal(err)
	}
	if thin, err := u.judge(); err != nil || len(thin) == 0 || thin[0] != 0 {
		t.Errorf("none to spare is left, but stripes %v are thin: %v", thin, err)
	}
}

// TestFullDriveIsRolledAway: with one parity column, a stripe that a full drive
// did not take is written again elsewhere, once.
func TestFullDriveIsRolledAway(t *testing.T) {
	p, o, fsys := poolWithBucket(t, 3, func(o *Options) { o.PresencePeriod = time.Hour })
	for i := range bulkOpenMax {
		putBytes(t, p, "bucket", fmt.Sprint(i), randomBody(1, 1<<20))
	}
	written := fillUp(fsys, o.Dirs[0], 2)
	body := randomBody(2, 4<<20)
	putBytes(t, p, "bucket", "x", body)
	if n := written.Load(); n > 5*int64(len(body)) {
		t.Errorf("%d bytes were written for a body of %d", n, len(body))
	}
	wantBytes(t, p, "bucket", "x", body)
}

// TestSplitStripesNeedLittle: stripes that were made for a wide segment and go
// into a narrower one, many at once, when there is memory for only one of them:
// short ones that are spread and ones that are written again, too (R21).
func TestSplitStripesNeedLittle(t *testing.T) {
	p, _, _ := poolWithBucket(t, 6, nil)
	wide, err := p.bulk.segment(t.Context(), 0)
	must(t, err)
	_, err = p.FailDrive(t.Context(), "1", ChangeOptions{})
	must(t, err)
	for s, left := range map[*share]int{p.mem.spread: wide.k, p.mem.parity: wide.m} {
		bufs, err := s.getAll(t.Context(), int(s.total/int64(p.mem.columnBytes()))-left)
		must(t, err)
		defer releaseAll(bufs)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	body := randomBody(1, 4*drive.MaxColumnBytes)
	write := map[string]func(*upload, []*buffer) error{
		"whole": func(u *upload, cols []*buffer) error {
			u.cols, u.fill, u.limit = cols, drive.MaxColumnBytes, drive.MaxColumnBytes
			return u.writeStripe(wide, 4, int64(len(body)))
		},
		"spread": func(u *upload, cols []*buffer) error {
			releaseAll(cols[3:])
			u.cols, u.fill, u.limit = cols[:3], drive.MaxColumnBytes-100, drive.MaxColumnBytes
			return u.writeStripe(wide, 3, 3*drive.MaxColumnBytes-100)
		},
		"again": func(u *upload, cols []*buffer) error {
			defer releaseAll(cols)
			list, err := u.restripe(wide, 4, drive.MaxColumnBytes, [][]byte{body}, int64(len(body)))
			u.stripes = list
			return err
		},
	}
	var wg sync.WaitGroup
	for name, write := range write {
		for range 6 {
			wg.Go(func() {
				u := p.newUpload(ctx, nil, -1, nil)
				defer u.close()
				cols, err := p.mem.uploads.getAll(ctx, 4)
				if err != nil {
					t.Error(err)
					return
				}
				for i, c := range cols {
					copy(c.payload(), body[i*drive.MaxColumnBytes:])
				}
				if err := errors.Join(write(u, cols), u.settle()); err != nil {
					t.Errorf("%s: %v", name, err)
					return
				}
				var got []byte
				for _, s := range u.stripes {
					rd, err := p.readStripe(ctx, stripeAt{s.seg, s.no, s.offset, s.d, s.length}, 0, s.bytes)
					if err != nil {
						t.Errorf("%s: %v", name, err)
						return
					}
					got = append(got, bytes.Join(rd.spans, nil)...)
					rd.release()
				}
				if len(u.stripes) < 2 || len(got) == 0 || !bytes.HasPrefix(body, got) {
					t.Errorf("%s: %d stripes hold %d bytes, right: %v", name, len(u.stripes), len(got), bytes.HasPrefix(body, got))
				}
			})
		}
	}
	wg.Wait()
}

// TestShortStripeIsNotSpreadLonger: whatever a stripe's columns are, a short
// one is moved within them.
func TestShortStripeIsNotSpreadLonger(t *testing.T) {
	for m := 1; m <= 3; m++ {
		for k := 1; k <= 9; k++ {
			for limit := 4096; limit <= drive.MaxColumnBytes; limit += 2509 {
				for n := 1; n <= k; n++ {
					for _, f := range []int{1, 100, limit / 2, limit - 1} {
						b := int64(n-1)*int64(limit) + int64(f)
						if d, l := stripeGeometry(b, k, m, limit); d == 0 || l > limit || int64(d)*int64(l) < b {
							t.Fatalf("k %d, m %d: %d bytes in columns of %d become %d of %d", k, m, b, limit, d, l)
						}
					}
				}
			}
		}
	}
}
