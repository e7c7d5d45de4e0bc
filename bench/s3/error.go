package s3

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"strings"
)

// Error is a server's answer to a request that it did not do.
type Error struct {
	Request string // method and path
	Status  int
	Code    string // S3's, where the answer has one
	Message string
}

func (e *Error) Error() string {
	said := strings.TrimSpace(e.Code + " " + e.Message)
	if said == "" {
		said = http.StatusText(e.Status)
	}
	return fmt.Sprintf("%s: %d %s", e.Request, e.Status, said)
}

// failure makes an error of an answer's body; a HEAD has none.
func failure(r *request, status int, body []byte) *Error {
	e := &Error{Request: r.String(), Status: status}
	var parsed struct{ Code, Message string }
	if xml.Unmarshal(body, &parsed) == nil {
		e.Code, e.Message = parsed.Code, strings.TrimSuffix(parsed.Message, ".")
	} else {
		e.Message = strings.ToValidUTF8(string(body[:min(len(body), 200)]), "")
	}
	return e
}

func (r *request) String() string {
	if len(r.query) == 0 {
		return r.method + " " + string(r.path)
	}
	return r.method + " " + string(r.path) + "?" + string(r.query)
}

// keeper keeps the beginning of a body, which is an error's or a document's.
type keeper struct {
	kept []byte
	most int
}

func (k *keeper) take(piece []byte) {
	k.kept = append(k.kept, piece[:min(len(piece), k.most-len(k.kept))]...)
}
