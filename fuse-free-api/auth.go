package api

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/holdfast-storage/holdfast/fuse-free-api/awschunked"
	"github.com/holdfast-storage/holdfast/fuse-free-api/checksum"
	"github.com/holdfast-storage/holdfast/fuse-free-api/sigv4"
)

// keys are the one access key and secret, kept as digests so that comparing
// takes the same time whatever the lengths.
type keys struct{ access, secret [sha256.Size]byte }

func newKeys(access, secret string) keys {
	return keys{access: sha256.Sum256([]byte(access)), secret: sha256.Sum256([]byte(secret))}
}

func (k keys) match(access, secret string) (accessOK, secretOK bool) {
	a, s := sha256.Sum256([]byte(access)), sha256.Sum256([]byte(secret))
	return subtle.ConstantTimeCompare(a[:], k.access[:]) == 1, subtle.ConstantTimeCompare(s[:], k.secret[:]) == 1
}

// identity is who sent a request, and what is vouched for.
type identity struct {
	signed    bool   // with Signature Version 4, not by Basic authentication
	presigned bool   // in the query
	payload   string // x-amz-content-sha256 as it was signed; "" if Basic authentication came without it

	verified *sigv4.Verified // nil unless signed
	own      sigv4.Verified  // what that points to
}

func newVerifier(opts Options) *sigv4.Verifier {
	return sigv4.New(sigv4.Config{Region: opts.Region, Now: opts.Now, Secret: func(access string) (string, bool) {
		return opts.SecretKey, access == opts.AccessKey
	}})
}

// authenticate lets in who signed the request or, for scripts, who sends the
// keys by HTTP Basic. Nothing anonymous is served: 403, as S3 answers; which of key
// and secret is wrong is said, since an access key is no secret.
//
// Of most requests the identity is in who, which is the caller's.
func (s *Server) authenticate(r *http.Request, who *identity) (*identity, error) {
	values := r.Header["Authorization"]
	scheme := ""
	if len(values) > 0 {
		scheme, _, _ = strings.Cut(values[0], " ")
	}
	switch {
	case len(values) > 1:
		return nil, fault(codeInvalidArgument, "There is more than one Authorization header.")
	case strings.HasPrefix(scheme, "AWS4-"), sigv4.Presigned(r.URL.RawQuery):
		v := &who.own
		if err := s.verifier.VerifyTo(v, r, rawPath(r)); err != nil {
			return nil, signatureFault(err)
		}
		who.signed, who.presigned, who.payload, who.verified = true, v.Presigned, v.Payload, v
		return who, nil
	case len(values) == 0 && version2(r.URL.RawQuery):
		return s.verifyVersion2(r)
	case strings.EqualFold(scheme, "AWS"):
		return nil, notImplemented("Signature Version 2 is supported in presigned URLs only; sign with Signature Version 4 (AWS4-HMAC-SHA256).")
	case len(values) == 0:
		return nil, fault(codeAccessDenied, "Nothing is served without a key: sign the request, or send the access key and the secret as HTTP Basic authentication.")
	case !strings.EqualFold(scheme, "Basic"):
		return nil, fault(codeInvalidArgument, "The authorization type is not supported; sign with AWS4-HMAC-SHA256, or use HTTP Basic authentication.")
	}
	return s.authenticateBasic(r)
}

func (s *Server) authenticateBasic(r *http.Request) (*identity, error) {
	access, secret, ok := r.BasicAuth()
	if !ok {
		return nil, fault(codeAccessDenied, "The Basic credentials cannot be read.")
	}
	accessOK, secretOK := s.keys.match(access, secret)
	switch {
	case !accessOK:
		return nil, fault(codeInvalidAccessKey, "The access key is not known here.")
	case !secretOK:
		return nil, fault(codeSignatureMismatch, "The secret does not belong to the access key.")
	}
	if r.Header.Get("X-Amz-Security-Token") != "" {
		return nil, noTokens()
	}
	values := r.Header.Values("X-Amz-Content-Sha256")
	if len(values) == 0 {
		return &identity{}, nil
	}
	if len(values) > 1 {
		return nil, fault(codeInvalidArgument, "x-amz-content-sha256 is given more than once.")
	}
	if err := sigv4.CheckPayload(values[0]); err != nil {
		return nil, signatureFault(err)
	}
	return &identity{payload: values[0]}, nil
}

func noTokens() error {
	return notImplemented("There are no session tokens here: use the access key and the secret alone.")
}

