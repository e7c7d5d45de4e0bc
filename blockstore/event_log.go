package blockstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/holdfast-storage/holdfast/blockstore/catalog"
)

// eventLog keeps the pool's events: it takes them from whoever notes one, and
// its goroutine makes settings of them, "event/" and the number in hex each.
//
// Noting never waits: it may be done under any lock, and by the committer
// itself, through which the log writes. What cannot be written is shown from
// memory, and lost with the process; what nothing has room for is counted.
// No failure of the log itself makes an event, so it cannot feed itself.
type eventLog struct {
	p    *Pool
	wake chan struct{}      // one token: there is something to do
	now  chan chan struct{} // write now, then close the channel given

	loading sync.Mutex // one reads the bounds

	mu      sync.Mutex
	queue   []Event // not numbered yet
	held    map[eventKey]*repeats
	said    map[eventKey]string // texts of events that are told once
	dropped int                 // for want of room, since the last that had some
	news    chan struct{}       // closed when there are new events
	told    *membership         // of which all changes were noted

	loaded bool
	memory []Event // numbered, ascending, not known to be durable
	last   uint64  // number of the last event
	shown  uint64  // the last that may be seen: all up to it are in the catalog or in memory
	oldest uint64  // the first that may be in the catalog
}

const (
	eventPrefix    = "event/"
	eventsKept     = 10_000 // in the catalog
	eventQueueMax  = 1024   // not written yet
	eventBatchMax  = 64     // written at once
	eventPage      = 1000   // given at once
	eventGather    = 50 * time.Millisecond
	eventFlushWait = time.Second // that closing the pool waits for the last ones
	eventRetry     = time.Second // after a write that failed; doubled each time
	eventRetryMax  = time.Minute
)

func newEventLog(p *Pool) *eventLog {
	return &eventLog{
		p: p, wake: make(chan struct{}, 1), now: make(chan chan struct{}),
		held: make(map[eventKey]*repeats), said: make(map[eventKey]string), news: make(chan struct{}),
	}
}

func eventName(seq uint64) string { return fmt.Sprintf("%s%016x", eventPrefix, seq) }

func eventNumber(name string) uint64 {
	n, err := strconv.ParseUint(strings.TrimPrefix(name, eventPrefix), 16, 64)
	if err != nil {
		return 0 // nobody writes such a name
	}
	return n
}

func (l *eventLog) note(e Event) {
	l.p.complete(&e)
	l.mu.Lock()
	if e.every || !l.saidBefore(&e) && !l.hold(e, time.Now()) {
		l.add(e)
	}
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// add queues an event. The caller holds l.mu.
func (l *eventLog) add(e Event) {
	if len(l.queue) >= eventQueueMax {
		l.dropped += max(1, e.Count)
		return
	}
	if l.dropped > 0 && len(l.queue)+1 < eventQueueMax {
		l.queue = append(l.queue, Event{
			Time: e.Time, Kind: "events_lost", Stage: e.Stage, Severity: SeverityWarning,
			Text: fmt.Sprintf("%d events came faster than they could be written, and are not listed", l.dropped), Count: l.dropped,
		})
		l.dropped = 0
	}
	l.queue = append(l.queue, e)
}

func (l *eventLog) changed() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.news
}

// keepEvents writes events until the pool closes.
func (p *Pool) keepEvents() {
	l := p.events
	gather := p.opt.EventGather
	failed := time.Duration(0) // the pause after the last failure
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		pending, next := l.expire(time.Now(), false)
		switch {
		case pending && failed > 0:
			next = failed
		case pending:
			next = gather
		}
		timer.Reset(next)
		var flush chan struct{}
		if !pending {
			select {
			case <-l.wake:
				continue
			case <-timer.C:
				continue
			case flush = <-l.now:
			case <-p.stopped:
				return
			}
		} else {
			select {
			case <-timer.C:
			case flush = <-l.now:
			case <-p.stopped:
				return
			}
		}
		if flush != nil {
			l.expire(time.Now(), true)
		}
		switch err := l.write(); {
		case errors.Is(err, ErrClosed):
			return
		case err == nil:
			failed = 0
		default:
			failed = min(max(2*failed, eventRetry), eventRetryMax)
			p.log.Warn("events could not be written; they are kept in memory", "again in", failed, "error", err)
		}
		if flush != nil {
			close(flush)
		}
	}
}

