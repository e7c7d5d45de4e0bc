package bench

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// TestSettled: what was written is on the disk afterwards, also where nobody has synced it.
func TestSettled(t *testing.T) {
	dir := t.TempDir()
	f, err := os.Create(filepath.Join(dir, "f"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	const size = 1 << 20
	if _, err := f.Write(make([]byte, size)); err != nil {
		t.Fatal(err)
	}
	dirty := func() uint64 {
		var s unix.Cachestat_t
		if err := unix.Cachestat(uint(f.Fd()), &unix.CachestatRange{Len: size}, &s, 0); errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) {
			t.Skip("this system does not say what its page cache holds")
		} else if err != nil {
			t.Fatal(err)
		}
		return s.Dirty + s.Writeback
	}
	if dirty() == 0 {
		t.Skip("the file system writes at once")
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil || fs.Type == unix.TMPFS_MAGIC {
		t.Skip("a file system in memory writes nothing back", err)
	}
	if err := Settled(t.Context(), dir, dir); err != nil {
		t.Fatal(err)
	}
	if left := dirty(); left != 0 {
		t.Errorf("%d pages are not written back", left)
	}
	if err := Settled(t.Context(), dir, filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a directory that is not there: %v", err)
	}
}
