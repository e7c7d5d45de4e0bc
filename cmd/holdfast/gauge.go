package main

import (
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// standing is how far the daemon is with something that takes long.
type standing struct {
	share       float64       // of 1, where bytes do not tell; 0 where it is not known
	done, total int64         // bytes; total 0 where it is not known
	rate        int64         // bytes per second; 0 where it is not known
	left        time.Duration // 0 where it is not known
	note        string        // what else there is to say; may be empty
}

// standingSince is that of work of which a share is done, at the speed that it had since it began.
func standingSince(began time.Time, share float64, note string) standing {
	s := standing{share: share, note: note}
	if share > 0.01 {
		s.left = time.Duration(float64(time.Since(began)) * (1 - share) / share)
	}
	return s
}

// part is how much of 1 is done; below 0 where that is not known.
func (s standing) part() float64 {
	switch {
	case s.total > 0:
		return min(float64(s.done)/float64(s.total), 1)
	case s.share > 0:
		return min(s.share, 1)
	default:
		return -1
	}
}

// percent is empty where it is not known.
func (s standing) percent() string {
	if s.part() < 0 {
		return ""
	}
	return fmt.Sprintf("%.1f %%", 100*s.part())
}

// speed says rate and time left, as far as they are known.
func (s standing) speed() string {
	var parts []string
	if s.rate > 0 {
		parts = append(parts, size(s.rate)+"/s")
	}
	if s.left > 0 {
		parts = append(parts, s.left.Round(time.Second).String()+" left")
	}
	return strings.Join(parts, ", ")
}

func (s standing) String() string {
	amount := size(s.done)
	switch {
	case s.total > 0:
		amount += " of " + size(s.total)
	case s.done == 0 && s.note != "":
		amount = ""
	}
	var parts []string
	for _, part := range []string{s.percent(), amount, s.speed(), s.note} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, ", ")
}

// gaugePeriod is the time between two lines where there is no terminal to draw a bar on.
const gaugePeriod = 5 * time.Second

// barSteps is the length of a bar; one step more would end it, which end does.
const barSteps = 10_000

// gauge shows a standing again and again: as a bar with percent, rate and time left on a terminal, else in lines now
// and then.
type gauge struct {
	name string
	w    io.Writer
	bars *mpb.Progress // nil without a terminal
	bar  *mpb.Bar
	last atomic.Pointer[standing]
	next time.Time // of a line
	said string
}

func newGauge(w io.Writer, name string) *gauge {
	g := &gauge{name: name, w: w}
	g.last.Store(&standing{})
	if !isTerminal(w) {
		return g
	}
	text := func(f func(standing) string) decor.Decorator {
		return decor.Any(func(decor.Statistics) string { return f(*g.last.Load()) }, decor.WCSyncSpaceR)
	}
	g.bars = mpb.New(mpb.WithOutput(w), mpb.WithWidth(40))
	g.bar = g.bars.New(barSteps+1, mpb.BarStyle(),
		mpb.PrependDecorators(decor.Name(name, decor.WCSyncSpaceR), text(standing.percent)),
		mpb.AppendDecorators(text(standing.speed), text(func(s standing) string { return s.note })))
	return g
}

func (g *gauge) show(s standing) {
	g.last.Store(&s)
	if g.bar != nil {
		g.bar.SetCurrent(int64(barSteps * max(s.part(), 0)))
		return
	}
	now := time.Now()
	if text := s.String(); !now.Before(g.next) && text != g.said {
		g.next, g.said = now.Add(gaugePeriod), text
		fmt.Fprintf(g.w, "%s: %s\n", g.name, text)
	}
}

// end takes the bar away and waits until the terminal is the caller's again.
func (g *gauge) end() {
	if g.bar == nil {
		return
	}
	g.bar.Abort(true)
	g.bars.Wait()
}