// flush has everything written that was noted so far, if that is quick.
func (l *eventLog) flush(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, eventFlushWait)
	defer cancel()
	done := make(chan struct{})
	select {
	case l.now <- done:
	case <-ctx.Done():
		return
	}
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// write numbers what is queued and makes it durable.
func (l *eventLog) write() error {
	if err := l.load(l.p.ctx); err != nil {
		return err
	}
	l.mu.Lock()
	for _, e := range l.queue {
		l.last++
		e.Seq = l.last
		l.memory = append(l.memory, e)
	}
	l.queue = nil
	if over := len(l.memory) - eventQueueMax; over > 0 {
		l.memory = slices.Delete(l.memory, 0, over)
	}
	todo := slices.Clone(l.memory)
	l.mu.Unlock()
	if l.p.readOnly() != nil {
		l.show(todo, false)
		return nil
	}
	for part := range slices.Chunk(todo, eventBatchMax) {
		if err := l.writeBatch(part); err != nil {
			l.show(todo, false)
			if l.p.readOnly() != nil {
				return nil // there is no use in trying again
			}
			return err
		}
		l.show(part, true)
	}
	return nil
}

// writeBatch makes settings of events, and takes the place of the oldest.
func (l *eventLog) writeBatch(events []Event) error {
	var requests []*request
	for i := range events {
		requests = append(requests, settingRequest(events[i].record()))
	}
	l.mu.Lock()
	oldest := l.oldest
	l.mu.Unlock()
	// Twice the batch: what an opening with other events left behind goes, too.
	for last := events[len(events)-1].Seq; oldest+eventsKept <= last && len(requests) < 3*eventBatchMax; oldest++ {
		requests = append(requests, settingRequest(&catalog.Setting{Name: eventName(oldest)}))
	}
	if err := l.p.submitAll(l.p.ctx, requests); err != nil {
		return err
	}
	l.mu.Lock()
	l.oldest = oldest
	l.mu.Unlock()
	return nil
}

// show lets events be seen, of which it is known whether they are durable.
func (l *eventLog) show(events []Event, durable bool) {
	if len(events) == 0 {
		return
	}
	last := events[len(events)-1].Seq
	l.mu.Lock()
	defer l.mu.Unlock()
	if durable {
		l.memory = slices.DeleteFunc(l.memory, func(e Event) bool { return e.Seq <= last })
	}
	if last > l.shown {
		l.shown = last
		close(l.news)
		l.news = make(chan struct{})
	}
}

// load finds out, once, which events the catalog has.
func (l *eventLog) load(ctx context.Context) error {
	l.loading.Lock()
	defer l.loading.Unlock()
	if l.loaded {
		return nil
	}
	c := l.p.catalog
	name, err := c.LastSetting(ctx, eventPrefix)
	if err != nil && !errors.Is(err, catalog.ErrNotFound) {
		return unavailable(err)
	}
	first, err := c.SettingsAfter(ctx, eventPrefix, "", 1)
	if err != nil {
		return unavailable(err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last, l.oldest = eventNumber(name), 1
	if len(first) > 0 {
		l.oldest = eventNumber(first[0].Name)
	}
	l.shown, l.loaded = l.last, true
	return nil
}

// list gives events after a number, ascending.
func (l *eventLog) list(ctx context.Context, after uint64, max int) ([]Event, error) {
	if max <= 0 || max > eventPage {
		max = eventPage
	}
	if err := l.load(ctx); err != nil {
		return nil, err
	}
	// What is in memory now may be in the catalog next, but not the other way
	// round; and nothing is seen before all that came earlier can be.
	l.mu.Lock()
	shown := l.shown
	var memory []Event
	for _, e := range l.memory {
		if e.Seq > after && e.Seq <= shown {
			memory = append(memory, e)
		}
	}
	l.mu.Unlock()
	settings, err := l.p.catalog.SettingsAfter(ctx, eventPrefix, eventName(after), max)
	if err != nil && (len(memory) == 0 || ctx.Err() != nil) { // what tells why no catalog answers is in memory
		return nil, unavailable(err)
	}
	var events []Event
	for _, s := range settings {
		seq := eventNumber(s.Name)
		inMemory := slices.ContainsFunc(memory, func(e Event) bool { return e.Seq == seq })
		if e, ok := parseEvent(s.Value); ok && seq <= shown && !inMemory {
			e.Seq = seq
			events = append(events, e)
		}
	}
	events = append(events, memory...)
	slices.SortFunc(events, func(a, b Event) int { return cmp.Compare(a.Seq, b.Seq) })
	return events[:min(len(events), max)], nil
}
