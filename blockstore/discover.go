package blockstore

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/google/uuid"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// found is what the directories given to Open hold.
type found struct {
	drives map[uuid.UUID]*drive.Drive
	epochs map[uuid.UUID]uint32 // of the labels as found
	heard  map[uuid.UUID]uint32 // the highest epoch that those know of, if only as reserved
	top    drive.Label          // the newest
	empty  []string             // directories without a label, or absent
	broken map[string]error     // directories that cannot be read: drives that fail
}

// discover opens the drives, or makes them.
func discover(o Options) (*found, error) {
	labels, empty, broken, err := readLabels(o)
	if err != nil {
		return nil, err
	}
	if len(labels) == 0 {
		for _, dir := range slices.Sorted(maps.Keys(broken)) {
			return nil, fmt.Errorf("%s: %w", dir, broken[dir]) // it may be anything
		}
		if !o.Init {
			return nil, fmt.Errorf("%w: none of the %d directories holds a drive; a new pool is made with --init", ErrNoPool, len(o.Dirs))
		}
		if err := create(o); err != nil {
			return nil, err
		}
		if labels, empty, broken, err = readLabels(o); err != nil {
			return nil, err
		}
	}
	if o.Init {
		finished, err := finishCreation(o, labels, empty)
		if err != nil {
			return nil, err
		}
		if finished {
			if labels, empty, broken, err = readLabels(o); err != nil {
				return nil, err
			}
		}
	}
	f := &found{
		drives: make(map[uuid.UUID]*drive.Drive), epochs: make(map[uuid.UUID]uint32), heard: make(map[uuid.UUID]uint32),
		empty: empty, broken: broken,
	}
	f.top, err = newest(labels)
	if err != nil {
		return nil, err
	}
	if err := checkAgainst(o, f.top, labels, empty, broken); err != nil {
		return nil, err
	}
	locked := make(map[string]drive.Label)
	for dir, l := range labels {
		d, err := patiently(o.Patience, func() (*drive.Drive, error) {
			return drive.Open(drive.Options{FS: o.FS, Logger: o.Logger, ReadOnly: o.ReadOnly}, dir)
		}, func(d *drive.Drive) { _ = d.Close() })
		if err != nil && failsAsDrive(err) {
			o.Logger.Error("a drive cannot be opened", "path", dir, "error", err)
			broken[dir] = err
			continue
		}
		if err != nil {
			return nil, errors.Join(err, closeDrives(f.drives))
		}
		l = d.Label() // as it is now that nobody else can change it
		f.drives[l.Drive], f.epochs[l.Drive], f.heard[l.Drive], locked[dir] = d, l.Epoch, max(l.Epoch, l.Reserved), l
	}
	if len(locked) > 0 {
		f.top, err = newest(locked)
	}
	if err != nil {
		return nil, errors.Join(err, closeDrives(f.drives))
	}
	return f, nil
}

// failsAsDrive says whether an error is that of a drive that does not work,
// which counts as a missing one, and not of something that a person must set
// right first.
func failsAsDrive(err error) bool {
	for _, other := range []error{
		drive.ErrVersion, drive.ErrLocked,
		fs.ErrPermission, syscall.ENOTDIR, ErrForeign,
	} {
		if errors.Is(err, other) {
			return false
		}
	}
	return true
}

// patiently calls f, and gives it up when it takes longer than that; what it
// returns then goes to discard. A drive that hangs holds up nobody (R13).
func patiently[T any](patience time.Duration, f func() (T, error), discard func(T)) (T, error) {
	type result struct {
		v   T
		err error
	}
	results, gone := make(chan result), make(chan struct{})
	go func() {
		v, err := f()
		select {
		case results <- result{v, err}:
		case <-gone:
			if err == nil && discard != nil {
				discard(v)
			}
		}
	}()
	late := countDown(patience, nil)
	defer late.Stop()
	select {
	case r := <-results:
		return r.v, r.err
	case <-late.C:
		close(gone)
		var none T
		return none, errHung
	}
}

