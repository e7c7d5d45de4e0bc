package limits

import "fmt"

// RunBlocks is how many blocks Holdfast has in one write at most.
const RunBlocks = 4

// Writing is a way to write a file.
type Writing int

// Ways to write.
const (
	Buffered   Writing = iota // a block at a time, through the page cache
	Direct                    // a block at a time, past it
	DirectRuns                // [RunBlocks] at a time, past it: as Holdfast writes blocks that follow on each other
)

func (w Writing) direct() bool { return w != Buffered }

// bytes are written at a time.
func (w Writing) bytes() int {
	if w == DirectRuns {
		return RunBlocks * BlockBytes
	}
	return BlockBytes
}

func (w Writing) String() string {
	if w == DirectRuns {
		return fmt.Sprintf("direct, %d blocks at a time", RunBlocks)
	}
	return mode(w.direct())
}

// Writings are the ways in which these drives can be written.
func (f *Files) Writings() []Writing {
	if f.CanDirect() {
		return []Writing{Buffered, Direct, DirectRuns}
	}
	return []Writing{Buffered}
}
