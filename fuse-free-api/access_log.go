package api

import (
	"context"
	"log/slog"
	"time"
)

// logAccess writes the access log's line of a request. What it must not hold
// is everything that lets somebody in: the Authorization header, and the
// query, where a presigned URL has its signature. Of the query, the operation
// says what mattered. Names come from clients: it is for the logger's handler
// to quote them, as slog's own handlers do.
func (c *call) logAccess(log *slog.Logger, cut bool, took time.Duration) {
	attrs := make([]slog.Attr, 0, 16)
	text := func(name, value string) {
		if value != "" {
			attrs = append(attrs, slog.String(name, value))
		}
	}
	text("request", c.id)
	text("remote", c.r.RemoteAddr)
	text("proto", c.r.Proto)
	text("method", c.r.Method)
	text("operation", c.operation())
	text("bucket", c.bucket)
	text("key", c.key)
	text("range", c.r.Header.Get("Range"))
	attrs = append(attrs, slog.Int("status", c.w.status))
	text("code", c.code)
	if cut {
		attrs = append(attrs, slog.Bool("cut", true))
	}
	var received int64
	if c.body != nil {
		received = c.body.bytes
	}
	attrs = append(attrs, slog.Int64("bytes_in", received), slog.Int64("bytes_out", c.w.bytes), slog.Float64("duration_ms", float64(took.Microseconds())/1000))
	text("user_agent", c.r.UserAgent())
	log.LogAttrs(context.WithoutCancel(c.r.Context()), slog.LevelInfo, "access", attrs...)
}
