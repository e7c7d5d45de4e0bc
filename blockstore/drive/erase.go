package drive

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/google/uuid"
)

// Erase makes a directory vacant that holds a drive of that pool, which nobody
// has open: whoever calls it knows that the drive is no member any more. The
// label goes last, so that what an interrupted Erase leaves is the same drive
// still, with less on it.
//
// Errors: those of ReadLabel, ErrLocked, ErrForeign (another pool's), the file
// system's.
func Erase(opts Options, dir string, pool uuid.UUID) error {
	opts = opts.withDefaults()
	fsys := opts.FS
	if _, err := ReadLabel(fsys, dir); err != nil {
		return err
	}
	lock, err := lockDir(fsys, dir)
	if err != nil {
		return err
	}
	err = erase(opts, dir, pool)
	return errors.Join(err, lock.Close())
}

func erase(opts Options, dir string, pool uuid.UUID) error {
	fsys := opts.FS
	l, err := ReadLabel(fsys, dir) // again, now that nobody else can be about it
	if err != nil {
		return err
	}
	if l.Pool != pool {
		return fmt.Errorf("%s belongs to pool %s: %w", dir, l.Pool, ErrForeign)
	}
	for _, sub := range []string{segmentsName, CatalogName} {
		path := fsys.PathJoin(dir, sub)
		names, err := fsys.List(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("list %s: %w", path, err)
		}
		for _, name := range names {
			if err := fsys.RemoveAll(fsys.PathJoin(path, name)); err != nil {
				return fmt.Errorf("remove %s in %s: %w", name, path, err)
			}
		}
		if err := syncDirectory(fsys, path); err != nil {
			return fmt.Errorf("sync %s: %w", path, err)
		}
	}
	for _, name := range []string{labelNewName, labelName} {
		if err := ignoreMissing(fsys.Remove(fsys.PathJoin(dir, name))); err != nil {
			return fmt.Errorf("remove %s in %s: %w", name, dir, err)
		}
	}
	return syncDirectory(fsys, dir)
}

// Left says of a directory with a label whether segment files are there still.
func Left(opts Options, dir string) (bool, error) {
	fsys := opts.withDefaults().FS
	names, err := fsys.List(fsys.PathJoin(dir, segmentsName))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return len(names) > 0, err
}
