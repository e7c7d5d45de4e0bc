package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// scriptWaits is the command waits of the scenarios:
//
//	waits PATTERN COMMAND…   run the command until what it prints matches, whatever its exit code; a minute at most
func scriptWaits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: waits PATTERN COMMAND…")
	}
	pattern, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	deadline := time.Now().Add(time.Minute)
	for {
		_ = ts.Exec(args[1], args[2:]...) // the exit code of status is 3 for as long as not all is well
		if pattern.MatchString(ts.ReadFile("stdout")) {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("it never says %s:\n%s", args[0], ts.ReadFile("stdout"))
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// scriptFlip is the command flip of the scenarios:
//
//	flip DIR N   flip one bit in the middle of each of the N largest segment files of a drive, behind the daemon's back
func scriptFlip(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: flip DIR N")
	}
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	sizes := make(map[string]int64)
	ts.Check(filepath.WalkDir(ts.MkAbs(filepath.Join(args[0], "segments")), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		info, err := entry.Info()
		sizes[path] = info.Size()
		return err
	}))
	for range n {
		largest := ""
		for path, size := range sizes {
			if size > sizes[largest] {
				largest = path
			}
		}
		if largest == "" {
			ts.Fatalf("%s has fewer than %d segment files", args[0], n)
		}
		ts.Logf("flipping a bit of %s (%d bytes)", largest, sizes[largest])
		ts.Check(flipBit(largest, sizes[largest]/2))
		delete(sizes, largest)
	}
}

func flipBit(path string, at int64) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	b := make([]byte, 1)
	if _, err := f.ReadAt(b, at); err != nil {
		return err
	}
	b[0] ^= 1
	_, err = f.WriteAt(b, at)
	return err
}
