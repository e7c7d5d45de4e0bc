package suite

import (
	"fmt"
	"strings"
	"time"

	"github.com/holdfast-storage/holdfast/bench"
)

const (
	matrixRounds = 3
	matrixSpan   = 300 * time.Millisecond
	// matrixWritten bounds what the runs of one cell write, the one that warms up
	// included, so that the page cache does not grow by more than 3 GiB.
	matrixWritten = 2 * gib
	// runWritten bounds what one run writes where clients times size is less.
	runWritten = 64 * mib
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

// perRun is what a run writes at most: each client once at least.
func (c cell) perRun() int64 { return max(runWritten, int64(c.clients)*c.size) }

// rounds is how many runs the cell's writes leave room for beside the one that warms up.
func (c cell) rounds() int {
	if !c.writes() {
		return matrixRounds
	}
	return int(min(matrixRounds, matrixWritten/c.perRun()-1))
}

// leftOut says why a cell is not measured; empty: it is.
func (c cell) leftOut() string {
	switch {
	case c.operation == bench.List && c.size != sizes()[0]:
		return "a LIST is the same whatever the size of the objects: it is measured with the smallest"
	case c.operation == bench.Delete && c.size > deletedSize:
		return "DELETE is measured with objects up to " + sizeName(deletedSize) + ": it is the same for larger ones"
	case c.rounds() < 1:
		return fmt.Sprintf("%s of %s by %d clients would write more than %s: the page cache is kept from growing so much", bench.Put, sizeName(c.size), c.clients, sizeName(matrixWritten/2))
	}
	return ""
}

// group is cells that share a pool.
type group struct {
	layer, state string
	cells        []cell
}

// matrix is all that is measured, and what has to be said of the rest.
func matrix(parity int, only string) (groups []group, notes []string) {
	gone := fmt.Sprintf(drivesLost, parity)
	said := map[string]bool{}
	for _, layer := range []string{layerS3, layerPool} {
		for _, state := range []string{healthy, gone, rebuilds, scrubs} {
			if layer == layerPool && (state == rebuilds || state == scrubs) {
				continue // it is the daemon that does these
			}
			for _, size := range sizes() {
				shared := group{layer: layer, state: state}
				for _, clients := range []int{1, 8, 32} {
					for _, operation := range bench.Operations() {
						c := cell{layer, state, operation, size, clients}
						if !strings.Contains(strings.ToLower(c.name()), strings.ToLower(only)) {
							continue
						}
						switch why := c.leftOut(); {
						case why != "":
							if !said[why] {
								notes = append(notes, "Left out: "+why+".")
							}
							said[why] = true
						case c.writes() && c.size >= 16*mib: // which fill a pool
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
	perGroup, sides, perRun := 4.0, 2.0, 0.1 // to store what is read; the bare server; around each run
	switch {
	case g.layer == layerPool:
		sides = 1
	case g.state == rebuilds:
		perGroup, perRun = 6, 1.5 // a drive is filled to the end
	case g.state == scrubs:
		perGroup, perRun = 6, 0.3
	}
	for _, c := range g.cells {
		perGroup += (matrixSpan.Seconds() + perRun/sides) * sides * (float64(c.rounds()) + 1.0/3)
	}
	return perGroup
}
