package faultfs

import (
	"os"
	"slices"
	"syscall"
	"testing"
)

// readOne reads the first byte through a descriptor.
func readOne(f interface {
	ReadAt([]byte, int64) (int, error)
}) error {
	_, err := f.ReadAt(make([]byte, 1), 0)
	return err
}

func TestUnplug(t *testing.T) {
	fs := newTree(t)
	save(t, fs, "a/b/f", []byte("durable"), true)
	save(t, fs, "a/other", []byte("x"), true)
	f, other := openRW(t, fs, "a/b/f"), openRW(t, fs, "a/other")
	writeAt(t, f, 0, []byte("DURABLE"))
	save(t, fs, "a/b/unsynced", []byte("y"), false)
	d, err := fs.OpenDir("a/b")
	must(t, err)
	fs.Unplug("/a/b")
	fs.Unplug("a/b") // twice is once
	for name, err := range map[string]error{
		"read": readOne(f), "sync": f.Sync(), "syncdir": d.Sync(),
		"drop": f.(interface{ DropCache() error }).DropCache(),
	} {
		if !isErr(err, syscall.EIO) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := f.WriteAt([]byte("z"), 0); !isErr(err, syscall.EIO) {
		t.Error(err)
	}
	if _, err := f.Stat(); !isErr(err, syscall.EIO) {
		t.Error(err)
	}
	must(t, readOne(other))
	for _, name := range []string{"a/b", "a/b/f"} {
		if _, err := fs.Stat(name); !isErr(err, os.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := fs.Create("a/b/g", category); !isErr(err, os.ErrNotExist) {
		t.Error(err)
	}
	images := []*FS{fs.Kill(), fs.PowerCut(random(t), 100), fs.PowerCut(nil, 0), fs}
	for _, image := range images {
		if names, err := image.List("a"); err != nil || !slices.Equal(names, []string{"other"}) {
			t.Error(names, err)
		}
		image.Plug("a/b")
		expect(t, image, "a/b/f", []byte("durable"))
		expect(t, image, "a/b/unsynced", nil)
		save(t, image, "a/b/new", []byte("n"), true)
		expect(t, image.PowerCut(nil, 0), "a/b/new", []byte("n"))
	}
	if err := readOne(f); !isErr(err, syscall.EIO) {
		t.Errorf("a descriptor from before: %v", err)
	}
}

func TestDetach(t *testing.T) {
	fs := newTree(t)
	save(t, fs, "a/b/f", []byte("old"), true)
	f := openRW(t, fs, "a/b/f")
	fs.Detach("a/b")
	writeAt(t, f, 0, []byte("new"))
	must(t, f.Sync())
	must(t, readOne(f))
	if _, err := fs.List("a/b"); !isErr(err, os.ErrNotExist) {
		t.Error(err)
	}
	must(t, fs.MkdirAll("a/b", 0o755)) // as after rm -rf
	save(t, fs, "a/b/g", []byte("g"), true)
	for _, image := range []*FS{fs.Kill(), fs.PowerCut(nil, 0), fs} {
		image.Plug("a/b")
		expect(t, image, "a/b/f", []byte("new"))
		expect(t, image, "a/b/g", nil)
	}
	must(t, readOne(f))
}

func TestWipe(t *testing.T) {
	fs := newTree(t)
	save(t, fs, "a/b/f", []byte("x"), true)
	f := openRW(t, fs, "a/b/f")
	fs.Wipe("a/b")
	must(t, readOne(f))
	for _, image := range []*FS{fs, fs.PowerCut(nil, 0)} {
		if names, err := image.List("a/b"); err != nil || len(names) != 0 {
			t.Error(names, err)
		}
	}
}

func TestSnapshot(t *testing.T) {
	fs := newTree(t)
	must(t, fs.MkdirAll("a/b/c", 0o755))
	save(t, fs, "a/b/c/f", pages(2, 'x'), true)
	writeAt(t, openRW(t, fs, "a/b/c/f"), 0, pages(1, 'y')) // seen, not durable
	then := load(t, fs, "a/b/c/f")
	snap := fs.Snapshot("a/b")
	save(t, fs, "a/b/c/f", []byte("later"), true)
	save(t, fs, "a/b/g", []byte("later"), true)
	twin := fs.PowerCut(nil, 0)
	fs.Unplug("a/b")
	for _, f := range []*FS{fs, twin} {
		f.Restore("a/b", snap)
		expect(t, f, "a/b/c/f", then)
		expect(t, f, "a/b/g", nil)
		expect(t, f.PowerCut(nil, 0), "a/b/c/f", then)
		save(t, f, "a/b/c/f", []byte("other"), true)
		f.Restore("a/b", snap)
		expect(t, f, "a/b/c/f", then)
	}
}

func TestFree(t *testing.T) {
	fs := newTree(t)
	usage := func(fs *FS, name string) (uint64, uint64) {
		u, err := fs.GetDiskUsage(name)
		must(t, err)
		return u.AvailBytes, u.UsedBytes
	}
	if free, used := usage(fs, "a"); free != defaultFree || used != 0 {
		t.Error(free, used)
	}
	fs.SetFree("a/b", 4*pageBytes)
	f := openRW(t, fs, "a/b/f")
	writeAt(t, f, 10, pages(2, 'x')) // three pages
	if free, used := usage(fs, "a/b/f"); free != pageBytes || used != 3*pageBytes {
		t.Error(free, used)
	}
	if n, err := f.WriteAt(pages(2, 'y'), 3*pageBytes); n != 0 || !isErr(err, syscall.ENOSPC) {
		t.Error(n, err)
	}
	writeAt(t, f, 0, pages(3, 'z')) // over what is there
	image := fs.Kill()
	must(t, fs.Link("a/b/f", "a/b/g"))
	must(t, fs.Remove("a/b/f"))
	if free, _ := usage(fs, "a/b"); free != pageBytes {
		t.Error("space came back while a name is left:", free)
	}
	must(t, fs.Remove("a/b/g"))
	if free, used := usage(fs, "a/b"); free != 4*pageBytes || used != 0 {
		t.Error(free, used)
	}
	if free, used := usage(image, "a/b"); free != pageBytes || used != 3*pageBytes {
		t.Error("image:", free, used)
	}
	writeAt(t, openRW(t, fs, "a/h"), 0, pages(9, 'x')) // elsewhere there is room
	fs.SetFree("a/b", -1)
	writeAt(t, openRW(t, fs, "a/b/h"), 0, pages(9, 'x'))
}

func TestCorrupt(t *testing.T) {
	fs := newTree(t)
	save(t, fs, "a/f", pages(2, 'x'), true)
	writeAt(t, openRW(t, fs, "a/f"), pageBytes, pages(1, 'y'))
	image := fs.Kill()
	must(t, fs.Corrupt("a/f", pageBytes-1, 2, func(p []byte) {
		if string(p) != "xy" {
			t.Errorf("%q", p)
		}
		copy(p, "!?")
	}))
	seen, durable := slices.Concat(pages(1, 'x'), pages(1, 'y')), pages(2, 'x')
	expect(t, image, "a/f", seen)
	seen[pageBytes-1], seen[pageBytes], durable[pageBytes-1] = '!', '?', '!'
	expect(t, fs, "a/f", seen)
	expect(t, fs.PowerCut(nil, 0), "a/f", durable)
	for _, err := range []error{
		fs.Corrupt("a/none", 0, 1, nil), fs.Corrupt("a", 0, 1, nil), fs.Corrupt("a/f", 2*pageBytes, 1, nil), fs.Corrupt("a/f", -1, 1, nil),
	} {
		if err == nil {
			t.Error("no error")
		}
	}
}
