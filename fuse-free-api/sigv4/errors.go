package sigv4

import (
	"fmt"
	"net/http"
)

// Error says in S3's words why a request is not accepted.
type Error struct {
	Code    string // S3's error code
	Status  int    // the HTTP status that goes with it
	Message string // for the client: whole sentences
	Region  string // the right one, if the request was signed for another
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

func fault(code string, status int, format string, args ...any) *Error {
	return &Error{Code: code, Status: status, Message: fmt.Sprintf(format, args...)}
}

func denied(format string, args ...any) *Error {
	return fault("AccessDenied", http.StatusForbidden, format, args...)
}

func invalidArgument(format string, args ...any) *Error {
	return fault("InvalidArgument", http.StatusBadRequest, format, args...)
}

func notImplemented(format string, args ...any) *Error {
	return fault("NotImplemented", http.StatusNotImplemented, format, args...)
}

func mismatch(format string, args ...any) *Error {
	return fault("SignatureDoesNotMatch", http.StatusForbidden, format, args...)
}

func invalidToken() *Error {
	return fault("InvalidToken", http.StatusBadRequest, "There are no session tokens here: sign with the access key and the secret alone.")
}

// malformed is of the place that the signature stands in.
func (c *claim) malformed(format string, args ...any) *Error {
	if c.presigned {
		return fault("AuthorizationQueryParametersError", http.StatusBadRequest, format, args...)
	}
	return fault("AuthorizationHeaderMalformed", http.StatusBadRequest, format, args...)
}
