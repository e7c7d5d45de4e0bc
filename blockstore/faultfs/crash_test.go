package faultfs

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"syscall"
	"testing"
)

// TestDurability: what each sync makes durable, and what it does not.
func TestDurability(t *testing.T) {
	one, two := []byte("one"), []byte("two")
	for _, test := range []struct {
		name       string
		do         func(t *testing.T, fs *FS)
		seen, left map[string][]byte
	}{
		{"nothing synced", func(t *testing.T, fs *FS) { save(t, fs, "a/b/f", one, false) },
			map[string][]byte{"a/b/f": one}, map[string][]byte{"a/b/f": nil}},
		{"file synced, name not", func(t *testing.T, fs *FS) {
			f := openRW(t, fs, "a/b/f")
			writeAt(t, f, 0, one)
			must(t, f.Sync())
		}, map[string][]byte{"a/b/f": one}, map[string][]byte{"a/b/f": nil}},
		{"name synced, file not", func(t *testing.T, fs *FS) {
			save(t, fs, "a/b/f", one, false)
			syncDir(t, fs, "a/b")
		}, map[string][]byte{"a/b/f": one}, map[string][]byte{"a/b/f": {}}},
		{"both synced", func(t *testing.T, fs *FS) { save(t, fs, "a/b/f", one, true) },
			map[string][]byte{"a/b/f": one}, map[string][]byte{"a/b/f": one}},
		{"SyncTo promises nothing", func(t *testing.T, fs *FS) {
			save(t, fs, "a/b/f", nil, true)
			f := openRW(t, fs, "a/b/f")
			writeAt(t, f, 0, one)
			if full, err := f.SyncTo(3); full || err != nil {
				t.Fatal(full, err)
			}
		}, map[string][]byte{"a/b/f": one}, map[string][]byte{"a/b/f": {}}},
		{"a directory above not synced", func(t *testing.T, fs *FS) {
			must(t, fs.MkdirAll("a/c", 0o755))
			save(t, fs, "a/c/f", one, true)
		}, map[string][]byte{"a/c/f": one}, map[string][]byte{"a/c/f": nil}},
		{"removed, not synced", func(t *testing.T, fs *FS) {
			save(t, fs, "a/b/f", one, true)
			must(t, fs.Remove("a/b/f"))
		}, map[string][]byte{"a/b/f": nil}, map[string][]byte{"a/b/f": one}},
		{"removed and synced", func(t *testing.T, fs *FS) {
			save(t, fs, "a/b/f", one, true)
			must(t, fs.Remove("a/b/f"))
			syncDir(t, fs, "a/b")
		}, map[string][]byte{"a/b/f": nil}, map[string][]byte{"a/b/f": nil}},
		{"tree removed, not synced", func(t *testing.T, fs *FS) {
			save(t, fs, "a/b/f", one, true)
			must(t, fs.RemoveAll("a/b"))
		}, map[string][]byte{"a/b/f": nil}, map[string][]byte{"a/b/f": one}},
		{"renamed over, not synced", func(t *testing.T, fs *FS) {
			save(t, fs, "a/b/f", one, true)
			save(t, fs, "a/b/g", two, true)
			must(t, fs.Rename("a/b/g", "a/b/f"))
		}, map[string][]byte{"a/b/f": two, "a/b/g": nil}, map[string][]byte{"a/b/f": one, "a/b/g": two}},
		{"renamed over and synced", func(t *testing.T, fs *FS) {
			save(t, fs, "a/b/f", one, true)
			save(t, fs, "a/b/g", two, true)
			must(t, fs.Rename("a/b/g", "a/b/f"))
			syncDir(t, fs, "a/b")
		}, map[string][]byte{"a/b/f": two, "a/b/g": nil}, map[string][]byte{"a/b/f": two, "a/b/g": nil}},
		{"renamed to another directory, one synced", func(t *testing.T, fs *FS) {
			f := openRW(t, fs, "a/b/f")
			writeAt(t, f, 0, one)
			must(t, f.Sync())
			must(t, fs.Rename("a/b/f", "a/g"))
			syncDir(t, fs, "a")
		}, map[string][]byte{"a/b/f": nil, "a/g": one}, map[string][]byte{"a/b/f": nil, "a/g": one}},
		{"created over, name not synced", func(t *testing.T, fs *FS) {
			save(t, fs, "a/b/f", one, true)
			save(t, fs, "a/b/f", two, false)
		}, map[string][]byte{"a/b/f": two}, map[string][]byte{"a/b/f": one}},
		{"linked", func(t *testing.T, fs *FS) {
			save(t, fs, "a/b/f", one, true)
			must(t, fs.Link("a/b/f", "a/g"))
			must(t, fs.Remove("a/b/f"))
			syncDir(t, fs, "a")
		}, map[string][]byte{"a/b/f": nil, "a/g": one}, map[string][]byte{"a/b/f": one, "a/g": one}},
		{"written again, not synced", func(t *testing.T, fs *FS) {
			save(t, fs, "a/b/f", pages(3, 'x'), true)
			writeAt(t, openRW(t, fs, "a/b/f"), pageBytes, pages(4, 'y'))
		}, map[string][]byte{"a/b/f": slices.Concat(pages(1, 'x'), pages(4, 'y'))}, map[string][]byte{"a/b/f": pages(3, 'x')}},
		{"a hole", func(t *testing.T, fs *FS) {
			save(t, fs, "a/b/f", nil, true)
			f := openRW(t, fs, "a/b/f")
			writeAt(t, f, 2*pageBytes+1, one)
			must(t, f.SyncData())
		}, map[string][]byte{"a/b/f": slices.Concat(pages(2, 0), []byte{0}, one)}, map[string][]byte{"a/b/f": slices.Concat(pages(2, 0), []byte{0}, one)}},
	} {
		t.Run(test.name, func(t *testing.T) {
			fs := newTree(t)
			test.do(t, fs)
			killed := fs.Kill()
			for name, want := range test.seen {
				expect(t, fs, name, want)
				expect(t, killed, name, want)
				expect(t, fs.PowerCut(random(t), 100), name, want)
			}
			for name, want := range test.left {
				expect(t, fs.PowerCut(nil, 0), name, want)
				expect(t, killed.PowerCut(nil, 0), name, want)
				expect(t, fs.PowerCut(nil, 0).Kill().PowerCut(nil, 0), name, want)
			}
		})
	}
}

