package api

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxKeyBytes is S3's limit on a key, in bytes of UTF-8.
const maxKeyBytes = 1024

// address is the bucket and the key that a request names. Both empty: the
// service itself; an empty key: the bucket.
type address struct{ bucket, key string }

// rawPath gives the request target's path as the client sent it, still
// percent-encoded. http.Request.URL would do for most, but its EscapedPath
// may be a re-encoding; the target itself cannot be.
func rawPath(r *http.Request) string {
	target := r.RequestURI
	if !strings.HasPrefix(target, "/") {
		// The absolute form, as sent to proxies: http://host/path.
		_, rest, found := strings.Cut(target, "://")
		if !found {
			return target // "*", or the host:port of a CONNECT
		}
		if i := strings.IndexAny(rest, "/?"); i >= 0 {
			target = rest[i:]
		} else {
			target = ""
		}
	}
	path, _, _ := strings.Cut(target, "?")
	if path == "" {
		return "/"
	}
	return path
}

// domains are the host names below which a bucket's name may stand:
// bucket.domain. Lower case, the longest first.
type domains []string

func newDomains(names []string) (domains, error) {
	var d domains
	for _, name := range names {
		if err := CheckDomain(name); err != nil {
			return nil, err
		}
		d = append(d, strings.ToLower(name))
	}
	slices.SortFunc(d, func(a, b string) int { return len(b) - len(a) })
	return d, nil
}

// CheckDomain tells whether name is a host name, without a port, below which
// bucket names can stand.
func CheckDomain(name string) error {
	wrong := fmt.Errorf("%w: %q is not of the form s3.example.org", ErrInvalidName, name)
	if len(name) > 253 {
		return wrong
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return wrong
	}
	for label := range strings.SplitSeq(strings.ToLower(name), ".") {
		if len(label) == 0 || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return wrong
		}
		for i := range len(label) {
			if !lowerAlnum(label[i]) && label[i] != '-' {
				return wrong
			}
		}
	}
	return nil
}

// bucket gives what stands in front of a domain in a Host header's value. It
// finds nothing in a domain itself, nor in hosts that are not below one: their
// requests name the bucket by their path.
func (d domains) bucket(host string) (bucket string, found bool) {
	if len(d) == 0 {
		return "", false
	}
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	for _, domain := range d {
		if host == domain {
			return "", false
		}
		if bucket, found = strings.CutSuffix(host, "."+domain); found {
			return bucket, true
		}
	}
	return "", false
}

// parse gives the address that a request's host and raw path name together.
func (d domains) parse(host, raw string) (address, error) {
	bucket, found := d.bucket(host)
	if !found {
		return parseAddress(raw)
	}
	if !strings.HasPrefix(raw, "/") {
		return address{}, errNoSlash()
	}
	return newAddress(bucket, raw[1:])
}

func errNoSlash() error {
	return fault(codeInvalidURI, "The request target must start with a slash.")
}

// parseAddress splits a raw path into bucket and key: the first "/" behind
// the bucket parts them, and everything behind it, decoded once, is the key.
func parseAddress(raw string) (address, error) {
	if !strings.HasPrefix(raw, "/") {
		return address{}, errNoSlash()
	}
	rawBucket, rawKey, _ := strings.Cut(raw[1:], "/")
	if rawBucket == "" && rawKey == "" && raw == "/" {
		return address{}, nil
	}
	bucket, err := url.PathUnescape(rawBucket)
	if err != nil {
		return address{}, fault(codeInvalidURI, "The path is not validly percent-encoded.")
	}
	return newAddress(bucket, rawKey)
}

// newAddress is the address of a bucket and of the key in it that is still
// percent-encoded.
func newAddress(bucket, rawKey string) (address, error) {
	key, err := url.PathUnescape(rawKey)
	if err != nil {
		return address{}, fault(codeInvalidURI, "The path is not validly percent-encoded.")
	}
	if err := CheckBucketName(bucket); err != nil {
		return address{}, fault(codeInvalidBucketName, "%s", sentence(err))
	}
	if key == "" {
		return address{bucket: bucket}, nil
	}
	if len(key) > maxKeyBytes {
		return address{}, fault(codeKeyTooLong, "The key is %d bytes long; the limit is %d.", len(key), maxKeyBytes)
	}
	if !utf8.ValidString(key) {
		return address{}, fault(codeInvalidURI, "The key is not valid UTF-8.")
	}
	return address{bucket: bucket, key: key}, nil
}

// CheckKey tells whether key may name an object: 1 to 1024 bytes of UTF-8.
func CheckKey(key string) error {
	switch {
	case key == "":
		return fmt.Errorf("%w: the key is empty", ErrInvalidName)
	case len(key) > maxKeyBytes:
		return fmt.Errorf("%w: %d bytes, the limit is %d", ErrKeyTooLong, len(key), maxKeyBytes)
	case !utf8.ValidString(key):
		return fmt.Errorf("%w: the key is not valid UTF-8", ErrInvalidName)
	}
	return nil
}

// CheckBucketName tells whether name keeps S3's rules for buckets; its error
// says which one is broken.
func CheckBucketName(name string) error {
	if len(name) < 3 || len(name) > 63 {
		return fmt.Errorf("%w: a bucket name has 3 to 63 characters", ErrInvalidName)
	}
	for i := range len(name) {
		c := name[i]
		if !lowerAlnum(c) && c != '.' && c != '-' {
			return fmt.Errorf("%w: a bucket name has only lower-case letters, digits, dots and hyphens", ErrInvalidName)
		}
	}
	if !lowerAlnum(name[0]) || !lowerAlnum(name[len(name)-1]) {
		return fmt.Errorf("%w: a bucket name begins and ends with a letter or a digit", ErrInvalidName)
	}
	if strings.Contains(name, "..") {
		return fmt.Errorf("%w: a bucket name has no two dots in a row", ErrInvalidName)
	}
	if strings.Count(name, ".") != 3 { // what is no address costs an error to tell
		return nil
	}
	if ip, err := netip.ParseAddr(name); err == nil && ip.Is4() {
		return fmt.Errorf("%w: a bucket name is not an IP address", ErrInvalidName)
	}
	return nil
}

func lowerAlnum(c byte) bool { return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' }
