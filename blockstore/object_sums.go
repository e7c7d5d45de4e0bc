package blockstore

import (
	"fmt"

	"github.com/holdfast-storage/holdfast/blockstore/catalog"
)

// objectSums takes a range of an object's bytes in their order, and holds against
// its own checksum whatever passes whole: the object, or each part of it (R3).
type objectSums struct {
	want   []catalog.PartInfo // an object without parts counts as one, of number 0
	skip   int64              // bytes before the first of them
	got    []catalog.Checksum
	sum    bodySum
	left   int64 // of the part at hand
	broken bool  // some bytes could not be read

	// Where want and got begin: most objects have one checksum.
	want1 [1]catalog.PartInfo
	got1  [1]catalog.Checksum
}

// newObjectSums is for bytes [off, off+n) of the object.
func newObjectSums(o *catalog.Object, off, n int64) *objectSums {
	s := &objectSums{}
	s.begin(o, off, n)
	return s
}

// begin prepares the zero value for bytes [off, off+n) of the object.
func (s *objectSums) begin(o *catalog.Object, off, n int64) {
	all := o.Parts
	if len(all) == 0 {
		all = []catalog.PartInfo{{Size: o.Size, Checksum: o.Checksum}}
	}
	s.want, s.got = s.want1[:0], s.got1[:0]
	at := int64(0)
	for _, part := range all {
		if at >= off && at+part.Size <= off+n {
			if len(s.want) == 0 {
				s.skip = at - off
			}
			s.want = append(s.want, part)
		}
		at += part.Size
	}
	if len(s.want) > 0 {
		s.next()
		s.settle()
	}
}

func (s *objectSums) write(b []byte) {
	skipped := min(s.skip, int64(len(b)))
	b, s.skip = b[skipped:], s.skip-skipped
	for len(b) > 0 && len(s.got) < len(s.want) {
		n := min(int64(len(b)), s.left)
		s.sum.write(b[:n])
		b, s.left = b[n:], s.left-n
		s.settle()
	}
}

// settle ends the parts that are complete.
func (s *objectSums) settle() {
	for s.left == 0 && len(s.got) < len(s.want) {
		s.got = append(s.got, s.sum.end())
		if len(s.got) < len(s.want) {
			s.next()
		}
	}
}

// next begins the part behind those that are complete, in the form of its checksum.
func (s *objectSums) next() {
	part := &s.want[len(s.got)]
	s.sum.begin(part.Checksum.Leaves)
	s.left = part.Size
}

// take writes b, and names the first that ended with it and does not match;
// empty: none.
func (s *objectSums) take(b []byte) (wrong string) {
	from := len(s.got)
	s.write(b)
	for i := from; i < len(s.got); i++ {
		if s.got[i] != s.want[i].Checksum {
			return s.name(i)
		}
	}
	return ""
}

func (s *objectSums) name(i int) string {
	if s.want[i].Number == 0 {
		return "the object"
	}
	return fmt.Sprintf("part %d of the object", s.want[i].Number)
}

// wrong names all that does not match. What could not be read is known already.
func (s *objectSums) wrong() (list []string) {
	if s.broken {
		return nil
	}
	for i := range s.want {
		if i >= len(s.got) || s.got[i] != s.want[i].Checksum {
			list = append(list, s.name(i))
		}
	}
	return list
}
