package s3

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// cleanTries is how often the bucket is removed while it turns out not to be empty.
const cleanTries = 10

// Clean deletes all that the load has put, and the bucket if Prepare has made it. It does not stop at what fails.
func (l *Loader) Clean(ctx context.Context) error {
	defer l.Close()
	helper := l.helper()
	defer helper.Close()
	o := l.objects
	top := o.top()
	err := helper.deleteAll(ctx, top)
	if err != nil {
		return fmt.Errorf("what was stored for measuring is still there, below %s: %w", o.base, err)
	}
	o.stored.Store(0)
	o.puts.Store(0)
	o.begun.Store(0)
	o.gone = 0
	if !o.made.Load() {
		return nil
	}
	w := helper.workers[0]
	for try := 1; ; try++ {
		w.bucket("DELETE")
		_, _, err := w.do(ctx, &w.keys)
		if err == nil {
			break
		}
		// A PUT that was interrupted may have come to its end behind what was removed.
		if !hasStatus(err, http.StatusConflict) || try == cleanTries || ctx.Err() != nil {
			return fmt.Errorf("the bucket made for measuring is still there: %w", err)
		}
		time.Sleep(time.Duration(try) * 20 * time.Millisecond)
		if err := helper.deleteAll(ctx, top); err != nil {
			return fmt.Errorf("what was stored for measuring is still there, below %s: %w", o.base, err)
		}
	}
	o.made.Store(false)
	return nil
}

// deleteAll deletes the objects below top, in documents of many keys (DeleteObjects) if the server has that.
func (l *Loader) deleteAll(ctx context.Context, top int64) error {
	const together = 1000 // S3's bound
	batches := (top + together - 1) / together
	err := l.over(ctx, "deleting", 0, batches, func(ctx context.Context, w *worker, n int64) error {
		return w.deleteObjects(ctx, n*together, min(top, (n+1)*together))
	})
	var answer *Error
	if !errors.As(err, &answer) {
		return err
	}
	return l.over(ctx, "deleting", 0, top, func(ctx context.Context, w *worker, n int64) error {
		for {
			w.loader.objects.plain(&w.request, "DELETE", n)
			if _, done, err := w.do(ctx, &w.keys); done || hasStatus(err, http.StatusNotFound) {
				return nil
			} else if err != nil {
				return err
			}
		}
	})
}

func (w *worker) deleteObjects(ctx context.Context, from, to int64) error {
	text := []byte("<Delete><Quiet>true</Quiet>")
	for n := from; n < to; n++ {
		text = appendNumber(append(append(text, "<Object><Key>"...), w.loader.objects.prefix...), n)
		text = append(text, "</Key></Object>"...)
	}
	text = append(text, "</Delete>"...)
	for {
		w.bucket("POST")
		w.request.query = []byte("delete=")
		w.document(string(text))
		answer := keeper{most: 1 << 20}
		_, done, err := w.do(ctx, &answer)
		if err != nil {
			return err
		} else if !done {
			continue
		}
		var result struct {
			Error []struct{ Code, Message string }
		}
		if err := xml.Unmarshal(answer.kept, &result); err == nil && len(result.Error) > 0 {
			first := result.Error[0]
			return &Error{Request: w.request.String(), Status: http.StatusOK, Code: first.Code, Message: first.Message}
		}
		return nil
	}
}
