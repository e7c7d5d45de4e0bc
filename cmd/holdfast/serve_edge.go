package main

import (
	"errors"
	"log/slog"
	"net"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	api "github.com/holdfast-storage/holdfast/fuse-free-api"
)

// edgeConfig is how serve meets its clients.
type edgeConfig struct {
	tlsCert, tlsKey string // files; both or neither
	domains         []string
	maxConnections  int
	accessLog       bool
}

const defaultMaxConnections = 4096

func edgeFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "tls-cert", EnvVars: []string{"HOLDFAST_TLS_CERT"}, Usage: "`FILE` with the certificate of both listeners and its chain, PEM; taken again when it changes"},
		&cli.StringFlag{Name: "tls-key", EnvVars: []string{"HOLDFAST_TLS_KEY"}, Usage: "`FILE` with the certificate's key, PEM"},
		&cli.StringSliceFlag{Name: "domain", EnvVars: []string{"HOLDFAST_DOMAIN"}, Usage: "`NAME` below which buckets may be hosts, as in BUCKET.s3.example.org; may be repeated, or a list with commas"},
		&cli.IntFlag{Name: "max-connections", EnvVars: []string{"HOLDFAST_MAX_CONNECTIONS"}, Value: defaultMaxConnections, Usage: "`N` connections that the object listener has at once; more wait"},
		&cli.BoolFlag{Name: "access-log", EnvVars: []string{"HOLDFAST_ACCESS_LOG"}, Usage: "log a line for each request to the object listener"},
	}
}

func readEdgeConfig(c *cli.Context) (edgeConfig, error) {
	cfg := edgeConfig{tlsCert: c.String("tls-cert"), tlsKey: c.String("tls-key"), accessLog: c.Bool("access-log"), maxConnections: c.Int("max-connections")}
	if (cfg.tlsCert == "") != (cfg.tlsKey == "") {
		return cfg, usagef("--tls-cert and --tls-key belong together: one of them is missing")
	}
	if cfg.maxConnections < 1 {
		return cfg, usagef("--max-connections %d: at least 1 is wanted", cfg.maxConnections)
	}
	for _, list := range c.StringSlice("domain") {
		for name := range strings.SplitSeq(list, ",") {
			if err := api.CheckDomain(strings.TrimSpace(name)); err != nil {
				return cfg, usagef("--domain: %w; it is a host name without a port", err)
			}
			cfg.domains = append(cfg.domains, strings.TrimSpace(name))
		}
	}
	if cfg.tlsCert != "" {
		return cfg, nil
	}
	for _, flag := range []string{"listen", "admin"} {
		if err := api.CheckLoopback(c.String(flag)); errors.Is(err, api.ErrNotLoopback) {
			return cfg, usagef("--%s: %w; with --tls-cert and --tls-key it may be any address", flag, err)
		} else if err != nil {
			return cfg, usagef("--%s: %w", flag, err)
		}
	}
	return cfg, nil
}

// certificate loads the certificate, nil if there is to be none.
func (cfg edgeConfig) certificate(logger *slog.Logger) (*api.Certificate, error) {
	if cfg.tlsCert == "" {
		return nil, nil
	}
	cert, err := api.LoadCertificate(cfg.tlsCert, cfg.tlsKey, logger)
	if err != nil {
		return nil, &hintError{err, "--tls-cert names a certificate and --tls-key the key that belongs to it, both in PEM and readable to this user"}
	}
	return cert, nil
}

// connections is how many the object listener may have, so that the pool has files left: a daemon that ran out of them
// could serve nobody.
func (cfg edgeConfig) connections(drives int, logger *slog.Logger) int {
	limit, err := openFileLimit()
	if err != nil {
		return cfg.maxConnections
	}
	// Segments' files, each of which may be open a second time, past the page cache; those being written, too; the admin listener
	// and what else there is; catalogs, of which there are at most so many. Of the three segments that may be mended at a time a
	// drive has a file to read and one to write, each with a way past the page cache for reading and one for writing.
	reserve := 2*512 + 2*32*drives + 3*2*3*drives + 256 + 128*min(drives, maxParity+1)
	fits := int(min(limit, 1<<30)) - reserve
	fits = max(fits, int(min(limit, 1<<30))/4)
	if cfg.maxConnections <= fits {
		return cfg.maxConnections
	}
	logger.Warn("fewer connections than asked for: each takes an open file, and this process may have few",
		slog.Int("max_connections", fits), slog.Int("asked", cfg.maxConnections), slog.Uint64("open_files", limit),
		slog.String("do", "raise the limit (ulimit -n, LimitNOFILE=), or lower --max-connections"))
	return fits
}

// boundMemory has the garbage collector work harder once Go's heap is more than the engine and so many connections are
// meant to take; the pool's buffers lie outside it, but for so many bytes. Below that it may let memory grow to three times what is used, where it
// would begin at twice: little is in use while requests are small, and it would be at work all the time. GOMEMLIMIT and
// GOGC go before.
func boundMemory(connections int, buffers int64, getenv func(string) string) {
	const (
		engineBytes     = 64 << 20 // catalogs, and what is on its way
		connectionBytes = 32 << 10 // of an idle one with TLS, as measured, and some of them are not
	)
	if getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(engineBytes + int64(connections)*connectionBytes + buffers)
		if getenv("GOGC") == "" {
			debug.SetGCPercent(200)
		}
	}
}

// listenerURL is a listener's, as clients are to call it: where the certificate does not stand for the address, by a name that
// it stands for.
func listenerURL(cert *api.Certificate, at net.Addr) string {
	if cert == nil {
		return "http://" + at.String()
	}
	host, port, err := net.SplitHostPort(at.String())
	if err != nil {
		return "https://" + at.String()
	}
	leaf := cert.Leaf()
	ip := net.ParseIP(host)
	switch {
	case leaf.VerifyHostname(host) == nil:
	case ip.IsLoopback() && leaf.VerifyHostname("localhost") == nil:
		host = "localhost" // a name of the machine may lead to where nobody listens
	default:
		if i := slices.IndexFunc(leaf.DNSNames, func(name string) bool { return !strings.HasPrefix(name, "*") }); i >= 0 {
			host = leaf.DNSNames[i]
		}
	}
	return "https://" + net.JoinHostPort(host, port)
}

// authority is the file that a client on this machine needs to be told of to trust the certificate: none if the system
// trusts it anyway.
func (cfg edgeConfig) authority(cert *api.Certificate) string {
	if cert == nil || cert.Trusted() {
		return ""
	}
	if file, err := filepath.Abs(cfg.tlsCert); err == nil {
		return file
	}
	return cfg.tlsCert
}
