package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"
)

// client speaks to one of the daemon's two listeners, with the keys as Basic authentication.
// It never retries: what a failed request did is the caller's to find out.
type client struct {
	base *url.URL
	keys keyPair
	http *http.Client
	wire *http.Transport // of http
	hint string          // what to try if nobody answers
}

// newClient makes a client of the listener at base. The path of base must be empty: buckets begin at the root.
func newClient(base, hint string, keys keyPair) (*client, error) {
	u, err := url.Parse(base)
	switch {
	case err != nil:
		return nil, usagef("%q is no URL: %w", base, err)
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || strings.Trim(u.Path, "/") != "":
		return nil, usagef("%q is not of the form http://HOST:PORT or https://HOST:PORT", base)
	}
	transport := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		MaxIdleConnsPerHost:   64,
		ExpectContinueTimeout: 2 * time.Second,
		ResponseHeaderTimeout: 5 * time.Minute,
		DisableCompression:    true, // bytes come as they are stored
		Protocols:             &http.Protocols{},
	}
	transport.Protocols.SetHTTP1(true) // a connection for each of the transfers that run beside each other
	return &client{
		base: &url.URL{Scheme: u.Scheme, Host: u.Host},
		keys: keys,
		hint: hint,
		wire: transport,
		http: &http.Client{
			Transport: transport,
			// A redirect would carry the keys elsewhere and have its path cleaned on the way.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// objectClient is the client that a command's flags and environment describe.
func objectClient(c *cli.Context) (*client, error) {
	return flaggedClient(c, "endpoint", "start the daemon with `holdfast serve`, or name its object listener with HOLDFAST_ENDPOINT")
}

func adminClient(c *cli.Context) (*client, error) {
	return flaggedClient(c, "admin-url", "start the daemon with `holdfast serve`, or name its admin listener with HOLDFAST_ADMIN_URL")
}

func flaggedClient(c *cli.Context, flag, hint string) (*client, error) {
	keys, _, err := findKeys(c.String("credentials"), os.Getenv)
	if errors.Is(err, errNoCredentials) {
		err = &hintError{err, "set " + envAccess + " and " + envSecret + ", or name the daemon's file with HOLDFAST_CREDENTIALS"}
	}
	if err != nil {
		return nil, err
	}
	client, err := newClient(c.String(flag), hint, keys)
	if err != nil {
		return nil, err
	}
	if file := c.String("ca-cert"); file != "" {
		err = client.trust(file)
	}
	return client, err
}

// trust lets the client accept what the certificates in file vouch for, beside what the system trusts.
func (c *client) trust(file string) error {
	roots, err := readRoots(file)
	if err != nil {
		return err
	}
	c.wire.TLSClientConfig = &tls.Config{RootCAs: roots}
	return nil
}

// readRoots reads certificates to trust beside those that the system does.
func readRoots(file string) (*x509.CertPool, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("HOLDFAST_CA_CERT: %w", err)
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool() // a system without any
	}
	if !roots.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("HOLDFAST_CA_CERT: %s: there is no certificate in PEM in it", file)
	}
	return roots, nil
}

// close lets go of idle connections.
func (c *client) close() { c.http.CloseIdleConnections() }

// request is one call: path is the decoded path ("/bucket/key"), exactly as it is meant.
type request struct {
	method string
	path   string
	raw    string // path as it is to be sent, where a part of it has a slash inside; empty: escapePath decides
	query  url.Values
	header http.Header
	body   io.Reader
	length int64 // of body; -1: unknown, sent in chunks
}

