package suite

import "github.com/holdfast-storage/holdfast/bench"

// Options say what is run, and where.
type Options struct {
	Launcher Launcher
	// Mending is for the pools that no daemon serves.
	Mending StartMending
	// Dirs are where the drives of the measured pools lie: one empty directory
	// for each of k+m drives, on the disks that are to be measured. Pools come
	// and go in directories below them, which are removed at the end.
	Dirs  []string
	Full  bool        // the whole matrix, too: it takes an hour and more
	Only  string      // only rows and cells whose name contains this, in any case of letters
	Turns bench.Turns // Rounds and Span, where they are not to be the suite's own; Told is not used
	// Progress is told what begins and how much of it all is done; may be nil.
	Progress func(Progress)
}

// Progress is how far the suite is.
type Progress struct {
	Doing string
	Done  float64 // share of the whole
}
