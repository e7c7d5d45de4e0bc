package main

import "testing"

func TestPrintable(t *testing.T) {
	for name, want := range map[string]string{
		"plain/name":      "plain/name",
		"ü 日本":            "ü 日本",
		`"quoted" \ back`: `"quoted" \ back`,
		"a\x1b[2Jb":       `a\x1b[2Jb`,
		"two\nlines":      `two\nlines`,
	} {
		if got := printable(name); got != want {
			t.Errorf("%q is shown as %q, want %q", name, got, want)
		}
	}
}

func TestWrap(t *testing.T) {
	got := wrap("one two three `four five six` seven", "  ", 12)
	if want := "one two\n  three\n  `four five six`\n  seven"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
