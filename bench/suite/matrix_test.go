package suite

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-storage/holdfast/bench"
)

// TestMatrix: every cell is there once, or it is said why not; and no pool is written to for longer than is planned.
func TestMatrix(t *testing.T) {
	groups, notes := matrix(2, called(""))
	seen := map[cell]int{}
	seconds := 0.0
	for _, g := range groups {
		seconds += g.seconds()
		for _, c := range g.cells {
			seen[c]++
			if c.layer != g.layer || c.state != g.state || c.leftOut() != "" {
				t.Errorf("%s: in a group of %s, %s; %s", c.name(), g.layer, g.state, c.leftOut())
			}
			if c.writes() && (matrixRounds+1)*c.perRun() > matrixWritten {
				t.Errorf("%s: writes more than %d bytes", c.name(), int64(matrixWritten))
			}
		}
	}
	for _, layer := range []string{layerS3, layerPool} {
		for _, state := range []string{healthy, "2 drives gone", rebuilds, scrubs} {
			for _, size := range sizes() {
				for _, clients := range []int{1, 8, 32} {
					for _, operation := range bench.Operations() {
						c := cell{layer, state, operation, size, clients}
						want := 1
						if c.leftOut() != "" {
							want = 0
						}
						if seen[c] != want {
							t.Errorf("%s: %d times, want %d", c.name(), seen[c], want)
						}
					}
				}
			}
		}
	}
	if len(notes) < 3 || slices.ContainsFunc(notes, func(note string) bool { return strings.Contains(note, "HTTP") }) {
		t.Errorf("notes: %q", notes)
	}
	if limit := 2 * time.Hour; seconds > limit.Seconds() {
		t.Errorf("%.0f minutes are planned", seconds/60)
	}
	t.Logf("%d cells in %d pools, %.0f minutes are planned", len(seen), len(groups), seconds/60)
}

func TestMatrixOnly(t *testing.T) {
	groups, _ := matrix(2, called("s3, HEALTHY: get 4 KiB, 8 clients"))
	if len(groups) != 1 || len(groups[0].cells) != 1 {
		t.Fatalf("%+v", groups)
	}
	if c := groups[0].cells[0]; c.operation != bench.Get || c.size != 4*kib || c.clients != 8 {
		t.Errorf("%+v", c)
	}
}

// TestFull takes a cell of the matrix, codec and notes through a run.
func TestFull(t *testing.T) {
	o, _ := newOptions(t)
	o.Full, o.Only = true, "pool, 2 drives gone: HEAD 4 KiB, 1 client"
	var first string
	o.Progress = func(p Progress) {
		if strings.HasPrefix(p.Doing, "begun") {
			first = p.Doing
		}
	}
	result, err := run(t.Context(), o, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(first, "1 minutes") {
		t.Errorf("before it began it said %q", first)
	}
	if len(result.Cells) != 1 || result.Cells[0].State != "2 drives gone" || len(result.Cells[0].Series.Samples) != 3 || result.Cells[0].Series.Samples[0].Ops == 0 {
		t.Errorf("%+v", result.Cells)
	}
	if !slices.ContainsFunc(result.Notes, func(note string) bool { return strings.HasPrefix(note, "Left out") }) && len(result.Notes) > 0 {
		t.Errorf("notes: %q", result.Notes)
	}
	o.Only = "no such cell"
	if _, err := run(t.Context(), o, nil); err == nil {
		t.Error("nothing was measured, and that was fine")
	}
}

// TestSmallMatrix: what `make bench` shows has a cell for each point of its charts, none is left out, and it is soon done.
func TestSmallMatrix(t *testing.T) {
	groups, notes := matrix(2, smallMatrix)
	cells, seconds := 0, 0.0
	for _, g := range groups {
		cells += len(g.cells)
		seconds += g.seconds()
	}
	if cells != 2*3*3 || len(notes) > 0 || seconds > 120 {
		t.Errorf("%d cells, %.0f s, left out: %q", cells, seconds, notes)
	}
	t.Logf("%.0f s are planned", seconds)
}

// TestMatrixGoesOn: a group that fails is noted and is an error, and the others are measured.
func TestMatrixGoesOn(t *testing.T) {
	o, servers := newOptions(t)
	s, err := newStage(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.end(); err != nil {
			t.Error(err)
		}
	}()
	groups, _ := matrix(2, called("s3, healthy: head 4 KiB, 1 client"))
	servers.refused = 1
	cells, notes, err := s.matrix(t.Context(), append(groups, groups...))
	if !errors.Is(err, errRefused) || len(cells) != 1 || len(notes) != 1 || !strings.Contains(notes[0], "refused") {
		t.Errorf("%d cells, notes %q: %v", len(cells), notes, err)
	}
}
