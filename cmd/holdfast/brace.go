package main

import (
	"fmt"
	"strconv"
	"strings"
)

// More directories than a pool can have members are a slip of the finger, and not worth the memory.
const maxExpanded = 256

// expandBraces turns /data{1...6} into /data1 … /data6. Several ranges in one word multiply; a range whose
// first number is written with leading zeros keeps the width ({01...12}). Braces without three dots between
// numbers stand for themselves: they are legal in a path.
func expandBraces(word string) ([]string, error) {
	done, rest := []string{""}, word
	for {
		open := strings.IndexByte(rest, '{')
		if open < 0 {
			break
		}
		length := strings.IndexByte(rest[open:], '}')
		if length < 0 {
			break
		}
		inner := rest[open+1 : open+length]
		low, high, isRange := strings.Cut(inner, "...")
		if !isRange {
			done = appendEach(done, rest[:open+length+1])
			rest = rest[open+length+1:]
			continue
		}
		numbers, err := expandRange(low, high)
		if err != nil {
			return nil, fmt.Errorf("%s: {%s}: %w", word, inner, err)
		}
		if len(done)*len(numbers) > maxExpanded {
			return nil, fmt.Errorf("%s: more than %d directories", word, maxExpanded)
		}
		done = appendEach(done, rest[:open])
		product := make([]string, 0, len(done)*len(numbers))
		for _, prefix := range done {
			for _, number := range numbers {
				product = append(product, prefix+number)
			}
		}
		done, rest = product, rest[open+length+1:]
	}
	return appendEach(done, rest), nil
}

func expandRange(low, high string) ([]string, error) {
	first, err1 := strconv.ParseUint(low, 10, 31)
	last, err2 := strconv.ParseUint(high, 10, 31)
	switch {
	case err1 != nil || err2 != nil:
		return nil, fmt.Errorf("two numbers are wanted, as in {1...6}")
	case last < first:
		return nil, fmt.Errorf("it counts downwards")
	case last-first >= maxExpanded:
		return nil, fmt.Errorf("more than %d directories", maxExpanded)
	}
	width := 0
	if len(low) > 1 && low[0] == '0' {
		width = len(low)
	}
	numbers := make([]string, 0, last-first+1)
	for n := first; n <= last; n++ {
		numbers = append(numbers, fmt.Sprintf("%0*d", width, n))
	}
	return numbers, nil
}

func appendEach(words []string, suffix string) []string {
	for i := range words {
		words[i] += suffix
	}
	return words
}
