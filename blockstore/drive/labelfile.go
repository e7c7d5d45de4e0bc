package drive

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// labels keeps the label of an open drive and how to know its file again.
type labels struct {
	writing sync.Mutex // one WriteLabel at a time

	mu      sync.Mutex // what follows; never held over an operation on the disk
	label   Label      // last read or written
	current heldLabel
	next    heldLabel // being renamed over current, or perhaps renamed when that failed
	changes int       // rises with every change of current and next
}

// heldLabel is a label's file. It is kept open so that its inode cannot become
// another file's, and knowing it again means something.
type heldLabel struct {
	file    vfs.File
	id      identity
	encoded []byte
}

func (h *heldLabel) close() error {
	if h.file == nil {
		return nil
	}
	return h.file.Close()
}

func (l *labels) close() error { return errors.Join(l.current.close(), l.next.close()) }

// ReadLabel reads the label in dir without taking the lock or changing anything.
// Errors: ErrNotFound, ErrNoLabel, those of DecodeLabel, the file system's.
func ReadLabel(fsys vfs.FS, dir string) (Label, error) {
	held, l, err := openLabel(fsys, dir)
	if err != nil {
		return Label{}, err
	}
	return l, held.close()
}

func openLabel(fsys vfs.FS, dir string) (heldLabel, Label, error) {
	fi, err := fsys.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return heldLabel{}, Label{}, fmt.Errorf("%s: %w", dir, ErrNotFound)
	case err != nil:
		return heldLabel{}, Label{}, fmt.Errorf("stat %s: %w", dir, err)
	case !fi.IsDir():
		return heldLabel{}, Label{}, fmt.Errorf("%s: %w", dir, syscall.ENOTDIR)
	}
	f, err := fsys.Open(fsys.PathJoin(dir, labelName))
	if errors.Is(err, fs.ErrNotExist) {
		return heldLabel{}, Label{}, fmt.Errorf("%s: %w", dir, ErrNoLabel)
	}
	if err != nil {
		return heldLabel{}, Label{}, fmt.Errorf("label of %s: %w", dir, err)
	}
	held, l, err := readHeld(f)
	if err != nil {
		return heldLabel{}, Label{}, errors.Join(fmt.Errorf("%s: %w", dir, err), f.Close())
	}
	return held, l, nil
}

func readHeld(f vfs.File) (heldLabel, Label, error) {
	fi, err := f.Stat()
	if err != nil {
		return heldLabel{}, Label{}, fmt.Errorf("stat label: %w", err)
	}
	// One byte more than a label can have, so that a longer file is not taken for one.
	b, err := io.ReadAll(io.LimitReader(f, maxLabel+1))
	if err != nil {
		return heldLabel{}, Label{}, fmt.Errorf("read label: %w", err)
	}
	l, err := DecodeLabel(b)
	return heldLabel{file: f, id: identityOf(fi), encoded: b}, l, err
}

// Label is the label last read or written. The caller may change it.
func (d *Drive) Label() Label {
	d.labels.mu.Lock()
	defer d.labels.mu.Unlock()
	return d.labels.label.Clone()
}

// WriteLabel replaces the drive's label; when it returns nil the new one is
// durable, and when the power fails meanwhile the old one or the new one is
// there. l must be of this drive.
//
// Errors: ErrRemoved, ErrFailed, ErrClosed, a full disk (IsNoSpace), the file
// system's.
func (d *Drive) WriteLabel(l Label) error {
	if l.Drive != d.id || l.Pool != d.pool {
		return fmt.Errorf("label of drive %s, pool %s, for drive %s: %w", l.Drive, l.Pool, d.id, ErrForeign)
	}
	if err := d.beginWrite(); err != nil {
		return err
	}
	defer d.end()
	d.labels.writing.Lock()
	defer d.labels.writing.Unlock()
	if err := d.Failed(); err != nil {
		return err
	}
	// In the directory that a disk was mounted on, there must not appear a label.
	if err := d.Present(); err != nil {
		return err
	}
	held, err := d.makeLabel(l.Encode())
	if err != nil {
		return err
	}
	path := d.fs.PathJoin(d.dir, labelName)
	d.labels.setNext(held)
	if err := d.fs.Rename(d.fs.PathJoin(d.dir, labelNewName), path); err != nil {
		return d.writeFailed("rename to", path, err)
	}
	if err := d.syncDir(d.dir); err != nil {
		return err
	}
	d.labels.adopt(l.Clone())
	return nil
}

