package api

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/holdfast-storage/holdfast/fuse-free-api/checksum"
)

// maxPartNumber is S3's limit on parts of an object.
const maxPartNumber = 10000

// selection is what a GET or HEAD asks for of an object, as far as the
// request alone tells.
type selection struct {
	part      int               // 0: not by part
	ranges    string            // the Range header; "": none
	checksums bool              // they are wanted
	version   bool              // the version is to be told
	overrides map[string]string // headers to be sent instead of those kept
}

// selection reads it, and refuses what cannot be.
func (c *call) selection() (s selection, err error) {
	if err := c.onlyVersion(); err != nil {
		return s, err
	}
	s.version = c.query.Has("versionId")
	s.checksums = first(c.r.Header, "X-Amz-Checksum-Mode") != ""
	// Two lines are a list, hence several ranges.
	s.ranges = strings.Join(c.r.Header["Range"], ",")
	if c.query.Has("partNumber") {
		if s.part, err = parsePartNumber(c.query.Get("partNumber")); err != nil {
			return s, err
		}
		if s.ranges != "" {
			return s, fault(codeInvalidRequest, "Cannot specify both Range header and partNumber query parameter.")
		}
	}
	s.overrides, err = c.overrides()
	return s, err
}

func parsePartNumber(text string) (int, error) {
	n, ok := digits(text)
	if !ok || n < 1 || n > maxPartNumber {
		return 0, fault(codeInvalidArgument, "Part number must be an integer between 1 and %d, inclusive.", maxPartNumber).
			about("ArgumentName", "partNumber").about("ArgumentValue", clip(text))
	}
	return int(n), nil
}

// overrides gives the headers that response-* parameters ask for. Only who
// has signed the request may choose them: a link to an object could otherwise
// be made to say what its owner never said.
func (c *call) overrides() (map[string]string, error) {
	var h map[string]string
	for name, values := range c.query {
		short, ok := strings.CutPrefix(name, "response-")
		if !ok {
			continue
		}
		if !c.signed() {
			return nil, fault(codeInvalidRequest, "Request specific response headers (%s) can be used with signed requests only.", name)
		}
		value := values[0]
		if !printable(value) {
			return nil, fault(codeInvalidArgument, "The value of %s cannot be sent in a header.", name).about("ArgumentName", name)
		}
		if h == nil {
			h = map[string]string{}
		}
		h[short] = value
	}
	return h, nil
}

// span finds the bytes that are asked for, and the status that goes with
// them.
func (s *selection) span(h http.Header, info ObjectInfo) (part span, err error) {
	whole := span{n: info.Size}
	switch {
	case s.part > 0:
		part, ok := partSpan(info, s.part)
		if !ok {
			return span{}, fault(codeInvalidPartNumber, "The requested partnumber is not satisfiable.").
				about("PartNumberRequested", strconv.Itoa(s.part)).about("ActualPartCount", strconv.Itoa(max(len(info.Parts), 1)))
		}
		return part, nil
	case s.ranges != "" && rangeApplies(h, info):
		part, ok := parseRange(s.ranges, info.Size)
		if !ok {
			return span{}, fault(codeInvalidRange, "The object has %d bytes; the range %q holds none of them.", info.Size, s.ranges).
				with("Content-Range", fmt.Sprintf("bytes */%d", info.Size))
		}
		return part, nil
	}
	return whole, nil
}

// partSpan finds a part's bytes. An object that was stored whole is its own
// first part. An empty part has no Content-Range, hence is no partial answer.
func partSpan(info ObjectInfo, number int) (s span, ok bool) {
	if len(info.Parts) == 0 {
		return span{n: info.Size, partial: info.Size > 0}, number == 1
	}
	for _, p := range info.Parts {
		if p.Number == number {
			return span{off: s.off, n: p.Size, partial: p.Size > 0}, true
		}
		s.off += p.Size
	}
	return span{}, false
}

// set sends what is asked for beside the object's attributes.
func (s *selection) set(h http.Header, info ObjectInfo, sent span) {
	if s.version {
		h["x-amz-version-id"] = []string{nullVersion}
	}
	if s.part > 0 && len(info.Parts) > 0 {
		h["x-amz-mp-parts-count"] = []string{strconv.Itoa(len(info.Parts))}
	}
	if s.checksums {
		s.setChecksums(h, info, sent)
	}
	for name, value := range s.overrides {
		h.Set(name, value)
	}
}

// setChecksums sends the checksum of just what is sent: the object's, or a
// part's with the type of the object's. Of a range there is none, and clients check
// what they get against the object's if it is there.
func (s *selection) setChecksums(h http.Header, info ObjectInfo, sent span) {
	switch {
	case s.part > 0 && len(info.Parts) > 0:
		for _, p := range info.Parts {
			if p.Number == s.part {
				setChecksums(h, p.System)
			}
		}
		if t, ok := findPair(info.System, checksum.TypeHeader); ok {
			h[checksum.TypeHeader] = []string{t}
		}
	case s.part > 0 || !sent.partial:
		setChecksums(h, info.System)
	}
}
