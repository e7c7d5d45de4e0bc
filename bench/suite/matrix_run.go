package suite

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-storage/holdfast/bench"
	"github.com/holdfast-storage/holdfast/bench/engine"
	"github.com/holdfast-storage/holdfast/bench/s3"
	"github.com/holdfast-storage/holdfast/blockstore"
)

// matrix measures all groups of cells. What fails is noted, and the others are measured all the same: it takes long to
// come so far. The error has all of it.
func (s *stage) matrix(ctx context.Context, groups []group) (cells []bench.Cell, notes []string, err error) {
	for _, g := range groups {
		s.family = family{name: g.layer + ", " + g.state, seconds: g.seconds(), room: matrixRoom}
		found, failed := s.group(ctx, g)
		cells = append(cells, found...)
		failed = errors.Join(failed, s.clear())
		if ctx.Err() != nil {
			return cells, notes, errors.Join(err, failed)
		}
		if failed != nil {
			failed = named(s.family.name, failed)
			notes, err = append(notes, "Failed: "+failed.Error()), errors.Join(err, failed)
		}
		s.clock.next(g.seconds())
	}
	return cells, append(notes, stoodStill(cells)...), err
}

// matrixRoom is what a group takes of the drives at most: what one cell writes with its parity, and what others read.
const matrixRoom = 12 * gib

// measured is a cell with its sides.
type measured struct {
	cell  cell
	sides []bench.Side // its own, and the bare server's where it has one
}

// group measures the cells of one pool. All of them have stored what they read before the state begins.
func (s *stage) group(ctx context.Context, g group) (cells []bench.Cell, err error) {
	if err := s.begin(ctx, s.family); err != nil {
		return nil, err
	}
	make := s.cellsOfS3
	if g.layer == layerPool {
		make = s.cellsOfPool
	}
	all, err := make(ctx, g)
	if err != nil {
		return nil, err
	}
	for i, m := range all {
		turns := s.turns(m.cell.span())
		if s.Turns.Rounds == 0 || m.cell.writes() { // of what is written no more than was planned
			turns.Rounds = min(turns.Rounds, matrixRounds)
		}
		turns.Told = func(string, int, int) { s.tellOf(m.cell.name(), i, len(all)) }
		series, err := bench.InTurn(ctx, turns, m.sides...)
		if err != nil {
			return cells, named(m.cell.name(), err)
		}
		c := bench.Cell{Layer: m.cell.layer, State: m.cell.state, Operation: string(m.cell.operation), Size: m.cell.size, Clients: m.cell.clients, Series: series[0]}
		if len(series) > 1 {
			c.Limit = series[1]
		}
		cells = append(cells, c)
	}
	return cells, nil
}

func (s *stage) cellsOfS3(ctx context.Context, g group) (all []measured, err error) {
	p, err := s.pool(ctx)
	if err != nil {
		return nil, err
	}
	if working(g.state) {
		if err := p.ballast(ctx, s.ballast); err != nil {
			return nil, err
		}
	}
	for _, c := range g.cells {
		load := s3.Load{Operation: c.operation, Size: c.size, Clients: c.clients, Keys: c.keys(), Stored: c.keys() * c.size, Written: c.perRun(),
			Prefix: strings.ToLower(strings.Trim(string(c.operation[:3]), "0/3 ") + "x")}
		side, err := p.at(c.name(), load).make(ctx)
		if err != nil {
			return nil, named(c.name(), err)
		}
		bare, err := s.bareAt(c.name(), load).make(ctx)
		if err != nil {
			return nil, named(c.name(), err)
		}
		switch g.state {
		case rebuilds:
			side = p.duringRebuild(side)
		case scrubs:
			side = p.duringScrub(side)
		}
		all = append(all, measured{c, []bench.Side{side, bare}})
	}
	if g.state == fmt.Sprintf(drivesLost, s.parity) {
		err = p.lose(ctx, s.parity)
	}
	return all, err
}

func (s *stage) cellsOfPool(ctx context.Context, g group) (all []measured, err error) {
	dirs := s.newDirs()
	options := s.newPool(dirs)
	options.RebuildAfter = -1
	store, err := blockstore.Open(ctx, options)
	if err != nil {
		return nil, err
	}
	s.later(func() error {
		err := store.Close(context.WithoutCancel(ctx))
		if g.state == rebuilds { // of the drive that was pulled last it may not know yet
			return nil
		}
		return err
	})
	if working(g.state) {
		s.tell("preparing: what there is to work on")
		if err := engine.Fill(ctx, store, engine.Filling{Bucket: "bench", Prefix: "ballast", Size: 16 * mib, To: s.ballast / (16 * mib)}); err != nil {
			return nil, named("ballast", err)
		}
	}
	for _, c := range g.cells {
		runner, err := engine.NewRunner(store, engine.Load{Operation: c.operation, Size: c.size, Clients: c.clients, Keys: c.keys(), MostBytes: c.perRun(),
			Prefix: fmt.Sprintf("%s-%d", strings.ToLower(string(c.operation[:3])), c.clients)})
		if err != nil {
			return nil, err
		}
		s.tell("preparing: " + c.name())
		if err := runner.Prepare(ctx); err != nil {
			return nil, named(c.name(), err)
		}
		all = append(all, measured{c, []bench.Side{warmed(runner.Side(), runner)}})
	}
	switch g.state {
	case healthy:
		return all, nil
	case rebuilds:
		duringAll(all, s.rebuildBeside(ctx, store, dirs))
		return all, nil
	case scrubs:
		duringAll(all, s.scrubBeside(ctx, store))
		return all, nil
	}
	lost := dirs[len(dirs)-s.parity:]
	if err := removeAll(lost); err != nil {
		return nil, err
	}
	return all, missed(ctx, store, lost)
}

// duringAll has all of them run while the work goes on.
func duringAll(all []measured, b *beside) {
	for _, m := range all {
		for i := range m.sides {
			m.sides[i] = b.during(m.sides[i])
		}
	}
}

// stoodStill notes the cells beside which nothing of the work was counted.
func stoodStill(cells []bench.Cell) []string {
	var still []string
	for _, c := range cells {
		done := slices.ContainsFunc(c.Series.Samples, func(s bench.Sample) bool { return s.Background > 0 })
		if working(c.State) && !done {
			still = append(still, cell{c.Layer, c.State, bench.Operation(c.Operation), c.Size, c.Clients}.name())
		}
	}
	if len(still) == 0 {
		return nil
	}
	return []string{"The work gives way to clients and is counted in pieces of some MiB, and in no round was one done beside: " + strings.Join(still, "; ") + "."}
}

// missed waits until a pool knows that its drives are gone.
func missed(ctx context.Context, store *blockstore.Pool, lost []string) error {
	for deadline := time.Now().Add(time.Minute); ; {
		status, err := store.Status(ctx)
		if err != nil {
			return err
		}
		left := slices.ContainsFunc(status.Drives, func(d blockstore.DriveStatus) bool {
			return slices.Contains(lost, d.Path) && d.State == "ONLINE"
		})
		if !left {
			return nil
		}
		if time.Now().After(deadline) {
			return errors.New("waited a minute for drives to be missed")
		}
		if err := pause(ctx, pollPeriod); err != nil {
			return err
		}
	}
}
