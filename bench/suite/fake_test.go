package suite

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-storage/holdfast/bench/limits"
)

// fakes are servers in this process: the bare one, which takes a daemon's part, too, with an admin API that knows the
// code and the drives, and mends and scrubs at once.
type fakes struct {
	t       *testing.T
	mu      sync.Mutex
	alive   int
	starts  int
	flags   [][]string
	parity  int // 0: 2
	refused int // so many daemons do not start
}

// bareServer has much memory, which all fakes share.
var bareServer = sync.OnceValue(limits.NewBare)

var errRefused = errors.New("refused")

type fake struct {
	*fakes
	once   sync.Once
	object *httptest.Server
	admin  *httptest.Server
}

func (f *fakes) StartDaemon(_ context.Context, dirs []string, flags ...string) (Server, error) {
	for _, dir := range dirs {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return Server{}, err
		}
	}
	f.mu.Lock()
	f.flags = append(f.flags, flags)
	refuse := f.refused > 0
	f.refused--
	f.mu.Unlock()
	if refuse {
		return Server{}, errRefused
	}
	state := &fakeState{dirs: slices.Clone(dirs), parity: cmp.Or(f.parity, 2)}
	return f.server(httptest.NewServer(state)), nil
}

func (f *fakes) StartBare(context.Context) (Server, error) { return f.server(nil), nil }

func (f *fakes) server(admin *httptest.Server) Server {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.alive++
	f.starts++
	one := &fake{fakes: f, object: httptest.NewServer(bareServer()), admin: admin}
	s := Server{Endpoint: one.object.URL, AccessKey: "access", SecretKey: "secret", Ready: time.Millisecond, Process: one}
	if admin != nil {
		s.AdminURL = admin.URL
	}
	return s
}

func (f *fake) Stop(context.Context) error { return f.Kill() }

func (f *fake) Kill() error {
	f.once.Do(func() {
		f.object.Close()
		if f.admin != nil {
			f.admin.Close()
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		f.alive--
	})
	return nil
}

// gone wants that all servers have ended.
func (f *fakes) gone() {
	f.t.Helper()
	if f.alive != 0 {
		f.t.Errorf("%d of %d servers still run", f.alive, f.starts)
	}
}

// fakeState is what a fake daemon says of itself. Work that was begun goes on for some looks at the status.
type fakeState struct {
	mu             sync.Mutex
	dirs           []string
	parity         int
	scrub, rebuild int // looks left
	calls          []string
}

const fakeLooks = 3

func (s *fakeState) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Method == http.MethodPost {
		s.calls = append(s.calls, r.URL.Path)
		switch r.URL.Path {
		case "/api/v1/scrub/start":
			s.scrub = fakeLooks
		case "/api/v1/scrub/stop":
			s.scrub = 0
		default: // drives/SLOT/replace
			var doc struct{ Dir string }
			slot := int(r.URL.Path[len("/api/v1/drives/")] - '0')
			if err := json.NewDecoder(r.Body).Decode(&doc); err != nil || doc.Dir == "" {
				w.WriteHeader(http.StatusBadRequest)
				return
			}
			s.dirs[slot], s.rebuild = doc.Dir, fakeLooks
		}
		return
	}
	drives := []map[string]any{}
	for i, dir := range s.dirs {
		drives = append(drives, map[string]any{"slot": i, "path": dir, "state": state(exists(dir), "ONLINE", "UNAVAIL")})
	}
	s.scrub, s.rebuild = max(0, s.scrub-1), max(0, s.rebuild-1)
	_ = json.NewEncoder(w).Encode(map[string]any{
		"pool":    map[string]any{"data": len(s.dirs) - s.parity, "parity": s.parity, "width": len(s.dirs)},
		"drives":  drives,
		"rebuild": map[string]any{"state": state(s.rebuild > 0, "running", "idle"), "bytes_done": fakeDone(s.rebuild)},
		"scrub":   map[string]any{"state": state(s.scrub > 0, "running", "idle"), "running": s.scrub > 0, "bytes_read": fakeDone(s.scrub)},
	})
}

// fakeDone is what has been done of work with so many looks left, bytes.
func fakeDone(left int) int64 { return int64(fakeLooks-left) << 20 }

func state(is bool, yes, no string) string {
	if is {
		return yes
	}
	return no
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
