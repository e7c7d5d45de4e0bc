// Package awschunked decodes the framing that S3's clients put around a body:
// chunks, each with its length and, if signed, its signature, and behind them
// trailers. It is not HTTP's own chunked coding, which may lie around it, and
// it knows neither keys nor checksums.
//
//	signed     <hex>;chunk-signature=<64 hex>\r\n<data>\r\n … 0;chunk-signature=<64 hex>\r\n[trailers]\r\n
//	unsigned   <hex>\r\n<data>\r\n … 0\r\n[trailers]\r\n
//	trailers   <name>:<value>\r\n … [x-amz-trailer-signature:<64 hex>\r\n]
//
// Lines end in \r\n. There is one exception: minio-go ends each trailer with \n
// alone, and all of them with one \r\n, so that this is taken for what it means.
//
// Invariants:
//
//   - Never more bytes than announced are given out, and io.EOF only when the whole
//     of them came, every signature was verified and nothing follows. Until then
//     what was read may be anybody's: it must not become visible before io.EOF.
//   - Data goes straight into the caller's buffer; what is held is a line.
//   - Every length is bounded before anything is done with it.
//   - Trailers are those announced, each once, no others.
package awschunked
