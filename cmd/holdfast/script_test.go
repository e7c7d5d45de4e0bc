package main

import (
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "write what the commands print into the scenarios")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"holdfast": main})
}

// TestScripts runs the scenarios in testdata/script: the real command line in processes of their own. Beside
// testscript's commands they have
//
//	exits CODE holdfast …   run it, and want that exit code
//	objects                 an object listener over an empty store in memory; HOLDFAST_ENDPOINT and the keys lead to it
//	daemon …                a real daemon over real directories: see scriptDaemonCommand
//	waits PATTERN COMMAND…  run it until it prints what matches: see scriptWaits
//	flip DIR N              damage a drive: see scriptFlip
//	admin FILE [CODE]       an admin listener that answers everything with the file; HOLDFAST_ADMIN_URL leads to it
func TestScripts(t *testing.T) {
	ctx := t.Context()
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			home := filepath.Join(env.WorkDir, "home")
			env.Setenv("HOME", home)
			env.Setenv("TZ", "UTC")
			env.Setenv("GORACE", "atexit_sleep_ms=0") // the race detector would hold up every process for a second
			env.Values[scriptDaemonKey{}] = &scriptDaemon{ctx: ctx}
			return os.Mkdir(home, 0o700)
		},
		Condition: func(name string) (bool, error) {
			if name == "hangups" { // not under nohup, which Holdfast respects
				return !signal.Ignored(syscall.SIGHUP), nil
			}
			return false, fmt.Errorf("there is no condition %q", name)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":   scriptExits,
			"objects": scriptObjects,
			"admin":   scriptAdmin,
			"daemon":  scriptDaemonCommand,
			"waits":   scriptWaits,
			"flip":    scriptFlip,
		},
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       *update,
	})
}

func scriptExits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

const (
	scriptAccess = "script-access"
	scriptSecret = "script-secret"
)

func scriptKeys(ts *testscript.TestScript) {
	ts.Setenv(envAccess, scriptAccess)
	ts.Setenv(envSecret, scriptSecret)
}

func scriptAdmin(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: admin FILE [CODE]")
	}
	answer, code := ts.ReadFile(args[0]), http.StatusOK
	if len(args) > 1 {
		var err error
		code, err = strconv.Atoi(args[1])
		ts.Check(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if access, secret, _ := r.BasicAuth(); access != scriptAccess || secret != scriptSecret {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		fmt.Fprint(w, answer)
	}))
	ts.Defer(server.Close)
	ts.Setenv("HOLDFAST_ADMIN_URL", server.URL)
	scriptKeys(ts)
}

func scriptObjects(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: objects")
	}
	server := httptest.NewServer(newMemoryEdge(scriptAccess, scriptSecret))
	ts.Defer(server.Close)
	ts.Setenv("HOLDFAST_ENDPOINT", strings.TrimSuffix(server.URL, "/"))
	scriptKeys(ts)
}
