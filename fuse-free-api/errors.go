package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// code is one of S3's error codes with the status it goes with.
type code struct {
	name   string
	status int
}

var (
	codeAccessDenied         = code{"AccessDenied", 403}
	codeBadDigest            = code{"BadDigest", 400}
	codeBadRequest           = code{"BadRequest", 400}
	codeBucketNotEmpty       = code{"BucketNotEmpty", 409}
	codeBucketOwned          = code{"BucketAlreadyOwnedByYou", 409}
	codeDocumentTooLong      = code{"MaxMessageLengthExceeded", 400}
	codeEntityTooLarge       = code{"EntityTooLarge", 400}
	codeEntityTooSmall       = code{"EntityTooSmall", 400}
	codeIncompleteBody       = code{"IncompleteBody", 400}
	codeInsufficientStorage  = code{"InsufficientStorage", 507}
	codeInternal             = code{"InternalError", 500}
	codeInvalidAccessKey     = code{"InvalidAccessKeyId", 403}
	codeInvalidArgument      = code{"InvalidArgument", 400}
	codeInvalidBucketName    = code{"InvalidBucketName", 400}
	codeInvalidDigest        = code{"InvalidDigest", 400}
	codeInvalidLocation      = code{"InvalidLocationConstraint", 400}
	codeInvalidPartNumber    = code{"InvalidPartNumber", 416}
	codeInvalidRange         = code{"InvalidRange", 416}
	codeInvalidTag           = code{"InvalidTag", 400}
	codeInvalidURI           = code{"InvalidURI", 400}
	codeKeyTooLong           = code{"KeyTooLongError", 400}
	codeMalformedTrailer     = code{"MalformedTrailerError", 400}
	codeMalformedXML         = code{"MalformedXML", 400}
	codeMetadataTooLarge     = code{"MetadataTooLarge", 400}
	codeMethodNotAllowed     = code{"MethodNotAllowed", 405}
	codeMissingLength        = code{"MissingContentLength", 411}
	codeNoSuchBucket         = code{"NoSuchBucket", 404}
	codeNoSuchKey            = code{"NoSuchKey", 404}
	codeNoSuchUpload         = code{"NoSuchUpload", 404}
	codeInvalidPart          = code{"InvalidPart", 400}
	codeInvalidPartOrder     = code{"InvalidPartOrder", 400}
	codeInvalidRequest       = code{"InvalidRequest", 400}
	codeNoSuchVersion        = code{"NoSuchVersion", 404}
	codeNotImplemented       = code{"NotImplemented", 501}
	codeOperationAborted     = code{"OperationAborted", 409}
	codePreconditionFailed   = code{"PreconditionFailed", 412}
	codeRequestTimeout       = code{"RequestTimeout", 400}
	codeServiceUnavailable   = code{"ServiceUnavailable", 503}
	codeSignatureMismatch    = code{"SignatureDoesNotMatch", 403}
	codeSlowDown             = code{"SlowDown", 503}
	codeContentSHA256Differs = code{"XAmzContentSHA256Mismatch", 400}
)

// s3Error is an answer in S3's form.
type s3Error struct {
	code    code
	message string            // for the client: whole sentences
	header  map[string]string // sent with it
	details []Pair            // elements of its own
	cut     bool              // the connection is of no further use
	cause   error             // for the log; may be nil
}

func (e *s3Error) Error() string {
	if e.cause != nil {
		return e.code.name + ": " + e.message + ": " + e.cause.Error()
	}
	return e.code.name + ": " + e.message
}

func (e *s3Error) Unwrap() error { return e.cause }

func fault(c code, format string, args ...any) *s3Error {
	return &s3Error{code: c, message: fmt.Sprintf(format, args...)}
}

func (e *s3Error) with(name, value string) *s3Error {
	if e.header == nil {
		e.header = map[string]string{}
	}
	e.header[name] = value
	return e
}

// about adds an element that says what the error is about.
func (e *s3Error) about(name, value string) *s3Error {
	e.details = append(e.details, Pair{Name: name, Value: value})
	return e
}

func notImplemented(format string, args ...any) *s3Error {
	return fault(codeNotImplemented, format, args...)
}

