package blockstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/holdfast-storage/holdfast/blockstore/catalog"
	"github.com/holdfast-storage/holdfast/blockstore/drive"
)

// TestModel holds random lives of small pools against the history: clients,
// drives that go and come, checkpoints, lost catalogs, restarts, crashes.
func TestModel(t *testing.T) {
	runs := 1000
	if testing.Short() {
		runs = 8
	}
	modelRuns(t, runs)
}

// TestSoakModel does the same for longer.
func TestSoakModel(t *testing.T) {
	if !soaking() {
		t.Skip("set HOLDFAST_SOAK for 5000 runs")
	}
	modelRuns(t, 5000)
}

func modelRuns(t *testing.T, runs int) {
	t.Parallel()
	seed := testSeed(t)
	var next, steps atomic.Int64
	t.Run("lanes", func(t *testing.T) {
		for lane := range 4 {
			t.Run(fmt.Sprint(lane), func(t *testing.T) {
				t.Parallel()
				for i := next.Add(1) - 1; i < int64(runs) && !t.Failed(); i = next.Add(1) - 1 {
					m := &life{rng: newRand(seed + uint64(i))}
					err := m.run(t, seed+uint64(i))
					steps.Add(int64(len(m.trace)))
					if err != nil {
						t.Fatalf("with -holdfast.seed %d: %v\n%s", seed+uint64(i), err, strings.Join(m.trace, "\n"))
					}
				}
			})
		}
	})
	t.Logf("%d runs, %d steps", min(int(next.Load()), runs), steps.Load())
}

// life is one random run. Faults stay within what must be survived: never are
// more drives away than the pool said may fail, nor than the quorum allows.
type life struct {
	*world
	rng   *rand.Rand
	away  map[string]bool // directories
	loose bool            // a drive is not what its label says: the accounts need not hold
	fuss  fuss
	trace []string
}

func (m *life) say(format string, args ...any) {
	m.trace = append(m.trace, fmt.Sprintf(format, args...))
}

func (m *life) run(t *testing.T, seed uint64) error {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	all := shapes()
	s := all[m.rng.IntN(len(all))]
	m.world, m.away = newWorld(t, s, smallSegment<<m.rng.IntN(3), seed), make(map[string]bool)
	m.say("%v, segments of %d KiB", s, m.opt.SegmentBytes>>10)
	defer func() {
		if m.p != nil {
			abandon(m.p, m.fs)
		}
	}()
	if err := m.reopened(ctx); err != nil {
		return err
	}
	if err := m.createBucket(ctx, "bucket", m.fuss); err != nil {
		return err
	}
	for range 10 + m.rng.IntN(15) {
		if err := m.step(ctx); err != nil {
			return err
		}
	}
	m.say("the end: all drives back, power cut")
	m.allBack()
	m.crash(m.rng, 0)
	if err := m.reopened(ctx); err != nil {
		return err
	}
	m.say("mended")
	if err := m.whole(ctx); err != nil {
		return err
	}
	return m.holds(ctx, false)
}

// step is one thing that happens.
func (m *life) step(ctx context.Context) error {
	switch n := m.rng.IntN(26); {
	case n < 8:
		clients, changes := 1+m.rng.IntN(4), 1+m.rng.IntN(5)
		m.say("%d clients, %d changes each", clients, changes)
		return m.clients(ctx, clients, changes, m.rng.Uint64(), m.fuss)
	case n < 9:
		return m.lists(ctx)
	case n < 10:
		m.say("compare")
		return m.holds(ctx, false)
	case n < 11:
		m.say("checkpoint")
		err := m.p.checkpoint()
		if m.fuss.faults && errors.Is(err, catalog.ErrUnavailable) {
			err = nil // it was being read from a replica that went; the next one is made elsewhere
		}
		return err
	case n < 13:
		return m.pull(ctx)
	case n < 14:
		return m.failDrive(ctx)
	case n < 18:
		return m.operate(ctx)
	case n < 20:
		return m.mendSome(ctx)
	case n < 21:
		return m.rot(ctx)
	case n < 23:
		m.say("close")
		if err := m.close(ctx); err != nil {
			return err
		}
	default:
		ways := crashWays()
		how := ways[m.rng.IntN(len(ways))]
		if m.rng.IntN(4) == 0 {
			if err := m.mendInTheMiddle(ctx, how); err != nil {
				return err
			}
			break
		}
		m.say("%s", crashName(how))
		if m.rng.IntN(2) == 0 {
			m.crash(m.rng, how)
			break
		}
		// In the middle of things.
		stop, seed := make(chan error, 1), m.rng.Uint64()
		go func() { stop <- m.clients(ctx, 3, 4, seed, m.fuss) }()
		time.Sleep(time.Duration(m.rng.IntN(4000)) * time.Microsecond)
		from := m.h.now()
		image := takeImage(m.fs, m.rng, how)
		to := m.h.now()
		if err := <-stop; err != nil {
			return err
		}
		m.h.truncate(span{from, to})
		abandon(m.p, m.fs)
		m.fs, m.p = image, nil
	}
	return m.between(ctx)
}

// close ends the pool in order. Drives that are away cannot be closed well.
func (m *life) close(ctx context.Context) error {
	err := m.p.Close(ctx)
	m.p = nil
	if len(m.away) > 0 {
		err = nil
	}
	return err
}

