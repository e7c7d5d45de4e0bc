package api

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
)

// xmlReader reads the documents that requests carry, element by element as
// their grammar has them. What the grammar lacks is refused where it is met,
// so that neither depth nor number of elements is the client's to choose.
// Entities but XML's own five are unknown to it, and so is a document type.
type xmlReader struct {
	d    *xml.Decoder
	in   *tokenReader // what d reads
	kind string       // of the document: its root element
}

// maxTokenBytes has room for a key with every byte escaped, twice over.
const maxTokenBytes = 16 << 10

var errLongToken = errors.New("it has a tag or a text that is too long")

// tokenReader gives a document to the decoder, and of it no more than left: a
// tag of a million attributes takes fifty times its length once it is read.
type tokenReader struct {
	doc  *bytes.Reader
	left int
}

func (r *tokenReader) ReadByte() (byte, error) {
	if r.left == 0 {
		return 0, errLongToken
	}
	r.left--
	return r.doc.ReadByte()
}

// Read is there for the decoder's sake, which reads bytes.
func (r *tokenReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	b, err := r.ReadByte()
	if err != nil {
		return 0, err
	}
	p[0] = b
	return 1, nil
}

// token gives the next tag, text or comment.
func (x *xmlReader) token() (xml.Token, error) {
	x.in.left = maxTokenBytes
	return x.d.Token()
}

// readXML reads doc, whose outermost element is root; each is called for
// every element within it, and has to consume it.
func readXML(doc []byte, root string, each func(x *xmlReader, name string) error) error {
	const byteOrderMark = "\uFEFF"
	in := &tokenReader{doc: bytes.NewReader(bytes.TrimPrefix(doc, []byte(byteOrderMark)))}
	x := &xmlReader{d: xml.NewDecoder(in), in: in, kind: root}
	name, err := x.next()
	if err != nil {
		return err
	}
	if name != root {
		return x.malformed("it has no such element outside")
	}
	if err := x.children(each); err != nil {
		return err
	}
	for {
		switch token, err := x.token(); t := token.(type) {
		case nil:
			if errors.Is(err, io.EOF) {
				return nil
			}
			return x.malformed("%v", err)
		case xml.CharData:
			if len(bytes.TrimSpace(t)) > 0 {
				return x.malformed("something follows it")
			}
		case xml.Comment:
		default:
			return x.malformed("something follows it")
		}
	}
}

func (x *xmlReader) malformed(format string, args ...any) error {
	return fault(codeMalformedXML, "The body is not a "+x.kind+" document: "+format+".", args...)
}

// next gives the name of the element that begins next, or "" at the end of
// the one that it would lie in.
func (x *xmlReader) next() (string, error) {
	for {
		token, err := x.token()
		if err != nil {
			return "", x.malformed("%v", err)
		}
		switch t := token.(type) {
		case xml.StartElement:
			return t.Name.Local, nil
		case xml.EndElement:
			return "", nil
		case xml.CharData:
			if len(bytes.TrimSpace(t)) > 0 {
				return "", x.malformed("there is text between its elements")
			}
		case xml.Directive:
			return "", x.malformed("it has a document type or another directive")
		case xml.ProcInst:
			if t.Target != "xml" {
				return "", x.malformed("it has a processing instruction")
			}
		}
	}
}

// children calls each for all elements within the one that was begun.
func (x *xmlReader) children(each func(x *xmlReader, name string) error) error {
	for {
		name, err := x.next()
		if err != nil || name == "" {
			return err
		}
		if err := each(x, name); err != nil {
			return err
		}
	}
}

// unknown refuses an element.
func (x *xmlReader) unknown(name string) error {
	return x.malformed("the element %.40q is not known, or is given twice", name)
}

// text gives what stands in the element that was begun, which has no others
// within it.
func (x *xmlReader) text() (string, error) {
	var text strings.Builder
	for {
		token, err := x.token()
		if err != nil {
			return "", x.malformed("%v", err)
		}
		switch t := token.(type) {
		case xml.CharData:
			text.Write(t)
		case xml.EndElement:
			return text.String(), nil
		case xml.Comment:
		default:
			return "", x.malformed("there is an element where text is to be")
		}
	}
}

// once reads text into a field that no element before it has set.
func (x *xmlReader) once(name string, field **string) error {
	if *field != nil {
		return x.unknown(name)
	}
	text, err := x.text()
	*field = &text
	return err
}
