package scrubber

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/netresearch/go-cron"
)

const (
	scheduleOff     = "off"
	scheduleDefault = "0 3 * * SUN" // weekly, in the night
)

// schedule says when runs start. The zero value is off.
type schedule struct {
	line string
	cron cron.Schedule // nil: off
}

// parseSchedule reads a line of cron with five fields, "@weekly" and the like,
// or "off". As in crontab(5), where both day and weekday are given one of them
// has to fit. Error: ErrSchedule.
func parseSchedule(line string) (schedule, error) {
	line = strings.Join(strings.Fields(line), " ")
	if strings.EqualFold(line, scheduleOff) {
		return schedule{}, nil
	}
	parser, err := cron.TryNewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.DowOrDom | cron.Descriptor)
	if err != nil {
		return schedule{}, err
	}
	c, err := parser.WithMinEveryInterval(time.Minute).Parse(line)
	if err == nil && c.Next(time.Unix(0, 0)).IsZero() {
		err = errors.New("no such day ever comes")
	}
	if err != nil {
		return schedule{}, fmt.Errorf("%w: %q: %w", ErrSchedule, line, err)
	}
	return schedule{line: line, cron: c}, nil
}

func (s schedule) String() string {
	if s.cron == nil {
		return scheduleOff
	}
	return s.line
}

// next is the first time after heeded; zero if there is none.
func (s schedule) next(heeded time.Time) time.Time {
	if s.cron == nil {
		return time.Time{}
	}
	return s.cron.Next(heeded)
}

// due says whether a run is to start now, and up to when the schedule has been
// heeded then (see the package's comment).
func (s schedule) due(heeded, now time.Time) (start bool, upTo time.Time) {
	if heeded.IsZero() || now.Before(heeded) {
		return false, now
	}
	// What was stored has an offset for a location, and so knows no summer time.
	next := s.next(heeded.In(now.Location()))
	if next.IsZero() || next.After(now) {
		return false, heeded
	}
	return true, now
}

// apart is the elapsed time that scheduled runs start apart at least. Only a
// clock that is set back over and over can bring them closer.
func (s schedule) apart(now time.Time) time.Duration {
	first := s.next(now)
	return min(time.Hour, s.next(first).Sub(first)/2)
}
