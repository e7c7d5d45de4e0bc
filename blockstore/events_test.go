package blockstore

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// eventsOf gives all events that can be seen.
func eventsOf(t *testing.T, p *Pool) []Event {
	t.Helper()
	var all []Event
	for after := uint64(0); ; {
		page, err := p.Events(t.Context(), after, 0)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			return all
		}
		for _, e := range page {
			if e.Seq <= after {
				t.Fatalf("event %d comes after %d", e.Seq, after)
			}
			after = e.Seq
		}
		all = append(all, page...)
	}
}

// waitEvent waits for an event for which is says yes.
func waitEvent(t *testing.T, p *Pool, what string, is func(Event) bool) Event {
	t.Helper()
	late := time.After(20 * time.Second)
	for {
		news := p.EventsChanged()
		all := eventsOf(t, p)
		if i := slices.IndexFunc(all, is); i >= 0 {
			return all[i]
		}
		select {
		case <-news:
		case <-late:
			t.Fatalf("no event: %s; there are %+v", what, all)
		}
	}
}

func text(s string) func(Event) bool { return func(e Event) bool { return e.Text == s } }

// TestEventsSurvive shows that events, and their numbering, survive restarts,
// the loss of all catalogs and of m drives.
func TestEventsSurvive(t *testing.T) {
	o, fsys := memOptions(t, 6)
	p := openPool(t, o)
	for i := range 100 {
		p.Note(Event{Kind: "test", Severity: SeverityInfo, Segment: fmt.Sprint(i), Text: fmt.Sprint("note ", i), Objects: []string{"bucket/a", "bucket/b"}})
	}
	closeNow(t, p) // writes what was noted last
	p = openPool(t, o)
	want := eventsOf(t, p)
	if len(want) < 100 || want[len(want)-1].Seq < 100 {
		t.Fatalf("%d events", len(want))
	}
	for i, e := range slices.DeleteFunc(slices.Clone(want), func(e Event) bool { return e.Kind != "test" }) {
		if e.Text != fmt.Sprint("note ", i) || e.Time.IsZero() || !slices.Equal(e.Objects, []string{"bucket/a", "bucket/b"}) {
			t.Fatalf("event %d: %+v", i, e)
		}
	}
	closeNow(t, p)
	wipeCatalogs(fsys, o.Dirs)
	fsys.Unplug(o.Dirs[0])
	fsys.Unplug(o.Dirs[1])
	p = openPool(t, o)
	p.Note(Event{Kind: "test", Text: "after"})
	last := waitEvent(t, p, "after", text("after"))
	got := eventsOf(t, p)
	for i, e := range want {
		if got[i].Seq != e.Seq || got[i].Text != e.Text || !got[i].Time.Equal(e.Time) {
			t.Fatalf("event %d was %+v, is %+v", i, e, got[i])
		}
	}
	if last.Seq <= want[len(want)-1].Seq {
		t.Errorf("number %d after %d", last.Seq, want[len(want)-1].Seq)
	}
}

// TestEventsRepeat shows that what repeats is counted, and that no flood makes
// the log grow or block.
func TestEventsRepeat(t *testing.T) {
	o, _ := memOptions(t, 3)
	p := openPool(t, o)
	for i := range 10_000 {
		p.Note(Event{Kind: "storm", Segment: "7", Text: fmt.Sprint("gust ", i)})
	}
	first := waitEvent(t, p, "the first", func(e Event) bool { return e.Kind == "storm" })
	if first.Text != "gust 0" || first.Count != 0 {
		t.Errorf("the first is %+v", first)
	}
	rest := waitEvent(t, p, "the count", func(e Event) bool { return e.Kind == "storm" && e.Seq > first.Seq })
	if rest.Text != "gust 9999" || rest.Count != 9_999 {
		t.Errorf("the rest is %+v", rest)
	}
	for i := range 3 * eventQueueMax {
		p.Note(Event{Kind: "flood", Segment: fmt.Sprint(i), Text: "wave"})
	}
	waitFor(t, "the flood to be written", func() bool {
		l := p.events
		l.mu.Lock()
		defer l.mu.Unlock()
		return len(l.queue)+len(l.memory) == 0
	})
	p.Note(Event{Kind: "after", Text: "after"})
	waitEvent(t, p, "after", text("after"))
	seen := 0
	for _, e := range eventsOf(t, p) {
		switch e.Kind {
		case "flood":
			seen++
		case "events_lost":
			seen += e.Count
		}
	}
	if seen != 3*eventQueueMax {
		t.Errorf("%d events seen or counted of %d", seen, 3*eventQueueMax)
	}
}

