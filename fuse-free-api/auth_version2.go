package api

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-storage/holdfast/fuse-free-api/sigv4"
)

// Presigned URLs of Signature Version 2: HMAC-SHA1 over the method, three
// headers, the time of expiry, every x-amz-* header and the resource
// (docs.aws.amazon.com/AmazonS3/latest/API/RESTAuthentication.html). boto3 makes these for
// us-east-1 unless told otherwise, and s3cmd makes no others. In headers,
// where every client has had version 4 for years, it is refused.
//
// It does not cover the whole query. What it leaves out may only choose a part
// of a listing; anything else in the query makes the request no permission.

// version2Signed are the parameters of a query that the signature covers, in
// byte order, as the SDKs have them.
func version2Signed() []string {
	return []string{"accelerate", "acl", "analytics", "cors", "defaultObjectAcl", "delete", "inventory", "lifecycle", "location", "logging", "metrics",
		"notification", "object-lock", "partNumber", "policy", "replication", "requestPayment", "response-cache-control", "response-content-disposition",
		"response-content-encoding", "response-content-language", "response-content-type", "response-expires", "restore", "select", "select-type",
		"storageClass", "tagging", "torrent", "uploadId", "uploads", "versionId", "versioning", "versions", "website"}
}

// version2Free are the parameters that it need not cover.
func version2Free() []string {
	return []string{"continuation-token", "delimiter", "encoding-type", "fetch-owner", "key-marker", "list-type", "marker", "max-keys", "max-parts",
		"max-uploads", "part-number-marker", "prefix", "start-after", "upload-id-marker", "version-id-marker", "x-id"}
}

// version2 tells whether a query carries a signature of version 2.
func version2(rawQuery string) bool { return strings.Contains(rawQuery, "AWSAccessKeyId=") }

// verifyVersion2 verifies such a request. The headers that stand in its query
// have become headers when it returns, and the signature is gone from it.
func (s *Server) verifyVersion2(r *http.Request) (*identity, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, fault(codeInvalidURI, "The query cannot be read: it is not validly percent-encoded, or has a semicolon.")
	}
	for _, name := range []string{"AWSAccessKeyId", "Expires", "Signature"} {
		if len(query[name]) != 1 || query[name][0] == "" {
			return nil, fault(codeAccessDenied, "Query-string authentication of Signature Version 2 requires the Signature, Expires and AWSAccessKeyId parameters, once each.")
		}
	}
	access, signature, expires := query.Get("AWSAccessKeyId"), query.Get("Signature"), query.Get("Expires")
	for _, name := range []string{"AWSAccessKeyId", "Expires", "Signature"} {
		query.Del(name)
	}
	header := r.Header.Clone()
	if err := version2Headers(query, header); err != nil {
		return nil, err
	}
	if header.Get("X-Amz-Security-Token") != "" {
		return nil, noTokens()
	}
	text := strings.Join([]string{r.Method, header.Get("Content-Md5"), header.Get("Content-Type"), expires, version2Amz(header) + s.version2Resource(r, query)}, "\n")
	if accessOK, _ := s.keys.match(access, ""); !accessOK {
		return nil, fault(codeInvalidAccessKey, "The access key is not known here.")
	}
	digest := hmac.New(sha1.New, []byte(s.opts.SecretKey))
	digest.Write([]byte(text))
	if given, err := base64.StdEncoding.DecodeString(signature); err != nil || !hmac.Equal(given, digest.Sum(nil)) {
		return nil, fault(codeSignatureMismatch, "The request signature we calculated does not match the signature you provided.")
	}
	seconds, err := strconv.ParseInt(expires, 10, 64)
	if now := s.opts.Now(); err != nil || seconds <= now.Unix() {
		return nil, fault(codeAccessDenied, "Request has expired: it was valid until %s, and it is %s now.", version2Time(seconds, err), now.UTC().Format(time.RFC3339))
	}
	for name := range query {
		if !slices.Contains(version2Signed(), name) && !slices.Contains(version2Free(), name) {
			return nil, fault(codeAccessDenied, "Signature Version 2 does not cover the query parameter %q; sign with Signature Version 4.", name)
		}
	}
	who := &identity{signed: true, presigned: true, payload: header.Get("X-Amz-Content-Sha256")}
	if who.payload == "" {
		who.payload = sigv4.Unsigned
	} else if err := sigv4.CheckPayload(who.payload); err != nil {
		return nil, signatureFault(err)
	}
	r.Header, r.URL.RawQuery = header, query.Encode()
	return who, nil
}

func version2Time(seconds int64, err error) string {
	if err != nil {
		return "no time at all"
	}
	return time.Unix(seconds, 0).UTC().Format(time.RFC3339)
}

// version2Headers moves the headers that the SDKs put into the query to where
// they belong. One that the request has as well must say the same.
func version2Headers(query url.Values, header http.Header) error {
	for name, values := range query {
		key := http.CanonicalHeaderKey(name)
		if !strings.HasPrefix(key, "X-Amz-") && key != "Content-Type" && key != "Content-Md5" {
			continue
		}
		switch there, twice := header[key]; {
		case len(values) > 1, twice && (len(there) != 1 || there[0] != values[0]):
			return fault(codeInvalidArgument, "%q is given more than once.", name)
		case !printable(values[0]) || strings.ContainsFunc(key, notToken):
			return fault(codeInvalidArgument, "%q has a name or a value that no header may have.", name)
		}
		header[key] = values
		query.Del(name)
	}
	return nil
}

// version2Amz is every x-amz-* header as it is signed.
func version2Amz(header http.Header) string {
	lines := make(map[string]string)
	for name, values := range header {
		if lower := strings.ToLower(name); strings.HasPrefix(lower, "x-amz-") {
			trimmed := make([]string, len(values))
			for i, value := range values {
				trimmed[i] = strings.TrimSpace(value)
			}
			lines[lower] = lower + ":" + strings.Join(trimmed, ",") + "\n"
		}
	}
	var all strings.Builder
	for _, name := range slices.Sorted(maps.Keys(lines)) {
		all.WriteString(lines[name])
	}
	return all.String()
}

// version2Resource is the path with its bucket as it is signed, as sent, and what of
// the query is signed, decoded.
func (s *Server) version2Resource(r *http.Request, query url.Values) string {
	resource := rawPath(r)
	if bucket, found := s.domains.bucket(r.Host); found {
		resource = "/" + bucket + resource
	}
	separator := "?"
	for _, name := range version2Signed() {
		for _, value := range query[name] {
			resource += separator + name
			if value != "" {
				resource += "=" + value
			}
			separator = "&"
		}
	}
	return resource
}
