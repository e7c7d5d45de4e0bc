package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// TestMendKills kills the daemon with SIGKILL in the middle of a rebuild, a scrub, an evacuation and the replacement of a
// drive that is in use, and starts it again: the work goes on by itself, nothing is lost, and what was done is not done
// again. HOLDFAST_MEND_KILLS says how often each is killed, twice if it is not set.
func TestMendKills(t *testing.T) {
	t.Parallel()
	kills := number(t, "HOLDFAST_MEND_KILLS", 2)
	rng := rand.New(rand.NewPCG(seedOf(t), 0))
	for _, c := range []struct {
		name  string
		begin func(*mendKills)
	}{
		{"rebuild", (*mendKills).rebuild},
		{"scrub", (*mendKills).scrubDamage},
		{"evacuate", (*mendKills).evacuate},
		{"replace", (*mendKills).replaceLive},
	} {
		seed := rng.Uint64()
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := newMendKills(t, rand.New(rand.NewPCG(seed, 0)))
			rounds := 0
			for ; m.hits < kills; rounds++ {
				if rounds > 3*kills+3 {
					t.Fatalf("%d of %d rounds were killed in the middle: it is done too soon", m.hits, rounds)
				}
				m.round(c.begin)
			}
			t.Logf("%d kills in the middle of %d rounds; %d segments done, %d of them twice", m.hits, rounds, m.segments, m.twice)
		})
	}
}

const (
	mendKillDrives = 6
	// mendKillRate makes a round long enough to be killed in its middle.
	mendKillRate = 24 << 20
)

// mendKills is a pool whose daemon is killed while it mends.
type mendKills struct {
	*process
	rng   *rand.Rand
	shelf *shelf

	made  int      // directories for drives
	leave []string // drives that have left the pool when the round is over
	scrub bool     // what is done is a scrub

	rounds, hits, segments, twice int
}

func newMendKills(t *testing.T, rng *rand.Rand) *mendKills {
	m := &mendKills{process: newProcess(t, mendKillDrives, "--segment-size", "1MiB", "--rebuild-rate", fmt.Sprint(mendKillRate, "B")), rng: rng, shelf: newShelf()}
	m.begin()
	m.fill(m.shelf, "before", 150, rng)
	return m
}

// fresh is a directory for a new drive. From the next start on the daemon is told of it.
func (m *mendKills) fresh() string {
	m.made++
	dir := filepath.Join(m.home, fmt.Sprintf("fresh%d", m.made))
	m.dirs = append(m.dirs, dir)
	return dir
}

// victim is a drive that leaves the pool in this round.
func (m *mendKills) victim() string {
	dir := m.dirs[m.rng.IntN(mendKillDrives)]
	m.leave = append(m.leave, dir)
	return dir
}

func (m *mendKills) rebuild() {
	lost := m.victim()
	m.must("drive", "fail", lost)
	m.must("drive", "replace", lost, m.fresh())
}

func (m *mendKills) evacuate() {
	old := m.victim()
	m.must("drive", "add", m.fresh())
	m.must("drive", "evacuate", old)
}

func (m *mendKills) replaceLive() {
	old := m.victim()
	m.must("drive", "replace", old, m.fresh())
}

// scrubDamage flips bits in every segment's file of two drives, and has them scrubbed.
func (m *mendKills) scrubDamage() {
	m.scrub = true
	for _, i := range m.rng.Perm(len(m.dirs))[:2] {
		files, err := filepath.Glob(filepath.Join(m.dirs[i], "segments", "*-*"))
		if err != nil || len(files) == 0 {
			m.t.Fatalf("segments of %s: %d, %v", m.dirs[i], len(files), err)
		}
		for _, path := range files {
			info, err := os.Stat(path)
			if err != nil {
				m.t.Fatal(err)
			}
			for n := 0; n < 8 && info.Size() > 0; n++ {
				if err := flipBit(path, m.rng.Int64N(info.Size())); err != nil {
					m.t.Fatal(err)
				}
			}
		}
	}
	m.must("scrub", "start", "--rate", fmt.Sprint(mendKillRate, "B"))
}

// round begins the work, kills the daemon once or twice in its middle, waits until it is done, and wants everything.
func (m *mendKills) round(begin func(*mendKills)) {
	m.t.Helper()
	m.rounds++
	m.rate(mendKillRate)
	info, err := os.Stat(m.logPath())
	if err != nil {
		m.t.Fatal(err)
	}
	from := info.Size()
	begin(m)
	var at []int // how many segments were done at each kill
	for range 1 + m.rng.IntN(2) {
		if !m.awaitMended(from, len(m.mended(from))+1+m.rng.IntN(3)) {
			break
		}
		time.Sleep(time.Duration(m.rng.IntN(60)) * time.Millisecond)
		done := m.scrubbed()
		m.kill()
		at = append(at, len(m.mended(from)))
		m.start()
		if m.scrub {
			m.wantScrubOn(done)
		}
	}
	m.rate(0)
	m.awaitDone()
	m.judge(m.mended(from), at)
	m.must("verify", testBucket)
	m.fill(m.shelf, fmt.Sprintf("after/%d", m.rounds), 5, m.rng)
	m.wantAll(m.shelf)
	for _, dir := range m.leave {
		m.dirs = slices.DeleteFunc(m.dirs, func(d string) bool { return d == dir })
		if err := os.RemoveAll(dir); err != nil {
			m.t.Fatal(err)
		}
	}
	m.leave = nil
}

