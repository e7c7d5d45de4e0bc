package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// demoRow is one line of the table at the end.
type demoRow struct {
	What    string  `json:"what"`
	Result  string  `json:"result"`
	Seconds float64 `json:"seconds"`
}

// finish prints the table and what can be done next.
func (d *demo) finish(took time.Duration, keep bool) error {
	if d.asJSON {
		return d.con.writeJSON(map[string]any{"differences": 0, "seconds": took.Seconds(), "steps": d.rows})
	}
	fmt.Fprintln(d.con.out)
	table := tabwriter.NewWriter(d.con.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "WHAT HAPPENED\tRESULT\tTIME")
	for _, row := range d.rows {
		fmt.Fprintf(table, "%s\t%s\t%.1f s\n", row.What, row.Result, row.Seconds)
	}
	fmt.Fprintf(table, "everything\tno byte differs, nothing acknowledged is lost\t%.1f s\n", took.Seconds())
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := io.WriteString(d.con.out, d.tryByHand(keep))
	return err
}

func (d *demo) tryByHand(keep bool) string {
	program := programName(d.daemon.self)
	if !keep {
		return "\nTo try by hand: `make run` starts a pool that stays and says what to type; while it runs, move one or two of the\n" +
			"directories in ./data away, and look at `" + program + " status`. `KEEP=1 make demo` keeps this demo's pool.\n"
	}
	var dirs []string
	for _, dir := range d.daemon.dirs {
		dirs = append(dirs, shellQuote(dir))
	}
	export := "export HOLDFAST_CREDENTIALS=" + shellQuote(d.daemon.keysPath())
	return "\nTo try by hand, start this demo's pool again:\n\n" +
		"    " + export + "\n" +
		"    " + program + " serve " + strings.Join(dirs, " ") + "\n\n" +
		"and in a second terminal:\n\n" +
		"    " + export + "\n" +
		"    " + program + " status\n" +
		"    " + program + " ls " + demoBucket + "/src/\n" +
		"    " + program + " get " + demoBucket + "/" + demoTarKey + " - | tar tf - | tail\n"
}

// counter counts from several goroutines.
type counter struct{ n atomic.Int64 }

func (c *counter) add()     { c.n.Add(1) }
func (c *counter) get() int { return int(c.n.Load()) }

func humanCount(n int) string { return humanize.Comma(int64(n)) }

// tracker shows how far a step is: a bar on a terminal, else a line every few seconds. It also is where a step's
// turning points are: at(n, do) runs do once, when n objects are done, while the others go on.
type tracker struct {
	out   io.Writer
	name  string
	total int
	bars  *mpb.Progress
	bar   *mpb.Bar

	mu     sync.Mutex
	n      int
	points map[int]func() error
	shown  time.Time
}

const plainInterval = 3 * time.Second

func newTracker(out io.Writer, name string, total int) *tracker {
	t := &tracker{out: out, name: name, total: total, points: make(map[int]func() error), shown: time.Now()}
	if isTerminal(out) {
		t.bars = mpb.New(mpb.WithOutput(out), mpb.WithWidth(48))
		t.bar = t.bars.New(int64(total), mpb.BarStyle(),
			mpb.PrependDecorators(decor.Name(name, decor.WCSyncSpaceR)),
			mpb.AppendDecorators(decor.CountersNoUnit("%d / %d"), decor.AverageSpeed(0, "  %.0f/s")))
	}
	return t
}

// at plans do for the moment when n objects are done. It is called before the step begins.
func (t *tracker) at(n int, do func() error) { t.points[max(n, 1)] = do }

// add counts one more and runs what was planned for this moment.
func (t *tracker) add() error {
	t.mu.Lock()
	t.n++
	n, point := t.n, t.points[t.n]
	plain := t.bar == nil && n < t.total && time.Since(t.shown) >= plainInterval
	if plain {
		t.shown = time.Now()
	}
	t.mu.Unlock()
	if t.bar != nil {
		t.bar.Increment()
	} else if plain {
		t.line(n)
	}
	if point != nil {
		return point()
	}
	return nil
}

func (t *tracker) line(n int) {
	fmt.Fprintf(t.out, "  %s of %s %s\n", humanCount(n), humanCount(t.total), t.name)
}

// done ends the display of a step that went to its end, or failed.
func (t *tracker) done(err error) {
	if err != nil {
		t.stop()
	} else if t.bar != nil {
		t.bars.Wait()
	} else {
		t.line(t.total)
	}
}

// stop ends the display where it stands.
func (t *tracker) stop() {
	if t.bar != nil {
		t.bar.Abort(false)
		t.bars.Wait()
		return
	}
	t.mu.Lock()
	n := t.n
	t.mu.Unlock()
	t.line(n)
}
