package blockstore

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
	"github.com/holdfast-storage/holdfast/blockstore/faultfs"
)

// TestBadInput: what cannot be is refused in clear words, and nothing changes.
func TestBadInput(t *testing.T) {
	p, o, fsys := lifePool(t, 6, func(o *Options) { o.PresencePeriod = time.Hour })
	other, oo := func() (*Pool, Options) {
		oo := o
		oo.Dirs = []string{"/other/1", "/other/2"}
		must(t, fsys.MkdirAll("/other", 0o700))
		return openPool(t, oo), oo
	}()
	must(t, other.Close(t.Context()))
	must(t, fsys.MkdirAll("/pool/full", 0o700))
	writeFile(t, fsys, "/pool/full/file", []byte("x"))
	must(t, fsys.MkdirAll("/pool/small", 0o700))
	fsys.SetFree("/pool/small", 4096)
	v := p.members.now()
	add := func(dirs ...string) func(ChangeOptions) error {
		return func(o ChangeOptions) error { _, err := p.AddDrives(t.Context(), dirs, false, o); return err }
	}
	replace := func(ref, dir string) func(ChangeOptions) error {
		return func(o ChangeOptions) error { _, err := p.ReplaceDrive(t.Context(), ref, dir, o); return err }
	}
	before := namesAndLabels(t, fsys)
	for name, c := range map[string]struct {
		do   func(ChangeOptions) error
		want error
	}{
		"add a member":            {add(o.Dirs[0]), ErrDirInUse},
		"add the same twice":      {add("/pool/n", "/pool/n/"), ErrDirInUse},
		"add another pool's":      {add(oo.Dirs[0]), ErrDirInUse},
		"add what is not empty":   {add("/pool/full"), ErrDirInUse},
		"add nothing":             {add(), ErrOptions},
		"add one good, one bad":   {add("/pool/n", o.Dirs[1]), ErrDirInUse},
		"replace nobody":          {replace("17", "/pool/n"), ErrNoDrive},
		"replace by itself":       {replace("1", o.Dirs[0]), ErrDirInUse},
		"replace by a member":     {replace("1", o.Dirs[1]), ErrDirInUse},
		"replace by another pool": {replace("1", oo.Dirs[1]), ErrDirInUse},
		"replace by a small one":  {replace("1", "/pool/small"), ErrTooSmall},
		"evacuate to nowhere":     {func(o ChangeOptions) error { _, err := p.EvacuateDrive(t.Context(), "1", o); return err }, ErrNowhere},
		"remove what holds":       {func(o ChangeOptions) error { _, err := p.RemoveDrive(t.Context(), "1", o); return err }, ErrHoldsColumns},
		"fail nobody":             {func(o ChangeOptions) error { _, err := p.FailDrive(t.Context(), "/nowhere", o); return err }, ErrNoDrive},
	} {
		for _, o := range []ChangeOptions{{}, {DryRun: true}, {Force: true}} {
			if err := c.do(o); !errors.Is(err, c.want) {
				t.Errorf("%s, %+v: %v, want %v", name, o, err, c.want)
			}
		}
	}
	for name, do := range map[string]func(ChangeOptions) error{
		"fail":    func(o ChangeOptions) error { _, err := p.FailDrive(t.Context(), "1", o); return err },
		"offline": func(o ChangeOptions) error { _, err := p.OfflineDrive(t.Context(), "1", o); return err },
		"add":     add("/pool/n"),
		"spare": func(o ChangeOptions) error {
			_, err := p.AddDrives(t.Context(), []string{"/pool/n"}, true, o)
			return err
		},
		"replace": replace("1", "/pool/n"),
	} {
		if err := do(ChangeOptions{DryRun: true}); err != nil {
			t.Errorf("a dry run of %s: %v", name, err)
		}
	}
	after := namesAndLabels(t, fsys)
	for path := range after {
		if was, ok := before[path]; !ok || was != after[path] {
			t.Errorf("%s has changed", path)
		}
	}
	if now := p.members.now(); now.label.Epoch != v.label.Epoch {
		t.Errorf("epoch %d became %d", v.label.Epoch, now.label.Epoch)
	}
}

// namesAndLabels is every name but those of the catalogs, and what the labels say.
func namesAndLabels(t *testing.T, fsys *faultfs.FS) map[string]string {
	t.Helper()
	all := tree(t, fsys)
	for path, what := range all {
		if strings.Contains(path, "/"+drive.CatalogName+"/") {
			delete(all, path)
		} else if !strings.HasSuffix(path, "/label") && what != "directory" {
			all[path] = "file" // events are written as they come
		}
	}
	return all
}
