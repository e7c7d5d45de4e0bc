package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/holdfast-storage/holdfast/"

// importRules says for each part of the tree which other parts its code may import: the layout of DESIGN.md. A part
// is a folder with all below it that has no row of its own. Imports run one way; tests may also use faultfs.
var importRules = []struct {
	part string
	may  []string
}{
	{"erasure", nil},
	{"blockstore/drive", nil},
	{"blockstore/faultfs", nil},
	{"blockstore/yield", nil},
	{"blockstore/placement", []string{"blockstore/drive"}},
	{"blockstore/catalog", []string{"blockstore/drive"}},
	{"blockstore", []string{"erasure", "blockstore/drive", "blockstore/catalog", "blockstore/placement", "blockstore/yield"}},
	{"scrubber", []string{"blockstore/yield"}},
	{"rebuild", []string{"blockstore/yield"}},
	{"fuse-free-api", nil},
	{"bench", []string{"erasure", "blockstore", "fuse-free-api"}},
	{"cmd", []string{"erasure", "blockstore", "blockstore/drive", "scrubber", "rebuild", "fuse-free-api", "bench"}},
}

// forbidden are packages of the standard library that contradict what a part is.
var forbidden = map[string][]string{
	"erasure":              {"os", "io/fs", "net", "net/http", "time"},
	"blockstore/placement": {"os", "io/fs", "net", "net/http", "time"},
	"blockstore":           {"net", "net/http"},
	"blockstore/drive":     {"net", "net/http"},
	"blockstore/catalog":   {"net", "net/http"},
	"scrubber":             {"os", "net", "net/http"},
	"rebuild":              {"os", "net", "net/http"},
	"fuse-free-api":        {"path/filepath"},
}

// partOf is the longest row of importRules that the path is in; empty if none.
func partOf(path string) string {
	best := ""
	for _, rule := range importRules {
		if (path == rule.part || strings.HasPrefix(path, rule.part+"/")) && len(rule.part) > len(best) {
			best = rule.part
		}
	}
	return best
}

type listed struct {
	ImportPath                         string
	Imports, TestImports, XTestImports []string
	DepOnly                            bool
	Incomplete                         bool
}

// TestImports holds every package to importRules. A new package has to be given its place in the table.
func TestImports(t *testing.T) {
	command := exec.CommandContext(t.Context(), "go", "list", "-e", "-json=ImportPath,Imports,TestImports,XTestImports", "./...")
	command.Dir = "../.."
	out, err := command.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	packages := 0
	for dec := json.NewDecoder(bytes.NewReader(out)); ; packages++ {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		checkImports(t, p)
	}
	if packages < 2 {
		t.Fatalf("go list told of %d packages only", packages)
	}
}

func checkImports(t *testing.T, p listed) {
	path, inside := strings.CutPrefix(p.ImportPath, module)
	part := partOf(path)
	if !inside || part == "" {
		t.Errorf("%s: has no place in the layout", p.ImportPath)
		return
	}
	var may []string
	for _, rule := range importRules {
		if rule.part == part {
			may = rule.may
		}
	}
	check := func(imports []string, more ...string) {
		for _, imported := range imports {
			if slices.Contains(forbidden[part], imported) {
				t.Errorf("%s imports %s, which contradicts what it is", path, imported)
			}
			target, inside := strings.CutPrefix(imported, module)
			if !inside {
				continue
			}
			to := partOf(target)
			if to != part && !slices.Contains(may, to) && !slices.Contains(more, to) {
				t.Errorf("%s imports %s: the layout does not let %s know of %s", path, target, part, to)
			}
		}
	}
	check(p.Imports)
	// Tests are free to use the fault layer, the frames that they damage, and the standard library as they like.
	tests := slices.DeleteFunc(slices.Concat(p.TestImports, p.XTestImports), func(imported string) bool {
		return slices.Contains(forbidden[part], imported)
	})
	check(tests, "blockstore/faultfs", "blockstore/drive")
}
