package api

import (
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"strings"
	"unicode/utf8"
)

// A continuation token is base64url of: its version, 1; CRC-32 (IEEE, big
// endian) of the rest; the name after which to go on. The checksum is there
// to tell tokens from other strings, not against forgery: a forged token
// shows no more than start-after does.
func formatToken(after string) string {
	b := binary.BigEndian.AppendUint32([]byte{1}, crc32.ChecksumIEEE([]byte(after)))
	return base64.RawURLEncoding.EncodeToString(append(b, after...))
}

func parseToken(token string) (after string, ok bool) {
	// encoding/base64 passes over line ends; a token has none.
	if len(token) > base64.RawURLEncoding.EncodedLen(5+maxKeyBytes) || strings.ContainsAny(token, "\r\n") {
		return "", false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(b) < 6 || b[0] != 1 {
		return "", false
	}
	after = string(b[5:])
	return after, binary.BigEndian.Uint32(b[1:]) == crc32.ChecksumIEEE(b[5:]) && utf8.ValidString(after)
}

// tokenParameter gives the name after which the continuation-token of the
// request, if it has one, goes on.
func (c *call) tokenParameter() (token, after string, err error) {
	const name = "continuation-token"
	if !c.query.Has(name) {
		return "", "", nil
	}
	token = c.query.Get(name)
	after, ok := parseToken(token)
	if !ok {
		return "", "", fault(codeInvalidArgument, "The continuation token provided is incorrect.")
	}
	return token, after, nil
}
