package faultfs

import (
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

func isErr(err, target error) bool { return errors.Is(err, target) }

func seeded(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) }

// once makes a hook that hands out a fault for the first operation of a kind.
func once(kind OpKind, f Fault) func(Op) Fault {
	used := false
	return func(op Op) Fault {
		if op.Kind != kind || used {
			return Fault{}
		}
		used = true
		return f
	}
}

// TestWriteFaults: what a faulty write of pages of 'n' over pages of 'o' leaves.
func TestWriteFaults(t *testing.T) {
	o, n := pages(1, 'o'), pages(1, 'n')
	flipped := slices.Concat(n, n)
	flipped[5] ^= 4
	for _, test := range []struct {
		name  string
		fault Fault
		n     int
		err   error
		left  []byte
	}{
		{"none", Fault{}, 2 * pageBytes, nil, slices.Concat(n, n, o, o)},
		{"error", Fault{Err: syscall.EIO}, 0, syscall.EIO, slices.Concat(o, o, o, o)},
		{"error after all", Fault{Err: syscall.EIO, Done: true}, 0, syscall.EIO, slices.Concat(n, n, o, o)},
		{"lost", Fault{Lost: true}, 2 * pageBytes, nil, slices.Concat(o, o, o, o)},
		{"torn", Fault{Torn: 5000}, 2 * pageBytes, nil, slices.Concat(n, n[:512], o[512:], o, o)},
		{"torn to nothing", Fault{Torn: 1}, 2 * pageBytes, nil, slices.Concat(o, o, o, o)},
		{"torn with error", Fault{Torn: 4096, Err: syscall.ENOSPC}, 4096, syscall.ENOSPC, slices.Concat(n, o, o, o)},
		{"misdirected", Fault{Misdirect: 2 * pageBytes}, 2 * pageBytes, nil, slices.Concat(o, o, n, n)},
		{"bit flipped", Fault{FlipBit: true, Bit: 42 + 8*8192}, 2 * pageBytes, nil, slices.Concat(flipped, o, o)},
		{"zeros", Fault{Zero: true}, 2 * pageBytes, nil, slices.Concat(pages(2, 0), o, o)},
	} {
		t.Run(test.name, func(t *testing.T) {
			fs := newTree(t)
			save(t, fs, "a/b/f", pages(4, 'o'), true)
			f := openRW(t, fs, "a/b/f")
			fs.SetHook(once(Write, test.fault))
			p := pages(2, 'n')
			got, err := f.WriteAt(p, 0)
			if got != test.n || !isErr(err, test.err) {
				t.Errorf("WriteAt: %d, %v; want %d, %v", got, err, test.n, test.err)
			}
			if !slices.Equal(p, pages(2, 'n')) {
				t.Error("the caller's bytes were changed")
			}
			expect(t, fs, "a/b/f", test.left)
		})
	}
}

// TestReadFaults: what a faulty read of a page of 'n', which was 'o' before, gives.
func TestReadFaults(t *testing.T) {
	o, n := pages(1, 'o'), pages(1, 'n')
	flipped := slices.Clone(n)
	flipped[1] ^= 1
	for _, test := range []struct {
		name  string
		fault Fault
		err   error
		want  []byte
	}{
		{"none", Fault{}, nil, n},
		{"error", Fault{Err: syscall.EIO}, syscall.EIO, nil},
		{"bit flipped", Fault{FlipBit: true, Bit: 8}, nil, flipped},
		{"zeros", Fault{Zero: true}, nil, pages(1, 0)},
		{"stale", Fault{Stale: true}, nil, o},
		{"torn", Fault{Torn: 1024}, nil, slices.Concat(n[:1024], o[1024:])},
		{"misdirected", Fault{Misdirect: pageBytes}, nil, pages(1, 'z')},
	} {
		t.Run(test.name, func(t *testing.T) {
			fs := newTree(t)
			save(t, fs, "a/b/f", slices.Concat(o, pages(1, 'z')), true)
			f := openRW(t, fs, "a/b/f")
			writeAt(t, f, 0, n)
			fs.SetHook(once(Read, test.fault))
			p := make([]byte, pageBytes)
			_, err := f.ReadAt(p, 0)
			if !isErr(err, test.err) {
				t.Fatal(err)
			}
			if test.want != nil && !slices.Equal(p, test.want) {
				t.Errorf("read %q…", p[:16])
			}
			if _, err := f.ReadAt(p, 0); err != nil || !slices.Equal(p, n) {
				t.Errorf("the next read: %q…, %v", p[:16], err)
			}
		})
	}
}

