package report

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-storage/holdfast/bench"
)

func pageOf(t *testing.T, r bench.Result) string {
	t.Helper()
	var b strings.Builder
	if err := Page(&b, r); err != nil {
		t.Fatal(err)
	}
	if path := os.Getenv("HOLDFAST_PAGE"); path != "" { // to look at it
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

// outline reads a page as XML, which it is but for its doctype, and returns
// how often each element, and the text of each heading, appears. It fails on
// anything that refers to something outside of the page.
func outline(t *testing.T, page string) (elements map[string]int, headings []string) {
	t.Helper()
	elements = make(map[string]int)
	d := xml.NewDecoder(strings.NewReader(page))
	heading := ""
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return elements, headings
		}
		if err != nil {
			t.Fatalf("not well formed: %v", err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			name := token.Name.Local
			elements[name]++
			if slices.Contains([]string{"script", "link", "img", "iframe", "object", "use", "image"}, name) {
				t.Errorf("a <%s>", name)
			}
			for _, a := range token.Attr {
				if slices.Contains([]string{"src", "href", "srcset", "action"}, a.Name.Local) && !strings.HasPrefix(a.Value, "#") {
					t.Errorf("<%s %s=%q> leads away", name, a.Name.Local, a.Value)
				}
				if name == "svg" && a.Name.Local == "aria-label" && a.Value != "" {
					elements["svg with words"]++
				}
			}
			heading = name
		case xml.CharData:
			if heading == "h2" || heading == "h1" {
				headings = append(headings, string(token))
			}
			heading = ""
		}
	}
}

func TestPage(t *testing.T) {
	page := pageOf(t, canned())
	elements, headings := outline(t, page)
	want := []string{
		"Holdfast v0.5.0 beside what the same machine does without it",
		"Goals", "What the machine does without Holdfast", "By size and clients", "Latency", "Growth", "How it was measured",
	}
	if !slices.Equal(headings, want) {
		t.Errorf("headings %q, want %q", headings, want)
	}
	// A bar for each goal but the one that promises nothing; by state 2 operations by size and 1 by clients; latencies of
	// 3 operations with 1 and with 32 clients; growth.
	if got, want := elements["svg"], 6+2*3+2*3+1; got != want || elements["svg with words"] != want {
		t.Errorf("%d charts, %d of them in words too, want %d", got, elements["svg with words"], want)
	}
	for _, part := range []string{
		"✓ met", "✗ missed", "· beside", "4 of 6 goals", "holdfast bench --full --html report.html /mnt/disk{1...6}", "Intel Xeon &lt;Platinum&gt;",
		"medians of 5 rounds; what says “once” is a single figure", ">once<", "fewer than 100 and 1,000 operations", "prefers-color-scheme: dark", "Left out: &lt;codec&gt;", "≤ 256 MiB", "47 % to 52 %", "10⁷",
	} {
		if !strings.Contains(page, part) {
			t.Errorf("%q is missing", part)
		}
	}
	for _, part := range []string{"http:", "https:", "url(", "@import", "NaN", "Inf", "ZgotmplZ", "%!"} {
		if strings.Contains(page, part) {
			t.Errorf("%q is in it", part)
		}
	}
}

// TestPageOfLittle: a page of nothing is a page.
func TestPageOfLittle(t *testing.T) {
	for name, r := range map[string]bench.Result{
		"nothing":      {Version: "devel", Command: "holdfast bench"},
		"no samples":   {Cells: []bench.Cell{{Layer: "S3", State: "healthy", Operation: "PUT", Size: 4096, Clients: 1}}},
		"one size":     {Cells: []bench.Cell{cannedCell("healthy", "PUT", 4096, 8, 1)}},
		"one growth":   {Growth: canned().Growth[:1]},
		"goal of none": {Goals: []bench.Goal{{Path: "p"}}},
	} {
		t.Run(name, func(t *testing.T) {
			page := pageOf(t, r)
			outline(t, page)
			if strings.Contains(page, "NaN") || strings.Contains(page, "Inf") {
				t.Errorf("a figure that is none:\n%s", page)
			}
		})
	}
}

// TestRounds: what is taken once by its nature takes nothing from what is a median of rounds, and too few rounds are said.
func TestRounds(t *testing.T) {
	of := func(rounds ...int) (r bench.Result) {
		for _, n := range rounds {
			r.Goals = append(r.Goals, bench.Goal{Rounds: n, Once: n == 0})
		}
		return r
	}
	for want, r := range map[string]bench.Result{
		"":                    of(0),
		"medians of 5 rounds": of(5, 5),
		"medians of at least 5 rounds; what says “once” is a single figure":                                 of(5, 0, 7),
		"medians of at least 3 rounds (5 are wanted for figures to be believed)":                            of(5, 3),
		"taken in one round (5 are wanted for figures to be believed); what says “once” is a single figure": of(1, 0),
	} {
		if got := roundsText(r); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestPageOfServers: a page of servers that were measured beside each other promises no limit.
func TestPageOfServers(t *testing.T) {
	r := canned()
	r.Goals, r.Limits, r.Growth = nil, nil, nil
	for i := range r.Cells {
		r.Cells[i].Limit = bench.Series{}
	}
	page := pageOf(t, r)
	outline(t, page)
	for _, part := range []string{"beside what", "bare server", "bare HTTP", "what Holdfast costs"} {
		if strings.Contains(page, part) {
			t.Errorf("%q is in it", part)
		}
	}
}