// TestFailedSync: pages that a failed sync left behind are seen, and lost.
func TestFailedSync(t *testing.T) {
	fs := newTree(t)
	old, now := pages(3, 'o'), pages(3, 'n')
	save(t, fs, "a/b/f", old, true)
	f := openRW(t, fs, "a/b/f")
	writeAt(t, f, 0, now)
	fs.SetHook(func(op Op) Fault {
		if op.Kind == Sync {
			return Fault{Err: syscall.EIO, Torn: pageBytes}
		}
		return Fault{}
	})
	if err := f.Sync(); !isErr(err, syscall.EIO) {
		t.Fatal(err)
	}
	fs.SetHook(nil)
	must(t, f.Sync())
	part := slices.Concat(now[:pageBytes], old[pageBytes:])
	expect(t, fs, "a/b/f", now)
	expect(t, fs.Kill(), "a/b/f", now)
	expect(t, fs.PowerCut(random(t), 100), "a/b/f", part)
	expect(t, fs.Kill().PowerCut(nil, 0), "a/b/f", part)

	// A page written again is dirty again, with all that it holds.
	writeAt(t, f, pageBytes+10, []byte("again"))
	must(t, f.(interface{ DropCache() error }).DropCache())
	again := slices.Clone(now)
	copy(again[pageBytes+10:], "again")
	copy(again[2*pageBytes:], old)
	expect(t, fs, "a/b/f", again)
	must(t, f.Sync())
	expect(t, fs.PowerCut(nil, 0), "a/b/f", again)
}

