package catalog

import (
	"errors"
	"fmt"
	"slices"
	"testing"
)

// TestSettings goes through settings by prefix, over several pages and past
// names that only look alike.
func TestSettings(t *testing.T) {
	c := newCatalog(t, newFS(t, 1), Options{}, 1)
	records := []Record{
		&Setting{Name: "even", Value: []byte("no")},
		&Setting{Name: "event", Value: []byte("no")},
		&Setting{Name: "event0", Value: []byte("no")},
		&Setting{Name: "event/\xff", Value: []byte("gone")},
		&Setting{Name: "event/\xff"},
	}
	const n = 2*settingPage + 3
	for i := range n {
		records = append(records, &Setting{Name: fmt.Sprintf("event/%04d", i), Value: fmt.Append(nil, i)})
	}
	apply(t, c, records...)

	i := 0
	for s, err := range c.Settings(t.Context(), "event/") {
		if err != nil || s.Name != fmt.Sprintf("event/%04d", i) || string(s.Value) != fmt.Sprint(i) {
			t.Fatalf("setting %d: %q = %q, %v", i, s.Name, s.Value, err)
		}
		i++
	}
	if i != n {
		t.Errorf("%d settings, want %d", i, n)
	}
	all := 0
	for range c.Settings(t.Context(), "") {
		all++
	}
	if all != n+3 {
		t.Errorf("%d settings in all, want %d", all, n+3)
	}

	for _, test := range []struct {
		prefix, after string
		max           int
		want          []string
	}{
		{"event/", "", 2, []string{"event/0000", "event/0001"}},
		{"event/", "event/0007", 2, []string{"event/0008", "event/0009"}},
		{"event/", "event/0007x", 1, []string{"event/0008"}},
		{"event/", fmt.Sprintf("event/%04d", n-2), 10, []string{fmt.Sprintf("event/%04d", n-1)}},
		{"event/", "f", 10, nil},
		{"event/", "a", 1, []string{"event/0000"}},
		{"none", "", 10, nil},
	} {
		page, err := c.SettingsAfter(t.Context(), test.prefix, test.after, test.max)
		var names []string
		for _, s := range page {
			names = append(names, s.Name)
		}
		if err != nil || !slices.Equal(names, test.want) {
			t.Errorf("after %q: %q, %v, want %q", test.after, names, err, test.want)
		}
	}

	if name, err := c.LastSetting(t.Context(), "event/"); name != fmt.Sprintf("event/%04d", n-1) || err != nil {
		t.Errorf("last: %q, %v", name, err)
	}
	if name, err := c.LastSetting(t.Context(), "none"); name != "" || !errors.Is(err, ErrNotFound) {
		t.Errorf("last of none: %q, %v", name, err)
	}
}
