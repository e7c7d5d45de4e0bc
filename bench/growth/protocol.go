package growth

import (
	"time"

	"github.com/holdfast-storage/holdfast/bench"
)

// The two processes talk in lines of JSON: a request, and answers to it, of
// which the last one says End.

// What a request asks for.
const (
	doOpen   = "open"   // the pool: Init makes it. Seconds tells how long that took, Data and Parity its code
	doFill   = "fill"   // store so many Objects. Sample tells what it took; Done how far it is
	doLoad   = "load"   // run Load for Span. Sample tells
	doWhole  = "whole"  // wait until the catalog has all its replicas
	doMemory = "memory" // Bytes is what the process has resident
	doClose  = "close"  // the pool, in order
)

type request struct {
	Do      string        `json:"do"`
	Init    bool          `json:"init,omitempty"`
	Objects int64         `json:"objects,omitempty"` // that there are, or are to be
	Load    load          `json:"load,omitzero"`
	Span    time.Duration `json:"span,omitempty"`
}

// load is what is measured of a pool.
type load struct {
	Operation bench.Operation `json:"operation"`
	Clients   int             `json:"clients"`
	FirstPage bool            `json:"first_page,omitempty"`
}

type answer struct {
	Done    int64         `json:"done,omitempty"`
	Seconds float64       `json:"seconds,omitempty"`
	Bytes   int64         `json:"bytes,omitempty"`
	Data    int           `json:"data,omitempty"`
	Parity  int           `json:"parity,omitempty"`
	Sample  *bench.Sample `json:"sample,omitempty"`
	Error   string        `json:"error,omitempty"`
	End     bool          `json:"end,omitempty"`
}
