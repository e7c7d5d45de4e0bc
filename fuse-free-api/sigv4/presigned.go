package sigv4

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// maxExpiry is the longest that a presigned request may be valid.
const maxExpiry = 7 * 24 * time.Hour

// The parameters of a presigned request. The required ones come first.
const (
	parAlgorithm = iota
	parCredential
	parDate
	parExpires
	parSignedHeaders
	parSignature
	parContentSHA256
	parSecurityToken
	parCount
	parRequired = parSignature + 1
)

// parameters are their values as they stand in the query, and how often each is there.
type parameters struct {
	raw   [parCount]string
	count [parCount]int
}

func parameterOf(name string) int {
	switch name {
	case "X-Amz-Algorithm":
		return parAlgorithm
	case "X-Amz-Credential":
		return parCredential
	case "X-Amz-Date":
		return parDate
	case "X-Amz-Expires":
		return parExpires
	case "X-Amz-SignedHeaders":
		return parSignedHeaders
	case "X-Amz-Signature":
		return parSignature
	case "X-Amz-Content-Sha256":
		return parContentSHA256
	case "X-Amz-Security-Token":
		return parSecurityToken
	}
	return -1
}

// Parameter tells whether the query parameter name belongs to a presigned
// request's signature.
func Parameter(name string) bool { return parameterOf(name) >= 0 }

// presigned tells whether the query means to carry a signature.
func (p *parameters) presigned() bool {
	return p.count[parAlgorithm] > 0 || p.count[parCredential] > 0 || p.count[parSignature] > 0
}

// readQuery reads the signature that stands in the query.
func (c *claim) readQuery(p *parameters) error {
	var values [parCount]string
	for n, count := range p.count {
		if count > 1 {
			return c.malformed("A parameter of the signature is in the query more than once.")
		}
		if count == 0 {
			if n < parRequired {
				return c.malformed("A presigned request needs X-Amz-Algorithm, X-Amz-Credential, X-Amz-Date, X-Amz-Expires, X-Amz-SignedHeaders and X-Amz-Signature.")
			}
			continue
		}
		value, err := url.QueryUnescape(p.raw[n])
		if err != nil || value == "" {
			return c.malformed("A parameter of the signature is empty or cannot be read.")
		}
		values[n] = value
	}
	if p.count[parSecurityToken] > 0 {
		return invalidToken()
	}
	if err := c.checkAlgorithm(values[parAlgorithm]); err != nil {
		return err
	}
	if err := c.readSignature(values[parSignature]); err != nil {
		return err
	}
	if err := c.readCredential(values[parCredential]); err != nil {
		return err
	}
	if !c.readStamp(values[parDate]) {
		return c.malformed("X-Amz-Date must look like 20130524T000000Z.")
	}
	seconds, err := strconv.ParseUint(values[parExpires], 10, 32)
	if err != nil || seconds < 1 || seconds > uint64(maxExpiry/time.Second) {
		return c.malformed("X-Amz-Expires must be a number of seconds from 1 to %d.", maxExpiry/time.Second)
	}
	c.expires = time.Duration(seconds) * time.Second
	c.signedHeaders, c.inQuery = values[parSignedHeaders], values[parContentSHA256]
	return nil
}

// Presigned tells whether a raw query means to carry a signature, however
// broken it is.
func Presigned(rawQuery string) bool {
	for piece := range strings.SplitSeq(rawQuery, "&") {
		name, _, _ := strings.Cut(piece, "=")
		if strings.Contains(name, "%") || strings.Contains(name, "+") {
			var err error
			if name, err = url.QueryUnescape(name); err != nil {
				continue
			}
		}
		switch parameterOf(name) {
		case parAlgorithm, parCredential, parSignature:
			return true
		}
	}
	return false
}

// checkTime holds the time of signing against the clock.
func (c *claim) checkTime(now time.Time) error {
	age := now.Sub(c.at)
	switch {
	case c.presigned && age > c.expires:
		return denied("Request has expired: it was valid until %s, and it is %s now.",
			c.at.Add(c.expires).Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	case c.presigned && age < -maxSkew:
		return denied("Request is not valid yet: it was signed for %s, and it is %s now.", c.at.Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	case !c.presigned && (age > maxSkew || age < -maxSkew):
		return fault("RequestTimeTooSkewed", http.StatusForbidden,
			"The difference between the request's time (%s) and the time here (%s) is more than %v.",
			c.at.Format(time.RFC3339), now.UTC().Format(time.RFC3339), maxSkew)
	}
	return nil
}