// judge counts the kills that hit the middle, and wants no more than one segment done twice for each kill.
func (m *mendKills) judge(lines []mendedLine, at []int) {
	m.t.Helper()
	for _, done := range at {
		if done < len(lines) {
			m.hits++
		}
	}
	times := make(map[uint64]int)
	for _, l := range lines {
		times[l.Segment]++
	}
	twice := len(lines) - len(times)
	m.segments, m.twice = m.segments+len(times), m.twice+twice
	if twice > len(at) {
		m.t.Errorf("%d kills, and %d times a segment was done again: %v", len(at), twice, lines)
	}
}

// rate sets what the rebuild reads and writes at most, in bytes per second; 0 is no limit.
func (m *mendKills) rate(bytesPerSecond int64) {
	m.t.Helper()
	doc := map[string]int64{"rate_bytes": bytesPerSecond}
	if _, err := m.admin.ask(m.t.Context(), adminRequest(http.MethodPost, "rebuild"), doc, new(rebuildReport)); err != nil {
		m.t.Fatal(err)
	}
}

// mendedLine is what the daemon logs of a segment that it is done with and has changed something of.
type mendedLine struct {
	Message string `json:"msg"`
	Segment uint64 `json:"segment"`
	Moved   int    `json:"files moved"`
	Mended  int64  `json:"blocks mended"`
	Bytes   int64  `json:"bytes written"`
}

// mended is what was done by the log from that offset on: files moved, or for a scrub blocks mended in place.
func (m *mendKills) mended(from int64) (lines []mendedLine) {
	m.t.Helper()
	log, err := os.ReadFile(m.logPath())
	if err != nil {
		m.t.Fatal(err)
	}
	for line := range bytes.Lines(log[from:]) {
		var l mendedLine
		// A line that a kill has cut short is none.
		if json.Unmarshal(line, &l) == nil && l.Message == "segment mended" && (l.Moved > 0 || m.scrub) {
			lines = append(lines, l)
		}
	}
	return lines
}

// awaitMended waits until so many segments are done. It says no if all is done before that.
func (m *mendKills) awaitMended(from int64, n int) bool {
	m.t.Helper()
	for deadline := time.Now().Add(mendKillPatience); len(m.mended(from)) < n; time.Sleep(5 * time.Millisecond) {
		if m.done() {
			return false
		}
		m.inTime(deadline)
	}
	return true
}

func (m *mendKills) awaitDone() {
	m.t.Helper()
	for deadline := time.Now().Add(mendKillPatience); !m.done(); time.Sleep(20 * time.Millisecond) {
		m.inTime(deadline)
	}
}

// mendKillPatience is how long it may take until something happens that does in a second or two on an idle machine.
const mendKillPatience = time.Minute

func (m *mendKills) inTime(deadline time.Time) {
	m.t.Helper()
	if time.Now().After(deadline) {
		text, _ := m.run("status")
		m.t.Fatalf("it does not go on:\n%s", text)
	}
}

// done says whether the pool has its six drives, nothing is left to mend or move, and no scrub is on.
func (m *mendKills) done() bool {
	r := m.report()
	for _, d := range r.Drives {
		if d.State != stateOnline {
			return false
		}
	}
	if r.Scrub.Running || m.scrub && r.Scrub.Outcome != scrubMended {
		return false
	}
	return len(r.Drives) == mendKillDrives && r.worst() == 0 && r.Rebuild.SegmentsLeft == 0 && r.Rebuild.State != rebuildRunning
}

// scrubbed is how many segments the scrub that is on, or the last one, has behind it.
func (m *mendKills) scrubbed() int64 { return m.report().Scrub.SegmentsDone }

// wantScrubOn wants the scrub to go on where it was when the daemon was killed, but for one segment.
func (m *mendKills) wantScrubOn(done int64) {
	m.t.Helper()
	r := m.report().Scrub
	for deadline := time.Now().Add(mendKillPatience); !r.Running && r.Outcome == ""; r = m.report().Scrub {
		m.inTime(deadline) // it is not read yet where the scrub was
		time.Sleep(5 * time.Millisecond)
	}
	if r.SegmentsDone < done-1 {
		m.t.Errorf("the scrub had %d segments behind it when the daemon was killed, and goes on behind %d", done, r.SegmentsDone)
	}
}

func (m *mendKills) report() statusReport {
	m.t.Helper()
	r, _, err := m.admin.status(m.t.Context())
	if err == nil && (r.Rebuild == nil || r.Scrub == nil) {
		err = fmt.Errorf("status says nothing of what mends")
	}
	if err != nil {
		m.t.Fatal(err)
	}
	return r
}