// TestNameFaults: each operation on names can fail, fail after all, or be lost.
func TestNameFaults(t *testing.T) {
	for _, test := range []struct {
		kind OpKind
		do   func(fs *FS) error
		done func(fs *FS) bool
	}{
		{Create, func(fs *FS) error { _, err := fs.Create("a/new", category); return err }, exists("a/new")},
		{Create, func(fs *FS) error { _, err := fs.OpenReadWrite("a/new", category); return err }, exists("a/new")},
		{Mkdir, func(fs *FS) error { return fs.MkdirAll("a/new/deep", 0o755) }, exists("a/new/deep")},
		{Rename, func(fs *FS) error { return fs.Rename("a/f", "a/new") }, exists("a/new")},
		{Link, func(fs *FS) error { return fs.Link("a/f", "a/new") }, exists("a/new")},
		{Remove, func(fs *FS) error { return fs.Remove("a/f") }, func(fs *FS) bool { return !exists("a/f")(fs) }},
		{Remove, func(fs *FS) error { return fs.RemoveAll("a") }, func(fs *FS) bool { return !exists("a")(fs) }},
		{Lock, func(fs *FS) error { _, err := fs.Lock("a/new"); return err }, exists("a/new")},
	} {
		for _, f := range []struct {
			name  string
			fault Fault
			err   error
			done  bool
		}{
			{"none", Fault{}, nil, true},
			{"error", Fault{Err: syscall.EROFS}, syscall.EROFS, false},
			{"error after all", Fault{Err: syscall.EIO, Done: true}, syscall.EIO, true},
			{"lost", Fault{Lost: true}, nil, false},
		} {
			t.Run(test.kind.String()+" "+f.name, func(t *testing.T) {
				fs := newTree(t)
				save(t, fs, "a/f", []byte("x"), true)
				fs.SetHook(once(test.kind, f.fault))
				if err := test.do(fs); !isErr(err, f.err) {
					t.Errorf("error %v, want %v", err, f.err)
				}
				fs.SetHook(nil)
				if test.done(fs) != f.done {
					t.Errorf("took place: %v", !f.done)
				}
			})
		}
	}
	for kind, do := range map[OpKind]func(fs *FS) error{
		Open:  func(fs *FS) error { _, err := fs.Open("a"); return err },
		List:  func(fs *FS) error { _, err := fs.List("a"); return err },
		Stat:  func(fs *FS) error { _, err := fs.Stat("a"); return err },
		Usage: func(fs *FS) error { _, err := fs.GetDiskUsage("a"); return err },
	} {
		fs := newTree(t)
		fs.SetHook(once(kind, Fault{Err: syscall.EIO}))
		if err := do(fs); !isErr(err, syscall.EIO) {
			t.Errorf("%s: %v", kind, err)
		}
		if err := do(fs); err != nil {
			t.Errorf("%s again: %v", kind, err)
		}
	}
}

func exists(name string) func(*FS) bool {
	return func(fs *FS) bool {
		_, err := fs.Stat(name)
		return err == nil
	}
}

func TestHangAndDelay(t *testing.T) {
	fs := newTree(t)
	f := openRW(t, fs, "a/b/f")
	fs.SetHook(once(Write, Fault{Hang: true}))
	done := make(chan error)
	go func() {
		_, err := f.WriteAt([]byte("x"), 0)
		done <- err
	}()
	for fs.Hung() == 0 {
		time.Sleep(time.Millisecond)
	}
	expect(t, fs, "a/b/f", []byte{}) // others go on
	expect(t, fs.Kill(), "a/b/f", []byte{})
	fs.ReleaseHung()
	must(t, <-done)
	expect(t, fs, "a/b/f", []byte("x"))
	if fs.Hung() != 0 {
		t.Error("still hung")
	}
	fs.SetHook(once(Read, Fault{Delay: 20 * time.Millisecond}))
	start := time.Now()
	load(t, fs, "a/b/f")
	if waited := time.Since(start); waited < 20*time.Millisecond {
		t.Errorf("waited %v", waited)
	}
}

