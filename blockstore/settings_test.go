package blockstore

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestSettings shows that settings survive a restart and the loss of every
// catalog, and which ones are refused.
func TestSettings(t *testing.T) {
	o, fsys := memOptions(t, 4)
	p := openPool(t, o)
	big := bytes.Repeat([]byte{7}, 64<<10)
	set := func(name string, value []byte) {
		t.Helper()
		if err := p.SetSetting(t.Context(), name, value); err != nil {
			t.Fatal(err)
		}
	}
	get := func(name string, want []byte) {
		t.Helper()
		got, err := p.Setting(t.Context(), name)
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%s: %d bytes, %v, want %d", name, len(got), err, len(want))
		}
	}
	set("scrub", []byte("one"))
	set("verified/1", []byte("old"))
	set("verified/1", big)
	set("standin/x", []byte("gone"))
	set("standin/x", nil)
	check := func() {
		t.Helper()
		get("scrub", []byte("one"))
		get("verified/1", big)
		get("standin/x", nil)
		get("none", nil)
	}
	check()
	for _, name := range []string{"", strings.Repeat("n", 256)} {
		if err := p.SetSetting(t.Context(), name, []byte("x")); !errors.Is(err, ErrOptions) {
			t.Errorf("a name of %d bytes: %v", len(name), err)
		}
	}
	if err := p.SetSetting(t.Context(), "big", append(big, 1)); !errors.Is(err, ErrOptions) {
		t.Errorf("a value that is too big: %v", err)
	}
	closeNow(t, p)
	if err := p.SetSetting(t.Context(), "late", []byte("x")); !errors.Is(err, ErrClosed) {
		t.Errorf("a closed pool: %v", err)
	}
	p = openPool(t, o)
	check()
	closeNow(t, p)
	wipeCatalogs(fsys, o.Dirs)
	p = openPool(t, o)
	check()
}

// TestSettingsOfAFullPool shows that settings are taken where objects are not
// (R19), and refused by a pool that takes no changes.
func TestSettingsOfAFullPool(t *testing.T) {
	p, o, fsys := poolWithBucket(t, 6, func(o *Options) { o.PresencePeriod = 5 * time.Millisecond })
	for _, dir := range o.Dirs {
		fsys.SetFree(dir, 2<<20)
	}
	waitFor(t, "the pool to be full", func() bool {
		_, err := p.Put(t.Context(), "bucket", "x", strings.NewReader("x"), PutOptions{Size: 1})
		return errors.Is(err, ErrNoSpace)
	})
	if err := p.SetSetting(t.Context(), "scrub", []byte("here")); err != nil {
		t.Errorf("a full pool: %v", err)
	}
	for slot := 1; slot <= 3; slot++ {
		_, _ = p.FailDrive(t.Context(), fmt.Sprint(slot), ChangeOptions{Force: true})
	}
	if err := p.SetSetting(t.Context(), "scrub", []byte("there")); !errors.Is(err, ErrReadOnly) {
		t.Errorf("a read-only pool: %v", err)
	}
	if got, err := p.Setting(t.Context(), "scrub"); err != nil || string(got) != "here" {
		t.Errorf("a read-only pool has %q, %v", got, err)
	}
}

func closeNow(t *testing.T, p *Pool) {
	t.Helper()
	if err := p.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}
