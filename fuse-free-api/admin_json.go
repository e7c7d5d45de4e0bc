package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// maxAdminBytes bounds the JSON document of a request.
const maxAdminBytes = 64 << 10

// AdminError is an error with the form it is answered in. An Admin may return
// it; of other errors only those that the Store's sentinels describe show.
type AdminError struct {
	Status  int    `json:"-"`
	Code    string `json:"code"` // for programs: snake_case
	Message string `json:"message"`
	Hint    string `json:"hint"` // what to do about it; may be empty
}

func (e *AdminError) Error() string { return e.Message }

// readDoc reads the request's JSON document into doc, a pointer to a struct:
// its fields and no others, each of them may be left out. fields says in words
// what they are.
func (c *adminCall) readDoc(doc any, fields string) error {
	if c.r.URL.RawQuery != "" {
		return badRequest("This request takes no query parameters.", "The body is to be JSON: it may have "+fields+".")
	}
	text, err := io.ReadAll(http.MaxBytesReader(nil, c.r.Body, maxAdminBytes))
	if err != nil {
		return badRequest("The body cannot be read: "+err.Error()+".", "")
	}
	// What is asked for may take longer than a client may take to ask.
	_ = http.NewResponseController(c.w).SetReadDeadline(time.Time{})
	if len(bytes.TrimSpace(text)) == 0 {
		return nil
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(doc); err != nil {
		return badRequest("The body is not the JSON expected here: "+err.Error()+".", "It may have "+fields+".")
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return badRequest("Something follows the JSON document.", "")
	}
	return nil
}

// readNothing is readDoc for requests that take no options.
func (c *adminCall) readNothing() error { return c.readDoc(&struct{}{}, "nothing") }

// readQuery gives the query's parameters: those named and no others, each once
// at most.
func (c *adminCall) readQuery(names ...string) (map[string]string, error) {
	values, err := url.ParseQuery(c.r.URL.RawQuery)
	if err != nil {
		return nil, badRequest("The query cannot be read: "+err.Error()+".", "")
	}
	got := make(map[string]string)
	for _, name := range names {
		if list := values[name]; len(list) == 1 {
			got[name] = list[0]
			delete(values, name)
		}
	}
	for name := range values {
		return nil, badRequest("The query parameter "+name+" is not known here, or given twice.", "There are "+strings.Join(names, ", ")+".")
	}
	return got, nil
}

func badRequest(message, hint string) error {
	return &AdminError{Status: 400, Code: "bad_request", Message: message, Hint: hint}
}

func adminError(err error) *AdminError {
	var e *AdminError
	switch {
	case errors.As(err, &e):
		return e
	case errors.Is(err, ErrReadOnly):
		return &AdminError{Status: 503, Code: "read_only", Message: err.Error(), Hint: "GET /api/v1/status names the drives that are missing."}
	case errors.Is(err, ErrUnavailable), errors.Is(err, ErrBusy), errors.Is(err, ErrClosed), errors.Is(err, ErrNoSpace):
		return &AdminError{Status: 503, Code: "unavailable", Message: err.Error()}
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return &AdminError{Status: 503, Code: "unavailable", Message: "The request was given up before it was done."}
	}
	return &AdminError{Status: 500, Code: "internal", Message: "An internal error occurred.", Hint: "The daemon's log says more."}
}

func allowed(w http.ResponseWriter, r *http.Request, methods ...string) bool {
	for _, m := range methods {
		if r.Method == m {
			return true
		}
	}
	w.Header().Set("Allow", strings.Join(methods, ", "))
	writeJSONError(w, &AdminError{Status: 405, Code: "method_not_allowed", Message: "The method is not allowed here.", Hint: "Allowed: " + strings.Join(methods, ", ") + "."})
	return false
}

func writeJSONError(w http.ResponseWriter, e *AdminError) {
	status := e.Status
	if status < 400 || status > 599 {
		status = http.StatusInternalServerError
	}
	writeJSON(w, status, map[string]*AdminError{"error": e})
}

// writeJSON encodes before it sends, so that a failure can be answered.
func writeJSON(w http.ResponseWriter, status int, v any) {
	doc, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		status, doc = http.StatusInternalServerError, []byte(`{"error": {"code": "internal", "message": "The result cannot be put into JSON.", "hint": ""}}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(doc, '\n'))
}
