package drive

import (
	"errors"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// direct is a segment file's way past the page cache: a second descriptor of the
// same file. Only the drive's writer uses it, and who closes the file. The zero
// value is one that was not tried yet.
//
// What is written once and read much later, if ever, gains nothing from a copy in
// the page cache, and the copy costs more than all else that is done for a large
// body but MD5. Durable it is no sooner: a sync has to follow as after any write.
type direct struct {
	fd    int
	state directState
	write func(fd int, pages [][]byte, off int64) (int, error) // writeDirect, or a test's
	pages [RunMax][]byte                                       // of the write under way
}

type directState uint8

const (
	directUntried directState = iota
	directOpen
	directRefused // the file system, or what stands before it, has no such way
)

// suits says whether a write can go past the page cache: whole pages, from whole
// pages of memory.
func (t *task) suits() bool {
	return t.through && wholePages(t.p, t.off)
}

// follows says whether t can go in one write with before.
func (t *task) follows(before *task) bool {
	return t.suits() && t.file == before.file && t.off == before.off+int64(len(before.p))
}

// writeThrough writes tasks that follow on each other past the page cache, as many
// as it can, and says how many bytes. With no error and fewer bytes than there
// are, the rest is to be written another way.
func (f *File) writeThrough(run []task) (n int, err error) {
	if !f.hasDirect() {
		return 0, nil
	}
	pages, total := f.direct.pages[:0], 0
	defer clear(f.direct.pages[:])
	for i := range run {
		pages, total = append(pages, run[i].p), total+len(run[i].p)
	}
	for n < total && n%PageBytes == 0 {
		wrote, err := f.direct.write(f.direct.fd, pages, run[0].off+int64(n))
		n += wrote
		switch {
		case errors.Is(err, syscall.EINVAL), errors.Is(err, syscall.EOPNOTSUPP):
			f.refuseDirect()
			return n, nil
		case errors.Is(err, syscall.ENOMEM):
			// The system has to hold the pages of such a write all at once, and lacks
			// memory just now. Through the page cache it needs less.
			return n, nil
		case err != nil:
			return n, err
		case wrote == 0:
			return n, nil
		}
		for len(pages) > 0 && wrote >= len(pages[0]) {
			pages, wrote = pages[1:], wrote-len(pages[0])
		}
		if wrote > 0 {
			pages[0] = pages[0][wrote:]
		}
	}
	return n, nil
}

// hasDirect opens the way past the page cache at its first use. Only files of the
// operating system's own file system have one: whatever stands before that (faults
// in tests) is to see every write.
func (f *File) hasDirect() bool {
	if f.direct.state == directUntried {
		f.direct.state = directRefused
		if f.drive.fs == vfs.Default && f.f.Fd() != vfs.InvalidFd {
			if fd, err := openDirect(f.f.Fd()); err == nil { // else too many are open, at worst
				f.direct = direct{fd: fd, state: directOpen, write: writeDirect}
			}
		}
	}
	return f.direct.state == directOpen
}

func (f *File) refuseDirect() {
	f.direct.close()
	f.direct.state = directRefused
}

func (d *direct) close() {
	if d.state == directOpen {
		_ = syscall.Close(d.fd) // nothing is kept back that closing could lose
		d.state = directUntried
	}
}
