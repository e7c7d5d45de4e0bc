package suite

import (
	"context"
	"time"
)

// Launcher starts servers as processes of their own, so that what they take
// can be told from what their clients take.
type Launcher interface {
	// StartDaemon serves a pool on these directories, on ports that are free; with
	// "--init" among the flags, which are those of `holdfast serve`, it is a new
	// one if they are empty. It returns once the daemon says that it is ready.
	// The context ends with the start: only Stop and Kill end the daemon.
	StartDaemon(ctx context.Context, dirs []string, flags ...string) (Server, error)
	// StartBare serves [limits.Bare]: the limit that HTTP sets.
	StartBare(ctx context.Context) (Server, error)
}

// Server is one that runs.
type Server struct {
	Endpoint, AdminURL   string // URLs; AdminURL is empty of the bare server
	AccessKey, SecretKey string
	PID                  int
	Ready                time.Duration // from its start until it said that it is ready
	Process
}

// Process ends a server. Both wait for its end, and may be called again then.
type Process interface {
	Stop(ctx context.Context) error // as an operator does, by SIGTERM
	Kill() error                    // by SIGKILL, as a crash does
}
