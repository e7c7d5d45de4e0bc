package blockstore

import (
	"fmt"

	"github.com/google/uuid"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// create makes a new pool of the directories.
func create(o Options) error {
	n := len(o.Dirs)
	parity, width, err := o.geometry(n)
	if err != nil {
		return err
	}
	if n > drive.MaxMembers {
		return fmt.Errorf("%w: %d drives; at most %d", ErrOptions, n, drive.MaxMembers)
	}
	pool, err := uuid.NewRandomFromReader(o.Rand)
	if err != nil {
		return err
	}
	segmentBytes := o.SegmentBytes
	if segmentBytes == 0 {
		segmentBytes = 256 << 20
	}
	l := drive.Label{Pool: pool, CreatedUnix: o.Now().Unix(), Reserved: 1, Membership: drive.Membership{
		Epoch: 1, Parity: parity, Width: width, SegmentBytes: segmentBytes, Features: drive.AllFeatures,
	}}
	for i := range n {
		id, err := uuid.NewRandomFromReader(o.Rand)
		if err != nil {
			return err
		}
		l.Members = append(l.Members, drive.Member{ID: id, Slot: i + 1, State: drive.Online, Joined: 1})
	}
	for i, dir := range o.Dirs {
		if err := createDrive(o, dir, l, l.Members[i].ID); err != nil {
			return err
		}
	}
	o.Logger.Info("pool made", "pool", pool, "drives", n, "parity", parity)
	return nil
}

func createDrive(o Options, dir string, l drive.Label, id uuid.UUID) error {
	l.Drive = id
	d, err := drive.Create(drive.Options{FS: o.FS, Logger: o.Logger}, dir, l)
	if err == nil {
		err = d.Close()
	}
	if err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	return nil
}

// finishCreation makes the drives that an interrupted creation did not get to:
// a pool of epoch 1 was never opened, so nothing can be on those that are not
// there. It needs an empty directory for every one of them.
func finishCreation(o Options, labels map[string]drive.Label, empty []string) (bool, error) {
	var l drive.Label
	here := make(map[uuid.UUID]bool)
	for _, l = range labels {
		if l.Epoch != 1 || l.Reserved != 1 {
			return false, nil
		}
		here[l.Drive] = true
	}
	if len(here) == 0 || len(empty) == 0 || len(empty) != len(l.Members)-len(here) {
		return false, nil
	}
	for _, m := range l.Members {
		if here[m.ID] {
			continue
		}
		if err := createDrive(o, empty[0], l, m.ID); err != nil {
			return false, err
		}
		empty = empty[1:]
	}
	o.Logger.Info("pool made, which an interrupted start had begun", "pool", l.Pool)
	return true, nil
}
