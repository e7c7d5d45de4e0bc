package main

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// TestMendWatch goes through what --wait may see, a status a second.
func TestMendWatch(t *testing.T) {
	status := func(state string, left int64, missing int64, drives ...string) statusReport {
		r := statusReport{Rebuild: &rebuildReport{State: state, BytesLeft: left, SegmentsLeft: left / 100}}
		r.Redundancy.Missing = map[string]int64{"0": 10, "1": missing}
		for _, d := range drives {
			r.Drives = append(r.Drives, driveReport{State: d})
		}
		return r
	}
	blocked := status(rebuildWaiting, 300, 5)
	blocked.Rebuild.Reason = "waiting for a drive"
	for _, test := range []struct {
		name string
		seen []statusReport // the last one comes again and again
		ends bool
		no   string // with this answer no
	}{
		{"nothing to do", []statusReport{status("idle", 0, 0, stateOnline)}, true, ""},
		{"mended", []statusReport{status("idle", 0, 5), status(rebuildRunning, 300, 5), status(rebuildRunning, 0, 0), status("idle", 0, 0)}, true, ""},
		{"a drive that is filled", []statusReport{status("idle", 0, 0, stateRebuilding)}, true, "lack columns"},
		{"a drive that is emptied", []statusReport{status(rebuildRunning, 0, 0, stateEvacuating), status("idle", 0, 0, stateEvacuating), status("idle", 0, 0)}, true, ""},
		{"it goes on and on", []statusReport{status(rebuildRunning, 300, 5)}, false, ""},
		{"blocked", []statusReport{status(rebuildRunning, 600, 5), blocked}, true, "waiting for a drive"},
		{"blocked for a while", []statusReport{blocked, blocked, status(rebuildRunning, 300, 5), blocked, status("idle", 0, 0)}, true, ""},
		{"nobody mends", []statusReport{status("idle", 0, 5, stateFaulted)}, true, "5 stripes still lack columns"},
		{"taken offline", []statusReport{status("idle", 0, 5, stateOffline), status("idle", 0, 5, stateOffline)}, true, ""},
		{"one is offline, another back", []statusReport{status("idle", 0, 5, stateOffline), status(rebuildRunning, 300, 5, stateOffline), status("idle", 0, 2, stateOffline)}, true, ""},
		{"one is offline, another lost", []statusReport{status("idle", 0, 5, stateOffline, stateRemoved)}, true, "5 stripes"},
		{"a daemon that does not say", []statusReport{{}}, true, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			var w mendWatch
			now := time.Unix(0, 0)
			for i := range 100 {
				_, done, err := w.judge(test.seen[min(i, len(test.seen)-1)], now)
				var no *noError
				if err != nil && (!errors.As(err, &no) || test.no == "" || !strings.Contains(err.Error(), test.no)) {
					t.Fatalf("after %d: %v", i, err)
				}
				if done || err != nil {
					if !test.ends || i < len(test.seen)-1 || (err != nil) != (test.no != "") {
						t.Fatalf("after %d: done %v, %v", i, done, err)
					}
					return
				}
				now = now.Add(time.Second)
			}
			if test.ends {
				t.Fatal("it does not end")
			}
		})
	}
}

func TestStandingInWords(t *testing.T) {
	for _, test := range []struct {
		s    standing
		want string
	}{
		{standing{}, "0 B"},
		{standing{done: 1 << 30, total: 4 << 30, rate: 1 << 20, left: 90 * time.Second}, "25.0 %, 1.0 GiB of 4.0 GiB, 1.0 MiB/s, 1m30s left"},
		{standing{done: 5 << 30, total: 4 << 30}, "100.0 %, 5.0 GiB of 4.0 GiB"},
		{standing{done: 1 << 30, share: 0.5, note: "paused"}, "50.0 %, 1.0 GiB, paused"},
	} {
		if got := test.s.String(); got != test.want {
			t.Errorf("%+v: %q, want %q", test.s, got, test.want)
		}
	}
}

func TestReadRate(t *testing.T) {
	for text, want := range map[string]int64{
		"": 0, "off": 0, "0": 0, "50": 50e6, "0.5": 5e5, "50MB/s": 50e6, "50MiB": 50 << 20, "1GiB/s": 1 << 30,
		"-1": -1, "NaN": -1, "Inf": -1, "1e30": -1, "fast": -1, "50 apples": -1, "99999PB": -1,
	} {
		switch got, err := readRate(text); {
		case want < 0 && err == nil:
			t.Errorf("%q is taken for %d", text, got)
		case want >= 0 && (err != nil || got != want):
			t.Errorf("%q: %d, %v; want %d", text, got, err, want)
		}
	}
}