// readLabels looks into every directory.
func readLabels(o Options) (labels map[string]drive.Label, empty []string, broken map[string]error, err error) {
	labels, broken = make(map[string]drive.Label), make(map[string]error)
	byDrive := make(map[uuid.UUID]string)
	seen := make(map[string]bool)
	for _, dir := range o.Dirs {
		if clean := filepath.Clean(dir); seen[clean] {
			return nil, nil, nil, fmt.Errorf("%w: %s is given twice", ErrOptions, dir)
		} else {
			seen[clean] = true
		}
		l, err := patiently(o.Patience, func() (drive.Label, error) { return drive.ReadLabel(o.FS, dir) }, nil)
		if errors.Is(err, drive.ErrNotFound) || errors.Is(err, drive.ErrNoLabel) {
			_, err = patiently(o.Patience, func() (struct{}, error) { return struct{}{}, mustBeDeserted(o, dir) }, nil)
			if err == nil {
				empty = append(empty, dir)
				continue
			}
		}
		switch {
		case err != nil && failsAsDrive(err):
			o.Logger.Error("a drive cannot be read", "path", dir, "error", err)
			broken[dir] = err
			continue
		case err != nil:
			return nil, nil, nil, err
		}
		if other, ok := byDrive[l.Drive]; ok {
			return nil, nil, nil, fmt.Errorf("%w: %s and %s hold the same drive (%v); one of them is a copy: take it away", ErrForeign, other, dir, l.Drive)
		}
		byDrive[l.Drive], labels[dir] = dir, l
	}
	return labels, empty, broken, nil
}

// mustBeDeserted refuses a directory that holds something but no label.
func mustBeDeserted(o Options, dir string) error {
	deserted, err := drive.Deserted(o.FS, dir)
	if err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	if !deserted {
		return fmt.Errorf("%w: %s holds files but no label: it is not a drive of Holdfast", ErrForeign, dir)
	}
	return nil
}

// newest is the label of the newest epoch; of one epoch, that with the highest
// checkpoint (R8).
func newest(labels map[string]drive.Label) (drive.Label, error) {
	var top drive.Label
	var of string
	for _, dir := range slices.Sorted(maps.Keys(labels)) {
		l := labels[dir]
		if of != "" && l.Pool != top.Pool {
			return top, fmt.Errorf("%w: %s belongs to pool %v, %s to pool %v", ErrForeign, of, top.Pool, dir, l.Pool)
		}
		if of == "" || l.Epoch > top.Epoch || l.Epoch == top.Epoch && l.Checkpoint.LSN > top.Checkpoint.LSN {
			top, of = l, dir
		}
	}
	return top, nil
}

// checkAgainst refuses what does not go with the pool that was found, and takes
// out of labels the drives that left it.
func checkAgainst(o Options, top drive.Label, labels map[string]drive.Label, empty []string, broken map[string]error) error {
	if o.Parity != 0 && o.Parity != top.Parity {
		return fmt.Errorf("%w: --parity %d, but the pool was made with parity %d", ErrOptions, o.Parity, top.Parity)
	}
	known := make(map[uuid.UUID]bool)
	for _, m := range slices.Concat(top.Members, top.Old) {
		known[m.ID] = true
	}
	// A list of directories outlives changes of the drives: those that left are
	// passed over, as long as others are there.
	var left []string
	for _, dir := range slices.Sorted(maps.Keys(labels)) {
		if !known[labels[dir].Drive] {
			o.Logger.Warn("this directory was a drive of the pool and is no longer; it is not used", "path", dir)
			left = append(left, dir)
			delete(labels, dir)
		}
	}
	if len(left) > 0 && len(labels) == 0 {
		return fmt.Errorf("%w: %s left the pool, and none of its present drives is given", ErrForeign, strings.Join(left, ", "))
	}
	// An empty directory is where a missing drive should be, unless none is
	// missing: it never becomes a drive by itself (R12).
	if missing := len(known) - len(labels) - len(broken); len(empty) > missing {
		return fmt.Errorf("%w: %s is empty and no drive of the pool is missing; leave it out, and once the pool is up: holdfast drive add %s",
			ErrForeign, empty[0], empty[0])
	}
	return nil
}
