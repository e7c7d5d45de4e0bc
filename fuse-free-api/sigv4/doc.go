// Package sigv4 verifies requests signed with AWS Signature Version 4 as S3
// uses it: in the Authorization header, or in the query of a presigned
// request. It is the server's side only; it reads no body and keeps no keys.
//
// Words:
//
//   - canonical request: the text that both sides make of a request and hash.
//     S3's form: the path is decoded once and encoded again by AWS's rules,
//     "/" kept, and nothing is cleaned.
//   - scope: date/region/s3/aws4_request, which the signing key is made for.
//   - stamp: the time of signing, 20130524T000000Z.
//   - payload: what x-amz-content-sha256 says of the body. It is part of the
//     canonical request; who reads the body must hold it to that.
//   - chain: the signatures of a body's chunks, each over the one before; the
//     first over the request's own, the seed.
//
// Invariants:
//
//   - What decides what a request does is signed: method, path, query, host,
//     every x-amz-* header and the time. Other headers are, if the client says so.
//   - Every part of a signature is there once, in the one place it belongs to. What is there twice is
//     refused, not chosen from.
//   - Signatures are compared in constant time, and only after everything that is not secret
//     was found in order.
//   - Memory is bounded by the size of the headers, which the server limits.
//
// The rules are those of AWS's pages "Signature Calculations for the
// Authorization Header" (one chunk, several chunks, trailing headers) and
// "Using Query Parameters" in the S3 API Reference; their examples are tests here.
package sigv4