// storeFault turns any error into an answer. What a store reports as not
// available is passed on in words, since it names what is damaged or missing.
func storeFault(err error) *s3Error {
	var e *s3Error
	if errors.As(err, &e) {
		return e
	}
	is := func(target error) bool { return errors.Is(err, target) }
	switch {
	case is(ErrNoSuchBucket):
		e = fault(codeNoSuchBucket, "The specified bucket does not exist.")
	case is(ErrNoSuchKey):
		e = fault(codeNoSuchKey, "The specified key does not exist.")
	case is(ErrBucketExists):
		e = fault(codeBucketOwned, "The bucket exists already, and you own it.")
	case is(ErrBucketNotEmpty):
		e = fault(codeBucketNotEmpty, "The bucket you tried to delete is not empty: delete its objects, and abort its unfinished multipart uploads (ListMultipartUploads shows them).")
	case is(ErrNoSuchUpload):
		e = fault(codeNoSuchUpload, "The upload does not exist: it was completed or aborted, or its id is wrong.")
	case is(ErrNoSuchPart):
		e = fault(codeInvalidPart, "One or more of the parts are not there.")
	case is(ErrTooManyPieces):
		e = fault(codeInvalidRequest, "The object would lie in more pieces than can be kept of one: upload it again, with fewer parts on their way at once.")
	case is(ErrPrecondition):
		e = fault(codePreconditionFailed, "At least one of the conditions you specified does not hold.")
	case is(ErrInvalidName):
		e = fault(codeInvalidBucketName, "%s", sentence(err))
	case is(ErrKeyTooLong):
		e = fault(codeKeyTooLong, "The key is longer than %d bytes.", maxKeyBytes)
	case is(ErrBodySize):
		e = fault(codeIncompleteBody, "The body is not as long as Content-Length says.")
		e.cut = true
	case is(ErrBusy):
		e = fault(codeSlowDown, "More requests than memory allows; please reduce your request rate.").with("Retry-After", "1")
	case is(ErrNoSpace):
		e = fault(codeInsufficientStorage, "There is not enough space left: %v.", err)
	case is(ErrReadOnly):
		e = fault(codeServiceUnavailable, "The pool takes no writes now: %v.", err).with("Retry-After", "5")
	case is(ErrUnavailable), is(ErrClosed):
		e = fault(codeServiceUnavailable, "This cannot be served now: %v.", err).with("Retry-After", "5")
	case is(context.Canceled), is(context.DeadlineExceeded):
		e = fault(codeServiceUnavailable, "The request was given up before it was done.")
		e.cut = true
	default:
		e = fault(codeInternal, "An internal error occurred; the log has it under the request id.")
	}
	e.cause = err
	return e
}

// sentence makes an error's text stand alone.
func sentence(err error) string {
	text := err.Error()
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:] + "."
}

// writeError sends e; nothing was sent before. An answer to HEAD, and one
// with a status that forbids it, has no body.
func writeError(c *call, e *s3Error) {
	w, h := c.w, c.w.Header()
	for _, name := range []string{"Content-Type", "Content-Length", "Content-Encoding", "Content-Range", "Cache-Control", "Expires"} {
		h.Del(name)
	}
	if c.bucket != "" {
		h["x-amz-bucket-region"] = []string{c.s.opts.Region}
	}
	for name, value := range e.header {
		h.Set(name, value)
	}
	if e.cut && c.r.ProtoMajor == 1 { // with HTTP/2, net/http ends the one stream
		h.Set("Connection", "close")
	}
	if c.r.Method == http.MethodHead {
		w.WriteHeader(e.code.status)
		return
	}
	x := newXML(w)
	h.Set("Content-Type", "application/xml")
	w.WriteHeader(e.code.status)
	e.write(x, c)
}

// xmlRune gives another rune for those that no XML document can have: a client
// that cannot read the error cannot tell what it is. In listings there is
// encoding-type=url for keys of such.
func xmlRune(r rune) rune {
	if r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xfffe || r == 0xffff {
		return '\uFFFD'
	}
	return r
}

// write gives the error as an element, the last of its document.
func (e *s3Error) write(x *xmlWriter, c *call) {
	x.start("Error")
	x.text("Code", e.code.name)
	x.text("Message", strings.Map(xmlRune, e.message))
	for _, d := range e.details {
		x.text(d.Name, strings.Map(xmlRune, d.Value))
	}
	x.text("Resource", strings.Map(xmlRune, c.resource()))
	x.text("RequestId", c.id)
	x.text("HostId", c.s.ids.host)
	x.end("Error")
	x.flush()
}