// makeLabel writes label.new and syncs it.
func (d *Drive) makeLabel(encoded []byte) (heldLabel, error) {
	path := d.fs.PathJoin(d.dir, labelNewName)
	f, err := d.fs.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return heldLabel{}, d.createFailed("create", path, err)
	}
	held, err := d.fillLabel(f, path, encoded)
	if err != nil {
		// What is left is removed by the next Open, if not now.
		return heldLabel{}, errors.Join(err, f.Close(), ignoreMissing(d.fs.Remove(path)))
	}
	return held, nil
}

func (d *Drive) fillLabel(f vfs.File, path string, encoded []byte) (heldLabel, error) {
	if err := restrict(f); err != nil {
		return heldLabel{}, d.writeFailed("chmod", path, err)
	}
	// A vfs.File may change what it is given to write.
	if _, err := f.Write(bytes.Clone(encoded)); err != nil {
		return heldLabel{}, d.writeFailed("write", path, err)
	}
	if err := f.Sync(); err != nil {
		return heldLabel{}, d.syncFailed(path, err)
	}
	fi, err := f.Stat()
	if err != nil {
		return heldLabel{}, d.readFailed("stat", path, err)
	}
	return heldLabel{file: f, id: identityOf(fi), encoded: encoded}, nil
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// setNext lets Present accept the new label from before the rename on. A next
// that an earlier failure left is closed.
func (l *labels) setNext(h heldLabel) {
	l.mu.Lock()
	old := l.next
	l.next = h
	l.changes++
	l.mu.Unlock()
	_ = old.close() // synced when it was written; nothing hangs on it
}

// adopt makes the next label the current one.
func (l *labels) adopt(label Label) {
	l.mu.Lock()
	old := l.current
	l.current, l.next, l.label = l.next, heldLabel{}, label
	l.changes++
	l.mu.Unlock()
	_ = old.close() // synced when it was written
}

// Present says whether the drive is still at its path: its label is found there,
// on the same device and with the same inode as when it was last read or
// written; where the file system has no inodes, with the same bytes. Open
// descriptors prove nothing: they go on working when the directory is gone (R13).
//
// ErrRemoved if something else is there, or nothing; another error if it cannot
// be told. Neither is counted in Errors, since this is asked again and again; it
// may hang with the drive, so each drive needs an asker of its own.
func (d *Drive) Present() error {
	path := d.fs.PathJoin(d.dir, labelName)
	for {
		d.labels.mu.Lock()
		current, next, changes := d.labels.current, d.labels.next, d.labels.changes
		d.labels.mu.Unlock()
		id, err := find(d.fs, path)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
			return fmt.Errorf("drive %s: %w: no label", d.dir, ErrRemoved)
		}
		if err != nil {
			return fmt.Errorf("stat %s: %w", path, err)
		}
		found := heldLabel{id: id}
		if !found.id.known {
			if found.encoded, err = readBounded(d.fs, path); err != nil {
				return fmt.Errorf("read %s: %w", path, err)
			}
		}
		if found.same(current) || found.same(next) {
			return nil
		}
		// A label that was written meanwhile is no reason to say REMOVED.
		d.labels.mu.Lock()
		changed := d.labels.changes != changes
		d.labels.mu.Unlock()
		if !changed {
			return fmt.Errorf("drive %s: %w: another label is there", d.dir, ErrRemoved)
		}
	}
}

func (h *heldLabel) same(o heldLabel) bool {
	if o.file == nil {
		return false
	}
	if h.id.known {
		return h.id == o.id
	}
	return bytes.Equal(h.encoded, o.encoded)
}

func readBounded(fsys vfs.FS, path string) ([]byte, error) {
	f, err := fsys.Open(path)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(f, maxLabel+1))
	return b, errors.Join(err, f.Close())
}
