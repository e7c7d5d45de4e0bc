package blockstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// Mutants show that the tests hold the rules: each breaks one on purpose, and
// some test must notice. A mutant is a file testdata/mutants/NAME.mutant:
//
//	rule: R7
//	breaks: the entry of a new segment's file is not made durable
//	file: drive/segments.go
//	test: drive ^TestOrderOfSyncs$
//	-- old --
//	the text to replace, to a line's end, found exactly once in the file
//	-- new --
//	what stands there instead
//
// Paths are relative to this package's directory; file may be a pattern, of
// whose files one has the old text. There may be several pairs of old and new,
// and several lines with tests, tried in order: a package and a pattern for
// -run. If none of them notices, all tests of their packages are run before the
// mutant counts as a survivor. To add a mutant, add a file.
type mutant struct {
	name, rule, breaks, file string
	tests                    []testRun
	edits                    []edit
}

type testRun struct{ pkg, pattern string }

type edit struct{ old, new string }

const (
	mutantPattern = "testdata/mutants/*.mutant"
	mutantSlack   = 20 * time.Second // for tests of a mutant, beyond what they take without it
	controlTime   = 2 * time.Minute  // for one line of tests without a mutant
	packageTime   = 10 * time.Minute // for all tests of a package
)

func parseMutant(name, text string) (mutant, error) {
	m := mutant{name: name}
	head, rest, _ := strings.Cut(text, "-- old --\n")
	for line := range strings.Lines(head) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), ": ")
		switch {
		case ok && key == "rule":
			m.rule = value
		case ok && key == "breaks":
			m.breaks = value
		case ok && key == "file":
			m.file = value
		case ok && key == "test":
			pkg, pattern, ok := strings.Cut(value, " ")
			if _, err := regexp.Compile(pattern); !ok || err != nil {
				return m, fmt.Errorf("test %q is not a package and a pattern", value)
			}
			m.tests = append(m.tests, testRun{pkg, pattern})
		default:
			return m, fmt.Errorf("line %q is none of rule, breaks, file and test", strings.TrimSpace(line))
		}
	}
	for pair := range strings.SplitSeq(rest, "-- old --\n") {
		before, after, ok := strings.Cut(pair, "-- new --\n")
		if !ok || before == "" || before == after {
			return m, errors.New("an edit is not -- old --, text, -- new --, another text")
		}
		m.edits = append(m.edits, edit{before, after})
	}
	if m.rule == "" || m.breaks == "" || m.file == "" || len(m.tests) == 0 {
		return m, errors.New("rule, breaks, file and test must all be there")
	}
	return m, nil
}

// apply gives the one file that has the old texts, as the mutant has it.
func (m *mutant) apply() (path, text string, err error) {
	paths, err := filepath.Glob(m.file)
	if err != nil {
		return "", "", err
	}
	found := 0
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if err != nil {
			return "", "", err
		}
		if n := strings.Count(string(b), m.edits[0].old); n > 0 && !strings.HasSuffix(p, "_test.go") {
			path, text, found = p, string(b), found+n
		}
	}
	for i, e := range m.edits {
		if i > 0 {
			found = strings.Count(text, e.old)
		}
		if found != 1 {
			return "", "", fmt.Errorf("the old text is found %d times in %s:\n%s", found, m.file, e.old)
		}
		text = strings.Replace(text, e.old, e.new, 1)
	}
	return path, text, nil
}

func readMutants(t *testing.T) []mutant {
	t.Helper()
	paths, err := filepath.Glob(mutantPattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("no mutants in %s: %v", mutantPattern, err)
	}
	var list []mutant
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		m, err := parseMutant(strings.TrimSuffix(filepath.Base(path), ".mutant"), string(b))
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		list = append(list, m)
	}
	return list
}

// TestMutantsApply: every mutant fits the source as it is, and names tests that
// there are. It runs with all the others, so that a change which leaves a mutant
// behind is seen at once.
func TestMutantsApply(t *testing.T) {
	named := regexp.MustCompile(`\bTest\w+`)
	for _, m := range readMutants(t) {
		if _, _, err := m.apply(); err != nil {
			t.Errorf("%s does not apply any more: %v", m.name, err)
		}
		for _, run := range m.tests {
			source := testSource(t, run.pkg)
			for _, name := range named.FindAllString(run.pattern, -1) {
				if !strings.Contains(source, "func "+name) {
					t.Errorf("%s: there is no test %s in %s", m.name, name, run.pkg)
				}
			}
		}
	}
}

