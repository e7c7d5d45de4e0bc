package drive

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"
)

func (d *Drive) segmentsDir() string { return d.fs.PathJoin(d.dir, segmentsName) }

func (d *Drive) segmentPath(id SegmentID) string {
	return d.fs.PathJoin(d.dir, segmentsName, id.String())
}

// Segments lists the segments that have a file here, in order. Names that are
// not a segment's are passed over.
func (d *Drive) Segments() ([]SegmentID, error) {
	if err := d.begin(); err != nil {
		return nil, err
	}
	defer d.end()
	names, err := d.fs.List(d.segmentsDir())
	if err != nil {
		return nil, d.readFailed("list", d.segmentsDir(), err)
	}
	ids := make([]SegmentID, 0, len(names))
	for _, name := range names {
		id, err := ParseSegmentID(name)
		if err != nil {
			d.log.Warn("a file that is no segment's", "name", name)
			continue
		}
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids, nil
}

// CreateSegment makes the file of a segment, with h as its first page; when it
// returns, the file and its name are durable (R7). It makes sure first that the
// drive is present (R13).
//
// Errors: ErrRemoved, ErrFailed, ErrClosed, ErrForeign (h is not of this drive),
// fs.ErrExist, a full disk (IsNoSpace), the file system's.
func (d *Drive) CreateSegment(h FileHeader) (*File, error) {
	if h.Drive != d.id || h.Pool != d.pool {
		return nil, fmt.Errorf("segment %s, made for drive %s of pool %s: %w", h.Segment, h.Drive, h.Pool, ErrForeign)
	}
	page := d.headerPage.Swap(nil) // one file is made at a time, mostly
	if page == nil {
		page = new([FileHeaderBytes]byte)
	}
	defer d.headerPage.Store(page)
	h.EncodeTo(page[:])
	if err := d.beginWrite(); err != nil {
		return nil, err
	}
	defer d.end()
	if err := d.Present(); err != nil {
		return nil, err
	}
	path := d.segmentPath(h.Segment)
	switch _, err := d.fs.Stat(path); {
	case err == nil:
		return nil, fmt.Errorf("create %s: %w", path, fs.ErrExist)
	case !errors.Is(err, fs.ErrNotExist):
		return nil, d.createFailed("stat", path, err)
	}
	vf, err := d.fs.OpenReadWrite(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return nil, d.createFailed("create", path, err)
	}
	if err := d.fillSegment(vf, path, page[:]); err != nil {
		return nil, errors.Join(err, vf.Close(), ignoreMissing(d.fs.Remove(path)))
	}
	return d.newFile(h.Segment, path, vf), nil
}

func (d *Drive) fillSegment(vf vfs.File, path string, page []byte) error {
	if err := restrict(vf); err != nil {
		return d.writeFailed("chmod", path, err)
	}
	if _, err := vf.WriteAt(page, 0); err != nil {
		return d.writeFailed("write", path, err)
	}
	if err := vf.Sync(); err != nil {
		return d.syncFailed(path, err)
	}
	return d.syncDir(d.segmentsDir())
}

// OpenSegment opens the file of a segment and reads its first page.
//
// Errors: fs.ErrNotExist, those of DecodeHeader, ErrClosed, the file system's.
func (d *Drive) OpenSegment(id SegmentID) (*File, FileHeader, error) {
	f, err := d.OpenFile(id)
	if err != nil {
		return nil, FileHeader{}, err
	}
	h, err := f.header()
	if err != nil {
		f.Close()
		return nil, FileHeader{}, err
	}
	return f, h, nil
}

func (f *File) header() (FileHeader, error) {
	page := make([]byte, FileHeaderBytes)
	if err := f.ReadAt(context.Background(), page, 0, nil); err != nil {
		return FileHeader{}, err
	}
	return f.DecodeHeader(page)
}

// DecodeHeader decodes what was read as the file's first page. Errors: those of
// DecodeFileHeader, ErrForeign (the page is of another pool, drive or segment).
func (f *File) DecodeHeader(page []byte) (FileHeader, error) {
	h, err := DecodeFileHeader(page)
	if err != nil {
		return FileHeader{}, fmt.Errorf("%s: %w", f.path, err)
	}
	if h.Pool != f.drive.pool || h.Drive != f.drive.id || h.Segment != f.id {
		return FileHeader{}, fmt.Errorf("%s: segment %s of drive %s, pool %s: %w", f.path, h.Segment, h.Drive, h.Pool, ErrForeign)
	}
	return h, nil
}

// OpenFile opens the file of a segment without looking at its first page. Every
// block says itself what it is, so that a damaged page hides none of them.
//
// Errors: fs.ErrNotExist, ErrClosed, the file system's. On a file system that is
// read-only the file is opened for reading.
func (d *Drive) OpenFile(id SegmentID) (*File, error) {
	if err := d.begin(); err != nil {
		return nil, err
	}
	defer d.end()
	path := d.segmentPath(id)
	// OpenReadWrite would make a file that is not there.
	if _, err := d.fs.Stat(path); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("open %s: %w", path, err)
		}
		return nil, d.readFailed("stat", path, err)
	}
	var vf vfs.File
	var err error
	if d.readOnly {
		vf, err = d.fs.Open(path)
	} else if vf, err = d.fs.OpenReadWrite(path, vfs.WriteCategoryUnspecified); errors.Is(err, syscall.EROFS) {
		vf, err = d.fs.Open(path)
	}
	if err != nil {
		return nil, d.readFailed("open", path, err)
	}
	return d.newFile(id, path, vf), nil
}

