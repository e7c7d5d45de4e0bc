package main

import (
	"strings"
	"testing"
)

func testReport() statusReport {
	var r statusReport
	r.Pool.ID, r.Pool.State, r.Pool.Data, r.Pool.Parity = "0d6f", stateOnline, 4, 2
	r.Pool.CapacityBytes, r.Pool.FreeBytes = 64<<30, 60<<30
	for slot := range 6 {
		r.Drives = append(r.Drives, driveReport{Slot: slot, Path: "/data", State: stateOnline})
	}
	return r
}

func TestBanner(t *testing.T) {
	keys := keyPair{"AKEY", "the-secret-key"}
	for _, test := range []struct {
		name    string
		banner  banner
		with    []string
		without []string
	}{
		{
			"first start", banner{endpoint: "http://127.0.0.1:9000", adminURL: "http://127.0.0.1:9001", program: "holdfast",
				keys: keys, keysPath: "/home/a/.config/holdfast/credentials", keysMade: true},
			[]string{"any 2 of 6 drives may fail", "64 GiB usable", "the-secret-key", "shown this once", "    holdfast mb photos\n"},
			[]string{"export", "WARNING"},
		},
		{
			"keys of its own, other ports", banner{endpoint: "http://127.0.0.1:9100", adminURL: "http://127.0.0.1:9101", program: "/x/bin/holdfast",
				keys: keys, keysPath: "/x/data/credentials", customCreds: true, shared: []string{"d1", "d2", "d3", "d4", "d5", "d6"}},
			[]string{"export HOLDFAST_ENDPOINT=http://127.0.0.1:9100\n", "export HOLDFAST_ADMIN_URL=http://127.0.0.1:9101\n",
				"export HOLDFAST_CREDENTIALS=/x/data/credentials\n", "    /x/bin/holdfast status\n", "d1 … d6 (6 directories) lie on one device"},
			[]string{"the-secret-key"},
		},
		{
			"keys from the environment", banner{endpoint: "http://127.0.0.1:9000", adminURL: "http://127.0.0.1:9001", keys: keys},
			[]string{"keys     from the environment", "export HOLDFAST_ACCESS_KEY=…"},
			[]string{"the-secret-key", "AKEY"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.banner.status = testReport()
			text := test.banner.String()
			for _, want := range test.with {
				if !strings.Contains(text, want) {
					t.Errorf("%q is missing in:\n%s", want, text)
				}
			}
			for _, unwanted := range test.without {
				if strings.Contains(text, unwanted) {
					t.Errorf("%q is in:\n%s", unwanted, text)
				}
			}
		})
	}
	t.Run("degraded", func(t *testing.T) {
		b := banner{status: testReport()}
		b.status.Pool.State, b.status.Drives[3].State = stateDegraded, stateUnavail
		if text := b.String(); !strings.Contains(text, "the pool is DEGRADED: slot 3 UNAVAIL;") || strings.Contains(text, "may fail") {
			t.Errorf("got:\n%s", text)
		}
	})
}

func TestShellQuote(t *testing.T) {
	for text, want := range map[string]string{
		"":             "''",
		"/a/b-c_d.e":   "/a/b-c_d.e",
		"with space":   "'with space'",
		"it's":         `'it'\''s'`,
		"$(rm -rf /)":  "'$(rm -rf /)'",
		"/data/d{1,2}": "'/data/d{1,2}'",
	} {
		if got := shellQuote(text); got != want {
			t.Errorf("%q is quoted as %q, want %q", text, got, want)
		}
	}
}
