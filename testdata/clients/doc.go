// Package clients runs foreign S3 clients against a real Holdfast daemon: the
// newest SDKs and those a Debian release carries, each with nothing but the
// endpoint, the keys and a region. It is tests only, in a module of its own, so
// that what the clients depend on is no dependency of the daemon's.
//
// `make clients` builds the daemon and runs them. HOLDFAST_BINARY names the
// program under test. A client that is not installed is skipped, and the test
// says what to install; where CI=true it fails instead.
//
// Words:
//
//   - way: how a client comes to the daemon: plain HTTP, or TLS. The SDKs sign
//     and checksum bodies differently in each.
//   - odd: a key or file name with what clients and servers have got wrong:
//     spaces, +, %, Unicode, dots at the end and the like.
//   - workplace: a home directory and an environment of a tool's own, so that no
//     setting and no key of the person who runs it is read.
//   - step: what a script in another language reports: one line `ok NAME` or
//     `fail NAME`; each becomes a subtest.
package clients