// RemoveSegment removes the file of a segment. Until SyncDir the file may come
// back after a power cut. Files that are open go on working. Errors:
// fs.ErrNotExist, ErrFailed, ErrClosed, the file system's.
func (d *Drive) RemoveSegment(id SegmentID) error {
	if err := d.beginWrite(); err != nil {
		return err
	}
	defer d.end()
	path := d.segmentPath(id)
	err := d.fs.Remove(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove %s: %w", path, err)
	}
	return d.writeFailed("remove", path, err)
}

// SyncDir makes the names in the drive's directory and of its segment files
// durable. Errors: ErrFailed, ErrClosed, the file system's; any of those makes
// the drive refuse writes from then on.
func (d *Drive) SyncDir() error {
	if err := d.beginWrite(); err != nil {
		return err
	}
	defer d.end()
	if err := d.syncDir(d.segmentsDir()); err != nil {
		return err
	}
	return d.syncDir(d.dir)
}

func (d *Drive) syncDir(path string) error { return d.syncFailed(path, syncDirectory(d.fs, path)) }

// CatalogDir gives the directory for a replica of the catalog, which is made if
// it is missing. It is nothing that recovery needs. Errors as of CreateSegment.
func (d *Drive) CatalogDir() (string, error) {
	path := d.fs.PathJoin(d.dir, CatalogName)
	if err := d.beginWrite(); err != nil {
		return "", err
	}
	defer d.end()
	if err := d.Present(); err != nil {
		return "", err
	}
	if err := d.fs.MkdirAll(path, dirMode); err != nil {
		return "", d.createFailed("make directory", path, err)
	}
	return path, d.syncDir(d.dir)
}

// RemoveCatalog removes the replica of the catalog, which nobody has open. Errors: ErrFailed,
// ErrClosed, ErrRemoved, the file system's.
func (d *Drive) RemoveCatalog() error {
	if err := d.beginWrite(); err != nil {
		return err
	}
	defer d.end()
	if err := d.Present(); err != nil {
		return err
	}
	path := d.fs.PathJoin(d.dir, CatalogName)
	if err := d.fs.RemoveAll(path); err != nil {
		return d.writeFailed("remove", path, err)
	}
	return d.syncDir(d.dir)
}

// FreeBytes says how many bytes can still be written to the drive's disk, and
// how many it has in all.
func (d *Drive) FreeBytes() (free, total uint64, err error) {
	if err := d.begin(); err != nil {
		return 0, 0, err
	}
	defer d.end()
	u, err := d.fs.GetDiskUsage(d.dir)
	if err != nil {
		return 0, 0, d.readFailed("free space of", d.dir, err)
	}
	return u.AvailBytes, u.TotalBytes, nil
}
