package api

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Certificate is what the listeners prove themselves with: a certificate, with
// those between it and the authority behind it, and its key, both in PEM. Its
// files are looked at every few seconds while objects are served, and read
// again when they have changed. A pair that cannot be used changes nothing.
type Certificate struct {
	certFile, keyFile string
	logger            *slog.Logger
	every             time.Duration // between looks
	current           atomic.Pointer[tls.Certificate]

	// Of the watcher, and of LoadCertificate before it.
	loaded  pairState
	failed  pairState // seen last, and could not be loaded
	failure error     // of failed; nil: none
	told    bool      // failure was logged
}

// pairState tells whether the files are still the same.
type pairState struct{ cert, key os.FileInfo }

func (s pairState) same(o pairState) bool {
	same := func(a, b os.FileInfo) bool {
		if a == nil || b == nil {
			return a == b
		}
		return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size()
	}
	return same(s.cert, o.cert) && same(s.key, o.key)
}

// LoadCertificate reads both files. The logger takes what happens to them
// later; nil: none.
func LoadCertificate(certFile, keyFile string, logger *slog.Logger) (*Certificate, error) {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	const every = 3 * time.Second
	c := &Certificate{certFile: certFile, keyFile: keyFile, logger: logger, every: every}
	state, err := c.look()
	if err == nil {
		err = c.load(state)
	}
	if err != nil {
		return nil, fmt.Errorf("TLS certificate: %w", err)
	}
	return c, nil
}

// Leaf is the certificate itself, as it is now.
func (c *Certificate) Leaf() *x509.Certificate { return c.current.Load().Leaf }

// expiry is a metric, so that an alarm can come before the clients' complaints.
func (c *Certificate) expiry() prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "holdfast_tls_certificate_expiry_timestamp_seconds",
		Help: "When the TLS certificate in use ends to be valid."}, func() float64 { return float64(c.Leaf().NotAfter.Unix()) })
}

// Trusted tells whether this system trusts the certificate by itself.
func (c *Certificate) Trusted() bool {
	pair := c.current.Load()
	between := x509.NewCertPool()
	for _, der := range pair.Certificate[1:] {
		if cert, err := x509.ParseCertificate(der); err == nil {
			between.AddCert(cert)
		}
	}
	_, err := pair.Leaf.Verify(x509.VerifyOptions{Intermediates: between})
	return err == nil
}

func (c *Certificate) look() (state pairState, err error) {
	if state.cert, err = os.Stat(c.certFile); err != nil {
		return pairState{}, err
	}
	if state.key, err = os.Stat(c.keyFile); err != nil {
		return pairState{}, err
	}
	return state, nil
}

// load reads the files, which were seen in this state before.
func (c *Certificate) load(state pairState) error {
	const maxBytes = 1 << 20
	for _, file := range []os.FileInfo{state.cert, state.key} {
		if !file.Mode().IsRegular() || file.Size() > maxBytes {
			return fmt.Errorf("%s: this is no PEM file of a certificate or a key", file.Name())
		}
	}
	cert, err := os.ReadFile(c.certFile)
	if err != nil {
		return err
	}
	key, err := os.ReadFile(c.keyFile)
	if err != nil {
		return err
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return fmt.Errorf("%s and %s: %w", c.certFile, c.keyFile, err)
	}
	c.current.Store(&pair)
	c.loaded, c.failure = state, nil
	if mode := state.key.Mode().Perm(); mode&0o007 != 0 {
		c.logger.Warn("everybody on this machine may read the TLS key", slog.String("file", c.keyFile), slog.String("do", "chmod o= "+c.keyFile))
	}
	if now := time.Now(); now.After(pair.Leaf.NotAfter) || now.Before(pair.Leaf.NotBefore) {
		c.logger.Warn("the TLS certificate is not valid today: clients will refuse it", slog.String("file", c.certFile),
			slog.Time("not_before", pair.Leaf.NotBefore), slog.Time("not_after", pair.Leaf.NotAfter))
	}
	return nil
}

// watch looks at the files until ctx ends.
func (c *Certificate) watch(ctx context.Context) {
	ticker := time.NewTicker(c.every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			c.reload()
		}
	}
}

// reload loads the files if they are others than before. The two are seldom
// replaced at once, so a pair that does not fit is complained of only when it
// is still the same at the next look.
func (c *Certificate) reload() {
	state, err := c.look()
	switch {
	case err == nil && state.same(c.loaded):
		c.failure = nil
		return
	case c.failure == nil || !state.same(c.failed):
		c.told = false
	case c.told:
		return
	}
	if err == nil {
		err = c.load(state)
	}
	if err == nil {
		leaf := c.Leaf()
		c.logger.Info("the TLS certificate was replaced", slog.String("file", c.certFile), slog.Any("names", leaf.DNSNames), slog.Time("not_after", leaf.NotAfter))
		return
	}
	if again := c.failure != nil && state.same(c.failed); again {
		c.told = true
		c.logger.Error("the new TLS certificate or key cannot be used; the one before stays in use", slog.Any("error", err),
			slog.String("do", fmt.Sprintf("put a certificate and the key that belongs to it, both in PEM, at %s and %s; they are taken without a restart", c.certFile, c.keyFile)),
			slog.Time("not_after", c.Leaf().NotAfter))
	}
	c.failed, c.failure = state, err
}

// config is the server's: TLS 1.2 and 1.3, and of ciphers what the Go
// release in use holds good.
func (c *Certificate) config() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current.Load(), nil },
	}
}
