package blockstore

import (
	"context"
	"errors"
	"testing"

	"github.com/holdfast-storage/holdfast/blockstore/faultfs"
)

// TestRemovalCalledOff: a drive is to leave the pool, something is in the way, and
// the operator does not wait. It is as it was; unless it failed meanwhile, or was
// taken away: then it is that.
func TestRemovalCalledOff(t *testing.T) {
	const added = "/pool/added"
	for name, tc := range map[string]struct {
		meanwhile func(t *testing.T, p *Pool, fsys *faultfs.FS)
		want      string
	}{
		"nothing": {func(*testing.T, *Pool, *faultfs.FS) {}, "ONLINE"},
		"failed": {func(t *testing.T, p *Pool, _ *faultfs.FS) {
			_, err := p.FailDrive(t.Context(), "7", ChangeOptions{})
			must(t, err)
		}, "FAULTED"},
		"taken away": {func(t *testing.T, p *Pool, fsys *faultfs.FS) {
			fsys.Unplug(added)
			waitFor(t, "the drive to be missed", func() bool { return stateOf(t, p, 7) == "REMOVED" })
		}, "REMOVED"},
	} {
		t.Run(name, func(t *testing.T) {
			p, _, fsys := lifePool(t, 6, nil)
			reps, err := p.AddDrives(t.Context(), []string{added}, false, ChangeOptions{})
			must(t, err)
			id := reps[0].ID
			if !p.pin(id) {
				t.Fatal("it takes no files")
			}
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error)
			go func() {
				_, err := p.RemoveDrive(ctx, "7", ChangeOptions{})
				ended <- err
			}()
			waitFor(t, "the drive to accept nothing more", func() bool { return stateOf(t, p, 7) == "EVACUATING" })
			tc.meanwhile(t, p, fsys)
			cancel()
			if err := <-ended; !errors.Is(err, context.Canceled) {
				t.Errorf("the removal: %v", err)
			}
			p.unpin(id)
			if state := stateOf(t, p, 7); state != tc.want {
				t.Errorf("the drive is %s, want %s", state, tc.want)
			}
			if m, _ := p.members.now().member(id); m.State.String() != tc.want { // what the next opening goes by
				t.Errorf("its label says %v, want %s", m.State, tc.want)
			}
			if tc.want == "REMOVED" {
				fsys.Plug(added)
				waitFor(t, "the drive to be back", func() bool { return stateOf(t, p, 7) == "ONLINE" })
			}
		})
	}
}
