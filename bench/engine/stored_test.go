package engine

import (
	"os"
	"testing"
	"time"

	"github.com/holdfast-storage/holdfast/bench"
)

// TestStored: a scrub and a direct read are about the same bytes, a rebuild and a
// copy as well; what is rebuilt is whole; and nothing is left at the end.
func TestStored(t *testing.T) {
	for _, object := range []int64{4 << 10, 1 << 20} {
		dirs := testDirs(t)
		s, err := Store(t.Context(), Content{Dirs: dirs, Bytes: 6 << 20, ObjectBytes: object})
		if err != nil {
			t.Fatal(err)
		}
		bytes := map[string]int64{}
		sides := []bench.Side{s.Scrub(), s.Copy(), s.WriteColumns(false), s.WriteColumns(s.CanDirect())}
		pairs := [][2]string{{"rebuild", "bare copy"}, {"rebuild", "writing the columns, buffered"}}
		for _, way := range Readings() {
			sides = append(sides, s.Read(way), s.ReadColumns(way))
			pairs = append(pairs, [2]string{"scrub", "direct read, " + way.String()}, [2]string{"rebuild", "reading the columns, " + way.String()})
			if s.CanDirect() {
				sides, pairs = append(sides, s.CopyDirect(way)), append(pairs, [2]string{"rebuild", "bare copy, " + way.String()})
			}
		}
		sides = append(sides, s.Rebuild(), s.Scrub())
		for range 2 {
			for _, side := range sides {
				got, err := side.Run(t.Context(), time.Nanosecond)
				if err != nil {
					t.Fatalf("%s: %v", side.Name, err)
				}
				if got.Elapsed == 0 || got.Ops == 0 {
					t.Errorf("%s gave %+v", side.Name, got)
				}
				bytes[side.Name] = got.Bytes
			}
			for _, pair := range pairs {
				a, b := bytes[pair[0]], bytes[pair[1]]
				if a < 1<<20 || a < b*9/10 || b < a*9/10 {
					t.Errorf("objects of %d: %s is about %d bytes, %s about %d", object, pair[0], a, pair[1], b)
				}
			}
		}
		v, err := s.Pool().Verify(t.Context(), "bench", "", nil)
		if err != nil || !v.Whole() || v.Objects != 6<<20/object {
			t.Errorf("objects of %d, rebuilt: %+v, %v", object, v, err)
		}
		if err := s.Close(t.Context()); err != nil {
			t.Error(err)
		}
		for _, dir := range dirs {
			for _, path := range []string{dir, beside(dir)} {
				if _, err := os.Stat(path); err == nil {
					t.Errorf("%s is left", path)
				}
			}
		}
	}
}

func TestCodec(t *testing.T) {
	for _, g := range Geometries() {
		sides, err := Codec(g[0], g[1])
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // what one leaves, the next one verifies
			for _, side := range sides {
				s, err := side.Run(t.Context(), time.Millisecond)
				if err != nil || s.Bytes != s.Ops*int64(g[0])*codecColumn || s.Ops == 0 {
					t.Errorf("%s: %+v, %v", side.Name, s, err)
				}
			}
		}
	}
}