func TestFailedSyncOfDirectory(t *testing.T) {
	fs := newTree(t)
	fail := func(op Op) Fault {
		if op.Kind == SyncDir {
			return Fault{Err: syscall.EIO}
		}
		return Fault{}
	}
	f := openRW(t, fs, "a/b/f")
	writeAt(t, f, 0, []byte("x"))
	must(t, f.Sync())
	fs.SetHook(fail)
	d, err := fs.OpenDir("a/b")
	must(t, err)
	if err := d.Sync(); !isErr(err, syscall.EIO) {
		t.Fatal(err)
	}
	fs.SetHook(nil)
	must(t, d.Sync())
	expect(t, fs, "a/b/f", []byte("x"))
	expect(t, fs.Kill(), "a/b/f", []byte("x"))
	expect(t, fs.PowerCut(random(t), 100), "a/b/f", nil)
	must(t, fs.Rename("a/b/f", "a/b/g"))
	must(t, d.Sync())
	expect(t, fs.PowerCut(nil, 0), "a/b/g", []byte("x"))
}

// TestRandomCuts does random things to a few files beside a model of what is seen and
// durable, and looks at images: every page is the durable or the seen one or
// mixed of their sectors, names are old or new, and no image changes another.
func TestRandomCuts(t *testing.T) {
	rng := random(t)
	for round := range 60 {
		fs := newTree(t)
		type state struct{ seen, durable []byte }
		files := map[string]*state{}
		names := []string{"a/b/f", "a/b/g", "a/h"}
		for _, name := range names {
			save(t, fs, name, nil, true)
			files[name] = &state{seen: []byte{}, durable: []byte{}}
		}
		var images []*FS
		var wants []map[string][]byte
		for step := range 60 {
			name := names[rng.IntN(len(names))]
			s := files[name]
			f, err := fs.OpenReadWrite(name, category)
			must(t, err)
			switch rng.IntN(4) {
			case 0, 1:
				p := bytes.Repeat([]byte{byte('a' + rng.IntN(26))}, 1+rng.IntN(3*pageBytes))
				off := rng.IntN(5 * pageBytes)
				writeAt(t, f, int64(off), p)
				s.seen = slices.Clone(s.seen)
				if need := off + len(p); need > len(s.seen) {
					s.seen = append(s.seen, make([]byte, need-len(s.seen))...)
				}
				copy(s.seen[off:], p)
			case 2:
				must(t, f.Sync())
				s.durable = s.seen
			case 3:
				keep := []int{0, 20, 50, 80, 100}[rng.IntN(5)]
				image := fs.PowerCut(rng, keep)
				want := map[string][]byte{}
				for name, s := range files {
					got := load(t, image, name)
					if err := between(got, s.durable, s.seen, keep); err != nil {
						t.Fatalf("round %d, step %d, %s, %d %% kept: %v", round, step, name, keep, err)
					}
					want[name] = got
				}
				if rng.IntN(2) == 0 {
					image = fs.Kill()
					for name, s := range files {
						want[name] = s.seen
					}
				}
				images, wants = append(images, image), append(wants, maps.Clone(want))
			}
			must(t, f.Close())
		}
		for i, image := range images {
			for name, want := range wants[i] {
				expect(t, image, name, want)
				writeAt(t, openRW(t, image, name), int64(rng.IntN(2*pageBytes)), pages(1, '!'))
			}
		}
		for name, s := range files {
			expect(t, fs, name, s.seen)
			expect(t, fs.PowerCut(nil, 0), name, s.durable)
		}
	}
}

