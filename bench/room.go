package bench

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/dustin/go-humanize"
)

// Room says no if a directory's file system has less free than is needed.
func Room(dir string, need int64) error {
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return fmt.Errorf("how much room %s has: %w", dir, err)
	}
	if free := int64(fs.Bavail) * int64(fs.Bsize); free < need {
		return fmt.Errorf("%s has %s free, the measurement needs %s: name a roomier place", dir, humanize.IBytes(uint64(max(0, free))), humanize.IBytes(uint64(need)))
	}
	return nil
}
