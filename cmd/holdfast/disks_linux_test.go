package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// The tests of this file run the real daemon over real file systems: six ext4 images on loop devices.

const diskBytes = 192 << 20

// diskPool is a daemon over six disks, with objects on them.
type diskPool struct {
	*process
	disks []*disk
	rng   *rand.Rand
	shelf *shelf
}

func newDiskPool(t *testing.T, sizes ...int64) *diskPool {
	t.Helper()
	needDisks(t)
	p := &diskPool{process: newProcess(t, 0, "--segment-size", "4MiB", "--rebuild-after", "1s"), rng: rand.New(rand.NewPCG(seedOf(t), 0)), shelf: newShelf()}
	for i := range 6 {
		size := int64(diskBytes)
		if i < len(sizes) {
			size = sizes[i]
		}
		d := newDisk(t, fmt.Sprintf("disk%d", i+1), size)
		p.disks, p.dirs = append(p.disks, d), append(p.dirs, d.dir())
	}
	t.Cleanup(p.kill) // before the disks are unmounted
	p.begin()
	p.fill(p.shelf, "before", 40, p.rng)
	return p
}

// under does something while clients read and write; what they are refused meanwhile is theirs to try again.
func (p *diskPool) under(t *testing.T, act func()) {
	t.Helper()
	l := p.load(p.shelf, p.rng, true)
	l.awaitSteps(t, 20)
	act()
	l.awaitSteps(t, 60)
	acknowledged, refused := l.end(t)
	t.Logf("%d PUTs acknowledged meanwhile, %d of those under way refused", acknowledged, refused)
	p.wantAll(p.shelf)
}

// awaitStates waits until the drives (by index) are in one of these states, and all others ONLINE.
func (p *diskPool) awaitStates(t *testing.T, drives []int, states ...string) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		report, _, err := p.admin.status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		right := true
		for i, d := range report.Drives {
			if slices.Contains(drives, i) {
				right = right && slices.Contains(states, d.State)
			} else {
				right = right && d.State == stateOnline
			}
		}
		if right {
			return
		}
		if time.Now().After(deadline) {
			text, _ := p.run("status")
			t.Fatalf("drives %v are not %v:\n%s", drives, states, text)
		}
	}
}

// TestDisksShutDown cuts the power of one and of two disks under load, by the ioctl that file system tests use. Nothing
// is lost, and the disks are taken back after they were mounted again: while the daemon runs, and after a restart.
func TestDisksShutDown(t *testing.T) {
	for _, n := range []int{1, 2} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			p := newDiskPool(t)
			gone := p.rng.Perm(6)[:n]
			p.under(t, func() {
				for _, i := range gone {
					p.disks[i].shutDown()
				}
			})
			p.awaitStates(t, gone, stateFaulted, stateRemoved)
			p.fill(p.shelf, "without", 10, p.rng)
			for _, i := range gone {
				p.disks[i].unmount()
			}
			p.wantAll(p.shelf)
			restart := n > 1
			if restart {
				p.stop()
			}
			for _, i := range gone {
				p.disks[i].gone()
				p.disks[i].remount()
			}
			if restart {
				p.start()
			}
			p.wantAll(p.shelf)
			for n, i := range gone {
				args := []string{"drive", "clear", fmt.Sprint(i + 1)}
				if n == len(gone)-1 { // before, what is waited for is the others
					args = append(args, "--wait")
				}
				p.must(args...)
			}
			p.must("status")
			p.must("scrub", "start", "--wait")
			p.loseAny(t, gone)
		})
	}
}

// loseAny takes any two disks away that were not mended, and wants everything.
func (p *diskPool) loseAny(t *testing.T, mended []int) {
	t.Helper()
	var others []int
	for _, i := range p.rng.Perm(6) {
		if !slices.Contains(mended, i) && len(others) < 2 {
			others = append(others, i)
			p.disks[i].unmount()
		}
	}
	p.awaitStates(t, others, stateRemoved)
	p.wantAll(p.shelf)
}

// TestDisksReplaced replaces a disk that died by a new one, and then does without any two others.
func TestDisksReplaced(t *testing.T) {
	p := newDiskPool(t)
	i := p.rng.IntN(6)
	p.under(t, func() { p.disks[i].shutDown() })
	p.awaitStates(t, []int{i}, stateFaulted, stateRemoved)
	p.disks[i].unmount()
	fresh := newDisk(t, "fresh", diskBytes)
	t.Cleanup(p.kill)
	p.under(t, func() { p.must("drive", "replace", fmt.Sprint(i+1), fresh.dir(), "--wait") })
	p.must("status")
	p.disks[i] = fresh
	p.dirs[i] = fresh.dir()
	p.loseAny(t, []int{i})
}

// TestDisksReturn unmounts a disk under a running daemon and mounts it again: it is taken back by itself, and mended.
func TestDisksReturn(t *testing.T) {
	p := newDiskPool(t)
	i := p.rng.IntN(6)
	p.under(t, func() { p.disks[i].unmount() })
	p.awaitStates(t, []int{i}, stateRemoved)
	p.fill(p.shelf, "without", 10, p.rng)
	p.disks[i].gone()
	p.disks[i].remount()
	p.awaitStates(t, nil)
	p.awaitWhole(t)
	p.loseAny(t, []int{i})
}

// awaitWhole waits until status finds nothing to say.
func (p *diskPool) awaitWhole(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		text, code := p.run("status")
		if code == exitDone {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("it does not mend:\n%s", text)
		}
	}
}

// TestDiskFull has one disk that is much smaller than the others: it fills up, which is no fault of it, and the pool
// goes on without it.
func TestDiskFull(t *testing.T) {
	p := newDiskPool(t, 32<<20)
	for i := range 12 {
		p.fill(p.shelf, fmt.Sprintf("more/%d", i), 20, p.rng)
	}
	p.awaitStates(t, nil)
	p.wantAll(p.shelf)
	p.stop()
	p.start()
	p.wantAll(p.shelf)
	p.fill(p.shelf, "after", 5, p.rng)
}

// TestDiskReadOnly has a disk refuse writes, as ext4 does after an error. Reads and writes of clients go on.
func TestDiskReadOnly(t *testing.T) {
	p := newDiskPool(t)
	i := p.rng.IntN(6)
	p.under(t, func() {
		if err := p.disks[i].readOnly(); err != nil {
			t.Fatal(err)
		}
	})
	p.awaitStates(t, []int{i}, stateFaulted)
	p.fill(p.shelf, "after", 10, p.rng)
	p.wantAll(p.shelf)
}

// TestDiskOffline takes a disk offline, unmounts it as an operator does, who is refused while anything is open on it,
// and takes it back after it was mounted again.
func TestDiskOffline(t *testing.T) {
	p := newDiskPool(t)
	i := p.rng.IntN(6)
	p.under(t, func() { p.must("drive", "offline", fmt.Sprint(i+1)) })
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		err := command("umount", p.disks[i].mount)
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	p.fill(p.shelf, "without", 10, p.rng)
	p.disks[i].gone()
	p.disks[i].remount()
	p.must("drive", "online", fmt.Sprint(i+1), "--wait")
	p.awaitStates(t, nil)
	p.awaitWhole(t)
	p.loseAny(t, []int{i})
}