// TestHooks: operations are counted, named and shown before they happen; syncs after.
func TestHooks(t *testing.T) {
	fs := newTree(t)
	start := fs.Ops()
	var ops, synced []Op
	fs.SetHook(func(op Op) Fault { ops = append(ops, op); return Fault{} })
	fs.AfterSync(func(op Op) {
		synced = append(synced, op)
		must(t, fs.PowerCut(nil, 0).MkdirAll("a/c", 0o755)) // the hook may use the file system
	})
	f, err := fs.OpenReadWrite("/a/b//f/", category)
	must(t, err)
	writeAt(t, f, 7, []byte("abc"))
	must(t, f.Sync())
	must(t, fs.Rename("a/b/f", "a/b/g"))
	fs.SetHook(nil)
	syncDir(t, fs, "a/b")
	want := []Op{
		{Kind: Create, Path: "a/b/f", Index: start},
		{Kind: Write, Path: "a/b/f", Offset: 7, Length: 3, Index: start + 1},
		{Kind: Sync, Path: "a/b/f", Index: start + 2},
		{Kind: Rename, Path: "a/b/f", To: "a/b/g", Index: start + 3},
	}
	if !slices.Equal(ops, want) {
		t.Errorf("hook saw %+v\nwant %+v", ops, want)
	}
	if len(synced) != 2 || synced[0] != want[2] || synced[1].Kind != SyncDir || synced[1].Path != "a/b" {
		t.Errorf("syncs: %+v", synced)
	}
	op := want[0]
	if !op.Below("/") || !op.Below("a") || !op.Below("/a/b") || !op.Below("a/b/f") || op.Below("a/b/ff") || op.Below("b") || op.Below("a/b/f/x") {
		t.Error("Below is wrong")
	}
	fs.AfterSync(nil)
	fs.SetHook(once(Sync, Fault{Lost: true}))
	writeAt(t, f, 0, []byte("lost"))
	must(t, f.Sync())
	expect(t, fs.PowerCut(nil, 0), "a/b/g", slices.Concat(make([]byte, 7), []byte("abc")))
	must(t, f.Sync())
	expect(t, fs.PowerCut(nil, 0), "a/b/g", []byte("lost\x00\x00\x00abc"))
}

