package main

import (
	"slices"
	"strings"
	"testing"
)

func TestExpandBraces(t *testing.T) {
	for _, test := range []struct {
		word string
		want string // words parted by a space
		err  string
	}{
		{word: "/data", want: "/data"},
		{word: "/data{1...3}", want: "/data1 /data2 /data3"},
		{word: "/data{08...11}/x", want: "/data08/x /data09/x /data10/x /data11/x"},
		{word: "{1...2}-{3...4}", want: "1-3 1-4 2-3 2-4"},
		{word: "/a{b}c", want: "/a{b}c"},
		{word: "/a{b}{1...2}", want: "/a{b}1 /a{b}2"},
		{word: "/a{b", want: "/a{b"},
		{word: "/a}b{", want: "/a}b{"},
		{word: "/a{7...7}", want: "/a7"},
		{word: "/a{0...1}", want: "/a0 /a1"},
		{word: "/a{6...1}", err: "counts downwards"},
		{word: "/a{a...f}", err: "two numbers"},
		{word: "/a{1...}", err: "two numbers"},
		{word: "/a{-1...3}", err: "two numbers"},
		{word: "/a{1...100000}", err: "more than 256"},
		{word: "/a{1...20}{1...20}", err: "more than 256"},
		{word: "/a{1...99999999999999999999}", err: "two numbers"},
	} {
		t.Run(test.word, func(t *testing.T) {
			got, err := expandBraces(test.word)
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Fatalf("got %q and error %v, want an error with %q", got, err, test.err)
				}
				return
			}
			if err != nil || !slices.Equal(got, strings.Fields(test.want)) {
				t.Fatalf("got %q (%v), want %q", got, err, test.want)
			}
		})
	}
}
