package drive

import (
	"encoding/binary"

	"github.com/cespare/xxhash/v2"
)

// versionDamaged tells a version that was damaged from one that is not known yet: with the
// version that is known in its place, the sum of b[:end] holds that follows on it. The
// version is 2 bytes, at an offset of b. One that is not known must not be written over, nor passed over.
func versionDamaged(b []byte, at int, known uint16, end int) bool {
	le := binary.LittleEndian
	var d xxhash.Digest
	d.Reset()
	_, _ = d.Write(b[:at])
	_, _ = d.Write(le.AppendUint16(nil, known))
	_, _ = d.Write(b[at+2 : end])
	return d.Sum64() == le.Uint64(b[end:])
}
