// Package s3 puts load on an S3 server, with a client that leaves the machine to
// the server.
//
// Who measures a server from the machine that it runs on measures the client
// too. net/http's client costs as much per request of 4 KiB as a good server
// does. This one writes its own HTTP/1.1 on a connection per client: the
// request is put together in a buffer that is used again, signed with Signature
// Version 4 without garbage, and leaves with one system call (writev), the body
// straight out of a [source] of random bytes that all share; answers are read
// into one buffer, and there forgotten. It is no client for anything else: it
// knows the few answers that the operations of [Load] can have.
//
// A [Loader] is a kind of load on a [Target]: what is stored, by how many clients,
// which operation. [Loader.Prepare] stores what will be read, [Loader.Side]
// is what package bench runs in turn with others, [Loader.Clean] deletes all of it.
//
// Keys are <prefix>/<size>/<n>: the size in bytes, decimal, and n in nine digits, so that
// names sort as numbers. A server for comparison that stores nothing can so tell how much to send.
package s3
