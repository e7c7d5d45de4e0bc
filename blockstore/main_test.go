package blockstore

import (
	"flag"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"testing"
)

// TestMain lets the long tests run beside each other, with more lanes than there
// are cores: a pool that opens and closes waits more than it computes. It has them share
// a gigabyte: what pools that were given up leave behind hangs together by finalizers, each
// of which takes a collection of its own, and with collections ever further apart the heap,
// and the pools' memory outside it, would grow without end.
func TestMain(m *testing.M) {
	flag.Parse()
	parallel := flag.Lookup("test.parallel")
	if parallel.Value.String() == parallel.DefValue {
		_ = parallel.Value.Set(strconv.Itoa(2 * runtime.GOMAXPROCS(0)))
	}
	debug.SetGCPercent(300)
	debug.SetMemoryLimit(1 << 30)
	os.Exit(m.Run())
}
