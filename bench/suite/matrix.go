package suite

import (
	"fmt"
	"strings"
	"time"

	"github.com/holdfast-storage/holdfast/bench"
)

const (
	matrixRounds = 5
	matrixSpan   = 300 * time.Millisecond
	// bulkSpan is how long a run of objects from bulkSize on takes: the rounds together have the operations for a 99th
	// percentile, of 16 MiB in any case.
	bulkSpan = 800 * time.Millisecond
	bulkSize = 16 * mib
	// matrixWritten bounds what the runs of one cell write, the one that warms up included. What is large is written past
	// the page cache, so that this is room on the drives, which take (k+m)/k of it.
	matrixWritten = 6 * gib
	// runWritten bounds what one run writes where clients times size is less: of small objects, which go through the page
	// cache, so that it does not grow by more than 3 GiB. From bulkSize on they do not.
	runWritten     = 128 * mib
	bulkRunWritten = gib
	// matrixStored bounds what a cell reads, but for some objects at least.
	matrixStored = 256 * mib
	leastKeys    = 4
	mostKeys     = 10_000
	// ownPool is the size from which on a cell that writes has a pool of its own.
	ownPool = 64 * kib
	// deletedSize is the largest size of objects that are deleted: to delete is
	// to store a record, whatever the size, and what was deleted has to be stored again each time.
	deletedSize = mib
)

// Layers and states of cells.
const (
	layerS3    = "S3"
	layerPool  = "pool"
	layerCodec = "codec"

	healthy    = "healthy"
	rebuilds   = "rebuilding"
	scrubs     = "scrubbing"
	drivesLost = "%d drives gone" // m
)

// working says whether background work goes on in a state.
func working(state string) bool { return state == rebuilds || state == scrubs }

// cell is one place of the matrix before it is measured.
type cell struct {
	layer, state string
	operation    bench.Operation
	size         int64
	clients      int
}

func (c cell) name() string {
	return fmt.Sprintf("%s, %s: %s %s, %s", c.layer, c.state, c.operation, sizeName(c.size), clientsName(c.clients))
}

// writes says whether the cell stores what counts.
func (c cell) writes() bool { return c.operation == bench.Put || c.operation == bench.Mix }

// span is how long a run takes.
func (c cell) span() time.Duration {
	if c.size >= bulkSize {
		return bulkSpan
	}
	return matrixSpan
}

// perRun is what a run writes at most: each client once at least.
func (c cell) perRun() int64 {
	if c.size >= bulkSize {
		return max(bulkRunWritten, int64(c.clients)*c.size)
	}
	return max(runWritten, int64(c.clients)*c.size)
}

// keys is how many objects the cell is about, in every layer.
func (c cell) keys() int64 { return min(mostKeys, max(leastKeys, matrixStored/c.size)) }

// leftOut says why a cell is not measured; empty: it is.
func (c cell) leftOut() string {
	switch {
	case c.operation == bench.List && c.size != sizes()[0]:
		return "LIST of larger objects than the smallest: a page has names and sizes, and no bodies, whatever these are"
	case c.operation == bench.Delete && c.size > deletedSize:
		return "DELETE of objects larger than " + sizeName(deletedSize) + ": it stores a record, whatever the size, and what it took has to be stored again each time"
	case c.writes() && (matrixRounds+1)*c.perRun() > matrixWritten:
		return fmt.Sprintf("%s and %s of %s by %d clients, which would write more than %s in %d rounds, and parity besides", bench.Put, bench.Mix, sizeName(c.size),
			c.clients, sizeName(matrixWritten), matrixRounds)
	}
	return ""
}

// smallMatrix is what `make bench` shows of the matrix: enough for the charts, within two minutes.
func smallMatrix(c cell) bool {
	return c.layer == layerS3 && c.state == healthy && (c.operation == bench.Put || c.operation == bench.Get) &&
		(c.size == 4*kib || c.size == mib || c.size == 16*mib)
}

// smallMatrixWanted says whether the small one is asked for: all of it, by that word.
func smallMatrixWanted(only string) bool {
	return only == "" || strings.Contains("matrix", strings.ToLower(only))
}

// called gives the cells that have this in their name.
func called(only string) func(cell) bool {
	return func(c cell) bool { return strings.Contains(strings.ToLower(c.name()), strings.ToLower(only)) }
}

// group is cells that share a pool.
type group struct {
	layer, state string
	cells        []cell
}

// matrix is all that is measured of the cells that are wanted, and what has to be said of the rest.
func matrix(parity int, wanted func(cell) bool) (groups []group, notes []string) {
	gone := fmt.Sprintf(drivesLost, parity)
	said := map[string]bool{}
	for _, layer := range []string{layerS3, layerPool} {
		for _, state := range []string{healthy, gone, rebuilds, scrubs} {
			for _, size := range sizes() {
				shared := group{layer: layer, state: state}
				for _, clients := range []int{1, 8, 32} {
					for _, operation := range bench.Operations() {
						c := cell{layer, state, operation, size, clients}
						if !wanted(c) {
							continue
						}
						switch why := c.leftOut(); {
						case why != "":
							if !said[why] {
								notes = append(notes, "Left out: "+why+".")
							}
							said[why] = true
						case c.writes() && c.size >= ownPool: // which fill a pool
							groups = append(groups, group{layer, state, []cell{c}})
						default:
							shared.cells = append(shared.cells, c)
						}
					}
				}
				if len(shared.cells) > 0 {
					groups = append(groups, shared)
				}
			}
		}
	}
	return groups, notes
}

// seconds is about what a group takes.
func (g group) seconds() float64 {
	perGroup, sides, perRun := 1.0, 2.0, 0.1 // to start a server and store what is read; the bare server; around each run
	switch {
	case g.layer == layerPool && working(g.state):
		perGroup, sides = 4, 1 // something to work on is stored; the work goes on over all runs
	case g.layer == layerPool:
		sides = 1
	case g.state == rebuilds:
		perGroup, perRun = 5, 1.6 // a drive is filled to the end
	case g.state == scrubs:
		perGroup, perRun = 6, 0.3
	}
	for _, c := range g.cells {
		run := c.span().Seconds()*sides + perRun
		if c.layer == layerS3 && c.size >= bulkSize && c.operation == bench.Put {
			run -= c.span().Seconds() * 0.75 // the bare server has soon swallowed all that is written
		}
		perGroup += run * (matrixRounds + 1.0/3)
	}
	return perGroup
}
