package api

import (
	"math"
	"strings"
)

// span is the part of an object that an answer carries.
type span struct {
	off, n  int64
	partial bool // 206, not 200
}

// parseRange reads a Range header for an object of the given size. As RFC
// 9110 (14.2) allows and S3 does, a header it cannot use (another unit, bad
// syntax, several ranges) asks for the whole object; ok is false only when
// the one range asked for holds none of the object's bytes.
func parseRange(header string, size int64) (s span, ok bool) {
	whole := span{n: size}
	unit, spec, found := strings.Cut(header, "=")
	if !found || !strings.EqualFold(strings.TrimSpace(unit), "bytes") {
		return whole, true
	}
	only := ""
	for part := range strings.SplitSeq(spec, ",") {
		part = strings.Trim(part, " \t")
		if part == "" {
			continue // empty list elements are to be ignored
		}
		if only != "" {
			return whole, true
		}
		only = part
	}
	first, last, found := strings.Cut(only, "-")
	if !found || first == "" && last == "" {
		return whole, true
	}
	if first == "" {
		n, valid := digits(last)
		if !valid {
			return whole, true
		}
		n = min(n, size)
		return span{off: size - n, n: n, partial: true}, n > 0
	}
	from, valid := digits(first)
	if !valid {
		return whole, true
	}
	to := int64(math.MaxInt64)
	if last != "" {
		if to, valid = digits(last); !valid || to < from {
			return whole, true
		}
	}
	if from >= size {
		return span{}, false
	}
	return span{off: from, n: min(to, size-1) - from + 1, partial: true}, true
}

// digits reads a decimal number; one that does not fit is as good as the
// largest that does, since no object is that long.
func digits(s string) (int64, bool) {
	if s == "" {
		return 0, false
	}
	var n int64
	for i := range len(s) {
		c := s[i]
		if c < '0' || c > '9' {
			return 0, false
		}
		if n > (math.MaxInt64-int64(c-'0'))/10 {
			n = math.MaxInt64
			continue
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}
