package limits

import (
	"fmt"
	"net/http"
	"runtime/metrics"
)

// writeMetrics tells the one metric that a bare server has, under the name that Go's collector for Prometheus gives it.
func writeMetrics(w http.ResponseWriter) {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	_, _ = fmt.Fprintf(w, "go_memstats_alloc_bytes_total %d\n", sample[0].Value.Uint64()) // a client that left is no matter
}
