package bench

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Settled has everything written back that lies in the page cache for the file systems of these directories, whoever
// wrote it. The system does that by itself half a minute after it was written (vm.dirty_expire_centisecs), and then
// nobody else has much of the disk: what a build has left behind would fall into the middle of whatever is measured next.
//
// It waits for as long as that takes, on slow disks minutes, or until ctx ends; the system writes on then. The error
// is ctx's, or the system's.
func Settled(ctx context.Context, dirs ...string) error {
	seen := make(map[uint64]bool) // devices
	for _, dir := range dirs {
		f, err := os.Open(dir)
		if err != nil {
			return err
		}
		var at unix.Stat_t
		if err := unix.Fstat(int(f.Fd()), &at); err != nil || seen[at.Dev] {
			if err := errors.Join(err, f.Close()); err != nil {
				return err
			}
			continue
		}
		seen[at.Dev] = true
		done := make(chan error, 1)
		go func() { done <- errors.Join(unix.Syncfs(int(f.Fd())), f.Close()) }()
		select {
		case err = <-done:
		case <-ctx.Done():
			err = ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("writing back what the page cache has for %s: %w", dir, err)
		}
	}
	return nil
}
