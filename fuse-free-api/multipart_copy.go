package api

import (
	"context"
	"io"
	"strings"
)

func (c *call) uploadPartCopy() error {
	number, err := c.partNumber()
	if err != nil {
		return err
	}
	name, err := parseCopySource(c.r.Header.Get("X-Amz-Copy-Source"))
	if err != nil {
		return err
	}
	ranged := c.r.Header.Get("X-Amz-Copy-Source-Range")
	first, last, err := parseCopyRange(ranged)
	if err != nil {
		return err
	}
	if err := c.noBody(); err != nil {
		return err
	}
	info, err := c.findUpload(c.r.Context())
	if err != nil {
		return err
	}
	return c.slowly(func(ctx context.Context) (func(*xmlWriter), error) {
		src, err := c.openSource(ctx, name)
		if err != nil {
			return nil, err
		}
		defer src.Close()
		off, n := int64(0), src.info.Size
		if ranged != "" {
			if last >= src.info.Size {
				return nil, fault(codeInvalidArgument, "Range specified is not valid for source object of size: %d.", src.info.Size).
					about("ArgumentName", "x-amz-copy-source-range").about("ArgumentValue", clip(ranged))
			}
			off, n = first, last-first+1
		}
		if n > c.s.maxObjectBytes {
			return nil, sourceTooLarge(c.s.maxObjectBytes)
		}
		algorithm, _ := uploadChecksum(info)
		var part PartInfo
		err = src.into(ctx, c, off, n, func(ctx context.Context, body io.Reader) error {
			part, err = c.s.opts.Store.PutPart(ctx, c.bucket, c.key, c.uploadID(), number, body, c.copyBody(src, off, n, algorithm))
			return c.ofUpload(err)
		})
		if err != nil {
			return nil, err
		}
		return func(x *xmlWriter) { writeCopyResult(x, "CopyPartResult", part.ETag, part.Modified, part.System) }, nil
	})
}

// parseCopyRange reads x-amz-copy-source-range, which, other than Range, has
// one form only and counts as it is or not at all. Both are 0 without one.
func parseCopyRange(text string) (first, last int64, err error) {
	if text == "" {
		return 0, 0, nil
	}
	rest, ok := strings.CutPrefix(text, "bytes=")
	from, to, found := strings.Cut(rest, "-")
	first, firstOK := digits(from)
	last, lastOK := digits(to)
	if !ok || !found || !firstOK || !lastOK || last < first {
		return 0, 0, fault(codeInvalidArgument, "The x-amz-copy-source-range value must be of the form bytes=first-last, "+
			"where both are offsets of bytes to copy, counted from zero.").
			about("ArgumentName", "x-amz-copy-source-range").about("ArgumentValue", clip(text))
	}
	return first, last, nil
}
