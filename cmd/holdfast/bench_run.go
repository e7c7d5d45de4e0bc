package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/holdfast-storage/holdfast/bench"
	benchreport "github.com/holdfast-storage/holdfast/bench/report"
	"github.com/holdfast-storage/holdfast/bench/suite"
)

// benchDrives is how many folders are measured if none is named: 4+2.
const benchDrives = 6

// benchAction measures, and prints what was complete even if it could not go on to the end.
func benchAction(ctx context.Context, con *console, cfg benchConfig) (err error) {
	home, err := os.MkdirTemp("", "holdfast-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(home)) }()
	var notes []string
	if len(cfg.dirs) == 0 {
		notes = append(notes, "No directory was named: the drives were folders among the temporary files, on one disk.")
		if cfg.dirs, err = benchFolders(home); err != nil {
			return err
		}
	} else if shared := sharedDevices(cfg.dirs); len(shared) > 0 {
		notes = append(notes, fmt.Sprintf("%d of the %d directories share a disk with another one.", len(shared), len(cfg.dirs)))
	}
	for _, dir := range cfg.dirs {
		if info, err := os.Stat(dir); err != nil {
			return err
		} else if !info.IsDir() {
			return fmt.Errorf("%s is not a directory", dir)
		}
	}
	page, err := newPageFile(cfg.html)
	if err != nil {
		return err
	}
	defer page.drop()
	for _, note := range notes {
		fmt.Fprintln(con.err, note)
	}

	launcher, err := newBenchLauncher(home, cfg.parity)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, launcher.end()) }()
	began := time.Now()
	machine := bench.ThisMachine(cfg.dirs)
	result, err := benchSuite(ctx, con, cfg, launcher)
	result.Version, result.Command, result.Began, result.Machine = version, cfg.command, began, machine
	result.Took, result.Notes = time.Since(began), append(notes, result.Notes...)
	if err != nil {
		if ctx.Err() == nil {
			fmt.Fprint(con.err, launcher.logTails())
		}
		if len(result.Goals)+len(result.Cells)+len(result.Limits) == 0 {
			return err
		}
		result.Notes = append(result.Notes, cutShort(err))
	}
	return errors.Join(err, con.benchResult(cfg, result, page))
}

// cutShort is the note about an error that ended a measurement.
func cutShort(err error) string { return "Cut short, so that not all is here: " + err.Error() }

// benchFolders makes a folder for each drive.
func benchFolders(home string) ([]string, error) {
	dirs, err := expandBraces(fmt.Sprintf("d{1...%d}", benchDrives))
	for i := range dirs {
		dirs[i] = filepath.Join(home, dirs[i])
		err = errors.Join(err, os.Mkdir(dirs[i], 0o700))
	}
	return dirs, err
}

func benchSuite(ctx context.Context, con *console, cfg benchConfig, launcher suite.Launcher) (bench.Result, error) {
	gauge, began := newGauge(con.err, "measuring"), time.Now()
	defer gauge.end()
	return suite.Run(ctx, suite.Options{
		Launcher: launcher, Mending: startBenchMending, Dirs: cfg.dirs, Full: cfg.full, Only: cfg.only,
		Turns:    bench.Turns{Rounds: cfg.rounds, Span: cfg.span},
		Progress: func(p suite.Progress) { gauge.show(standingSince(began, p.Done, p.Doing)) },
	})
}

// benchResult prints the result, writes the page, and with --strict is the answer no if a goal is missed.
func (con *console) benchResult(cfg benchConfig, result bench.Result, page *pageFile) error {
	result.KeepKnown()
	if err := page.write(result); err != nil {
		return err
	}
	write := func() error { return benchreport.Table(con.out, result) }
	if cfg.json {
		write = func() error { return con.writeJSON(result) }
	}
	if err := write(); err != nil {
		return err
	}
	if page != nil {
		fmt.Fprintf(con.err, "\nthe page: %s\n", cfg.html)
	}
	if missed := benchreport.Missed(result.Goals); cfg.strict && missed > 0 {
		return &noError{fmt.Sprintf("%s missed", count(missed, "goal"))}
	}
	return nil
}

// pageFile is the page on its way to its place: that there is one shows before anything is measured, and what was
// there before stays until the page is whole.
type pageFile struct {
	file *os.File
	path string
}

// newPageFile returns nil, which writes nothing, if there is no path.
func newPageFile(path string) (*pageFile, error) {
	if path == "" {
		return nil, nil
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return nil, fmt.Errorf("%s is a directory: --html wants a file", path)
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".holdfast-bench-*")
	if err != nil {
		return nil, err
	}
	return &pageFile{file, path}, nil
}

func (p *pageFile) write(result bench.Result) error {
	if p == nil {
		return nil
	}
	if err := errors.Join(benchreport.Page(p.file, result), p.file.Chmod(0o644), p.file.Close()); err != nil {
		return err
	}
	return os.Rename(p.file.Name(), p.path)
}

// drop removes what was not written to its end: what was has another name by then.
func (p *pageFile) drop() {
	if p != nil {
		_ = errors.Join(p.file.Close(), os.Remove(p.file.Name())) // nothing depends on it
	}
}
