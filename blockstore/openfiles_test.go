package blockstore

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/holdfast-storage/holdfast/blockstore/faultfs"
)

// TestOpenFilesAreBounded: objects in more segments than may have their files
// open are read, at once and again and again.
func TestOpenFilesAreBounded(t *testing.T) {
	p, _, _ := poolWithBucket(t, 6, func(o *Options) { o.SegmentBytes, o.PresencePeriod = smallSegment, time.Hour })
	const objects = 100
	for i := range objects {
		putBytes(t, p, "bucket", fmt.Sprint(i), randomBody(uint64(i), 260_000))
	}
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range objects {
				n := (i*7 + w*31) % objects
				if got, err := getBytes(t.Context(), p, "bucket", fmt.Sprint(n)); err != nil || !bytes.Equal(got, randomBody(uint64(n), 260_000)) {
					t.Errorf("object %d: %v", n, err)
				}
			}
		})
	}
	wg.Wait()
	open := int64(0)
	for _, s := range p.segments.all() {
		s.mu.Lock()
		for _, f := range s.files {
			if f != nil {
				open++
			}
		}
		s.mu.Unlock()
	}
	if n := p.files.n.Load(); open != n || n > openFilesMax+6*(bulkOpenMax+1) {
		t.Errorf("%d files of %d segments are open, %d are counted; the bound is %d", open, len(p.segments.all()), n, openFilesMax)
	}
	for _, d := range status(t, p).Drives {
		if d.ReadErrors+d.WriteErrors+d.ChecksumErrors > 0 {
			t.Errorf("errors on drive %d: %+v", d.Slot, d)
		}
	}
}

// TestTooManyOpenFiles: when the process may open no more files, requests fail
// and drives do not.
func TestTooManyOpenFiles(t *testing.T) {
	p, o, fsys := poolWithBucket(t, 6, func(o *Options) { o.SegmentBytes = smallSegment })
	putBytes(t, p, "bucket", "x", randomBody(1, 1<<20))
	for _, s := range p.segments.all() {
		p.files.n.Add(-s.closeIdle())
	}
	fsys.SetHook(func(op faultfs.Op) faultfs.Fault {
		if (op.Kind == faultfs.Open || op.Kind == faultfs.Create) && strings.Contains(op.Path, "segments/") {
			return faultfs.Fault{Err: syscall.EMFILE}
		}
		return faultfs.Fault{}
	})
	body := randomBody(2, 1<<20)
	if _, err := p.Put(t.Context(), "bucket", "y", bytes.NewReader(body), PutOptions{Size: 1 << 20}); !errors.Is(err, ErrUnavailable) {
		t.Errorf("put: %v", err)
	}
	if _, err := getBytes(t.Context(), p, "bucket", "x"); !errors.Is(err, ErrUnavailable) {
		t.Errorf("get: %v", err)
	}
	fsys.SetHook(nil)
	putBytes(t, p, "bucket", "y", body)
	wantBytes(t, p, "bucket", "x", randomBody(1, 1<<20))
	for i, d := range status(t, p).Drives {
		if d.State != "ONLINE" || d.WriteErrors+d.ReadErrors > 0 {
			t.Errorf("%s: %+v", o.Dirs[i], d)
		}
	}
}

// openCount is a file system that counts the segment files that are open.
type openCount struct {
	vfs.FS
	made, open atomic.Int64 // below dir
	dir        string
}

func (c *openCount) OpenReadWrite(name string, cat vfs.DiskWriteCategory, o ...vfs.OpenOption) (vfs.File, error) {
	f, err := c.FS.OpenReadWrite(name, cat, o...)
	if err != nil || !strings.HasPrefix(name, c.dir) {
		return f, err
	}
	c.made.Add(1)
	c.open.Add(1)
	return &countedFile{f, c}, nil
}

type countedFile struct {
	vfs.File
	c *openCount
}

func (f *countedFile) Close() error {
	f.c.open.Add(-1)
	return f.File.Close()
}

// TestFilesMadeTooLateAreClosed: a segment is made while a drive hangs, without
// it; the file that it makes after all is not left open.
func TestFilesMadeTooLateAreClosed(t *testing.T) {
	var count openCount
	p, o, fsys := poolWithBucket(t, 6, func(o *Options) {
		o.Patience, o.PresencePeriod = hangPatience, time.Hour
		count.FS, count.dir = o.FS, o.Dirs[0]+"/segments/"
		o.FS = &count
	})
	made, open := count.made.Load(), count.open.Load()
	hangDrive(t, fsys, o.Dirs[0], func(op faultfs.Op) bool {
		return op.Kind == faultfs.Create && strings.Contains(op.Path, "segments/")
	})
	putBytes(t, p, "bucket", "x", randomBody(1, 1<<20))
	fsys.SetHook(nil)
	fsys.ReleaseHung()
	waitFor(t, "the file to be made", func() bool { return count.made.Load() > made })
	waitFor(t, "it to be closed", func() bool { return count.open.Load() <= open })
}
