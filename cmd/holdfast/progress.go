package main

import (
	"io"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// meter counts the bytes of one transfer on a bar. Without a terminal it shows nothing.
type meter struct {
	bars *mpb.Progress
	bar  *mpb.Bar
}

// newMeter draws on w if that is a terminal. total < 0 means that it is not known.
func newMeter(w io.Writer, name string, total int64) *meter {
	if !isTerminal(w) {
		return &meter{}
	}
	bars := mpb.New(mpb.WithOutput(w), mpb.WithWidth(48))
	before := []decor.Decorator{decor.Name(name, decor.WCSyncSpaceR)}
	if total < 0 {
		bar := bars.New(0, mpb.SpinnerStyle(), mpb.PrependDecorators(before...),
			mpb.AppendDecorators(decor.CurrentKibiByte("% .1f"), decor.AverageSpeed(decor.SizeB1024(0), "  % .1f")))
		return &meter{bars, bar}
	}
	bar := bars.New(total, mpb.BarStyle(), mpb.PrependDecorators(before...),
		mpb.AppendDecorators(decor.CountersKibiByte("% .1f / % .1f"), decor.AverageSpeed(decor.SizeB1024(0), "  % .1f"),
			decor.AverageETA(decor.ET_STYLE_GO, decor.WC{W: 8})))
	return &meter{bars, bar}
}

// reader counts what is read from r.
func (m *meter) reader(r io.Reader) io.Reader {
	if m.bar == nil {
		return r
	}
	return m.bar.ProxyReader(r)
}

// done takes the bar to its end, or away if the transfer failed, and waits until the terminal is the caller's again.
func (m *meter) done(err error) {
	if m.bar == nil {
		return
	}
	if err != nil {
		m.bar.Abort(true)
	} else {
		m.bar.SetTotal(-1, true)
	}
	m.bars.Wait()
}