func testSource(t *testing.T, pkg string) string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(pkg, "*_test.go"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("%s has no tests: %v", pkg, err)
	}
	var all strings.Builder
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(b)
	}
	return all.String()
}

// TestMutants builds each mutant's tests with its one file replaced, runs them
// and wants them to fail; one that does not end in time fails too. With
// HOLDFAST_MUTANT, a pattern of names, it takes those alone and shows what their
// tests say.
func TestMutants(t *testing.T) {
	if os.Getenv("HOLDFAST_MUTANTS") == "" {
		t.Skip("breaks every rule on purpose, which takes minutes: make mutants, or set HOLDFAST_MUTANTS=1")
	}
	only, err := regexp.Compile(os.Getenv("HOLDFAST_MUTANT"))
	if err != nil {
		t.Fatal(err)
	}
	list := slices.DeleteFunc(readMutants(t), func(m mutant) bool { return !only.MatchString(m.name) })
	if len(list) == 0 || t.Failed() {
		t.Fatalf("%d mutants to run", len(list))
	}
	l := &lab{dir: t.TempDir(), normal: make(map[testRun]time.Duration), log: func(string) {}}
	if only.String() != "" {
		l.log = func(output string) { t.Log(output) }
	}
	if err := l.control(t.Context(), list); err != nil {
		t.Fatalf("without any mutant: %v", err)
	}
	// The next one is built while the tests of one run.
	builds := make(chan built)
	go func() {
		defer close(builds)
		for i := range list {
			builds <- l.build(t.Context(), &list[i])
		}
	}()
	fmt.Printf("%-28s %-6s %-60s %s\n", "mutant", "rule", "caught by", "seconds")
	caught := 0
	for b := range builds {
		began := time.Now()
		by, err := l.hunt(t.Context(), b)
		switch {
		case err != nil:
			t.Errorf("%s: %v", b.m.name, err)
			by = "ERROR"
		case by == "":
			t.Errorf("%s SURVIVES: no test notices when, against %s, %s", b.m.name, b.m.rule, b.m.breaks)
			by = "NONE: IT SURVIVES"
		default:
			caught++
		}
		fmt.Printf("%-28s %-6s %-60s %7.1f\n", b.m.name, b.m.rule, by, (time.Since(began) + b.took).Seconds())
	}
	fmt.Printf("%d mutants, %d caught\n", len(list), caught)
}

// lab builds and runs test binaries.
type lab struct {
	dir    string
	normal map[testRun]time.Duration // what tests take without a mutant
	log    func(string)              // takes the output of tests that failed
}

// built is a mutant's test binaries, by package.
type built struct {
	m       *mutant
	overlay string
	bins    map[string]string
	err     error
	took    time.Duration
}

// control runs every test that a mutant names, without one: they must pass.
func (l *lab) control(ctx context.Context, list []mutant) error {
	bins := make(map[string]string)
	for _, m := range list {
		for _, run := range m.tests {
			if _, ok := l.normal[run]; ok {
				continue
			}
			if bins[run.pkg] == "" {
				bin := filepath.Join(l.dir, "control-"+strings.ReplaceAll(run.pkg, "/", "-"))
				if err := compile(ctx, run.pkg, bin); err != nil {
					return err
				}
				bins[run.pkg] = bin
			}
			began := time.Now()
			r := runTests(ctx, bins[run.pkg], run, controlTime)
			l.normal[run] = time.Since(began)
			switch {
			case r.failed:
				return fmt.Errorf("package %s, -run %s: fails:\n%s", run.pkg, run.pattern, r.output)
			case strings.Contains(r.output, "no tests to run"):
				return fmt.Errorf("package %s, -run %s: there is no such test", run.pkg, run.pattern)
			}
		}
	}
	for _, bin := range bins {
		if err := os.Remove(bin); err != nil {
			return err
		}
	}
	return nil
}

