package api

import (
	"strconv"
	"strings"

	"github.com/holdfast-storage/holdfast/fuse-free-api/checksum"
)

// maxCompleteBytes is enough for the parts that an upload may have, each with
// a SHA-256 and generously indented.
const maxCompleteBytes = 4 << 20

// namedPart is a part as a CompleteMultipartUpload names it.
type namedPart struct {
	number    int
	etag      string // without quotes
	algorithm checksum.Algorithm
	sum       string // its text; "" if algorithm is 0
}

// parseComplete reads a CompleteMultipartUpload document. The parts are
// ascending; whether they are there is not said yet.
func parseComplete(doc []byte) ([]namedPart, error) {
	var parts []namedPart
	err := readXML(doc, "CompleteMultipartUpload", func(x *xmlReader, name string) error {
		if name != "Part" {
			return x.unknown(name)
		}
		if len(parts) == maxParts {
			return x.malformed("it names more than %d parts", maxParts)
		}
		part, err := readNamedPart(x)
		parts = append(parts, part)
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(parts) == 0 {
		return nil, fault(codeMalformedXML, "The body is not a CompleteMultipartUpload document: you must specify at least one part.")
	}
	for i, part := range parts {
		if part.number < 1 {
			return nil, fault(codeInvalidArgument, "PartNumber must be >= 1.").
				about("ArgumentName", "PartNumber").about("ArgumentValue", strconv.Itoa(part.number))
		}
		if i > 0 && part.number <= parts[i-1].number {
			return nil, fault(codeInvalidPartOrder, "The list of parts was not in ascending order. Parts must be ordered by part number, and part %d follows part %d.",
				part.number, parts[i-1].number)
		}
	}
	return parts, nil
}

func readNamedPart(x *xmlReader) (part namedPart, err error) {
	var number, etag *string
	err = x.children(func(x *xmlReader, name string) error {
		switch name {
		case "PartNumber":
			return x.once(name, &number)
		case "ETag":
			return x.once(name, &etag)
		}
		short, ok := strings.CutPrefix(name, "Checksum")
		if !ok {
			return x.unknown(name)
		}
		text, err := x.text()
		if err != nil {
			return err
		}
		text = strings.TrimSpace(text)
		algorithm, known := checksum.Parse(short)
		switch {
		case text == "": // some write an empty element for every checksum there is
			return nil
		case !known:
			return notImplemented("Checksums of parts as %.40q are not supported.", name)
		case part.algorithm != 0:
			return x.unknown(name)
		}
		part.algorithm, part.sum = algorithm, text
		return nil
	})
	if err != nil {
		return namedPart{}, err
	}
	if number == nil {
		return namedPart{}, x.malformed("a Part has no PartNumber")
	}
	if part.number, err = strconv.Atoi(strings.TrimSpace(*number)); err != nil {
		return namedPart{}, x.malformed("a PartNumber is not a number")
	}
	if etag != nil {
		part.etag = strings.TrimSpace(*etag)
		if len(part.etag) > 1 && part.etag[0] == '"' && part.etag[len(part.etag)-1] == '"' {
			part.etag = part.etag[1 : len(part.etag)-1]
		}
	}
	return part, nil
}
