package api

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
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

// parseAddress splits a raw path into bucket and key: the first "/" behind
// the bucket parts them, and everything behind it, decoded once, is the key.
func parseAddress(raw string) (address, error) {
	if !strings.HasPrefix(raw, "/") {
		return address{}, fault(codeInvalidURI, "The request target must start with a slash.")
	}
	rawBucket, rawKey, _ := strings.Cut(raw[1:], "/")
	if rawBucket == "" && rawKey == "" && raw == "/" {
		return address{}, nil
	}
	bucket, err := url.PathUnescape(rawBucket)
	if err != nil {
		return address{}, fault(codeInvalidURI, "The path is not validly percent-encoded.")
	}
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
	if ip, err := netip.ParseAddr(name); err == nil && ip.Is4() {
		return fmt.Errorf("%w: a bucket name is not an IP address", ErrInvalidName)
	}
	return nil
}

func lowerAlnum(c byte) bool { return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' }
