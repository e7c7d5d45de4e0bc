package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func getenvOf(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

func TestCredentialsPath(t *testing.T) {
	for _, test := range []struct {
		name  string
		given string
		env   func(string) string
		want  string // empty: an error
	}{
		{"given", "/x/y", getenvOf("HOME", "/home/a"), "/x/y"},
		{"home", "", getenvOf("HOME", "/home/a"), "/home/a/.config/holdfast/credentials"},
		{"xdg", "", getenvOf("HOME", "/home/a", "XDG_CONFIG_HOME", "/cfg"), "/cfg/holdfast/credentials"},
		{"relative xdg is no place", "", getenvOf("HOME", "/home/a", "XDG_CONFIG_HOME", "cfg"), "/home/a/.config/holdfast/credentials"},
		{"nothing", "", getenvOf(), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := credentialsPath(test.given, test.env)
			if got != test.want || (err != nil) != (test.want == "") {
				t.Fatalf("got %q, %v", got, err)
			}
		})
	}
}

func TestMakeKeys(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cfg", "holdfast", "credentials")
	if _, _, err := findKeys(path, getenvOf()); !errors.Is(err, errNoCredentials) {
		t.Fatalf("without a file: %v", err)
	}
	made, isNew, err := makeKeys(path, rand.Reader)
	if err != nil || !isNew {
		t.Fatalf("made %v, %v", isNew, err)
	}
	if err := made.check(); err != nil || len(made.secret) < 32 || len(made.access) < 16 {
		t.Fatalf("weak keys: %v", err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info.Mode(), err)
	}
	again, isNew, err := makeKeys(path, rand.Reader)
	if err != nil || isNew || again != made {
		t.Fatalf("a second start must find the first one's keys: %v, %v", isNew, err)
	}
	found, from, err := findKeys(path, getenvOf())
	if err != nil || from != path || found != made {
		t.Fatalf("from %q: %v", from, err)
	}
	if text := fmt.Sprintf("%v %+v %#v %s", made, made, made, made); strings.Contains(text, made.secret) {
		t.Fatal("the secret shows when keys are printed")
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Fatalf("left behind: %v, %v", entries, err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := readKeys(path); err == nil {
		t.Fatal("keys that others can read were taken")
	}
}

func TestFindKeysInEnvironment(t *testing.T) {
	for _, test := range []struct {
		name, access, secret string
		ok                   bool
	}{
		{"shortest", "abc", "12345678", true},
		{"short access", "ab", "12345678", false},
		{"short secret", "abc", "1234567", false},
		{"no secret", "abc", "", false},
		{"no access", "", "12345678", false},
		{"colon", "a:bc", "12345678", false},
		{"space", "abc", "1234 5678", false},
		{"line end", "abc", "12345678\n", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			keys, from, err := findKeys("/nowhere", getenvOf(envAccess, test.access, envSecret, test.secret))
			if test.ok && (err != nil || from != "" || keys.access != test.access) {
				t.Fatalf("%v from %q: %v", keys, from, err)
			}
			if !test.ok && exitCode(err) != exitUsage {
				t.Fatalf("taken, or not wrong usage: %v", err)
			}
			if err != nil && test.secret != "" && strings.Contains(err.Error(), test.secret) {
				t.Fatal("the secret stands in the error")
			}
		})
	}
}