// build compiles the tests that a mutant names, with its file replaced. What
// does not compile is no mutant.
func (l *lab) build(ctx context.Context, m *mutant) (b built) {
	began := time.Now()
	b = built{m: m, bins: make(map[string]string)}
	defer func() { b.took = time.Since(began) }()
	path, text, err := m.apply()
	if err != nil {
		b.err = err
		return b
	}
	patched := filepath.Join(l.dir, m.name+".go")
	b.overlay = filepath.Join(l.dir, m.name+".json")
	original, err := filepath.Abs(path)
	if err == nil {
		err = os.WriteFile(patched, []byte(text), 0o600)
	}
	var overlay []byte
	if err == nil {
		overlay, err = json.Marshal(map[string]any{"Replace": map[string]string{original: patched}})
	}
	if err == nil {
		err = os.WriteFile(b.overlay, overlay, 0o600)
	}
	for _, run := range m.tests {
		if err == nil && b.bins[run.pkg] == "" {
			bin := filepath.Join(l.dir, m.name+"-"+strings.ReplaceAll(run.pkg, "/", "-"))
			b.bins[run.pkg] = bin
			err = compile(ctx, run.pkg, bin, "-overlay", b.overlay)
		}
	}
	b.err = err
	return b
}

func compile(ctx context.Context, pkg, bin string, flags ...string) error {
	args := slices.Concat([]string{"test", "-c", "-vet=off", "-ldflags=-s -w", "-o", bin}, flags, []string{"./" + pkg})
	if out, err := exec.CommandContext(ctx, "go", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}

// hunt runs the tests that should notice the mutant, then all there are. It
// says which one did; nothing if none.
func (l *lab) hunt(ctx context.Context, b built) (by string, err error) {
	defer func() {
		for _, bin := range b.bins {
			_ = os.Remove(bin)
		}
	}()
	if b.err != nil {
		return "", b.err
	}
	for _, run := range b.m.tests {
		if r := runTests(ctx, b.bins[run.pkg], run, mutantSlack+3*l.normal[run]); r.failed {
			l.log(r.output)
			return r.name(run.pkg), nil
		}
	}
	for pkg, bin := range b.bins {
		r := runTests(ctx, bin, testRun{pkg, "."}, packageTime)
		if r.late() { // what that says of the mutant nobody knows
			return "", fmt.Errorf("all tests of %s, run since those named do not notice it, take more than %v", pkg, packageTime)
		}
		if r.failed {
			l.log(r.output)
			return r.name(pkg) + ", which it does not name", nil
		}
	}
	return "", ctx.Err()
}

type testResult struct {
	failed bool
	output string
}

// runTests runs tests as `go test` does, in their package's directory. Tests
// that do not end in time fail.
func runTests(ctx context.Context, bin string, run testRun, limit time.Duration) testResult {
	ctx, cancel := context.WithTimeout(ctx, limit+10*time.Second)
	defer cancel()
	command := exec.CommandContext(ctx, bin, "-test.run="+run.pattern, "-test.failfast", "-test.timeout="+limit.String())
	command.Dir = run.pkg
	command.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "HOLDFAST_") })
	out, err := command.CombinedOutput()
	return testResult{failed: err != nil, output: string(out)}
}

var (
	failedTest  = regexp.MustCompile(`(?m)^--- FAIL: (\S+)`)
	runningTest = regexp.MustCompile(`running tests:\s+(\S+)`)
)

// late says whether the tests did not end in time.
func (r testResult) late() bool { return strings.Contains(r.output, "panic: test timed out") }

// name says which test failed, and how if it was not by saying so.
func (r testResult) name(pkg string) string {
	where := ""
	if pkg != "." {
		where = pkg + " "
	}
	if m := runningTest.FindStringSubmatch(r.output); m != nil && r.late() {
		return where + m[1] + " (it hangs)"
	}
	how := ""
	if strings.Contains(r.output, "panic: ") || strings.Contains(r.output, "fatal error: ") {
		how = " (it panics)"
	}
	if m := failedTest.FindStringSubmatch(r.output); m != nil {
		return where + m[1] + how
	}
	return where + "a test" + how
}
