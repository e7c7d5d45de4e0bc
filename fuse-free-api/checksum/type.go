package checksum

// Type says how the checksum of an object came about.
type Type string

// TypeHeader is the header that carries a Type, in lower case.
const TypeHeader = "x-amz-checksum-type"

// The types. The text of a Composite ends in the number of parts.
const (
	Composite  Type = "COMPOSITE"
	FullObject Type = "FULL_OBJECT"
)

// ParseType reads a type as it stands in headers and documents.
func ParseType(text string) (Type, bool) {
	t := Type(text)
	return t, t == Composite || t == FullObject
}

// Combines tells whether the checksum of a whole follows from those of its
// parts, which is what makes FullObject possible for multipart objects.
func (a Algorithm) Combines() bool { return a == CRC32 || a == CRC32C || a == CRC64NVME }

// Allows tells whether a multipart upload may ask for t: CRC64NVME is of the
// full object only, the SHAs are composite only. (Objects stored by one PUT are
// FullObject whatever the algorithm.)
func (a Algorithm) Allows(t Type) bool {
	switch t {
	case Composite:
		return a != CRC64NVME && a.Size() > 0
	case FullObject:
		return a.Combines()
	}
	return false
}

// DefaultType is what a multipart upload gets that names a only, as in S3.
func (a Algorithm) DefaultType() Type {
	if a == CRC64NVME {
		return FullObject
	}
	return Composite
}
