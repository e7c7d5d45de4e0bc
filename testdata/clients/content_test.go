package clients

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// sizes are those of the round trips: around the smallest part of a multipart upload, and one that clients split.
func sizes() []int { return []int{0, 1, 5<<20 - 1, 5 << 20, 5<<20 + 1, 100_000_000} }

const large = 100_000_000

// content is so many bytes that do not compress and differ by seed.
func content(size int, seed byte) []byte {
	bytes := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{seed, 1}).Read(bytes) // it never fails
	return bytes
}

func sum(bytes []byte) string {
	digest := sha256.Sum256(bytes)
	return hex.EncodeToString(digest[:])
}

func sumOf(t testing.TB, r io.Reader) string {
	t.Helper()
	digest := sha256.New()
	if _, err := io.Copy(digest, r); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(digest.Sum(nil))
}

func sumOfFile(t testing.TB, path string) string {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	return sumOf(t, file)
}

// oddNames are names of files that clients and servers have got wrong.
func oddNames() []string {
	return []string{
		"plain.txt", "with space.txt", " leading space", "trailing space ", "two  spaces", "a+b.txt", "+", "100%.txt", "%41.txt", "%2F", "%",
		"ünïcödé.txt", "日本語/ファイル.txt", "emoji 😀👩‍👩‍👧.bin", "decomposed é.txt", "tilde~.txt", "~", "colon:name.txt", "quote'single.txt",
		`quote"double.txt`, "trailing.dots..", "dir.with.dots../file", ".hidden", "...", "semi;colon", "ampersand&equals=question?.txt",
		"hash#tag.txt", "[brackets]{braces}", "$dollar`backtick^", "comma,at@.txt", "(parentheses)!*.txt", "pipe|less<greater>", "back\\slash",
		"deep/er/and/deep er/fi+le", "UPPER/Case", "upper/case", "under_score-dash.tar.gz", "empty file", "list-type=2&prefix=x",
	}
}

// oddKeys are what only a client can name that does not map keys to files.
func oddKeys() []string {
	return append(oddNames(), "/leading slash", "//two", "in//between", "trailing/", "trailing//", "dot/./key", "dot/../key", "../up", "..", ".",
		"tab\tkey", "new\nline", "return\rkey", "\x01control", "\x7fdelete", "\uffff", strings.Repeat("long/", 204)+"1024")
}

// makeTree writes a file for each odd name below dir, and some that take more than one part.
func makeTree(t testing.TB, dir string) {
	t.Helper()
	for i, name := range oddNames() {
		body := []byte(fmt.Sprintf("%d: %s\n", i, name))
		switch {
		case strings.HasPrefix(name, "empty"):
			body = nil
		case strings.HasPrefix(name, "emoji"):
			body = content(9<<20, byte(i)) // more than aws-cli and boto3 send at once
		}
		writeFile(t, filepath.Join(dir, name), body)
	}
}

func writeFile(t testing.TB, path string, body []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, body, 0o644); err != nil {
		t.Fatal(err)
	}
}

// makeSizes writes one file of each size below dir and returns their names.
func makeSizes(t testing.TB, dir string) (names []string) {
	t.Helper()
	for i, size := range sizes() {
		name := fmt.Sprintf("size-%d", size)
		writeFile(t, filepath.Join(dir, name), content(size, byte(i)))
		names = append(names, name)
	}
	return names
}

// sameTree compares all files below two directories by their SHA-256.
func sameTree(t testing.TB, want, got string) {
	t.Helper()
	a, b := sums(t, want), sums(t, got)
	for _, name := range slices.Sorted(maps.Keys(a)) {
		switch other, found := b[name]; {
		case !found:
			t.Errorf("%q did not come back", name)
		case other != a[name]:
			t.Errorf("%q came back as another", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(b)) {
		if _, found := a[name]; !found {
			t.Errorf("%q came back and was never there", name)
		}
	}
}

func sums(t testing.TB, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		all[name] = sumOfFile(t, path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
