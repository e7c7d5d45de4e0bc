package limits

import (
	"net/http"
	"runtime/pprof"
)

// allocsPath is where Go's profile of allocations is, as net/http/pprof has it: a daemon's admin listener has the same.
const allocsPath = "/debug/pprof/allocs"

// writeAllocs writes it as text, with what the heap has given out in all at the end (runtime.MemStats: to the byte, since
// what is read for it empties the caches of the processors first; the metrics of package runtime/metrics do not).
func writeAllocs(w http.ResponseWriter) {
	_ = pprof.Lookup("allocs").WriteTo(w, 1) // a client that left is no matter
}
