package growth

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-storage/holdfast/bench"
)

// TestMain is the process that holds a pool, if a test has started it as that.
func TestMain(m *testing.M) {
	if dirs := os.Getenv("GROWTH_TEST_DIRS"); dirs != "" {
		if err := Serve(context.Background(), os.Stdin, os.Stdout, filepath.SplitList(dirs)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func startTest(ctx context.Context, dirs []string) *exec.Cmd {
	command := exec.CommandContext(ctx, os.Args[0])
	command.Env = append(os.Environ(), "GROWTH_TEST_DIRS="+strings.Join(dirs, string(filepath.ListSeparator)))
	command.Stderr = os.Stderr
	return command
}

// TestRun: every pool has the same costs and totals, each a positive number; the
// largest is held against the smallest; progress goes forward; nothing is left.
func TestRun(t *testing.T) {
	dirs := make([]string, 4)
	for i := range dirs {
		dirs[i] = t.TempDir()
	}
	last := -1.0
	result, err := Run(t.Context(), Options{
		Dirs: dirs, From: 1200, To: 2400, Start: startTest, Store: 50 * time.Millisecond, Turns: bench.Turns{Rounds: 2, Span: 20 * time.Millisecond},
		Told: func(doing string, share float64) {
			if share < last || share > 1 || doing == "" {
				t.Errorf("%q: %.3f of it all is done, after %.3f", doing, share, last)
			}
			last = share
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(result.Growth) != 2 || len(result.Goals) != len(measured())+2 {
		t.Fatalf("%+v", result)
	}
	for i, g := range result.Growth {
		for kind, lines := range map[string][2][]bench.Line{"costs": {g.Costs, result.Growth[0].Costs}, "totals": {g.Totals, result.Growth[0].Totals}} {
			if len(lines[0]) < 5 || len(lines[0]) != len(lines[1]) {
				t.Fatalf("%d %s, want %d, and some", len(lines[0]), kind, len(lines[1]))
			}
			for j, l := range lines[0] {
				if l.Name != lines[1][j].Name || l.Value <= 0 || l.Least > l.Value || l.Most < l.Value {
					t.Errorf("pool %d, %s: %+v", i, kind, l)
				}
			}
		}
	}
	for _, goal := range result.Goals {
		if goal.Value <= 0 || goal.Limit <= 0 || goal.Least > goal.Value || goal.Most < goal.Value || goal.Rounds < 1 || goal.Bound != Bound {
			t.Errorf("%+v", goal)
		}
	}
	for _, dir := range dirs {
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			t.Errorf("%s: %v is left", dir, left)
		}
	}
}

func TestSizes(t *testing.T) {
	for _, c := range []struct {
		from, to int64
		want     string
	}{{10, 10, "[10]"}, {10, 1000, "[10 100 1000]"}, {10, 150, "[10 100 150]"}} {
		if got := fmt.Sprint(sizes(c.from, c.to)); got != c.want {
			t.Errorf("%d to %d: %s", c.from, c.to, got)
		}
	}
}

// TestKeys: no two numbers have one key.
func TestKeys(t *testing.T) {
	seen := make(map[string]bool)
	for n := range int64(10_000) {
		if k := key(n); seen[k] {
			t.Fatalf("%s is the key of two", k)
		} else {
			seen[k] = true
		}
	}
}
