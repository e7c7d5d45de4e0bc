package api

import (
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxListKeys is the most that one page shows, and what it shows if not told.
const maxListKeys = 1000

// listQuery is a ListObjectsV2 request.
type listQuery struct {
	prefix, delimiter, startAfter, token, after string
	max                                         int
	encode, owner, resumed                      bool
}

func (c *call) listQuery() (listQuery, error) {
	var q listQuery
	get := c.query.Get
	switch {
	case !c.query.Has("list-type"):
		return q, notImplemented("ListObjects in its first version is not supported yet; ask with list-type=2.")
	case get("list-type") != "2":
		return q, fault(codeInvalidArgument, "list-type must be 2.")
	}
	for _, name := range []string{"prefix", "delimiter", "start-after"} {
		if !utf8.ValidString(get(name)) {
			return q, fault(codeInvalidArgument, "%s is not valid UTF-8.", name)
		}
		if len(get(name)) > maxKeyBytes {
			return q, fault(codeInvalidArgument, "%s is longer than any key may be, %d bytes.", name, maxKeyBytes)
		}
	}
	q.prefix, q.delimiter, q.startAfter = get("prefix"), get("delimiter"), get("start-after")
	q.after = q.startAfter
	q.max = maxListKeys
	if c.query.Has("max-keys") {
		n, err := strconv.ParseInt(get("max-keys"), 10, 32)
		if err != nil || n < 0 {
			return q, fault(codeInvalidArgument, "max-keys must be an integer from 0 to 2147483647.")
		}
		q.max = int(min(n, maxListKeys))
	}
	switch get("encoding-type") {
	case "":
	case "url":
		q.encode = true
	default:
		return q, fault(codeInvalidArgument, "The only encoding-type is url.")
	}
	switch get("fetch-owner") {
	case "", "false":
	case "true":
		q.owner = true
	default:
		return q, fault(codeInvalidArgument, "fetch-owner must be true or false.")
	}
	if c.query.Has("continuation-token") {
		var ok bool
		q.token, q.resumed = get("continuation-token"), true
		if q.after, ok = parseToken(q.token); !ok {
			return q, fault(codeInvalidArgument, "The continuation token provided is incorrect.")
		}
	}
	return q, nil
}

func (c *call) listObjects() error {
	q, err := c.listQuery()
	if err != nil {
		return err
	}
	var page ListPage
	if q.max == 0 {
		// Nothing is asked for; that the bucket is there is still to be said.
		_, err = c.s.opts.Store.Bucket(c.r.Context(), c.bucket)
	} else {
		page, err = c.s.opts.Store.List(c.r.Context(), c.bucket, ListOptions{Prefix: q.prefix, Delimiter: q.delimiter, After: q.after, Max: q.max})
	}
	if err != nil {
		return err
	}
	c.writeList(q, page)
	return nil
}

func (c *call) writeList(q listQuery, page ListPage) {
	name := func(s string) string { return s }
	if q.encode {
		name = encodeURL
	}
	x := c.beginXML()
	x.root("ListBucketResult")
	x.text("Name", c.bucket)
	x.text("Prefix", name(q.prefix))
	if q.delimiter != "" {
		x.text("Delimiter", name(q.delimiter))
	}
	x.number("MaxKeys", int64(q.max))
	x.number("KeyCount", int64(len(page.Objects)+len(page.Prefixes)))
	x.truth("IsTruncated", page.Truncated)
	if q.encode {
		x.text("EncodingType", "url")
	}
	if q.startAfter != "" {
		x.text("StartAfter", name(q.startAfter))
	}
	if q.resumed {
		x.text("ContinuationToken", q.token)
	}
	if page.Truncated {
		x.text("NextContinuationToken", formatToken(page.Next))
	}
	for _, o := range page.Objects {
		x.start("Contents")
		x.text("Key", name(o.Key))
		x.time("LastModified", o.Modified)
		x.text("ETag", `"`+o.ETag+`"`)
		x.number("Size", o.Size)
		if q.owner {
			x.start("Owner")
			x.text("ID", owner)
			x.text("DisplayName", owner)
			x.end("Owner")
		}
		x.text("StorageClass", "STANDARD")
		x.end("Contents")
	}
	for _, p := range page.Prefixes {
		x.start("CommonPrefixes")
		x.text("Prefix", name(p))
		x.end("CommonPrefixes")
	}
	x.end("ListBucketResult")
	x.flush()
}

// encodeURL is encoding-type=url: percent-encoding of all but unreserved
// characters and "/". A space becomes %20, which decoders of both families
// ("+" as space, and not) understand.
func encodeURL(s string) string {
	const hexDigits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if lowerAlnum(c) || 'A' <= c && c <= 'Z' || strings.IndexByte("-._~/", c) >= 0 {
			b.WriteByte(c)
		} else {
			b.WriteString("%" + string(hexDigits[c>>4]) + string(hexDigits[c&15]))
		}
	}
	return b.String()
}

// A continuation token is base64url of: its version, 1; CRC-32 (IEEE, big
// endian) of the rest; the name after which to go on. The checksum is there
// to tell tokens from other strings, not against forgery: a forged token
// shows no more than start-after does.
func formatToken(after string) string {
	b := binary.BigEndian.AppendUint32([]byte{1}, crc32.ChecksumIEEE([]byte(after)))
	return base64.RawURLEncoding.EncodeToString(append(b, after...))
}

func parseToken(token string) (after string, ok bool) {
	// encoding/base64 passes over line ends; a token has none.
	if len(token) > base64.RawURLEncoding.EncodedLen(5+maxKeyBytes) || strings.ContainsAny(token, "\r\n") {
		return "", false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(b) < 6 || b[0] != 1 {
		return "", false
	}
	after = string(b[5:])
	return after, binary.BigEndian.Uint32(b[1:]) == crc32.ChecksumIEEE(b[5:]) && utf8.ValidString(after)
}
