package suite

import (
	"context"
	"testing"

	"github.com/holdfast-storage/holdfast/bench/engine"
	"github.com/holdfast-storage/holdfast/blockstore"
)

// TestParity: pools that no daemon serves have the code that the daemons' pools have.
func TestParity(t *testing.T) {
	o, servers := newOptions(t)
	servers.parity = 1
	s, err := newStage(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.end(); err != nil {
			t.Error(err)
		}
	}()
	stored, err := s.stored(t.Context(), engine.Content{Bytes: 1 << 20, ObjectBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	plain, err := blockstore.Open(t.Context(), s.newPool(s.newDirs()))
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close(context.WithoutCancel(t.Context()))
	for _, pool := range []*blockstore.Pool{stored.Pool(), plain} {
		status, err := pool.Status(t.Context())
		if err != nil || status.Pool.Data != 5 || status.Pool.Parity != 1 {
			t.Errorf("%d+%d, where the daemon has 5+1: %v", status.Pool.Data, status.Pool.Parity, err)
		}
	}
}
