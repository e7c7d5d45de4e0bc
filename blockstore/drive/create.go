package drive

import (
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Vacant says whether a drive can be made in dir: nothing is there, or an empty
// directory. What an interrupted Create leaves behind counts as nothing, and so
// does the lost+found of a file system's root.
func Vacant(fsys vfs.FS, dir string) (bool, error) { return vacant(fsys, dir, false) }

// Deserted says whether no drive is in dir, and nothing that could be missed: it
// is vacant, but for what there may be of a catalog. One that was being made
// when the disk went away goes on where the disk was mounted.
func Deserted(fsys vfs.FS, dir string) (bool, error) { return vacant(fsys, dir, true) }

func vacant(fsys vfs.FS, dir string, catalogToo bool) (bool, error) {
	names, err := fsys.List(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("list %s: %w", dir, err)
	}
	for _, name := range names {
		switch name {
		case lockName, labelNewName, "lost+found":
		case segmentsName, CatalogName:
			if name == CatalogName && catalogToo {
				continue
			}
			inside, err := fsys.List(fsys.PathJoin(dir, name))
			if err != nil {
				return false, fmt.Errorf("list %s in %s: %w", name, dir, err)
			}
			if len(inside) != 0 {
				return false, nil
			}
		default:
			return false, nil
		}
	}
	return true, nil
}

// Create makes a drive in dir, which is absent or empty, and opens it. When it
// returns, all is durable; the label comes last, so that a directory with a
// label is always a whole drive.
//
// Errors: ErrNotEmpty, ErrLocked, the file system's.
func Create(opts Options, dir string, l Label) (*Drive, error) {
	opts = opts.withDefaults()
	fsys := opts.FS
	vacant, err := Vacant(fsys, dir)
	if err != nil {
		return nil, err
	}
	if !vacant {
		return nil, fmt.Errorf("%s: %w", dir, ErrNotEmpty)
	}
	if err := makeDir(fsys, dir); err != nil {
		return nil, err
	}
	lock, err := lockDir(fsys, dir)
	if err != nil {
		return nil, err
	}
	// Again, now that nobody else can be about it.
	if vacant, err := Vacant(fsys, dir); err != nil || !vacant {
		if err == nil {
			err = fmt.Errorf("%s: %w", dir, ErrNotEmpty)
		}
		return nil, errors.Join(err, lock.Close())
	}
	d, err := furnish(opts, dir, lock, l)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return d, nil
}

// furnish fills the locked directory.
func furnish(opts Options, dir string, lock io.Closer, l Label) (*Drive, error) {
	fsys := opts.FS
	segments, catalog := fsys.PathJoin(dir, segmentsName), fsys.PathJoin(dir, CatalogName)
	for _, sub := range []string{segments, catalog} {
		if err := fsys.MkdirAll(sub, dirMode); err != nil {
			return nil, fmt.Errorf("make directory %s: %w", sub, err)
		}
	}
	for _, sub := range []string{segments, catalog, dir} {
		if err := syncDirectory(fsys, sub); err != nil {
			return nil, fmt.Errorf("sync %s: %w", sub, err)
		}
	}
	// The directory may be one that an interrupted Create made and did not get to
	// sync. Above a mount point, which others made, this may not be allowed.
	above := fsys.PathDir(dir)
	if err := syncDirectory(fsys, above); err != nil && !errors.Is(err, fs.ErrPermission) {
		return nil, fmt.Errorf("sync %s: %w", above, err)
	}
	// The drive's own methods write its first label; there is no other to look for.
	d := &Drive{fs: fsys, log: opts.Logger, dir: dir, failed: make(chan struct{})}
	held, err := d.makeLabel(l.Encode())
	if err != nil {
		return nil, err
	}
	path := fsys.PathJoin(dir, labelName)
	if err := fsys.Rename(fsys.PathJoin(dir, labelNewName), path); err != nil {
		return nil, errors.Join(fmt.Errorf("rename to %s: %w", path, err), held.close())
	}
	if err := syncDirectory(fsys, dir); err != nil {
		return nil, errors.Join(fmt.Errorf("sync %s: %w", dir, err), held.close())
	}
	return start(opts, dir, lock, held, l.Clone()), nil
}

// makeDir makes a directory and those above it that are missing, and makes the
// entry of each new one durable.
func makeDir(fsys vfs.FS, dir string) error {
	_, err := fsys.Stat(dir)
	if err == nil {
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("stat %s: %w", dir, err)
	}
	above := fsys.PathDir(dir)
	if above != dir {
		if err := makeDir(fsys, above); err != nil {
			return err
		}
	}
	if err := fsys.MkdirAll(dir, dirMode); err != nil {
		return fmt.Errorf("make directory %s: %w", dir, err)
	}
	if err := syncDirectory(fsys, above); err != nil {
		return fmt.Errorf("sync %s: %w", above, err)
	}
	return nil
}

func syncDirectory(fsys vfs.FS, dir string) error {
	f, err := fsys.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
