package main

import (
	"io"
	"strings"
	"testing"
)

// TestGrowthUsage: what cannot be measured is wrong usage, and nothing is made.
func TestGrowthUsage(t *testing.T) {
	for _, c := range []struct{ args, says string }{
		{"--to 9999", "--to 9999"},
		{"--to 2000000000", "--to 2000000000"},
		{"--rounds 0", "--rounds 0"},
		{"--span 0s", "--span 0s"},
		{"/tmp", "at least two"},
		{"--html=", "a FILE is wanted"},
	} {
		var errs strings.Builder
		argv := append([]string{"holdfast", "bench", "growth"}, strings.Fields(c.args)...)
		code := run(t.Context(), argv, &console{in: strings.NewReader(""), out: io.Discard, err: &errs})
		if code != exitUsage || !strings.Contains(errs.String(), c.says) {
			t.Errorf("%s: exit code %d, %q", c.args, code, errs.String())
		}
	}
}
