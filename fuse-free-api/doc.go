// Package api is Holdfast's HTTP edge: a subset of the S3 protocol on one
// listener, and the admin API, health and metrics on another. It is not a
// file system and not a store: it turns requests into calls of Store and
// Admin, which it declares itself, and their results into the protocol's own
// forms. It knows nothing of drives, stripes or segments.
//
// Words:
//
//   - object listener: `GET /`, `/bucket`, `/bucket/key`; every request is
//     signed (Signature Version 4: header, or presigned; package sigv4) or, from
//     scripts, has the access key and the secret as HTTP Basic.
//   - admin listener: JSON under /api/v1 (same keys), and, without a key,
//     /health/live, /health/ready and /metrics.
//   - address: the bucket and the key a request names, from the raw request
//     target. Nothing is cleaned: `..`, `//` and a trailing `/` are part of a
//     key, and no ServeMux, which would rewrite them, stands in front.
//   - framing: aws-chunked, which S3's clients put around a body to sign it in
//     pieces or to send a checksum behind it. What is stored is without it.
//   - promise: whatever a request says of its body's bytes before or behind
//     them: length, hashes, checksum, signatures.
//   - stall: StallTimeout without a single byte moving. A stalled client is
//     cut; a slow one is not, however long the transfer takes.
//   - cut: the connection, or with HTTP/2 the stream, is closed in the middle
//     of an answer, because what remains of it cannot be had. A body is never
//     ended short as if whole.
//
// Invariants:
//
//   - A parameter, header or condition that is not honoured is refused with
//     501 NotImplemented and never passed over in silence: a condition that is
//     ignored is no mutual exclusion, and a `PUT /bucket/key?something` taken
//     for a plain PUT would overwrite the object.
//   - An object becomes visible only after its whole body was read and agrees
//     with all that the request says of it: lengths, payload hash, the signature of each
//     chunk and of the trailer, Content-MD5, checksums (Put's Finish).
//   - Nothing is served without a key. What a signed request does is signed: every
//     x-amz-* header is, or the request is refused. A presigned request's x-amz-*
//     parameters that are not its signature count as headers.
//   - What can be refused for the headers alone is, before a byte of the body
//     is read, so that a client that waits for 100 Continue sends none in vain.
//   - A checksum goes out only with just the bytes that it is of.
//   - What a CompleteMultipartUpload says of its parts and of the whole is held
//     against the parts that the object is made of, within the commit; the same
//     request again has the same answer.
//   - A copy, and a Complete, that takes long answers 200 before it is done, and
//     then an Error in the body if it fails (slow.go). Until then, and everywhere
//     else, what fails has an error's status.
//   - Headers of an answer with a body go out only once its first bytes are
//     known good, so that damage at the start is a 503.
//   - ETags have no quotes inside, in Store's types, and always have them on
//     the wire. Another content has another ETag. One of 32 hexadecimal digits
//     is the MD5 of the object; what is not ends in a hyphen and more: "-3" for
//     a multipart object of three parts, "-fast" (and 32 random digits in front)
//     where Options.ETag says that no MD5 is to be computed.
//   - Errors on the object listener are S3's XML, on the admin listener JSON;
//     every answer of the object listener carries x-amz-request-id.
//   - Without a TLS certificate, a listener that is not loopback is refused.
//   - The access log has no query and no Authorization header: nothing in it
//     lets anybody in.
package api
