package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/holdfast-storage/holdfast/bench/limits"
	api "github.com/holdfast-storage/holdfast/fuse-free-api"
)

// benchBareCommand is a server that stores nothing: what the suite holds the daemon against, in a process of its own
// as the daemon is.
func benchBareCommand(con *console) *cli.Command {
	return &cli.Command{
		Name:   "bare",
		Hidden: true,
		Usage:  "serve what a bare HTTP server can, storing nothing: the limit that the suite measures against",
		Description: "Prints one line of JSON when ready. PUT reads the body and forgets it, GET sends bytes from memory: as many as\n" +
			"the last but one part of the path says, as in /bucket/any/4096/1. Ctrl-C or SIGTERM stop it.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "listen", Value: "127.0.0.1:0", Usage: "`ADDRESS` to listen on; loopback only"},
		},
		Action: func(c *cli.Context) error {
			if _, err := takes(c, 0, 0); err != nil {
				return err
			}
			if err := api.CheckLoopback(c.String("listen")); err != nil {
				return &usageError{err: err}
			}
			return serveBare(c.Context, con, c.String("listen"))
		},
	}
}

// serveBare serves until ctx ends. What runs then is cut: nothing is lost.
func serveBare(ctx context.Context, con *console, address string) error {
	ln, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: limits.NewBare(), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() }) // its errors are those of connections that are cut
	defer stop()
	if err := con.writeJSON(map[string]any{"ready": true, "endpoint": "http://" + ln.Addr().String()}); err != nil {
		return errors.Join(err, ln.Close())
	}
	if err := server.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
