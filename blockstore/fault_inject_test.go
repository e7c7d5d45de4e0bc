package blockstore

import (
	"fmt"
	"path"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/holdfast-storage/holdfast/blockstore/drive"
	"github.com/holdfast-storage/holdfast/blockstore/faultfs"
)

// opSite is where an operation comes from: what it does, to which sort of file
// of which drive, and who asked for it.
type opSite struct {
	drive  int // index of the directory; -1: of none
	kind   faultfs.OpKind
	class  string // of the file
	caller string
}

func (s opSite) String() string {
	return fmt.Sprintf("drive %d: %v %s by %s", s.drive+1, s.kind, s.class, s.caller)
}

// opPoint is one operation: the n-th of its site. Operations of several
// goroutines change places from run to run; within a site they hardly do.
type opPoint struct {
	opSite
	n int
}

// faultKind is what goes wrong.
type faultKind struct {
	name  string
	on    func(faultfs.OpKind) bool
	fault func(faultfs.Op) faultfs.Fault
	// ever: from the operation on, every one of the drive that applies fails.
	ever func(faultfs.OpKind) bool
	// hangs: the operation does not come back by itself.
	hangs bool
	// silent: no error is returned, so nobody can know at once.
	silent bool
}

func kinds(list ...faultfs.OpKind) func(faultfs.OpKind) bool {
	return func(k faultfs.OpKind) bool {
		for _, o := range list {
			if k == o {
				return true
			}
		}
		return false
	}
}

func anyKind(faultfs.OpKind) bool { return true }

func errs(err error) func(faultfs.Op) faultfs.Fault {
	return func(faultfs.Op) faultfs.Fault { return faultfs.Fault{Err: err} }
}

func always(f faultfs.Fault) func(faultfs.Op) faultfs.Fault {
	return func(faultfs.Op) faultfs.Fault { return f }
}

// misdirected puts a write, or takes a read, one page behind where it belongs.
var misdirected = always(faultfs.Fault{Misdirect: 4096})

func faultKinds() []faultKind {
	changes := faultfs.OpKind.Changes
	takesRoom := kinds(faultfs.Create, faultfs.Write, faultfs.Mkdir)
	return []faultKind{
		{name: "EIO once", on: anyKind, fault: errs(syscall.EIO)},
		{name: "EIO for ever", on: anyKind, fault: errs(syscall.EIO), ever: anyKind},
		{name: "disk full once", on: takesRoom, fault: errs(syscall.ENOSPC)},
		{name: "disk full for ever", on: takesRoom, fault: errs(syscall.ENOSPC), ever: takesRoom},
		{name: "read-only for ever", on: changes, fault: errs(syscall.EROFS), ever: changes},
		{name: "half a sync", on: kinds(faultfs.Sync), fault: always(faultfs.Fault{Err: syscall.EIO, Torn: 4096})},
		{name: "bit flip on write", on: kinds(faultfs.Write), silent: true, fault: func(op faultfs.Op) faultfs.Fault {
			return faultfs.Fault{FlipBit: true, Bit: op.Index * 7919}
		}},
		{name: "zeroed on write", on: kinds(faultfs.Write), silent: true, fault: always(faultfs.Fault{Zero: true})},
		{name: "torn write", on: kinds(faultfs.Write), silent: true, fault: func(op faultfs.Op) faultfs.Fault {
			return faultfs.Fault{Torn: max(1, int(op.Length)/2)}
		}},
		{name: "lost", on: func(k faultfs.OpKind) bool { return changes(k) && k != faultfs.Lock }, silent: true, fault: always(faultfs.Fault{Lost: true})},
		{name: "misdirected write", on: kinds(faultfs.Write), silent: true, fault: misdirected},
		{name: "stale read", on: kinds(faultfs.Read), silent: true, fault: always(faultfs.Fault{Stale: true})},
		{name: "misdirected read", on: kinds(faultfs.Read), silent: true, fault: misdirected},
		{name: "flipped read", on: kinds(faultfs.Read), silent: true, fault: func(op faultfs.Op) faultfs.Fault {
			return faultfs.Fault{FlipBit: true, Bit: op.Index * 7919}
		}},
		{name: "zeroed read", on: kinds(faultfs.Read), silent: true, fault: always(faultfs.Fault{Zero: true})},
		{name: "delay", on: anyKind, fault: always(faultfs.Fault{Delay: 20 * time.Millisecond})},
		{name: "hang", on: anyKind, hangs: true, fault: always(faultfs.Fault{Hang: true})},
	}
}

