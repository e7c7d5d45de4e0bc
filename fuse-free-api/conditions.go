package api

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"
)

// etagList is an If-Match or If-None-Match header. Tags are without quotes;
// weak ones keep their W/"…" form.
type etagList struct {
	any  bool // "*"
	tags []string
}

func (l *etagList) empty() bool { return !l.any && len(l.tags) == 0 }

// strong reports a match by strong comparison (RFC 9110, 8.8.3.2): a weak tag
// matches nothing. The tags of objects are all strong.
func (l *etagList) strong(etag string) bool {
	if l.any {
		return true
	}
	for _, tag := range l.tags {
		if tag == etag {
			return true
		}
	}
	return false
}

// weak reports a match by weak comparison.
func (l *etagList) weak(etag string) bool {
	if l.any {
		return true
	}
	for _, tag := range l.tags {
		if unweak(tag) == etag {
			return true
		}
	}
	return false
}

// unweak gives the opaque part of a tag.
func unweak(tag string) string {
	if rest, ok := strings.CutPrefix(tag, `W/"`); ok {
		return strings.TrimSuffix(rest, `"`)
	}
	return tag
}

// parseETags reads the header's lines; nil if there are none. A header that
// is there but cannot be read is an error: taking it for absent would drop
// the condition. Tags without quotes are taken, since S3's clients send them.
// The name is in its canonical form.
func parseETags(h http.Header, name string) (*etagList, error) {
	lines := h[name]
	if len(lines) == 0 {
		return nil, nil
	}
	bad := fault(codeInvalidArgument, "The %s header is not a list of entity tags.", name)
	list := &etagList{}
	for _, s := range lines {
		for {
			s = strings.TrimLeft(s, " \t,")
			if s == "" {
				break
			}
			opaque, weak := strings.CutPrefix(s, "W/")
			switch {
			case strings.HasPrefix(opaque, `"`):
				tag, rest, closed := strings.Cut(opaque[1:], `"`)
				if !closed || tag == "*" {
					// In quotes it is a tag that no object has, and is meant as
					// the star: neither is guessed.
					return nil, bad
				}
				if weak {
					tag = `W/"` + tag + `"`
				}
				list.tags = append(list.tags, tag)
				s = rest
			default:
				tag, rest, _ := strings.Cut(s, ",")
				tag = strings.TrimRight(tag, " \t")
				if strings.ContainsAny(tag, "\" \t") {
					return nil, bad
				}
				if tag == "*" {
					list.any = true
				} else {
					list.tags = append(list.tags, tag)
				}
				s = rest
				continue
			}
			s = strings.TrimLeft(s, " \t")
			if s != "" && s[0] != ',' {
				return nil, bad
			}
		}
	}
	if list.empty() {
		return nil, bad
	}
	return list, nil
}

// gone gives another error in place of a condition's if what If-Match names is
// not there at all: S3 answers 404 then, and by it clients tell what was
// deleted from what was changed.
func (c *call) gone(ctx context.Context, err error, cond Condition) error {
	if len(cond.IfMatch) == 0 || slices.Contains(cond.IfMatch, "*") || !errors.Is(err, ErrPrecondition) {
		return err
	}
	if _, missing := c.s.opts.Store.Stat(ctx, c.bucket, c.key); errors.Is(missing, ErrNoSuchKey) {
		return missing
	}
	return err
}

// writeCondition gives the conditions of a PUT or DELETE for the store to
// decide.
func writeCondition(h http.Header) (Condition, error) {
	match, err := parseETags(h, "If-Match")
	if err != nil {
		return Condition{}, err
	}
	noneMatch, err := parseETags(h, "If-None-Match")
	if err != nil {
		return Condition{}, err
	}
	var cond Condition
	if match != nil {
		cond.IfMatch = match.tags
		if match.any {
			cond.IfMatch = []string{"*"}
		}
	}
	if noneMatch != nil {
		cond.IfNoneMatchAny = noneMatch.any
		for _, tag := range noneMatch.tags {
			cond.IfNoneMatch = append(cond.IfNoneMatch, unweak(tag))
		}
	}
	return cond, nil
}

// readCondition decides the conditions of a GET or HEAD in the order of RFC
// 9110 (13.2.2): 0 to go on, else the status 304 or 412. Dates that cannot be
// read are ignored, as the RFC demands; they count whole seconds.
func readCondition(h http.Header, info ObjectInfo) (status int, err error) {
	modified := info.Modified.Truncate(time.Second)
	match, err := parseETags(h, "If-Match")
	if err != nil {
		return 0, err
	}
	if match != nil {
		if !match.strong(info.ETag) {
			return http.StatusPreconditionFailed, nil
		}
	} else if t, ok := date(h, "If-Unmodified-Since"); ok && modified.After(t) {
		return http.StatusPreconditionFailed, nil
	}
	noneMatch, err := parseETags(h, "If-None-Match")
	if err != nil {
		return 0, err
	}
	if noneMatch != nil {
		if noneMatch.weak(info.ETag) {
			return http.StatusNotModified, nil
		}
	} else if t, ok := date(h, "If-Modified-Since"); ok && !modified.After(t) {
		return http.StatusNotModified, nil
	}
	return 0, nil
}

// rangeApplies decides If-Range (RFC 9110, 13.1.5): the range counts only if
// the object is still the one the client has a part of.
func rangeApplies(h http.Header, info ObjectInfo) bool {
	value := first(h, "If-Range")
	switch {
	case value == "":
		return true
	case strings.HasPrefix(value, `"`), strings.HasPrefix(value, "W/"):
		return value == `"`+info.ETag+`"`
	}
	t, err := http.ParseTime(value)
	return err == nil && t.Equal(info.Modified.Truncate(time.Second))
}

// date reads a header, of which the name is in its canonical form.
func date(h http.Header, name string) (time.Time, bool) {
	values := h[name]
	if len(values) != 1 {
		return time.Time{}, false
	}
	t, err := http.ParseTime(values[0])
	return t, err == nil
}
