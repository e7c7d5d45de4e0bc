package suite

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestGoals pins what is promised: names, and bounds.
func TestGoals(t *testing.T) {
	var got []string
	for _, f := range goals() {
		for _, r := range f.rows {
			relation := "≥"
			if r.atMost {
				relation = "≤"
			}
			bound := fmt.Sprint(relation, " ", r.bound)
			if r.beside {
				bound = "beside"
			}
			got = append(got, strings.TrimSuffix(fmt.Sprintf("%s | %s | %s | %s", r.path, r.figure, bound, r.of), " | "))
		}
	}
	text, err := os.ReadFile("testdata/goals.txt")
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Split(strings.TrimSpace(string(text)), "\n")
	slices.Sort(got)
	slices.Sort(want)
	for _, line := range got {
		if !slices.Contains(want, line) {
			t.Errorf("not promised: %s", line)
		}
	}
	for _, line := range want {
		if !slices.Contains(got, line) {
			t.Errorf("not measured: %s", line)
		}
	}
}

// TestPlan holds the goals' rows to the ten minutes that `make bench` may take.
func TestPlan(t *testing.T) {
	seconds := float64(limitSeconds)
	for _, f := range goals() {
		seconds += f.seconds
		if f.seconds <= 0 || f.room <= 0 {
			t.Errorf("%s: says neither how long it takes nor how much room", f.name)
		}
	}
	small, _ := matrix(2, smallMatrix)
	for _, g := range small {
		seconds += g.seconds()
	}
	if seconds > 10*60 {
		t.Errorf("%.0f s are planned, 10 minutes are promised", seconds)
	}
	t.Logf("%.0f s are planned", seconds)
}

// TestNamesApart: rows and families are told apart by what they are called.
func TestNamesApart(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range goals() {
		for _, r := range f.rows {
			if seen[r.name()] {
				t.Errorf("two rows are called %q", r.name())
			}
			seen[r.name()] = true
		}
	}
}
