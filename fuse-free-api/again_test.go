package api

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// attempt is a test that may fail without the test that makes it.
type attempt struct {
	testing.TB
	mu     sync.Mutex
	failed []string
}

func (a *attempt) Errorf(format string, args ...any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.failed = append(a.failed, fmt.Sprintf(format, args...))
}

func (a *attempt) Error(args ...any) { a.Errorf("%s", fmt.Sprintln(args...)) }

func (a *attempt) Fatalf(format string, args ...any) {
	a.Errorf(format, args...)
	runtime.Goexit()
}

func (a *attempt) Fatal(args ...any) { a.Fatalf("%s", fmt.Sprintln(args...)) }

// unhurried is a test of something that a timeout must not cut, made with a timeout of
// d. On a machine that is busy even a client that goes on all the time may stand still for
// longer; so if it fails it is made with one that is longer, and longer again, and its
// pauses with it. What is cut wrongly is cut each time.
func unhurried(t *testing.T, d time.Duration, test func(t testing.TB, d time.Duration)) {
	t.Helper()
	for tries := 1; ; tries, d = tries+1, 4*d {
		a := &attempt{TB: t}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			test(a, d)
		}()
		<-ended
		if len(a.failed) == 0 {
			return
		}
		if tries == 3 {
			t.Fatalf("with a timeout of %v:\n%s", d, strings.Join(a.failed, "\n"))
		}
		t.Logf("with a timeout of %v:\n%s", d, strings.Join(a.failed, "\n"))
	}
}
