package blockstore

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/holdfast-storage/holdfast/blockstore/catalog"
)

// What happens again and again is told once, then counted: the next event of
// the same key comes a second later and says how often. As long as it goes on,
// that pause doubles, so that nothing that repeats pushes everything else out of
// the log.

// eventKey is what makes an event a repeat of another.
type eventKey struct {
	kind, severity, segment string
	drive                   uuid.UUID
}

// repeats is what came of one key since it was last told.
type repeats struct {
	until time.Time // nothing is told before
	pause time.Duration
	count int
	last  Event
}

const (
	repeatPause    = time.Second
	repeatPauseMax = time.Minute
	repeatKeysMax  = 4096 // beyond them, nothing is held back
)

func (e *Event) key() eventKey {
	key := eventKey{kind: e.Kind, severity: e.Severity, segment: e.Segment}
	if e.Drive != nil {
		key.drive = e.Drive.ID
	}
	return key
}

// saidBefore says of an event that is told once whether it was. The caller holds
// l.mu.
func (l *eventLog) saidBefore(e *Event) bool {
	if !e.once {
		return false
	}
	key, says := e.key(), e.Text+"\x00"+e.Done
	if l.said[key] == says {
		return true
	}
	if len(l.said) < repeatKeysMax {
		l.said[key] = says
	}
	return false
}

// hold counts an event if it is a repeat, else it says no. The caller holds l.mu.
func (l *eventLog) hold(e Event, now time.Time) bool {
	key := e.key()
	r := l.held[key]
	if r == nil || r.count == 0 && !now.Before(r.until) {
		if r != nil || len(l.held) < repeatKeysMax {
			l.held[key] = &repeats{until: now.Add(repeatPause), pause: repeatPause}
		}
		return false
	}
	r.count += max(1, e.Count)
	r.last = e
	return true
}

// expire queues the counts that are due, or all, and says whether there is
// anything to write, and when it is to be called again.
func (l *eventLog) expire(now time.Time, all bool) (pending bool, next time.Duration) {
	next = time.Hour
	l.mu.Lock()
	defer l.mu.Unlock()
	for key, r := range l.held {
		switch due := !now.Before(r.until); {
		case r.count == 0 && due:
			delete(l.held, key)
			continue
		case r.count > 0 && (due || all):
			e := r.last
			if e.Count = r.count; e.Count == 1 {
				e.Count = 0
			}
			l.add(e)
			r.pause = min(2*r.pause, repeatPauseMax)
			r.count, r.until = 0, now.Add(r.pause)
		}
		next = min(next, r.until.Sub(now))
	}
	return len(l.queue) > 0 || l.unwritten(), next
}

// unwritten says whether there are events in memory that can be written. The
// caller holds l.mu.
func (l *eventLog) unwritten() bool { return len(l.memory) > 0 && l.p.readOnly() == nil }

// What of an event is kept, so that it fits a setting however its characters
// are escaped.
const (
	eventObjectsMax = 100
	eventTextMax    = 2 << 10  // bytes
	eventBytesMax   = 60 << 10 // encoded
)

// complete fills in what the pool knows better than who notes an event.
func (p *Pool) complete(e *Event) {
	if e.Time.IsZero() {
		e.Time = p.now()
	}
	e.Time = e.Time.UTC()
	e.Text, e.Done = cut(e.Text), cut(e.Done)
	if over := len(e.Objects) - eventObjectsMax; over > 0 {
		e.Objects, e.MoreObjects = e.Objects[:eventObjectsMax:eventObjectsMax], e.MoreObjects+over
	}
	v := p.members.now()
	if e.Drive == nil || e.Drive.Slot != 0 || v == nil {
		return
	}
	d := *e.Drive
	if m, ok := v.member(d.ID); ok {
		d.Slot = m.Slot
	}
	if d.Path == "" {
		d.Path = p.book.path(d.ID)
	}
	e.Drive = &d
}

func cut(s string) string {
	if len(s) > eventTextMax {
		s = strings.ToValidUTF8(s[:eventTextMax], "") + "…"
	}
	return s
}

// record is the event as a setting.
func (e *Event) record() *catalog.Setting {
	c := *e
	for {
		value, err := json.Marshal(c)
		if err == nil && len(value) <= eventBytesMax || len(c.Objects) == 0 {
			return &catalog.Setting{Name: eventName(e.Seq), Value: value}
		}
		half := len(c.Objects) / 2
		c.Objects, c.MoreObjects = c.Objects[:half], c.MoreObjects+len(c.Objects)-half
	}
}

// parseEvent reads what record made. One that does not parse is not shown.
func parseEvent(value []byte) (e Event, ok bool) {
	err := json.Unmarshal(value, &e)
	return e, err == nil
}
