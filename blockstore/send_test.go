package blockstore

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/holdfast-storage/holdfast/blockstore/faultfs"
)

// TestReadAheadEndsWithItsSender: a client that fails while the next stripe is being read is not kept waiting for more than
// that, and what was read for it is given back, though its sender had given all back before (R21).
func TestReadAheadEndsWithItsSender(t *testing.T) {
	w := openWorld(t, shape{4, 2, 6})
	const size = 3 << 20
	w.mustPut(t, "k", size)
	must(t, w.p.SealOpen(t.Context()))
	o, err := w.p.Get(t.Context(), "bucket", "k")
	must(t, err)
	defer o.Close()
	reached, gone := make(chan struct{}), make(chan struct{})
	var reads atomic.Int64
	var once sync.Once
	w.fs.SetHook(func(op faultfs.Op) (f faultfs.Fault) {
		if op.Kind == faultfs.Read && strings.Contains(op.Path, "/segments/") && reads.Add(1) > 4 { // behind the first stripe's columns
			once.Do(func() { close(reached) })
			<-gone
		}
		return f
	})
	broken := errors.New("the client is gone")
	err = o.WriteTo(t.Context(), failingWriter{func() error {
		<-reached
		time.AfterFunc(20*time.Millisecond, func() { close(gone) })
		return broken
	}}, 0, size)
	w.fs.SetHook(nil)
	if !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
	if used, _ := w.p.mem.usage(); used != 0 {
		t.Errorf("%d bytes are kept", used)
	}
}

// failingWriter writes nothing, and says why not.
type failingWriter struct{ why func() error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.why() }
