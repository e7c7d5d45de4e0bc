package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// readAdminError takes the admin API's JSON apart. What is not that gives nothing: the status says enough.
func readAdminError(body []byte) (code, message, hint string) {
	var answer struct {
		Error struct{ Code, Message, Hint string }
	}
	if json.Unmarshal(body, &answer) != nil {
		return "", "", ""
	}
	e := answer.Error
	return e.Code, strings.TrimSuffix(e.Message, "."), strings.TrimSuffix(e.Hint, ".")
}

// adminRequest is a request to the admin API. A part of the path may have slashes inside: a drive's path is its name.
func adminRequest(method string, parts ...string) request {
	r := request{method: method, path: "/api/v1", raw: "/api/v1"}
	for _, part := range parts {
		r.path += "/" + part
		r.raw += "/" + strings.ReplaceAll(escapePath(part), "/", "%2F")
	}
	return r
}

// with gives the request a document to send.
func (r request) with(doc any) (request, error) {
	body, err := json.Marshal(doc)
	if err != nil {
		return r, err
	}
	r.header = http.Header{"Content-Type": {"application/json"}}
	r.body, r.length = bytes.NewReader(body), int64(len(body))
	return r, nil
}

// maxAnswerBytes bounds what is taken for an answer of the admin API.
const maxAnswerBytes = 64 << 20

// ask sends r with doc, if that is not nil, and reads the answer. raw is the answer as it came, for --json: fields that
// this client does not know are passed on.
func (c *client) ask(ctx context.Context, r request, doc, answer any) (raw []byte, err error) {
	if doc != nil {
		if r, err = r.with(doc); err != nil {
			return nil, err
		}
	}
	resp, err := c.do(ctx, r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if raw, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswerBytes)); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(raw, answer); err != nil {
		return nil, fmt.Errorf("the daemon's answer to %s: %w", r.path, err)
	}
	return bytes.TrimSpace(raw), nil
}

// status asks the daemon how it is.
func (c *client) status(ctx context.Context) (report statusReport, raw []byte, err error) {
	raw, err = c.ask(ctx, adminRequest(http.MethodGet, "status"), nil, &report)
	return report, raw, err
}

// isCode says whether err is the daemon's answer with that code.
func isCode(err error, code string) bool {
	var e *apiError
	return errors.As(err, &e) && e.Code == code
}
