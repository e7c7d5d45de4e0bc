package api

import "net/http"

func (c *call) abortUpload() error {
	if err := c.s.opts.Store.AbortUpload(c.r.Context(), c.bucket, c.key, c.uploadID()); err != nil {
		return c.ofUpload(err)
	}
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}
