package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestReorder(t *testing.T) {
	for _, test := range []struct {
		argv string
		want string
		err  string
	}{
		{argv: "put a b/c", want: "put -- a b/c"},
		{argv: "put a --json b/c", want: "put --json -- a b/c"},
		{argv: "put a b/c --content-type text/plain --json", want: "put --content-type text/plain --json -- a b/c"},
		{argv: "put --content-type=text/plain - b/c", want: "put --content-type=text/plain -- - b/c"},
		{argv: "put -- -a --json", want: "put -- -a --json"},
		{argv: "put a -- b/-c", want: "put -- a b/-c"},
		{argv: "put --meta --json a b/c", want: "put --meta --json -- a b/c"},
		{argv: "ls -r b", want: "ls -r -- b"},
		{argv: "drive fail 3 --force", want: "drive fail --force -- 3"},
		{argv: "put a b/c --help", want: "put --help"},
		{argv: "help put", want: "put --help"},
		{argv: "help", want: "--help"},
		{argv: "drive --help", want: "drive --help"},
		{argv: "--version", want: "--version"},
		{argv: "bench", want: "bench --"},
		{argv: "bench d1 --json d2", want: "bench --json -- d1 d2"},
		{argv: "bench --help", want: "bench --help"},
		{argv: "put -x a b/c", err: "unknown flag -x"},
		{argv: "put a b/c --endpoint", err: "--endpoint needs a value"},
		{argv: "putt a", err: `unknown command "putt"`},
		{argv: "drive", err: "a command is missing"},
		{argv: "drive frobnicate", err: "unknown command"},
		{argv: "--json status", err: "unknown command"},
		{argv: "drive -v", err: "unknown command"},
	} {
		t.Run(test.argv, func(t *testing.T) {
			app := newApp(&console{out: &bytes.Buffer{}, err: &bytes.Buffer{}})
			got, err := reorder(app, append([]string{"holdfast"}, strings.Fields(test.argv)...))
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) || exitCode(err) != exitUsage {
					t.Fatalf("got %q and error %v, want wrong usage with %q", got, err, test.err)
				}
				return
			}
			if err != nil || strings.Join(got[1:], " ") != test.want {
				t.Fatalf("got %q (%v), want %q", got, err, test.want)
			}
		})
	}
}
