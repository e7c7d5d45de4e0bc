package blockstore

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-storage/holdfast/blockstore/faultfs"
)

// TestGroupCommit: with a sync that takes 5 ms and 32 clients that put one
// object after the other, a commit takes nearly all of them along. It counts
// objects, not time.
func TestGroupCommit(t *testing.T) {
	const clients, objectsPerCommit = 32, 28
	p, _, fsys := poolWithBucket(t, 6, nil)
	fsys.SetHook(func(op faultfs.Op) faultfs.Fault {
		if op.Kind == faultfs.Sync && strings.Contains(op.Path, "segments/") {
			return faultfs.Fault{Delay: 5 * time.Millisecond}
		}
		return faultfs.Fault{}
	})
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for c := range clients {
		wg.Go(func() {
			body := randomBody(uint64(c), 4096)
			for n := 0; ctx.Err() == nil; n++ {
				_, err := p.Put(ctx, "bucket", fmt.Sprint(c, "/", n), strings.NewReader(string(body)), PutOptions{Size: 4096})
				if err != nil && ctx.Err() == nil {
					t.Error(err)
					return
				}
			}
		})
	}
	commits := func() CommitStatus { return status(t, p).Commits }
	waitFor(t, "all clients to be under way", func() bool { return commits().Changes > 4*clients })
	// On a machine that is busy with other things clients come late, too: one
	// window of several must show it.
	var per float64
	for try := 0; try < 6 && per < objectsPerCommit; try++ {
		from := commits()
		waitFor(t, "50 commits", func() bool { return commits().Batches >= from.Batches+50 })
		to := commits()
		per = float64(to.Changes-from.Changes) / float64(to.Batches-from.Batches)
		t.Logf("%.1f objects per commit over %d commits", per, to.Batches-from.Batches)
	}
	stop()
	wg.Wait()
	if per < objectsPerCommit {
		t.Errorf("%.1f objects per commit, want at least %d", per, objectsPerCommit)
	}
}

// TestGatheringEnds: however many changes the last batch had, and however steadily
// new ones come, those that are there wait no longer than was said.
func TestGatheringEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &Pool{requests: make(chan *request, 100), stopped: make(chan struct{}), batchBytes: 1 << 20}
		p.requests <- &request{}
		var wg sync.WaitGroup
		defer wg.Wait()
		began := time.Now()
		wg.Go(func() {
			for range 20 {
				time.Sleep(gatherMax / 4)
				p.requests <- &request{}
			}
		})
		reqs := p.gather(newGathering(), 50, gatherMax)
		if took := time.Since(began); took != gatherMax || len(reqs) < 4 || len(reqs) > 5 {
			t.Errorf("%d changes were gathered in %v", len(reqs), took)
		}
	})
}

// TestSealsWhileTheJournalRolls: seals of journal segments are made, as drives that
// fail have them made, while the journal goes on to the next segment. The race
// detector says whether they may be.
func TestSealsWhileTheJournalRolls(t *testing.T) {
	p, _, _ := poolWithBucket(t, 3, func(o *Options) { o.SegmentBytes = smallSegment })
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			for _, s := range p.segments.all() {
				s.sealRecord()
			}
			select {
			case <-done:
				return
			case <-time.After(time.Millisecond):
			}
		}
	})
	for i := range 30 {
		putBytes(t, p, "bucket", fmt.Sprint(i), randomBody(uint64(i), 20_000))
	}
	close(done)
	wg.Wait()
	if n := len(p.segments.all()); n < 3 {
		t.Errorf("%d segments: the journal did not roll", n)
	}
}
