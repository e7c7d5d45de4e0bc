package bench

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Settled has everything written back that lies in the page cache for a directory's file system, whoever wrote it. The
// system does that by itself half a minute after it was written (vm.dirty_expire_centisecs), and then nobody else has
// much of the disk: what a build has left behind would fall into the middle of whatever is measured next.
func Settled(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	if err := unix.Syncfs(int(f.Fd())); err != nil {
		return errors.Join(fmt.Errorf("writing back what the page cache has for %s: %w", dir, err), f.Close())
	}
	return f.Close()
}
