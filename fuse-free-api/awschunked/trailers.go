package awschunked

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"
)

const (
	maxTrailers     = 16
	maxTrailerBytes = 4 << 10 // of all of them, names and values
	signatureName   = "x-amz-trailer-signature"
)

// Trailer is a header that came behind the data.
type Trailer struct{ Name, Value string } // the name in lower case

// end reads what is behind the last chunk's line: trailers, if there may be
// any, their signature, and the line that ends it all.
func (r *Reader) end() error {
	if !r.config.Trailer {
		line, crlf, err := r.line(ErrFraming)
		if err != nil {
			return err
		}
		if len(line) > 0 || !crlf {
			return fmt.Errorf("%w: the last chunk does not end in an empty line", ErrFraming)
		}
		return nil
	}
	signature, err := r.readTrailers()
	if err != nil {
		return err
	}
	if len(r.trailer) != len(r.config.Trailers) {
		return fmt.Errorf("%w: %d of the %d announced came", ErrTrailer, len(r.trailer), len(r.config.Trailers))
	}
	if r.hash == nil {
		return nil
	}
	for _, t := range r.trailer {
		fmt.Fprintf(r.hash, "%s:%s\n", t.Name, t.Value)
	}
	r.hash.Sum(r.sum[:0])
	if !r.config.Signatures.Trailer(&r.sum, signature) {
		return fmt.Errorf("%w: the trailer", ErrSignature)
	}
	return nil
}

// readTrailers reads to the end, and gives the trailers' signature if the
// body is signed.
func (r *Reader) readTrailers() (signature []byte, err error) {
	total, closed, bare := 0, false, false // bare: the trailers end in \n alone, and closed is to come
	for {
		line, crlf, err := r.line(ErrTrailer)
		if err != nil {
			return nil, err
		}
		if len(line) == 0 {
			switch {
			case !crlf:
				return nil, fmt.Errorf("%w: an empty line ends in \\n alone", ErrTrailer)
			case bare && !closed:
				closed = true
				continue
			case r.hash != nil && signature == nil:
				return nil, fmt.Errorf("%w: there is no %s", ErrTrailer, signatureName)
			}
			return signature, nil
		}
		if total += len(line); total > maxTrailerBytes {
			return nil, fmt.Errorf("%w: they have more than %d bytes", ErrTrailer, maxTrailerBytes)
		}
		name, value, found := bytes.Cut(line, []byte(":"))
		name, value = bytes.ToLower(name), bytes.Trim(value, " \t")
		if !found || signature != nil {
			return nil, fmt.Errorf("%w: a line has no colon, or follows %s", ErrTrailer, signatureName)
		}
		if string(name) == signatureName && r.hash != nil {
			if !crlf || bare != closed || len(value) != 2*sha256.Size {
				return nil, fmt.Errorf("%w: %s is not %d hexadecimal digits on a line of their own", ErrTrailer, signatureName, 2*sha256.Size)
			}
			signature = bytes.Clone(value)
			continue
		}
		if closed || len(r.trailer) > 0 && bare == crlf {
			return nil, fmt.Errorf("%w: some lines end in \\n and some in \\r\\n", ErrTrailer)
		}
		bare = !crlf
		if err := r.addTrailer(string(name), string(value)); err != nil {
			return nil, err
		}
	}
}

func (r *Reader) addTrailer(name, value string) error {
	if !slices.Contains(r.config.Trailers, name) {
		return fmt.Errorf("%w: %q was not announced", ErrTrailer, name)
	}
	if len(r.trailer) == maxTrailers || slices.ContainsFunc(r.trailer, func(t Trailer) bool { return t.Name == name }) {
		return fmt.Errorf("%w: %q comes more than once, or there are too many", ErrTrailer, name)
	}
	r.trailer = append(r.trailer, Trailer{Name: name, Value: value})
	return nil
}