// TestEventsReadOnly shows that a pool that takes no changes tells all the same.
func TestEventsReadOnly(t *testing.T) {
	o, fsys := memOptions(t, 4)
	p := openPool(t, o)
	p.Note(Event{Kind: "test", Text: "before"})
	waitEvent(t, p, "before", text("before"))
	if err := replicated(t.Context(), p); err != nil { // or the last batch is not settled
		t.Fatal(err)
	}
	closeNow(t, p)
	fsys.Unplug(o.Dirs[0])
	fsys.Unplug(o.Dirs[1])
	p = openPool(t, o)
	if p.readOnly() == nil {
		t.Fatal("the pool takes changes")
	}
	p.Note(Event{Kind: "test", Text: "now"})
	now := waitEvent(t, p, "now", text("now"))
	before := waitEvent(t, p, "before", text("before"))
	if now.Seq <= before.Seq {
		t.Errorf("%d after %d", now.Seq, before.Seq)
	}
	closeNow(t, p)
	if _, err := p.Events(t.Context(), 0, 1); !errors.Is(err, ErrClosed) {
		t.Errorf("a closed pool: %v", err)
	}
}

// flushEvents has all events written that tell of the pool's beginning, and those that
// were noted since: nothing is written of itself then.
func flushEvents(t *testing.T, p *Pool) {
	t.Helper()
	wantReplicas(t, p) // of which events tell
	waitFor(t, "the events to be written", func() bool {
		p.events.flush(t.Context()) // which waits for a while only
		p.events.mu.Lock()
		defer p.events.mu.Unlock()
		return len(p.events.queue)+len(p.events.memory) == 0
	})
}

// TestEventsKept shows that only the last ones are kept.
func TestEventsKept(t *testing.T) {
	o, _ := memOptions(t, 3)
	o.EventGather = time.Hour // the test writes
	p := openPool(t, o)
	l := p.events
	flushEvents(t, p)
	l.mu.Lock()
	l.last += eventsKept - 30 // as if so many had been
	l.oldest = 1
	l.mu.Unlock()
	first := l.last + 1
	note := func(n int) {
		for i := range n {
			p.Note(Event{Kind: "test", Segment: fmt.Sprint(l.last, i), Text: fmt.Sprint(i)})
		}
		flushEvents(t, p)
	}
	note(200)
	all := eventsOf(t, p)
	if len(all) != 200 || all[0].Seq != first {
		t.Fatalf("%d events from %d", len(all), all[0].Seq)
	}
	l.mu.Lock()
	if want := l.last - eventsKept + 1; l.oldest != want {
		t.Errorf("the oldest is %d, want %d", l.oldest, want)
	}
	l.last += eventsKept - 210
	l.oldest = first
	l.mu.Unlock()
	note(100) // pushes out some of those
	if e := eventsOf(t, p)[0]; e.Seq+eventsKept != l.last+1 {
		t.Errorf("the oldest is %d, the last %d", e.Seq, l.last)
	}
	closeNow(t, p)
	p = openPool(t, o)
	if got := eventsOf(t, p); len(got) > eventsKept || got[len(got)-1].Text != "99" {
		t.Errorf("%d events, the last %+v", len(got), got[len(got)-1])
	}
}

// TestEventSize shows that no event is too long to be written.
func TestEventSize(t *testing.T) {
	o, _ := memOptions(t, 3)
	p := openPool(t, o)
	e := Event{Kind: "long", Text: strings.Repeat("\x01", 1<<20), Done: strings.Repeat("<", 1<<20)}
	for range 1000 {
		e.Objects = append(e.Objects, "bucket/"+strings.Repeat("\x02", 1024))
	}
	p.Note(e)
	got := waitEvent(t, p, "the long one", func(e Event) bool { return e.Kind == "long" })
	if len(got.Objects) == 0 || len(got.Objects)+got.MoreObjects != 1000 {
		t.Errorf("%d objects and %d more", len(got.Objects), got.MoreObjects)
	}
	if l := p.events; len(l.memory) != 0 {
		t.Errorf("%d events were not written", len(l.memory))
	}
}

// TestEventsUnwritable shows that events which cannot be written are seen all
// the same, make no events of their own, and are written when that is possible.
func TestEventsUnwritable(t *testing.T) {
	p, o, fsys := poolWithBucket(t, 4, func(o *Options) { o.PresencePeriod = 5 * time.Millisecond; o.SegmentBytes = 64 << 10 })
	waitEvent(t, p, "opened", func(e Event) bool { return e.Kind == "opened" })
	for _, dir := range o.Dirs {
		fsys.SetFree(dir, 0)
	}
	waitFor(t, "settings to find no room", func() bool {
		return errors.Is(p.SetSetting(t.Context(), "scrub", make([]byte, 40<<10)), ErrNoSpace)
	})
	held := func() int {
		p.events.mu.Lock()
		defer p.events.mu.Unlock()
		return len(p.events.memory)
	}
	for i := 0; held() == 0; i++ {
		text := fmt.Sprint("note ", i)
		p.Note(Event{Kind: "test", Text: text + strings.Repeat(" ", 1000), every: true})
		waitEvent(t, p, text, func(e Event) bool { return strings.TrimSpace(e.Text) == text })
	}
	seen := len(eventsOf(t, p))
	time.Sleep(2 * eventRetry)
	if now := len(eventsOf(t, p)); now != seen {
		t.Errorf("%d events became %d", seen, now)
	}
	for _, dir := range o.Dirs {
		fsys.SetFree(dir, -1)
	}
	waitFor(t, "them to be written", func() bool { return held() == 0 })
	if now := len(eventsOf(t, p)); now < seen {
		t.Errorf("%d events became %d", seen, now)
	}
}