// TestErrors: operations that cannot be done say why, as a real file system does.
func TestErrors(t *testing.T) {
	fs := newTree(t)
	save(t, fs, "a/f", []byte("x"), true)
	closed, err := fs.Open("a/f")
	must(t, err)
	must(t, closed.Close())
	readonly, err := fs.Open("a/f")
	must(t, err)
	dir, err := fs.OpenDir("a")
	must(t, err)
	l, err := fs.Lock("a/lock")
	must(t, err)
	get := func(_ any, err error) error { return err }
	for _, test := range []struct {
		name string
		got  error
		want error
	}{
		{"open nothing", get(fs.Open("a/none")), syscall.ENOENT},
		{"open below nothing", get(fs.Open("none/f")), os.ErrNotExist},
		{"open below a file", get(fs.Open("a/f/g")), syscall.ENOTDIR},
		{"create below nothing", get(fs.Create("none/f", category)), os.ErrNotExist},
		{"create over a directory", get(fs.Create("a", category)), syscall.EISDIR},
		{"write a directory", get(fs.OpenReadWrite("a", category)), syscall.EISDIR},
		{"a file as directory", get(fs.OpenDir("a/f")), syscall.ENOTDIR},
		{"list nothing", get(fs.List("a/none")), os.ErrNotExist},
		{"list a file", get(fs.List("a/f")), syscall.ENOTDIR},
		{"stat nothing", get(fs.Stat("none")), os.ErrNotExist},
		{"remove nothing", fs.Remove("none"), os.ErrNotExist},
		{"remove a full directory", fs.Remove("a"), syscall.ENOTEMPTY},
		{"remove all of nothing", fs.RemoveAll("none/none"), nil},
		{"rename nothing", fs.Rename("none", "a/g"), os.ErrNotExist},
		{"rename over a directory", fs.Rename("a/f", "a/b"), syscall.EISDIR},
		{"rename a directory over a file", fs.Rename("a/b", "a/f"), syscall.ENOTDIR},
		{"rename into itself", fs.Rename("a", "a/b/c"), syscall.EINVAL},
		{"link over a file", fs.Link("a/f", "a/lock"), os.ErrExist},
		{"link a directory", fs.Link("a/b", "a/c"), syscall.EPERM},
		{"mkdir over a file", fs.MkdirAll("a/f/g", 0o755), syscall.ENOTDIR},
		{"mkdir again", fs.MkdirAll("a/b", 0o755), nil},
		{"lock twice", get(fs.Lock("a/lock")), syscall.EAGAIN},
		{"write read-only", get(readonly.Write([]byte("y"))), syscall.EBADF},
		{"read a directory", get(dir.Read(make([]byte, 1))), syscall.EISDIR},
		{"read past the end", get(readonly.ReadAt(make([]byte, 1), 1)), io.EOF},
		{"read closed", get(closed.ReadAt(make([]byte, 1), 0)), os.ErrClosed},
		{"sync closed", closed.Sync(), os.ErrClosed},
		{"close closed", closed.Close(), os.ErrClosed},
	} {
		if !isErr(test.got, test.want) {
			t.Errorf("%s: %v, want %v", test.name, test.got, test.want)
		}
	}
	must(t, l.Close())
	l, err = fs.Lock("a/lock")
	must(t, err)
	if l2, err := fs.Kill().Lock("a/lock"); err != nil {
		t.Error("an image holds the lock:", err)
	} else {
		must(t, l2.Close())
	}
	must(t, l.Close())
}

func TestInfo(t *testing.T) {
	fs := newTree(t)
	save(t, fs, "a/f", []byte("four"), true)
	inode := func(fs *FS, name string) uint64 {
		info, err := fs.Stat(name)
		must(t, err)
		return info.(interface{ Inode() uint64 }).Inode()
	}
	info, err := fs.Stat("/a/f")
	must(t, err)
	if info.Name() != "f" || info.Size() != 4 || info.IsDir() || !info.Mode().IsRegular() || info.Sys() != nil || info.DeviceID() != (vfs.DeviceID{}) {
		t.Errorf("%+v", info)
	}
	before := inode(fs, "a/f")
	if inode(fs.Kill(), "a/f") != before || inode(fs.PowerCut(nil, 0), "a/f") != before {
		t.Error("an image numbers files anew")
	}
	must(t, fs.Rename("a/f", "a/g"))
	save(t, fs, "a/f", nil, true)
	if inode(fs, "a/g") != before || inode(fs, "a/f") == before {
		t.Error("a number moved")
	}
	f, err := fs.ReuseForWrite("a/g", "a/h", category)
	must(t, err)
	writeAt(t, f, 1, []byte("!"))
	must(t, f.Close())
	expect(t, fs, "a/h", []byte("f!ur"))
	if fs.PathBase("a/h") != "h" || fs.PathDir("a/h") != "a" || fs.PathJoin("a", "h") != "a/h" || fs.Unwrap() != nil {
		t.Error("paths")
	}
	g, err := fs.Open("a/h", vfs.SequentialReadsOption)
	must(t, err)
	p := make([]byte, 3)
	for _, want := range []string{"f!u", "r"} {
		if n, err := g.Read(p); err != nil || string(p[:n]) != want {
			t.Errorf("Read: %q, %v", p[:n], err)
		}
	}
	if n, err := g.Read(p); n != 0 || err != io.EOF {
		t.Error(n, err)
	}
}