// do sends r and returns the response if its status is 2xx, else an *apiError. The caller closes the body.
func (c *client) do(ctx context.Context, r request) (*http.Response, error) {
	target := *c.base
	target.Path, target.RawPath = r.path, r.raw
	if r.raw == "" {
		target.RawPath = escapePath(r.path)
	}
	target.RawQuery = r.query.Encode()
	req, err := http.NewRequestWithContext(ctx, r.method, target.String(), r.body)
	if err != nil {
		return nil, err
	}
	// Set again: parsing the text must not be what decides how an odd key is written.
	req.URL.Path, req.URL.RawPath = target.Path, target.RawPath
	for name, values := range r.header {
		req.Header[name] = values
	}
	req.Header.Set("User-Agent", "holdfast/"+version)
	req.SetBasicAuth(c.keys.access, c.keys.secret)
	if r.body != nil {
		req.ContentLength = r.length
		if r.length == 0 {
			req.Body = http.NoBody
		}
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.explain(ctx, err)
	}
	if resp.StatusCode/100 == 2 {
		return resp, nil
	}
	defer resp.Body.Close()
	return nil, readAPIError(r, resp)
}

// explain makes a transport's error short and says what can be done about it.
func (c *client) explain(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	err = fmt.Errorf("%s: %w", c.base, err)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return &hintError{err, c.hint}
	}
	var unknown x509.UnknownAuthorityError
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &unknown):
		return &hintError{err, "name the certificate of the authority behind it, or its own, with HOLDFAST_CA_CERT"}
	case errors.As(err, &record), strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return &hintError{err, "the daemon has no TLS there: call it by http://"}
	}
	return err
}

// apiError is what the daemon answered instead of doing what was asked.
type apiError struct {
	Status  int
	Code    string
	Message string
	What    string // bucket/key that it is about; empty for the admin API
}

func (e *apiError) Error() string {
	text := e.Message
	if text == "" {
		text = strings.ToLower(http.StatusText(e.Status))
	}
	if e.What == "" {
		return fmt.Sprintf("%s (%d)", text, e.Status)
	}
	if e.Code != "" {
		text = e.Code + ": " + text
	}
	text = printable(e.What) + ": " + text
	return fmt.Sprintf("%s (%d)", text, e.Status)
}

// readAPIError takes S3's XML or the admin API's JSON apart; a HEAD has neither.
func readAPIError(r request, resp *http.Response) error {
	e := &apiError{Status: resp.StatusCode, What: strings.Trim(r.path, "/")}
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	var hint string
	var parsed struct {
		Code    string `xml:"Code"`
		Message string `xml:"Message"`
	}
	if xml.Unmarshal(body, &parsed) == nil {
		e.Code, e.Message = parsed.Code, strings.TrimSuffix(parsed.Message, ".")
	} else if len(body) > 0 {
		e.What = ""
		e.Code, e.Message, hint = readAdminError(body)
	}
	if e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden {
		hint = "the daemon has other keys: look at " + envAccess + ", " + envSecret + " and HOLDFAST_CREDENTIALS"
	}
	if bytes.Contains(body, []byte("HTTP request to an HTTPS server")) {
		hint = "the daemon has TLS there: call it by https://"
	}
	if hint != "" {
		return &hintError{e, hint}
	}
	return e
}

// isStatus says whether err is the daemon's answer with that status.
func isStatus(err error, status int) bool {
	var e *apiError
	return errors.As(err, &e) && e.Status == status
}

// escapePath writes every byte that is not plain as %XX and leaves the slashes: `..`, `//`, `+` and `%` in a
// key reach the daemon as they are.
func escapePath(path string) string {
	var b strings.Builder
	b.Grow(len(path))
	for i := range len(path) {
		switch ch := path[i]; {
		case 'a' <= ch && ch <= 'z', 'A' <= ch && ch <= 'Z', '0' <= ch && ch <= '9', strings.IndexByte("-._~/", ch) >= 0:
			b.WriteByte(ch)
		default:
			const hex = "0123456789ABCDEF"
			b.WriteByte('%')
			b.WriteByte(hex[ch>>4])
			b.WriteByte(hex[ch&15])
		}
	}
	return b.String()
}

// call is do for answers without a body that matters.
func (c *client) call(ctx context.Context, method, path string) error {
	resp, err := c.do(ctx, request{method: method, path: path})
	if err != nil {
		return err
	}
	return drain(resp.Body)
}

// drain reads what is left so that the connection can be used again.
func drain(body io.ReadCloser) error {
	_, err := io.Copy(io.Discard, io.LimitReader(body, 1<<20))
	return errors.Join(err, body.Close())
}
