package sigv4

import (
	"net/http"
	"strings"
	"time"
)

// readHeader reads the one Authorization header and the time that goes with it.
func (c *claim) readHeader(h http.Header) error {
	value := h["Authorization"][0]
	algorithm, rest, _ := strings.Cut(value, " ")
	if err := c.checkAlgorithm(algorithm); err != nil {
		return err
	}
	var credential, signature string
	const (
		hasCredential = 1 << iota
		hasHeaders
		hasSignature
		hasAll = hasCredential | hasHeaders | hasSignature
	)
	seen := 0
	for field := range strings.SplitSeq(rest, ",") {
		name, value, found := strings.Cut(strings.Trim(field, " \t"), "=")
		if !found {
			return c.malformed("The Authorization header must have the form AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=….")
		}
		bit := 0
		switch name {
		case "Credential":
			bit, credential = hasCredential, value
		case "SignedHeaders":
			bit, c.signedHeaders = hasHeaders, value
		case "Signature":
			bit, signature = hasSignature, value
		default:
			return c.malformed("The Authorization header has the unknown part %q.", name)
		}
		if seen&bit != 0 {
			return c.malformed("The Authorization header has the part %s more than once.", name)
		}
		seen |= bit
	}
	if seen != hasAll {
		return c.malformed("The Authorization header must have the parts Credential, SignedHeaders and Signature.")
	}
	if err := c.readSignature(signature); err != nil {
		return err
	}
	if err := c.readCredential(credential); err != nil {
		return err
	}
	return c.readDate(h)
}

// readDate takes the time of x-amz-date or, without it, of Date. Either is
// part of what is signed.
func (c *claim) readDate(h http.Header) error {
	name, values := "x-amz-date", h["X-Amz-Date"]
	if len(values) == 0 {
		name, values = "Date", h["Date"]
	}
	switch {
	case len(values) == 0:
		return denied("A signed request needs the header x-amz-date or Date.")
	case len(values) > 1:
		return invalidArgument("The header %s is given more than once.", name)
	case c.readStamp(values[0]):
		return nil
	}
	if name == "Date" {
		if at, err := http.ParseTime(values[0]); err == nil {
			c.at, c.stamp = at.UTC(), at.UTC().Format(stampFormat)
			return nil
		}
	}
	return denied("The time in the header %s cannot be read: it must look like 20130524T000000Z.", name)
}

// readStamp reads a time as 20130524T000000Z and nothing else.
func (c *claim) readStamp(stamp string) bool {
	at, err := time.Parse(stampFormat, stamp)
	if err != nil || len(stamp) != len(stampFormat) {
		return false
	}
	c.at, c.stamp = at, stamp
	return true
}
