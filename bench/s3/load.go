package s3

import (
	"fmt"
	"strings"

	"github.com/holdfast-storage/holdfast/bench"
)

// Payload is how the body of a PUT is signed.
type Payload string

// The ways to sign bodies. Their hashes are taken before they are needed, so that the client does not pay for them
// while it measures.
const (
	Unsigned  Payload = "unsigned"  // UNSIGNED-PAYLOAD
	Signed    Payload = "signed"    // its SHA-256 in the head
	Streaming Payload = "streaming" // in signed pieces of 64 KiB
)

// Load is what is done.
type Load struct {
	Operation bench.Operation
	Size      int64 // of an object, bytes
	Clients   int   // each with a connection and one request at a time; 0: 1
	Payload   Payload
	Bucket    string // "": "bench". Prepare makes it if it is not there, and then Clean removes it
	Prefix    string // of the keys, all of which are the load's own; "": "load"
	// Stored bounds what the load keeps on the server at a time, in bytes; 0: 1 GiB. There is one object at least.
	Stored int64
	// Keys is how many objects are read, or written before PUT begins to overwrite them; 0: 10,000, or what Stored allows.
	Keys int64
	// There says that all keys are on the server already, and Prepare stores none: of what is read only the length is
	// known, then.
	There bool
	// Written bounds what one run of a side PUTs, in bytes; 0: only the span does. It ends early then.
	Written int64
	// Operations bounds how many operations one run of a side does; 0: only the span does. It ends early then.
	Operations int64
	// Told is called as Prepare and Clean go on, from several goroutines; nil: nobody is told.
	Told func(what string, done, all int64)
}

// withDefaults fills in what is left out, and looks at the rest.
func (l Load) withDefaults() (Load, error) {
	known := false
	for _, operation := range bench.Operations() {
		known = known || l.Operation == operation
	}
	l.Clients = max(1, l.Clients)
	if l.Payload == "" {
		l.Payload = Unsigned
	}
	if l.Bucket == "" {
		l.Bucket = "bench"
	}
	if l.Prefix == "" {
		l.Prefix = "load"
	}
	if l.Stored <= 0 {
		l.Stored = 1 << 30
	}
	if l.Keys <= 0 {
		l.Keys = 10_000
	}
	l.Keys = min(l.Keys, max(1, l.Stored/max(1, l.Size)), mostKeys)
	plain := func(text, more string) bool {
		return !strings.ContainsFunc(text, func(r rune) bool {
			return !('a' <= r && r <= 'z' || '0' <= r && r <= '9' || strings.ContainsRune(more, r))
		})
	}
	switch {
	case !known:
		return l, fmt.Errorf("no operation %q", l.Operation)
	case l.Size < 0:
		return l, fmt.Errorf("a size of %d bytes", l.Size)
	case l.Operation == bench.Range && l.Size < bench.RangeBytes:
		return l, fmt.Errorf("ranges of %d bytes out of objects of %d bytes", bench.RangeBytes, l.Size)
	case l.Payload != Unsigned && l.Payload != Signed && l.Payload != Streaming:
		return l, fmt.Errorf("bodies cannot be signed as %q", l.Payload)
	case !plain(l.Bucket, "-."), !plain(l.Prefix, "-./"):
		return l, fmt.Errorf("%s/%s: buckets and prefixes are of a–z, 0–9, '-' and '.'", l.Bucket, l.Prefix)
	}
	return l, nil
}

// name is the load in words.
func (l Load) name() string {
	name := fmt.Sprintf("%s %s, %d clients", l.Operation, bytesName(l.Size), l.Clients)
	if l.Clients == 1 {
		name = strings.TrimSuffix(name, "s")
	}
	if l.Payload != Unsigned && (l.Operation == bench.Put || l.Operation == bench.Mix) {
		name += ", " + string(l.Payload)
	}
	return name
}

// bytesName is a size as it is said: 4 KiB, 128 MiB, else in bytes.
func bytesName(n int64) string {
	switch {
	case n >= 1<<30 && n%(1<<30) == 0:
		return fmt.Sprintf("%d GiB", n>>30)
	case n >= 1<<20 && n%(1<<20) == 0:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 1<<10 && n%(1<<10) == 0:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d B", n)
}
