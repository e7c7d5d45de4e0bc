package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// disk is a real file system of its own: ext4 on a loop device.
type disk struct {
	t            testing.TB
	image, mount string
}

// needDisks skips where loop devices cannot be made, with a clear word.
func needDisks(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("real disks are made with loop devices, which takes root")
	}
	for _, program := range []string{"mkfs.ext4", "mount", "umount", "losetup"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("real disks need %s (Debian: e2fsprogs, mount)", program)
		}
	}
	probe := &disk{t: t, image: filepath.Join(t.TempDir(), "probe.img"), mount: t.TempDir()}
	if err := probe.make(16 << 20); err != nil {
		t.Skipf("no loop device can be mounted here: %v", err)
	}
	probe.unmount()
}

// newDisk makes one of that size and mounts it. The pool's directory is one below the mount point, so that an
// unmounted disk is a missing directory.
func newDisk(t testing.TB, name string, bytes int64) *disk {
	t.Helper()
	home := t.TempDir()
	d := &disk{t: t, image: filepath.Join(home, name+".img"), mount: filepath.Join(home, name)}
	if err := os.Mkdir(d.mount, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := d.make(bytes); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.unmount)
	return d
}

func (d *disk) dir() string { return filepath.Join(d.mount, "drive") }

func (d *disk) make(size int64) error {
	f, err := os.Create(d.image)
	if err != nil {
		return err
	}
	if err := f.Truncate(size); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := command("mkfs.ext4", "-q", "-F", "-m", "0", d.image); err != nil {
		return err
	}
	return d.tryMount()
}

func (d *disk) tryMount() error { return command("mount", "-o", "loop", d.image, d.mount) }

// remount mounts it again: what was synced is there, what was not is gone.
func (d *disk) remount() {
	d.t.Helper()
	if err := d.tryMount(); err != nil {
		d.t.Fatal(err)
	}
}

// unmount detaches it at once; who has files open there keeps them.
func (d *disk) unmount() { _ = command("umount", "-l", d.mount) }

// readOnly makes it refuse writes from now on, as ext4 does by itself when it meets an error. A remount with ro is
// refused while files are open for writing, so the kernel is asked to do as after an error.
func (d *disk) readOnly() error { return command("mount", "-o", "remount,abort", d.mount) }

// shutDown cuts its power: what is not on the disk is lost, and every read, write and sync fails from now on.
func (d *disk) shutDown() {
	d.t.Helper()
	const (
		shutdown   = 0x8004587d // EXT4_IOC_SHUTDOWN
		noLogFlush = 2
	)
	f, err := os.Open(d.mount)
	if err != nil {
		d.t.Fatal(err)
	}
	defer f.Close()
	if err := unix.IoctlSetPointerInt(int(f.Fd()), shutdown, noLogFlush); err != nil {
		d.t.Fatalf("shutting down %s: %v", d.mount, err)
	}
}

// gone waits until nothing has files open on it, after unmount, so that it can be mounted again.
func (d *disk) gone() {
	d.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		out, err := exec.Command("losetup", "-j", d.image).Output()
		if err == nil && len(bytes.TrimSpace(out)) == 0 {
			return
		}
		if time.Now().After(deadline) {
			d.t.Fatalf("%s is still in use: %s", d.image, out)
		}
	}
}

func command(name string, args ...string) error {
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, bytes.TrimSpace(out))
	}
	return nil
}
