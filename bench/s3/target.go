package s3

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/url"
	"strings"
)

// Target is a server.
type Target struct {
	Endpoint  string // http://HOST:PORT or https://HOST:PORT
	AccessKey string
	SecretKey string
	Region    string         // that signatures name; "": us-east-1
	PID       int            // of the server, if it runs here, whose CPU time is to be known; 0: it is not measured
	Roots     *x509.CertPool // to trust; nil: those of the system
	// Bare says that the server stores nothing and sends any bytes: their number is checked, not what they are.
	Bare bool
}

// String leaves the keys out.
func (t Target) String() string { return t.Endpoint }

// GoString leaves them out too.
func (t Target) GoString() string { return t.Endpoint }

// server is a target as connections need it.
type server struct {
	Target
	address string      // to dial
	host    string      // the header
	tls     *tls.Config // nil: none
}

func newServer(t Target) (*server, error) {
	u, err := url.Parse(t.Endpoint)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%q is no URL: %w", t.Endpoint, err)
	case u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || strings.Trim(u.Path, "/") != "":
		return nil, fmt.Errorf("%q is not of the form http://HOST:PORT or https://HOST:PORT", t.Endpoint)
	case t.AccessKey == "" || t.SecretKey == "":
		return nil, fmt.Errorf("there are no keys for %s", t.Endpoint)
	}
	if t.Region == "" {
		t.Region = "us-east-1"
	}
	s := &server{Target: t, host: u.Host}
	port := map[string]string{"http": "80", "https": "443"}[u.Scheme]
	if own := u.Port(); own != "" && own != port {
		port = own
	} else {
		s.host = strings.TrimSuffix(u.Host, ":"+port) // clients leave out the port that the scheme has
	}
	s.address = net.JoinHostPort(u.Hostname(), port)
	if u.Scheme == "https" {
		s.tls = &tls.Config{
			RootCAs: t.Roots, ServerName: u.Hostname(), NextProtos: []string{"http/1.1"},
			ClientSessionCache: tls.NewLRUClientSessionCache(0), MinVersion: tls.VersionTLS12,
		}
	}
	return s, nil
}
