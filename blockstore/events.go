package blockstore

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// Event is one thing that happened to the pool: what, to which drive and
// objects, and what was done about it. Its JSON form is what `holdfast events
// --json` prints; scripts rely on it.
type Event struct {
	Seq      uint64      `json:"seq"`      // ascending; the pool sets it
	Time     time.Time   `json:"time"`     // the pool sets it if it is zero
	Kind     string      `json:"kind"`     // for programs: drive_faulted, checksum, …
	Stage    string      `json:"stage"`    // where the pool stands with it: one of the Stage constants
	Severity string      `json:"severity"` // info, warning, error
	Drive    *EventDrive `json:"drive,omitempty"`
	Segment  string      `json:"segment,omitempty"`
	Objects  []string    `json:"objects,omitempty"` // bucket/key; at most 100
	Text     string      `json:"text"`              // what happened
	Done     string      `json:"done,omitempty"`    // what was done about it
	Count    int         `json:"count,omitempty"`   // how often, if more than once: repeats are counted, not listed

	MoreObjects int `json:"more_objects,omitempty"` // how many more there are than Objects names

	every bool // never held back as a repeat: it is rare by its nature
	once  bool // not told again in this opening while it says the same
}

// EventDrive names the drive that an event is about. With the ID alone the pool
// fills in the rest.
type EventDrive struct {
	ID   uuid.UUID `json:"id"`
	Slot int       `json:"slot"`
	Path string    `json:"path,omitempty"`
}

// Stages of an event (DESIGN, "Fault tolerance, then resilience").
const (
	StageRunning    = "running"
	StageFailure    = "failure"    // something failed, and is not masked
	StageMasked     = "masked"     // redundancy hides it
	StageReduced    = "reduced"    // less service than there should be
	StageRecovering = "recovering" // on the way back
	StageRecovered  = "recovered"
)

// Severities of an event.
const (
	SeverityInfo    = "info"
	SeverityWarning = "warning"
	SeverityError   = "error"
)

// Note adds an event of a policy to the log. It never waits and cannot fail:
// the log says how many events it had no room for.
func (p *Pool) Note(e Event) { p.note(e) }

// note adds an event to the log, from any goroutine and under any lock.
func (p *Pool) note(e Event) { p.events.note(e) }

// Events gives up to max events with a number greater than after, ascending;
// 0 as max counts as 1000, which is the most.
//
// Errors: ErrClosed, ErrUnavailable.
func (p *Pool) Events(ctx context.Context, after uint64, max int) ([]Event, error) {
	leave, err := p.enter()
	if err != nil {
		return nil, err
	}
	defer leave()
	return p.events.list(ctx, after, max)
}

// EventsChanged gives a channel that is closed when there are new events. Ask
// for it, then for the events, then wait for it: so none is missed.
func (p *Pool) EventsChanged() <-chan struct{} { return p.events.changed() }

// about names a drive for an event.
func about(id uuid.UUID) *EventDrive { return &EventDrive{ID: id} }
