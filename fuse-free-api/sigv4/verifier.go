package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	algorithm   = "AWS4-HMAC-SHA256"
	service     = "s3"
	terminator  = "aws4_request"
	stampFormat = "20060102T150405Z"
	dateLength  = len("20060102")

	// maxSkew is how far the client's clock may be from ours.
	maxSkew = 15 * time.Minute
	// maxKept is the largest buffer that is kept for the next request.
	maxKept = 64 << 10
)

// Config is what a Verifier needs. All of it must be given.
type Config struct {
	Region string
	// Secret gives the secret of an access key. It is called for every request.
	Secret func(accessKey string) (secret string, ok bool)
	Now    func() time.Time
}

// Verifier verifies requests. It is safe for concurrent use.
type Verifier struct {
	config Config
	keys   keyCache
	pool   sync.Pool // of *scratch
}

// New makes a Verifier.
func New(c Config) *Verifier {
	if c.Region == "" || c.Secret == nil || c.Now == nil {
		panic("sigv4: Config is not complete")
	}
	return &Verifier{config: c, pool: sync.Pool{New: func() any { return &scratch{hash: sha256.New()} }}}
}

// scratch is the memory that verifying one request takes.
type scratch struct {
	text  []byte // the query's parts, encoded
	pairs []pair
	path  []byte
	tail  []byte // the canonical request behind the path
	hash  hash.Hash

	mac    hash.Hash // keyed with macKey; nil: with none yet
	macKey [hashBytes]byte
}

// claim is what a request says of its signature, wherever it says it.
type claim struct {
	presigned     bool
	accessKey     string
	scope         string // date/region/service/aws4_request
	signedHeaders string
	signature     [hashBytes]byte
	stamp         string
	at            time.Time // what stamp says
	expires       time.Duration
	payload       string
	inQuery       string // X-Amz-Content-Sha256
}

// Verify verifies r, whose path as the client sent it is path. It must be
// called before anything changes r's headers. Every error is an *Error.
func (v *Verifier) Verify(r *http.Request, path string) (*Verified, error) {
	verified := &Verified{}
	if err := v.VerifyTo(verified, r, path); err != nil {
		return nil, err
	}
	return verified, nil
}

// VerifyTo is Verify, into memory of the caller's. On an error it means nothing.
func (v *Verifier) VerifyTo(verified *Verified, r *http.Request, path string) error {
	s := v.pool.Get().(*scratch)
	defer func() {
		if cap(s.text)+cap(s.path)+cap(s.tail) <= maxKept {
			v.pool.Put(s)
		}
	}()
	s.text, s.pairs = s.text[:0], s.pairs[:0]
	var p parameters
	if err := s.readQuery(r.URL.RawQuery, &p); err != nil {
		return err
	}
	c := claim{presigned: p.presigned()}
	if err := c.read(r, &p); err != nil {
		return err
	}
	secret, known := v.config.Secret(c.accessKey)
	if !known {
		return fault("InvalidAccessKeyId", http.StatusForbidden, "The access key is not known here.")
	}
	if err := c.checkScope(v.config.Region); err != nil {
		return err
	}
	if err := c.checkTime(v.config.Now()); err != nil {
		return err
	}
	if err := s.canonicalise(&c, r, path); err != nil {
		return err
	}
	*verified = Verified{AccessKey: c.accessKey, Presigned: c.presigned, Payload: c.payload, stamp: c.stamp, scope: c.scope, seed: c.signature}
	verified.key = v.keys.get(secret, c.scope[:dateLength], v.config.Region)
	// Clients sign the path in AWS's encoding or, some of them, as they send
	// it. Either way what is signed decodes to the path that is served.
	if s.signed(verified, r.Method, s.path) || string(s.path) != path && s.signed(verified, r.Method, []byte(path)) {
		return nil
	}
	return mismatch("The signature is not the one calculated here. Check the secret, the signing method, and what lies between client and server: nothing may change the request on its way.")
}