// between is what happens between two openings.
func (m *life) between(ctx context.Context) error {
	switch m.rng.IntN(6) {
	case 0:
		dir := m.dirs[m.rng.IntN(len(m.dirs))]
		m.say("catalog of %s lost", dir)
		wipeCatalogs(m.fs, []string{dir})
	case 1:
		m.say("all catalogs lost")
		wipeCatalogs(m.fs, m.dirs)
	}
	if m.rng.IntN(3) > 0 {
		m.say("all drives back")
		m.allBack()
	}
	return m.reopened(ctx)
}

func (m *life) allBack() {
	for dir := range m.away {
		m.fs.Plug(dir)
	}
	clear(m.away)
}

// reopened opens the pool and compares it; what is found is fixed from then on.
func (m *life) reopened(ctx context.Context) error {
	m.opt.Dirs = slices.DeleteFunc(slices.Clone(m.dirs), func(dir string) bool {
		_, err := m.fs.Stat(dir + "/label")
		return err != nil // an empty directory beside a pool that lacks no drive is refused
	})
	if err := m.open(ctx); err != nil {
		return fmt.Errorf("opening: %w", err)
	}
	m.fuss = fuss{}
	return m.holds(ctx, true)
}

func (m *life) holds(ctx context.Context, fix bool) error {
	now := m.h.now()
	check := m.h.check
	if m.loose {
		check = m.h.compare
	}
	found, err := check(ctx, m.p, span{now, now})
	if err == nil && fix {
		m.h.fix(found)
	}
	return err
}

func (m *life) lists(ctx context.Context) error {
	m.say("lists")
	pick := func(of ...string) string { return of[m.rng.IntN(len(of))] }
	for range 5 {
		o := ListOptions{
			Prefix: pick("", "0", "1/", "0/a"), Delimiter: pick("", "", "/", "/b"),
			After: pick("", "", "0/a", "0/", "1/b", "2"), Max: 1 + m.rng.IntN(5),
		}
		if err := m.list(ctx, "bucket", o); err != nil {
			return err
		}
	}
	return nil
}

// mayGo says whether one more drive may go: the pool says that nothing would be
// lost, and there would still be a quorum.
func (m *life) mayGo(ctx context.Context) (bool, error) {
	// The pool learns of a drive that is away by writing to it.
	if err := m.put(ctx, "bucket", "0/a", newValue(m.rng, 300), m.fuss, nil); err != nil {
		return false, err
	}
	s, err := m.p.Status(ctx)
	if err != nil {
		return false, err
	}
	out, voters, accepting := 0, 0, 0
	for _, d := range s.Drives {
		if d.State == drive.Spare.String() {
			continue
		}
		voters++
		if d.State == drive.Online.String() && !m.away[d.Path] {
			accepting++
		}
		if d.State != drive.Online.String() && d.State != drive.Evacuating.String() || m.away[d.Path] {
			out++
		}
	}
	if s.Pool.Spare == 0 || accepting <= m.shape.m+1 || out >= voters-quorum(voters, m.shape.m) {
		return false, nil
	}
	// Until the catalog has its replicas, one drive may be the only one with it.
	wait, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	return true, replicated(wait, m.p)
}

// anyOnline picks a drive that takes part and is there.
func (m *life) anyOnline(ctx context.Context) (dir string, slot int, err error) {
	s, err := m.p.Status(ctx)
	if err != nil {
		return "", 0, err
	}
	s.Drives = slices.DeleteFunc(s.Drives, func(d DriveStatus) bool {
		return d.State != drive.Online.String() && d.State != drive.Evacuating.String() || m.away[d.Path]
	})
	if len(s.Drives) == 0 {
		return "", 0, nil
	}
	d := s.Drives[m.rng.IntN(len(s.Drives))]
	return d.Path, d.Slot, nil
}

// pull takes a drive away, at rest or while clients are at work.
func (m *life) pull(ctx context.Context) error {
	if ok, err := m.mayGo(ctx); err != nil || !ok {
		return err
	}
	dir, _, err := m.anyOnline(ctx)
	if err != nil || dir == "" {
		return err
	}
	m.away[dir] = true
	m.fuss.faults = true
	act := func() {
		if m.rng.IntN(2) == 0 {
			m.say("%s unplugged", dir)
			m.fs.Unplug(dir)
		} else {
			m.say("%s detached", dir)
			m.fs.Detach(dir)
		}
	}
	if m.rng.IntN(2) == 0 {
		act()
		return nil
	}
	m.say("while clients are at work:")
	stop, seed := make(chan error, 1), m.rng.Uint64()
	go func() { stop <- m.clients(ctx, 3, 3, seed, m.fuss) }()
	time.Sleep(time.Duration(m.rng.IntN(3000)) * time.Microsecond)
	act()
	return <-stop
}

// failDrive fails a drive as an operator does.
func (m *life) failDrive(ctx context.Context) error {
	if m.rng.IntN(2) == 0 {
		return nil // it is for good
	}
	if ok, err := m.mayGo(ctx); err != nil || !ok {
		return err
	}
	_, slot, err := m.anyOnline(ctx)
	if err != nil || slot == 0 {
		return err
	}
	m.say("drive %d failed by the operator", slot)
	m.fuss.faults = true
	_, err = m.p.FailDrive(ctx, fmt.Sprint(slot), ChangeOptions{})
	if errors.Is(err, ErrUnsafe) {
		err = nil
	}
	return err
}
