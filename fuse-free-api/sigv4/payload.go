package sigv4

import (
	"net/http"
	"strings"
)

// What x-amz-content-sha256 may say instead of a SHA-256 in hexadecimal.
const (
	Unsigned                 = "UNSIGNED-PAYLOAD"
	StreamingSigned          = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
	StreamingSignedTrailer   = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
	StreamingUnsignedTrailer = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
)

// Empty is the payload of a request without a body, as most clients write it.
const Empty = emptyHash

// CheckPayload tells whether value is one that x-amz-content-sha256 may have;
// its error is an *Error.
func CheckPayload(value string) error {
	switch value {
	case Unsigned, StreamingSigned, StreamingSignedTrailer, StreamingUnsignedTrailer:
		return nil
	}
	if strings.HasPrefix(value, "STREAMING-AWS4-ECDSA-") {
		return notImplemented("Chunks with asymmetric signatures (%s) are not supported; sign them with AWS4-HMAC-SHA256.", value)
	}
	var sum [hashBytes]byte
	if !unhex(&sum, []byte(value)) {
		return invalidArgument("x-amz-content-sha256 must be the body's SHA-256 in hexadecimal, %s, %s, %s or %s.",
			Unsigned, StreamingSigned, StreamingSignedTrailer, StreamingUnsignedTrailer)
	}
	return nil
}

// payload finds what the request says of its body: the header, for presigned
// requests the query too, and UNSIGNED-PAYLOAD if they say nothing.
func (c *claim) findPayload(h http.Header, inQuery string) error {
	values := h["X-Amz-Content-Sha256"]
	switch {
	case len(values) > 1:
		return invalidArgument("x-amz-content-sha256 is given more than once.")
	case len(values) == 1 && inQuery != "" && values[0] != inQuery:
		return invalidArgument("x-amz-content-sha256 says one thing in the headers and another in the query.")
	case len(values) == 1:
		c.payload = values[0]
	case inQuery != "":
		c.payload = inQuery
	case c.presigned:
		c.payload = Unsigned
	default:
		return fault("InvalidRequest", http.StatusBadRequest, "The header x-amz-content-sha256 is missing; a signed request needs it.")
	}
	return CheckPayload(c.payload)
}