// read finds the signature, which must be in one place only.
func (c *claim) read(r *http.Request, p *parameters) error {
	values := r.Header["Authorization"]
	if token := r.Header["X-Amz-Security-Token"]; len(token) > 0 && token[0] != "" {
		return invalidToken()
	}
	var err error
	switch {
	case len(values) > 0 && c.presigned:
		err = invalidArgument("The request is signed in the Authorization header and in the query; only one is allowed.")
	case len(values) > 1:
		err = invalidArgument("There is more than one Authorization header.")
	case c.presigned:
		err = c.readQuery(p)
	case len(values) == 1:
		err = c.readHeader(r.Header)
	default:
		err = denied("The request is not signed.")
	}
	if err != nil {
		return err
	}
	return c.findPayload(r.Header, c.inQuery)
}

func (c *claim) checkAlgorithm(name string) error {
	switch {
	case name == algorithm:
		return nil
	case strings.HasPrefix(name, "AWS4-ECDSA-"):
		return notImplemented("Asymmetric signatures (%s) are not supported; sign with %s.", name, algorithm)
	}
	return c.malformed("The signing method %q is not known; sign with %s.", name, algorithm)
}

func (c *claim) readSignature(signature string) error {
	if !unhex(&c.signature, []byte(signature)) {
		return c.malformed("The signature must be 64 hexadecimal digits.")
	}
	return nil
}

// readCredential takes accessKey/date/region/service/aws4_request apart. Only
// the access key may have slashes of its own.
func (c *claim) readCredential(credential string) error {
	at := len(credential)
	for range 4 {
		if at = strings.LastIndexByte(credential[:at], '/'); at < 1 {
			return c.malformed("The credential must have the form ACCESSKEY/yyyymmdd/region/s3/aws4_request.")
		}
	}
	c.accessKey, c.scope = credential[:at], credential[at+1:]
	return nil
}

// checkScope holds the scope against the time of signing and what is here.
func (c *claim) checkScope(region string) error {
	date, rest, _ := strings.Cut(c.scope, "/")
	given, rest, _ := strings.Cut(rest, "/")
	switch {
	case date != c.stamp[:dateLength]:
		return c.malformed("The credential is for the date %q, and the request for %s.", date, c.stamp[:dateLength])
	case given != region:
		err := c.malformed("The region %q is wrong; expecting %q.", given, region)
		err.Region = region
		return err
	case rest != service+"/"+terminator:
		return c.malformed("The credential must end in /%s/%s.", service, terminator)
	}
	return nil
}

// canonicalise prepares the canonical request: the path, and all behind it.
func (s *scratch) canonicalise(c *claim, r *http.Request, path string) error {
	var ok bool
	if s.path, ok = appendPath(s.path[:0], path); !ok {
		return fault("InvalidURI", http.StatusBadRequest, "The path is not validly percent-encoded.")
	}
	b := append(s.tail[:0], '\n')
	b = s.appendQuery(b, c.presigned)
	b = append(b, '\n')
	b, err := c.appendHeaders(b, r)
	if err == nil {
		b = append(b, '\n')
		b = append(b, c.signedHeaders...)
		b = append(b, '\n')
		b = append(b, c.payload...)
	}
	s.tail = b
	return err
}

// signed tells whether the canonical request with that path is what was
// signed.
func (s *scratch) signed(v *Verified, method string, path []byte) bool {
	s.hash.Reset()
	s.text = append(append(s.text[:0], method...), '\n')
	s.hash.Write(s.text)
	s.hash.Write(path)
	s.hash.Write(s.tail)
	var sum [hashBytes]byte
	s.hash.Sum(sum[:0])

	b := append(s.text[:0], algorithm+"\n"...)
	b = append(b, v.stamp...)
	b = append(b, '\n')
	b = append(b, v.scope...)
	b = append(b, '\n')
	b = hex.AppendEncode(b, sum[:])
	s.text = b
	if s.mac == nil || s.macKey != v.key { // keying takes as long as hashing
		s.mac, s.macKey = hmac.New(sha256.New, v.key[:]), v.key
	}
	s.mac.Reset()
	s.mac.Write(b)
	return hmac.Equal(s.mac.Sum(sum[:0]), v.seed[:])
}