// between says what is wrong with got as a state between durable and seen.
func between(got, durable, seen []byte, keep int) error {
	switch {
	case keep == 0 && !bytes.Equal(got, durable):
		return fmt.Errorf("not what was durable")
	case keep == 100 && !bytes.Equal(got, seen):
		return fmt.Errorf("not what was seen")
	case len(got) < len(durable) || len(got) > len(seen):
		return fmt.Errorf("%d bytes, durable were %d, seen %d", len(got), len(durable), len(seen))
	}
	full := func(p []byte) []byte { return append(slices.Clone(p), make([]byte, len(seen)+sectorBytes-len(p))...) }
	durable, seen, size := full(durable), full(seen), len(got)
	got = full(got)
	for at := 0; at < size; at += sectorBytes {
		sector := got[at:min(size, at+sectorBytes)]
		if !bytes.Equal(sector, durable[at:][:len(sector)]) && !bytes.Equal(sector, seen[at:][:len(sector)]) {
			return fmt.Errorf("the sector at %d is neither old nor new", at)
		}
	}
	return nil
}

// TestRandomNames does the same to names: a power cut leaves each file under at
// most one name, a file that was durable under some name is never gone unless it
// was removed, and a rename is whole.
func TestRandomNames(t *testing.T) {
	rng := random(t)
	dirs := []string{"a", "a/b"}
	for range 300 {
		fs := newTree(t)
		removed, durable := map[string]bool{}, map[string]bool{}
		count := 0
		where := map[string]string{} // seen: path → content
		pick := func() string { return fmt.Sprintf("%s/%d", dirs[rng.IntN(2)], rng.IntN(4)) }
		for range 30 {
			path := pick()
			switch rng.IntN(5) {
			case 0, 1:
				count++
				id := fmt.Sprint("file ", count)
				f, err := fs.Create(path, category)
				must(t, err)
				writeAt(t, f, 0, []byte(id))
				must(t, f.Sync())
				must(t, f.Close())
				removed[where[path]] = true
				where[path] = id
			case 2:
				to := pick()
				if where[path] == "" || path == to {
					continue
				}
				must(t, fs.Rename(path, to))
				removed[where[to]] = true
				where[to] = where[path]
				delete(where, path)
			case 3:
				if where[path] != "" {
					must(t, fs.Remove(path))
					removed[where[path]] = true
					delete(where, path)
				}
			case 4:
				dir := dirs[rng.IntN(2)]
				syncDir(t, fs, dir)
				for path, id := range where {
					if fs.PathDir(path) == dir {
						durable[id] = true
					}
				}
			}
		}
		for _, keep := range []int{0, 30, 70, 100} {
			image := fs.PowerCut(rng, keep)
			found := map[string]string{}
			for _, dir := range dirs {
				list, err := image.List(dir)
				must(t, err)
				for _, name := range list {
					path := dir + "/" + name
					if path == "a/b" {
						continue
					}
					id := string(load(t, image, path))
					if other := found[id]; other != "" {
						t.Fatalf("%d %% kept: %s stands at %s and %s", keep, id, other, path)
					}
					found[id] = path
				}
			}
			for id := range durable {
				if found[id] == "" && !removed[id] {
					t.Fatalf("%d %% kept: %s is gone", keep, id)
				}
			}
			if keep == 100 {
				for path, id := range where {
					if found[id] != path {
						t.Fatalf("%s is at %q, want %s", id, found[id], path)
					}
				}
			}
		}
	}
}

// TestSameSeedSameImage: an image is a function of the state, the seed and the chance.
func TestSameSeedSameImage(t *testing.T) {
	fs := newTree(t)
	for i := range 8 {
		save(t, fs, fmt.Sprintf("a/b/%d", i), pages(8, 'x'), i%2 == 0)
		writeAt(t, openRW(t, fs, fmt.Sprintf("a/b/%d", i)), 0, pages(6, 'y'))
	}
	seed := random(t).Uint64()
	one, two := fs.PowerCut(seeded(seed), 50), fs.Kill().PowerCut(seeded(seed), 50)
	for i := range 8 {
		name := fmt.Sprintf("a/b/%d", i)
		expect(t, two, name, load(t, one, name))
	}
}
