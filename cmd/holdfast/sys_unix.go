//go:build unix

package main

import (
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// keepPrivate makes all that this process creates its owner's alone: objects lie on the drives in the clear.
func keepPrivate() { syscall.Umask(0o077) }

// sharedDevices returns those of the directories that lie on the same device as another of them.
func sharedDevices(dirs []string) []string {
	var (
		shared []string
		device = make([]uint64, len(dirs))
		known  = make([]bool, len(dirs))
		used   = make(map[uint64]int)
	)
	for i, dir := range dirs {
		var st unix.Stat_t
		if unix.Stat(dir, &st) == nil {
			device[i], known[i] = uint64(st.Dev), true
			used[device[i]]++
		}
	}
	for i, dir := range dirs {
		if known[i] && used[device[i]] > 1 {
			shared = append(shared, filepath.Clean(dir))
		}
	}
	return shared
}

// openFileLimit is how many files this process may have open, connections included. (Go has raised it to the hard limit.)
func openFileLimit() (uint64, error) {
	var limit unix.Rlimit
	err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit)
	return uint64(limit.Cur), err
}

// freeBytes is what an ordinary user may still write to the file system that dir lies on.
func freeBytes(dir string) (uint64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, err
	}
	return uint64(st.Bavail) * uint64(st.Bsize), nil
}
