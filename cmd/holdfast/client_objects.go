package main

import (
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// objectHead is what the headers of a GET, HEAD or PUT say about an object.
type objectHead struct {
	Bucket      string            `json:"bucket"`
	Key         string            `json:"key"`
	Size        int64             `json:"size"`
	ETag        string            `json:"etag"`
	ContentType string            `json:"content_type,omitempty"`
	Modified    *time.Time        `json:"modified,omitempty"`
	Meta        map[string]string `json:"meta,omitempty"`
}

func headOf(bucket, key string, resp *http.Response) objectHead {
	h := objectHead{
		Bucket: bucket, Key: key, Size: resp.ContentLength,
		ETag:        strings.Trim(resp.Header.Get("ETag"), `"`),
		ContentType: resp.Header.Get("Content-Type"),
	}
	if t, err := http.ParseTime(resp.Header.Get("Last-Modified")); err == nil {
		h.Modified = &t
	}
	for name, values := range resp.Header {
		if rest, ok := strings.CutPrefix(strings.ToLower(name), "x-amz-meta-"); ok {
			if h.Meta == nil {
				h.Meta = make(map[string]string)
			}
			h.Meta[rest] = strings.Join(values, ",")
		}
	}
	return h
}

// put stores body under bucket/key; size -1 means that it is not known.
func (c *client) put(ctx context.Context, bucket, key string, body io.Reader, size int64, header http.Header) (objectHead, error) {
	if header == nil {
		header = make(http.Header)
	}
	if size < 0 || size > 1<<20 {
		header.Set("Expect", "100-continue") // a refusal comes before the bytes are sent
	}
	resp, err := c.do(ctx, request{method: http.MethodPut, path: "/" + bucket + "/" + key, header: header, body: body, length: size})
	if err != nil {
		return objectHead{}, err
	}
	head := headOf(bucket, key, resp)
	head.Size = size
	return head, drain(resp.Body)
}

// get opens the object for reading. The reader fails if the daemon cuts the body short.
func (c *client) get(ctx context.Context, bucket, key string) (objectHead, io.ReadCloser, error) {
	resp, err := c.do(ctx, request{method: http.MethodGet, path: "/" + bucket + "/" + key})
	if err != nil {
		return objectHead{}, nil, err
	}
	return headOf(bucket, key, resp), resp.Body, nil
}

func (c *client) head(ctx context.Context, bucket, key string) (objectHead, error) {
	resp, err := c.do(ctx, request{method: http.MethodHead, path: "/" + bucket + "/" + key})
	if err != nil {
		return objectHead{}, err
	}
	head := headOf(bucket, key, resp)
	return head, drain(resp.Body)
}

// page is one answer of a listing. Next is empty at the end.
type page struct {
	Objects  []listedObject
	Prefixes []string
	Next     string
}

type listedObject struct {
	Key      string    `xml:"Key"`
	Modified time.Time `xml:"LastModified"`
	ETag     string    `xml:"ETag"`
	Size     int64     `xml:"Size"`
}

// list asks for one page. Names come URL-encoded if the daemon can do that: XML cannot carry every key.
func (c *client) list(ctx context.Context, bucket, prefix, delimiter, token string, limit int) (page, error) {
	query := url.Values{"list-type": {"2"}, "encoding-type": {"url"}}
	for name, value := range map[string]string{"prefix": prefix, "delimiter": delimiter, "continuation-token": token} {
		if value != "" {
			query.Set(name, value)
		}
	}
	if limit > 0 {
		query.Set("max-keys", strconv.Itoa(limit))
	}
	resp, err := c.do(ctx, request{method: http.MethodGet, path: "/" + bucket, query: query})
	if err != nil {
		return page{}, err
	}
	defer resp.Body.Close()
	var answer struct {
		Contents       []listedObject
		CommonPrefixes []struct{ Prefix string }
		IsTruncated    bool
		Next           string `xml:"NextContinuationToken"`
		Encoding       string `xml:"EncodingType"`
	}
	if err := xml.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return page{}, fmt.Errorf("listing of %s: %w", bucket, err)
	}
	p := page{Objects: answer.Contents}
	if answer.IsTruncated {
		if answer.Next == "" || answer.Next == token {
			return page{}, fmt.Errorf("listing of %s: the daemon says there is more, and not how to go on", bucket)
		}
		p.Next = answer.Next
	}
	for _, common := range answer.CommonPrefixes {
		p.Prefixes = append(p.Prefixes, common.Prefix)
	}
	if answer.Encoding == "url" {
		for i := range p.Objects {
			p.Objects[i].Key, err = url.QueryUnescape(p.Objects[i].Key)
			if err != nil {
				return page{}, fmt.Errorf("listing of %s: %w", bucket, err)
			}
		}
		for i := range p.Prefixes {
			if p.Prefixes[i], err = url.QueryUnescape(p.Prefixes[i]); err != nil {
				return page{}, fmt.Errorf("listing of %s: %w", bucket, err)
			}
		}
	}
	return p, nil
}

type listedBucket struct {
	Name    string    `xml:"Name" json:"bucket"`
	Created time.Time `xml:"CreationDate" json:"created"`
}

func (c *client) buckets(ctx context.Context) ([]listedBucket, error) {
	resp, err := c.do(ctx, request{method: http.MethodGet, path: "/"})
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var answer struct {
		Buckets []listedBucket `xml:"Buckets>Bucket"`
	}
	if err := xml.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return nil, fmt.Errorf("list of buckets: %w", err)
	}
	return answer.Buckets, nil
}
