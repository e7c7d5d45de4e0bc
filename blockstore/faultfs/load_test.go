package faultfs

import (
	"fmt"
	"sync"
	"testing"
)

// pool makes six drives of eight files, each drive with about 512 KiB on it.
func pool(t testing.TB) *FS {
	fs := New()
	for drive := range 6 {
		dir := fmt.Sprintf("drive%d", drive)
		for _, sub := range []string{"segments", "catalog"} {
			must(t, fs.MkdirAll(dir+"/"+sub, 0o755))
			for i := range 10 {
				save(t, fs, fmt.Sprintf("%s/%s/%d", dir, sub, i), pages(6, 'x'), true)
			}
		}
		save(t, fs, dir+"/label", pages(1, 'l'), true)
		syncDir(t, fs, dir)
	}
	syncDir(t, fs, "/")
	for drive := range 6 { // something under way
		f := openRW(t, fs, fmt.Sprintf("drive%d/segments/9", drive))
		writeAt(t, f, 6*pageBytes, pages(8, 'y'))
	}
	return fs
}

// TestConcurrent uses files, names, images, faults and drives from many goroutines; it is for
// the race detector.
func TestConcurrent(t *testing.T) {
	fs := pool(t)
	rng := random(t)
	var wg sync.WaitGroup
	for drive := range 6 {
		rng := seeded(rng.Uint64())
		wg.Go(func() {
			dir := fmt.Sprintf("drive%d", drive)
			for i := range 60 {
				switch i % 20 {
				case 5:
					fs.Unplug(dir)
				case 10:
					fs.Plug(dir)
				}
				f, err := fs.OpenReadWrite(fmt.Sprintf("%s/segments/%d", dir, rng.IntN(10)), category)
				if err != nil {
					continue // the drive is out
				}
				_, _ = f.WriteAt(pages(2, 'z'), int64(rng.IntN(8))*pageBytes)
				_, _ = f.ReadAt(make([]byte, pageBytes), 0)
				_ = f.Sync()
				_ = f.Close()
				_ = fs.Rename(dir+"/label", dir+"/label.new")
				_ = fs.Rename(dir+"/label.new", dir+"/label")
				if d, err := fs.OpenDir(dir); err == nil {
					_ = d.Sync()
					_ = d.Close()
				}
			}
		})
	}
	for range 2 {
		rng := seeded(rng.Uint64())
		wg.Go(func() {
			for range 60 {
				image := fs.PowerCut(rng, 50).Kill()
				f, err := image.OpenReadWrite(fmt.Sprintf("drive%d/segments/1", rng.IntN(6)), category)
				if err != nil {
					continue
				}
				_, _ = f.WriteAt(pages(1, '!'), 0)
				_ = f.Sync()
				_ = f.Close()
			}
		})
	}
	wg.Wait()
	for drive := range 6 {
		expect(t, fs, fmt.Sprintf("drive%d/label", drive), pages(1, 'l'))
	}
}

func BenchmarkPowerCut(b *testing.B) {
	fs, rng := pool(b), random(b)
	b.ReportAllocs()
	for b.Loop() {
		fs.PowerCut(rng, 50)
	}
}

func BenchmarkKill(b *testing.B) {
	fs := pool(b)
	b.ReportAllocs()
	for b.Loop() {
		fs.Kill()
	}
}

// BenchmarkAppendSync appends 16 KiB to a file of 16 MiB and syncs it.
func BenchmarkAppendSync(b *testing.B) {
	fs := New()
	save(b, fs, "f", pages(4096, 'x'), true)
	f := openRW(b, fs, "f")
	p := pages(4, 'y')
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		writeAt(b, f, 4096*pageBytes+int64(i%1024)*int64(len(p)), p)
		must(b, f.Sync())
	}
}
