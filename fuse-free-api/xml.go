package api

import (
	"bufio"
	"io"
	"strconv"
	"time"
	"unicode/utf8"
)

const (
	xmlHead      = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"
	xmlNamespace = ` xmlns="http://s3.amazonaws.com/doc/2006-03-01/"`
)

// xmlWriter writes S3's answers. encoding/xml is not used for them because it
// turns characters that XML 1.0 lacks (a key may hold U+0001) into U+FFFD,
// that is, into another key. They are written as character references here,
// as S3 does: a strict parser then fails loudly, and encoding-type=url is the
// way around it. Errors of the underlying writer show when it is next used.
type xmlWriter struct{ w *bufio.Writer }

func newXML(w io.Writer) *xmlWriter {
	x := &xmlWriter{w: bufio.NewWriter(w)}
	_, _ = x.w.WriteString(xmlHead)
	return x
}

func (x *xmlWriter) raw(s string) { _, _ = x.w.WriteString(s) }

// root opens the outermost element, in S3's namespace.
func (x *xmlWriter) root(name string) { x.raw("<" + name + xmlNamespace + ">") }

func (x *xmlWriter) start(name string) { x.raw("<" + name + ">") }
func (x *xmlWriter) end(name string)   { x.raw("</" + name + ">") }

func (x *xmlWriter) text(name, value string) {
	x.start(name)
	x.escape(value)
	x.end(name)
}

func (x *xmlWriter) number(name string, n int64) { x.text(name, strconv.FormatInt(n, 10)) }
func (x *xmlWriter) truth(name string, b bool)   { x.text(name, strconv.FormatBool(b)) }

// time writes ISO 8601 with milliseconds, in UTC.
func (x *xmlWriter) time(name string, t time.Time) {
	x.text(name, t.UTC().Format("2006-01-02T15:04:05.000Z"))
}

func (x *xmlWriter) flush() { _ = x.w.Flush() }

func (x *xmlWriter) escape(s string) {
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == '&':
			x.raw("&amp;")
		case r == '<':
			x.raw("&lt;")
		case r == '>':
			x.raw("&gt;")
		case r == '"':
			x.raw("&quot;")
		case r == '\'':
			x.raw("&apos;")
		case r < 0x20, r == 0x7f, r == 0xfffe, r == 0xffff:
			x.raw("&#x" + strconv.FormatInt(int64(r), 16) + ";")
		case r == utf8.RuneError && size == 1:
			x.raw("\uFFFD")
		default:
			x.raw(s[i : i+size])
		}
		i += size
	}
}
