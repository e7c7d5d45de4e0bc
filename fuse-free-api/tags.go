package api

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	taggingName = "x-amz-tagging" // of the System pair and of the header
	// S3's limits on an object's tags. Lengths are in UTF-16 units, as S3
	// counts them.
	maxTags          = 10
	maxTagKeyChars   = 128
	maxTagValueChars = 256
)

// tagSet is an object's tags, sorted by key.
type tagSet []Pair

// headerTags gives the tags of an x-amz-tagging header; nil without one.
func headerTags(h http.Header) (tagSet, error) { return parseTags(first(h, "X-Amz-Tagging")) }

// parseTags reads tags in the form of a URL's query.
func parseTags(query string) (tagSet, error) {
	if query == "" {
		return nil, nil
	}
	bad := fault(codeInvalidArgument, "The tags must be URL query parameters in UTF-8, percent-encoded, and no key may occur twice.").
		about("ArgumentName", taggingName)
	var tags tagSet
	for field := range strings.SplitSeq(query, "&") {
		if len(tags) == maxTags {
			return nil, tooManyTags()
		}
		rawKey, rawValue, _ := strings.Cut(field, "=")
		key, err := url.QueryUnescape(rawKey)
		if err != nil || !utf8.ValidString(key) {
			return nil, bad
		}
		value, err := url.QueryUnescape(rawValue)
		if err != nil || !utf8.ValidString(value) {
			return nil, bad
		}
		tags = append(tags, Pair{Name: key, Value: value})
	}
	twice, err := tags.arrange()
	if err == nil && twice != "" {
		err = bad
	}
	if err != nil {
		return nil, err
	}
	return tags, nil
}

func tooManyTags() error {
	return fault(codeBadRequest, "Object tags cannot be greater than %d.", maxTags)
}

// arrange checks the tags and sorts them; twice is a key that occurs so.
func (t tagSet) arrange() (twice string, err error) {
	if len(t) > maxTags {
		return "", tooManyTags()
	}
	for _, tag := range t {
		switch {
		case tag.Name == "" || utf16Len(tag.Name) > maxTagKeyChars:
			return "", fault(codeInvalidTag, "The key of a tag has 1 to %d characters.", maxTagKeyChars).about("TagKey", clip(tag.Name))
		case utf16Len(tag.Value) > maxTagValueChars:
			return "", fault(codeInvalidTag, "The value of a tag has at most %d characters.", maxTagValueChars).about("TagValue", clip(tag.Value))
		case strings.HasPrefix(tag.Name, "aws:"):
			return "", fault(codeInvalidTag, "Keys that begin with aws: are reserved.").about("TagKey", clip(tag.Name))
		}
	}
	slices.SortFunc(t, func(a, b Pair) int { return strings.Compare(a.Name, b.Name) })
	for i := 1; i < len(t); i++ {
		if t[i].Name == t[i-1].Name {
			return t[i].Name, nil
		}
	}
	return "", nil
}

// clip shortens what a client sent to what an error may repeat of it.
func clip(s string) string {
	const most = 200
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

func utf16Len(s string) int {
	n := 0
	for _, r := range s {
		n += utf16.RuneLen(r)
	}
	return n
}

// encode gives the form in which tags are kept: a URL's query, sorted.
func (t tagSet) encode() string {
	var b strings.Builder
	for i, tag := range t {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(url.QueryEscape(tag.Name) + "=" + url.QueryEscape(tag.Value))
	}
	return b.String()
}

// pairs gives the tags as they lie among an object's System pairs: one pair,
// or none.
func (t tagSet) pairs() []Pair {
	if len(t) == 0 {
		return nil
	}
	return []Pair{{Name: taggingName, Value: t.encode()}}
}

// keptTags gives the tags among an object's System pairs, as they are kept.
func keptTags(system []Pair) string {
	value, _ := findPair(system, taggingName)
	return value
}

// tagCount tells how many tags the System pairs hold.
func tagCount(system []Pair) int {
	kept := keptTags(system)
	if kept == "" {
		return 0
	}
	return strings.Count(kept, "&") + 1
}

// findPair gives the value of the pair of this name.
func findPair(pairs []Pair, name string) (value string, ok bool) {
	for _, p := range pairs {
		if p.Name == name {
			return p.Value, true
		}
	}
	return "", false
}

// withoutPairs gives the pairs but those of these names.
func withoutPairs(pairs []Pair, names ...string) []Pair {
	return slices.DeleteFunc(slices.Clone(pairs), func(p Pair) bool { return slices.Contains(names, p.Name) })
}

// mergePairs gives the pairs of all lists, sorted by name.
func mergePairs(lists ...[]Pair) []Pair {
	all := slices.Concat(lists...)
	slices.SortFunc(all, func(a, b Pair) int { return strings.Compare(a.Name, b.Name) })
	return all
}