// injector is the hook: it names every operation and injects one fault.
type injector struct {
	at       opPoint // where
	fault    faultKind
	patience time.Duration // of the pool, if the fault hangs
	keeps    []int         // of what is not durable, percent kept at the power cuts

	dirs []string
	fsys *faultfs.FS

	mu       sync.Mutex
	counts   map[opSite]int
	order    []opPoint
	journals map[string]string // class of each segment by path
	fired    bool
	dead     bool // the fault goes on
	unsynced bool // a sync of the drive's segments or label failed
	notes    []string
}

// hit says whether the fault was injected.
func (in *injector) hit() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.fired
}

// reopened forgets a failed sync: it counts for the opening that saw it.
func (in *injector) reopened() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.unsynced = false
}

func (in *injector) attach(dirs []string, fsys *faultfs.FS) {
	in.dirs, in.fsys = dirs, fsys
	in.counts, in.journals = make(map[opSite]int), make(map[string]string)
	fsys.SetHook(in.hook)
}

func (in *injector) note(s string) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.notes = append(in.notes, s)
}

func (in *injector) hook(op faultfs.Op) faultfs.Fault {
	site := opSite{drive: -1, kind: op.Kind, class: "above"}
	for i, dir := range in.dirs {
		if op.Below(dir) {
			site.drive, site.class = i, in.class(strings.TrimPrefix("/"+op.Path, dir), op)
		}
	}
	site.caller = callers(strings.HasPrefix(site.class, "catalog "))
	in.mu.Lock()
	defer in.mu.Unlock()
	at := opPoint{site, in.counts[site]}
	in.counts[site]++
	in.order = append(in.order, at)
	if in.unsynced && site.drive == in.at.drive && op.Kind == faultfs.Write && !strings.HasPrefix(site.class, "catalog") {
		in.notes = append(in.notes, fmt.Sprintf("BROKEN R6: %v after a failed sync", site))
	}
	if in.fault.fault == nil || site.drive != in.at.drive || site.drive < 0 {
		return faultfs.Fault{}
	}
	hit := at == in.at && !in.fired
	if hit {
		in.fired = true
		in.dead = in.fault.ever != nil
	}
	if !hit && (!in.dead || !in.fault.ever(op.Kind)) {
		return faultfs.Fault{}
	}
	f := in.fault.fault(op)
	if f.Err != nil && (op.Kind == faultfs.Sync || op.Kind == faultfs.SyncDir) && !strings.Contains(site.caller, "catalog.") && !strings.HasPrefix(site.class, "catalog") {
		in.unsynced = true
	}
	return f
}

// class says what sort of file a path below a drive is.
func (in *injector) class(p string, op faultfs.Op) string {
	p = strings.Trim(p, "/")
	switch {
	case p == "":
		return "drive"
	case p == "segments" || p == "catalog":
		return p
	case strings.HasPrefix(p, "catalog/"):
		base := path.Base(p)
		if i := strings.LastIndexByte(base, '.'); i >= 0 && strings.Trim(base[:i], "0123456789") == "" {
			return "catalog " + base[i:]
		}
		return "catalog " + strings.TrimRight(strings.TrimSuffix(base, ".dbtmp"), "0123456789.MANIFEST-")
	case strings.HasPrefix(p, "segments/"):
		if op.Kind == faultfs.Write && op.Offset == 0 {
			return "segment head"
		}
		return in.segment(op.Path)
	}
	return p
}

// segment tells journal from bulk by the file's first page, once it is there.
func (in *injector) segment(p string) string {
	name := path.Base(p)
	in.mu.Lock()
	class := in.journals[name]
	in.mu.Unlock()
	if class != "" {
		return class
	}
	_ = in.fsys.Corrupt("/"+p, 0, drive.FileHeaderBytes, func(b []byte) {
		if h, err := drive.DecodeFileHeader(b); err == nil && h.Kind == drive.Journal {
			class = "journal"
		} else if err == nil {
			class = "bulk"
		}
	})
	if class == "" {
		return "segment"
	}
	in.mu.Lock()
	in.journals[name] = class
	in.mu.Unlock()
	return class
}

// callers names the functions of this module that led to an operation: the
// innermost three, or of a catalog's file the outermost one.
func callers(catalog bool) string {
	const module = "github.com/holdfast-storage/holdfast/blockstore"
	var pcs [64]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs[:])])
	var names []string
	for catalog || len(names) < 3 {
		f, more := frames.Next()
		if name, ok := strings.CutPrefix(f.Function, module); ok && !strings.HasPrefix(name, "/faultfs.") && !strings.Contains(name, "fail") {
			names = append(names, strings.TrimLeft(name, "/."))
		}
		if !more {
			break
		}
	}
	for i, name := range names {
		if strings.Contains(name, "faultRun") {
			names = names[:i]
			break
		}
	}
	switch {
	case len(names) == 0:
		return "pebble"
	case catalog:
		return names[len(names)-1]
	}
	return strings.Join(names, "<")
}