// signatureFault puts what the verifier says into an answer.
func signatureFault(err error) error {
	var e *sigv4.Error
	if !errors.As(err, &e) {
		return err
	}
	answer := fault(code{e.Code, e.Status}, "%s", e.Message)
	if e.Region != "" {
		answer.details = []Pair{{Name: "Region", Value: e.Region}} // clients try again with it
		answer = answer.with("x-amz-bucket-region", e.Region)
	}
	return answer
}

// settle takes the signature out of a presigned request's query. Presigners
// put x-amz-* headers there, too, which then count as headers: they are moved
// to h, so that whatever is not honoured is refused in one place.
func (id *identity) settle(query url.Values, h http.Header) error {
	if !id.presigned {
		return nil // where such parameters have no meaning, and are refused
	}
	dropChecksumOfNothing(query)
	for name, values := range query {
		if sigv4.Parameter(name) {
			delete(query, name)
			continue
		}
		const prefix = "X-Amz-"
		key := http.CanonicalHeaderKey(name)
		if !strings.HasPrefix(key, prefix) {
			continue
		}
		there, twice := h[key]
		switch {
		case sigv4.Parameter(key), strings.EqualFold(key, "X-Amz-SignedHeaders"):
			return fault(codeInvalidArgument, "The query parameter %q is not spelt as the signature's are.", name)
		case len(values) > 1, twice && (len(there) != 1 || there[0] != values[0]):
			return fault(codeInvalidArgument, "%q is given more than once.", name)
		case !printable(values[0]) || strings.ContainsFunc(key, notToken):
			return fault(codeInvalidArgument, "%q has a name or a value that no header may have.", name)
		}
		h[key] = values
		delete(query, name)
	}
	return nil
}

// dropChecksumOfNothing takes a checksum out of a presigned request's query if it is that of an empty
// body. A presigner has no body yet, and AWS's SDK for JavaScript signs the
// checksum of that for whatever is to be put later; S3 passes over it. Any
// other checksum was meant, and is held against the body.
func dropChecksumOfNothing(query url.Values) {
	for name, values := range query {
		algorithm, ok := checksum.ByHeader(name)
		if ok && len(values) == 1 && values[0] == checksum.Text(algorithm.New().Sum(nil)) {
			delete(query, name)
			delete(query, "x-amz-sdk-checksum-algorithm")
		}
	}
}

// printable tells whether a header may have the value.
func printable(value string) bool {
	return strings.IndexFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) < 0
}

// notToken tells which runes the name of a header cannot have.
func notToken(r rune) bool {
	return r <= ' ' || r >= 0x7f || strings.ContainsRune("\"(),/:;<=>?@[\\]{}", r)
}

// framed tells whether the body is in aws-chunked framing.
func (id *identity) framed() bool { return strings.HasPrefix(id.payload, "STREAMING-") }

// frame gives the data of a framed body, size bytes of it, and verifies it as
// it passes. trailers are the names that x-amz-trailer announces.
func (id *identity) frame(body io.Reader, size int64, trailers []string) (*awschunked.Reader, error) {
	c := awschunked.Config{Size: size, Trailers: trailers, Trailer: strings.HasSuffix(id.payload, "-TRAILER")}
	switch {
	case !c.Trailer && len(trailers) > 0:
		return nil, fault(codeInvalidRequest, "x-amz-trailer announces trailers, and x-amz-content-sha256 a body without any.")
	case id.payload == sigv4.StreamingUnsignedTrailer:
	case id.verified == nil:
		return nil, fault(codeInvalidRequest, "Chunks can be signed only in a signed request.")
	default:
		c.Signatures = id.verified.Chain()
	}
	return awschunked.NewReader(body, c), nil
}

// frameFault turns an error of a framed body into an answer; nil: it is none
// of the framing's.
func frameFault(err error) *s3Error {
	is := func(target error) bool { return errors.Is(err, target) }
	var e *s3Error
	switch {
	case is(awschunked.ErrSignature):
		e = fault(codeSignatureMismatch, "A chunk of the body, or its trailer, does not have the signature calculated here.")
	case is(awschunked.ErrSize):
		e = fault(codeIncompleteBody, "The body is not as long as x-amz-decoded-content-length says.")
	case is(awschunked.ErrShort):
		e = fault(codeIncompleteBody, "The body ended before its aws-chunked framing did.")
	case is(awschunked.ErrTrailer):
		e = fault(codeMalformedTrailer, "%s", sentence(err))
	case is(awschunked.ErrFraming):
		e = fault(codeInvalidRequest, "%s", sentence(err))
	default:
		return nil
	}
	e.cut, e.cause = true, err
	return e
}
