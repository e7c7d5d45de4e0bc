package blockstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
	"testing/iotest"
)

// TestPuttingsAreApart: the memory of Puts is used again, and nothing of one gets into
// another: neither what was refused or failed in its middle, nor what is told of it.
func TestPuttingsAreApart(t *testing.T) {
	p, _, _ := poolWithBucket(t, 6, nil)
	cut := errors.New("cut")
	var wg sync.WaitGroup
	for c := range 4 {
		wg.Go(func() {
			for i := range 60 {
				key := fmt.Sprint(c, "/", i%7)
				body := randomBody(uint64(c*1000+i), 1+i*i)
				opt := PutOptions{Size: int64(len(body)), ContentType: fmt.Sprint("type/", c, i)}
				if i%2 == 0 {
					opt.Meta = []Pair{{Name: "n", Value: key}}
				}
				if i%3 == 0 {
					opt.Finish = func() (Finished, error) { return Finished{ETag: fmt.Sprint(c, "-", i)}, nil }
				}
				r := io.Reader(bytes.NewReader(body))
				switch i % 10 {
				case 3:
					r = io.MultiReader(bytes.NewReader(body[:len(body)/2]), iotest.ErrReader(cut))
				case 6:
					opt.If.IfMatch = []string{"none has this"}
				case 8:
					opt.Finish = func() (Finished, error) { return Finished{}, cut }
				}
				info, err := p.Put(context.Background(), "bucket", key, r, opt)
				switch failed := err != nil; {
				case failed != (i%10 == 3 || i%10 == 6 || i%10 == 8):
					t.Errorf("%s: %v", key, err)
				case failed:
				case info.Key != key || info.ContentType != opt.ContentType || len(info.Meta) != len(opt.Meta) ||
					(info.ETag != "") != (i%3 == 0) || info.Size != opt.Size || info.Version == 0:
					t.Errorf("%s is told to be %+v", key, info)
				default:
					if stored, err := getBytes(context.Background(), p, "bucket", key); err != nil || !bytes.Equal(stored, body) {
						t.Errorf("%s has %d bytes, or others, of %d, %v", key, len(stored), len(body), err)
					}
					got, err := p.Stat(context.Background(), "bucket", key)
					if err != nil || got.ContentType != opt.ContentType || len(got.Meta) != len(opt.Meta) || got.Version != info.Version {
						t.Errorf("%s is %+v, %v", key, got, err)
					}
				}
			}
		})
	}
	wg.Wait()
}

// TestPuttingIsKept: what the committer may still have, and what others may still hold for
// its columns, is not used again.
func TestPuttingIsKept(t *testing.T) {
	p, _, _ := poolWithBucket(t, 3, nil)
	for _, test := range []struct {
		name           string
		answered, lent bool
	}{{"unanswered", false, false}, {"lent", true, true}, {"free", true, false}} {
		w := p.putting()
		w.up.begin(p, t.Context(), bytes.NewReader(nil), 0, nil)
		w.rec.Key, w.up.lent = test.name, test.lent
		w.give(test.answered)
		if kept := w.rec.Key != ""; kept != (test.name != "free") {
			t.Errorf("%s: kept: %v", test.name, kept)
		}
	}
}
