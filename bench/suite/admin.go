package suite

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// admin is a daemon's admin API, as far as the suite needs it.
type admin struct {
	base           string
	access, secret string
	http           *http.Client
}

func newAdmin(s Server) *admin {
	return &admin{base: s.AdminURL, access: s.AccessKey, secret: s.SecretKey, http: &http.Client{Timeout: time.Minute}}
}

// poolState is what the suite reads of GET /api/v1/status.
type poolState struct {
	Pool struct {
		Data   int `json:"data"`
		Parity int `json:"parity"`
		Width  int `json:"width"`
	} `json:"pool"`
	Drives []struct {
		Slot  int    `json:"slot"`
		Path  string `json:"path"`
		State string `json:"state"`
	} `json:"drives"`
	Redundancy struct {
		Missing map[string]int64 `json:"missing"` // stripes, by how many columns they lack
	} `json:"redundancy"`
	Rebuild struct {
		State        string `json:"state"`
		Reason       string `json:"reason"`
		SegmentsLeft int    `json:"segments_left"`
		BytesDone    int64  `json:"bytes_done"` // written, since it began
	} `json:"rebuild"`
	Scrub struct {
		State   string `json:"state"`
		Reason  string `json:"reason"`
		Running bool   `json:"running"`
		Read    int64  `json:"bytes_read"` // since it began
	} `json:"scrub"`
}

// whole says whether no stripe lacks a column, and nothing is being moved or made again.
func (s poolState) whole() bool {
	for _, d := range s.Drives {
		if changing(d.State) {
			return false
		}
	}
	return complete(s.Redundancy.Missing) && s.Rebuild.State != "running" && s.Rebuild.SegmentsLeft == 0
}

// changing says whether a drive in this state is being filled or emptied.
func changing(state string) bool { return state == "REBUILDING" || state == "EVACUATING" }

// complete says whether no stripe lacks a column, of stripes by how many they lack.
func complete(missing map[string]int64) bool {
	for columns, stripes := range missing {
		if columns != "0" && stripes > 0 {
			return false
		}
	}
	return true
}

func (a *admin) status(ctx context.Context) (s poolState, err error) {
	return s, a.call(ctx, http.MethodGet, "status", nil, &s)
}

func (a *admin) startScrub(ctx context.Context) error {
	return a.call(ctx, http.MethodPost, "scrub/start", map[string]any{"rate_bytes": 0}, nil)
}

func (a *admin) stopScrub(ctx context.Context) error {
	return a.call(ctx, http.MethodPost, "scrub/stop", nil, nil)
}

// replace puts the directory in the place of the drive in the slot.
func (a *admin) replace(ctx context.Context, slot int, dir string) error {
	path := "drives/" + url.PathEscape(strconv.Itoa(slot)) + "/replace"
	return a.call(ctx, http.MethodPost, path, map[string]any{"dir": dir, "force": true}, nil)
}

// awaitAtMost is how long something is waited for that takes seconds.
const awaitAtMost = 30 * time.Second

// await waits until the status is as wanted.
func (a *admin) await(ctx context.Context, what string, good func(poolState) bool) error {
	ctx, cancel := context.WithTimeout(ctx, awaitAtMost)
	defer cancel()
	var s poolState
	for {
		now, err := a.status(ctx)
		if err == nil {
			s = now
		}
		if err == nil && good(s) {
			return nil
		}
		if err == nil {
			err = pause(ctx, pollPeriod)
		}
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return fmt.Errorf("waited %v for %s; last the daemon said %+v", awaitAtMost, what, s)
		}
		if err != nil {
			return err
		}
	}
}

// pollPeriod is how often the status is looked at: it shall not be seen in what is measured meanwhile.
const pollPeriod = 20 * time.Millisecond

func (a *admin) call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(text)
	}
	text, err := a.send(ctx, method, "/api/v1/"+path, body)
	if err != nil || out == nil {
		return err
	}
	return json.Unmarshal(text, out)
}

// allocated is what the server's heap has given out so far, in bytes. The profile of allocations ends with
// runtime.MemStats, and what is read for those empties the caches of the processors first: it is exact. The metrics are not:
// they leave out what was taken from the spans in the caches, and it costs ten times as much to ask for them.
func (a *admin) allocated(ctx context.Context) (int64, error) {
	const path, name = "/debug/pprof/allocs?debug=1", "# TotalAlloc = "
	text, err := a.send(ctx, http.MethodGet, path, nil)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if value, found := strings.CutPrefix(line, name); found {
			return strconv.ParseInt(strings.TrimSpace(value), 10, 64)
		}
	}
	return 0, fmt.Errorf("%s%s has no line %q", a.base, path, name)
}

func (a *admin) send(ctx context.Context, method, path string, body io.Reader) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, a.base+path, body)
	if err != nil {
		return nil, err
	}
	r.SetBasicAuth(a.access, a.secret)
	resp, err := a.http.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = &adminError{method + " " + path, resp.StatusCode, strings.TrimSpace(string(text))}
	}
	return text, err
}

// adminError is an answer other than 200.
type adminError struct {
	request string
	status  int
	text    string
}

func (e *adminError) Error() string { return fmt.Sprintf("%s: %d %s", e.request, e.status, e.text) }
