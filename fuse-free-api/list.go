package api

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxListKeys is the most that one page of keys shows, and what it shows if
// not told.
const maxListKeys = 1000

// listing is what the listings of a bucket's names have in common: what is to
// be shown, how much of it, and how names are written.
type listing struct {
	prefix, delimiter string
	max               int  // names and common prefixes together
	encode            bool // encoding-type=url
}

// listing reads the parameters that every listing has; that of the page's
// size goes by different names.
func (c *call) listing(sizeParameter string) (l listing, err error) {
	if l.prefix, err = c.nameParameter("prefix"); err != nil {
		return l, err
	}
	if l.delimiter, err = c.nameParameter("delimiter"); err != nil {
		return l, err
	}
	if l.max, err = c.countParameter(sizeParameter, 0, maxListKeys); err != nil {
		return l, err
	}
	switch c.query.Get("encoding-type") {
	case "":
	case "url":
		l.encode = true
	default:
		return l, fault(codeInvalidArgument, "The only encoding-type is url.")
	}
	return l, nil
}

// nameParameter gives a query parameter that is a key or a part of one.
func (c *call) nameParameter(name string) (string, error) {
	value := c.query.Get(name)
	if !utf8.ValidString(value) {
		return "", fault(codeInvalidArgument, "%s is not valid UTF-8.", name)
	}
	if len(value) > maxKeyBytes {
		return "", fault(codeInvalidArgument, "%s is longer than any key may be, %d bytes.", name, maxKeyBytes)
	}
	return value, nil
}

// countParameter gives a query parameter that says how much to show: from
// least on, and more than most, or nothing said, means most.
func (c *call) countParameter(name string, least, most int) (int, error) {
	if !c.query.Has(name) {
		return most, nil
	}
	n, err := strconv.ParseInt(c.query.Get(name), 10, 32)
	if err != nil || n < int64(least) {
		return 0, fault(codeInvalidArgument, "%s must be an integer from %d to 2147483647.", name, least)
	}
	return int(min(n, int64(most))), nil
}

// objects asks the store for one page of objects.
func (c *call) objects(l listing, after string) (ListPage, error) {
	if l.max == 0 {
		return ListPage{}, c.bucketExists()
	}
	return c.s.opts.Store.List(c.r.Context(), c.bucket, ListOptions{Prefix: l.prefix, Delimiter: l.delimiter, After: after, Max: l.max})
}

// bucketExists tells whether the bucket is there, where nothing else does.
func (c *call) bucketExists() error {
	_, err := c.s.opts.Store.Bucket(c.r.Context(), c.bucket)
	return err
}

// listWriter writes the answer to a listing.
type listWriter struct {
	*xmlWriter
	listing
}

func (c *call) beginList(l listing, root string) listWriter {
	x := listWriter{c.beginXML(), l}
	x.root(root)
	return x
}

// name writes an element that is a key or a part of one.
func (x listWriter) name(element, value string) {
	if x.encode {
		value = encodeURL(value)
	}
	x.text(element, value)
}

// asked echoes the parameters that every listing has, but the prefix, which
// is always shown.
func (x listWriter) asked() {
	if x.delimiter != "" {
		x.name("Delimiter", x.delimiter)
	}
	if x.encode {
		x.text("EncodingType", "url")
	}
}

// object writes what is shown of an object behind its key and version.
func (x listWriter) object(o ObjectInfo, owned bool) {
	x.time("LastModified", o.Modified)
	x.text("ETag", `"`+o.ETag+`"`)
	x.number("Size", o.Size)
	if owned {
		x.owner("Owner")
	}
	x.text("StorageClass", "STANDARD")
}

func (x listWriter) prefixes(all []string) {
	for _, p := range all {
		x.start("CommonPrefixes")
		x.name("Prefix", p)
		x.end("CommonPrefixes")
	}
}

// owner writes who everything belongs to.
func (x *xmlWriter) owner(element string) {
	x.start(element)
	x.text("ID", owner)
	x.text("DisplayName", owner)
	x.end(element)
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
