package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	api "github.com/holdfast-storage/holdfast/fuse-free-api"
)

// drainTime is how long what runs may go on after the signal to stop.
const drainTime = 30 * time.Second

// serve runs the daemon until ctx ends. What can fail without touching a drive comes first: keys, ports.
func serve(ctx context.Context, con *console, cfg serveConfig) (err error) {
	keepPrivate()
	shareProcessors(os.Getenv)
	logger := newLogger(con.err, cfg)
	keys, keysPath, err := findKeys(cfg.credentials, os.Getenv)
	if err != nil && !errors.Is(err, errNoCredentials) {
		return err
	}
	keysMissing := err != nil
	for i, dir := range cfg.dirs {
		if cfg.dirs[i], err = filepath.Abs(dir); err != nil {
			return err
		}
	}
	cert, err := cfg.edge.certificate(logger)
	if err != nil {
		return err
	}
	objects, err := listen("--listen", "HOLDFAST_LISTEN", cfg.listen)
	if err != nil {
		return err
	}
	defer objects.Close()
	admin, err := listen("--admin", "HOLDFAST_ADMIN", cfg.admin)
	if err != nil {
		return err
	}
	defer admin.Close()

	store, err := openPool(ctx, cfg, logger)
	if err != nil {
		return err
	}
	// The pool is closed last and whatever happens; the signal that ends ctx is no reason to do it badly.
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
		defer cancel()
		err = errors.Join(err, store.close(closing))
	}()
	mend := startMending(context.WithoutCancel(ctx), store, cfg, logger) // after the last request, not before
	defer mend.stop()
	shown := poolAdmin{store, mend}

	b := banner{
		endpoint: listenerURL(cert, objects.Addr()), adminURL: listenerURL(cert, admin.Addr()), authority: cfg.edge.authority(cert),
		shared: sharedDevices(cfg.dirs), keysPath: keysPath, customCreds: cfg.credentials != "", program: "holdfast",
	}
	if keysMissing {
		if b.keysPath, err = credentialsPath(cfg.credentials, os.Getenv); err != nil {
			return err
		}
		if keys, b.keysMade, err = makeKeys(b.keysPath, rand.Reader); err != nil {
			return fmt.Errorf("keys: %w", err)
		}
	}
	b.keys = keys
	if self, err := os.Executable(); err == nil {
		b.program = programName(self)
	}
	registry := newRegistry()
	if err := registry.Register(newPoolMetrics(shown.report)); err != nil {
		return err
	}
	asked, err := newOperationMetrics(registry)
	if err != nil {
		return err
	}
	connections := cfg.edge.connections(len(cfg.dirs), logger)
	boundMemory(connections, store.pool.BuffersOnHeap(), os.Getenv)
	server, err := api.New(api.Options{
		Store: measuredStore{store, asked}, Admin: shown, AccessKey: keys.access, SecretKey: keys.secret,
		Logger: logger, Registerer: registry, Gatherer: registry, DrainTimeout: drainTime, ETag: cfg.etag,
		TLS: cert, Domains: cfg.edge.domains, MaxConnections: connections, AccessLog: accessLogger(con.err, cfg),
	})
	if err != nil {
		return err
	}
	if b.status, err = shown.report(ctx); err != nil {
		return err
	}
	if cfg.json {
		err = con.writeJSON(b.json())
	} else {
		_, err = io.WriteString(con.out, b.String())
	}
	if err != nil {
		return err
	}
	return serveUntil(ctx, logger, server, objects, admin)
}

// serveUntil serves both listeners until ctx ends or one of them fails. The admin listener outlives the other, so that
// health and metrics can be asked while requests finish.
func serveUntil(ctx context.Context, logger *slog.Logger, server *api.Server, objects, admin net.Listener) error {
	group, failed := errgroup.WithContext(ctx)
	adminCtx, endAdmin := context.WithCancel(context.WithoutCancel(ctx))
	defer endAdmin()
	group.Go(func() error {
		defer endAdmin()
		err := server.ServeObjects(failed, objects)
		if ctx.Err() != nil {
			logger.Info("stopped accepting, requests have ended")
		}
		return err
	})
	group.Go(func() error { return server.ServeAdmin(adminCtx, admin) })
	return group.Wait()
}

// listen takes the port before the pool is opened: a daemon that cannot serve should not touch the drives.
func listen(flag, env, address string) (net.Listener, error) {
	listener, err := net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, &hintError{
			fmt.Errorf("%s %s: another process has this port, perhaps another holdfast", flag, address),
			fmt.Sprintf("stop that one, or choose another port: %s 127.0.0.1:9100 (or %s=127.0.0.1:9100); port 0 takes any that is free", flag, env),
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", flag, address, err)
	}
	return listener, nil
}

func newLogger(w io.Writer, cfg serveConfig) *slog.Logger { return levelLogger(w, cfg, cfg.logLevel) }

// accessLogger takes a line for each request, whatever the level of the other log; nil if that was not asked for.
func accessLogger(w io.Writer, cfg serveConfig) *slog.Logger {
	if !cfg.edge.accessLog {
		return nil
	}
	return levelLogger(w, cfg, slog.LevelInfo)
}

func levelLogger(w io.Writer, cfg serveConfig, level slog.Level) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	if cfg.json {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}
