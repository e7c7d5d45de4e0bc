package api

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"
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

// authenticate lets nothing anonymous in. It answers as S3 does, with 403;
// which of key and secret is wrong is said, since an access key is no secret.
func (k keys) authenticate(r *http.Request) error {
	values := r.Header.Values("Authorization")
	switch {
	case len(values) > 1:
		return fault(codeInvalidArgument, "There is more than one Authorization header.")
	case len(values) == 0 && strings.Contains(strings.ToLower(r.URL.RawQuery), "x-amz-algorithm="):
		return notImplemented("Presigned requests are not supported yet; use HTTP Basic authentication.")
	case len(values) == 0:
		return fault(codeAccessDenied, "Nothing is served without a key: send the access key and the secret as HTTP Basic authentication.")
	}
	scheme, _, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "Basic") {
		if strings.HasPrefix(strings.ToUpper(scheme), "AWS") {
			return notImplemented("Signed requests (%s) are not supported yet; use HTTP Basic authentication.", scheme)
		}
		return fault(codeInvalidArgument, "The authorization type is not supported; use HTTP Basic authentication.")
	}
	access, secret, ok := r.BasicAuth()
	if !ok {
		return fault(codeAccessDenied, "The Basic credentials cannot be read.")
	}
	accessOK, secretOK := k.match(access, secret)
	switch {
	case !accessOK:
		return fault(codeInvalidAccessKey, "The access key is not known here.")
	case !secretOK:
		return fault(codeSignatureMismatch, "The secret does not belong to the access key.")
	}
	return nil
}

// presigning tells whether a query parameter belongs to a presigned request's
// signature.
func presigning(name string) bool {
	return len(name) > len("X-Amz-") && strings.EqualFold(name[:len("X-Amz-")], "X-Amz-")
}
