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
// are cores: a pool that opens and closes waits more than it computes.
func TestMain(m *testing.M) {
	flag.Parse()
	parallel := flag.Lookup("test.parallel")
	if parallel.Value.String() == parallel.DefValue {
		_ = parallel.Value.Set(strconv.Itoa(2 * runtime.GOMAXPROCS(0)))
	}
	debug.SetGCPercent(300)
	os.Exit(m.Run())
}
