package erasure

import "math/bits"

// polynomial is x^8+x^4+x^3+x^2+1, the field's reduction polynomial.
const polynomial = 0x11d

// field multiplies and divides in GF(2^8) by tables of logarithms to base 2.
type field struct {
	exp [510]byte // exp[i] = 2^i; twice the period, so that sums of logarithms need no reduction
	log [256]byte
}

func newField() *field {
	f := new(field)
	x := 1
	for i := range 255 {
		f.exp[i], f.exp[i+255] = byte(x), byte(x)
		f.log[x] = byte(i)
		if x <<= 1; x >= 256 {
			x ^= polynomial
		}
	}
	return f
}

func (f *field) mul(a, b byte) byte {
	if a == 0 || b == 0 {
		return 0
	}
	return f.exp[int(f.log[a])+int(f.log[b])]
}

// div divides a by b, which is not zero.
func (f *field) div(a, b byte) byte {
	if a == 0 {
		return 0
	}
	return f.exp[int(f.log[a])+255-int(f.log[b])]
}

// affineOf is the multiplication by a factor as a matrix over GF(2), as the instruction
// GF2P8AFFINEQB takes it: byte 7-i has the bits of a number whose sum is bit i of its
// product (Intel, "Galois Field New Instructions", 2018).
func (f *field) affineOf(factor byte) (matrix uint64) {
	for j := range 8 {
		product := uint64(f.mul(factor, 1<<j))
		for i := range 8 {
			matrix |= (product >> i & 1) << ((7-i)*8 + j)
		}
	}
	return matrix
}

// coefficient is P[row][col] of the package comment: the factor of data column
// col in parity column row.
func (f *field) coefficient(row, col int) byte {
	return f.div(byte(255^col), byte((255-row)^col))
}

// parityRows gives the first m rows of P, d columns wide.
func (f *field) parityRows(d, m int) [][]byte {
	rows := newMatrix(m, d)
	for i, row := range rows {
		for j := range row {
			row[j] = f.coefficient(i, j)
		}
	}
	return rows
}

// invert replaces the square matrix a by its inverse (Gauss–Jordan). It reports
// whether there is one.
func (f *field) invert(a [][]byte) bool {
	n := len(a)
	inv := newMatrix(n, n)
	for i := range n {
		inv[i][i] = 1
	}
	for c := range n {
		p := c
		for p < n && a[p][c] == 0 {
			p++
		}
		if p == n {
			return false
		}
		a[c], a[p] = a[p], a[c]
		inv[c], inv[p] = inv[p], inv[c]
		scale := f.div(1, a[c][c])
		for j := range n {
			a[c][j] = f.mul(a[c][j], scale)
			inv[c][j] = f.mul(inv[c][j], scale)
		}
		for r := range n {
			factor := a[r][c]
			if r == c || factor == 0 {
				continue
			}
			for j := range n {
				a[r][j] ^= f.mul(factor, a[c][j])
				inv[r][j] ^= f.mul(factor, inv[c][j])
			}
		}
	}
	for i := range n {
		copy(a[i], inv[i])
	}
	return true
}

// decodeRows gives, for each wanted stored index in ascending order, the
// factors of the sources, the d stored indexes in used, in ascending order.
// used and want are disjoint and have no bits from d+m up.
//
// The data columns not in used (lost) are as many as the parity columns in
// used. Each of those gives one equation in the lost columns; their matrix is a
// square part of P, so it has an inverse.
func (f *field) decodeRows(d int, used, want uint64) [][]byte {
	data := uint64(1)<<d - 1
	lost := indexes(data &^ used)
	given := indexes(used >> d) // parity rows
	sources := indexes(used)

	a := newMatrix(len(lost), len(lost))
	for i, row := range given {
		for j, col := range lost {
			a[i][j] = f.coefficient(row, col)
		}
	}
	if !f.invert(a) {
		panic("erasure: a part of a Cauchy matrix has no inverse")
	}
	// One row over the sources for every data column: itself, or the solution.
	rows := newMatrix(d, len(sources))
	for s, col := range sources {
		if col < d {
			rows[col][s] = 1
		}
	}
	for i, col := range lost {
		for s, source := range sources {
			var sum byte
			for g, row := range given {
				switch {
				case source < d:
					sum ^= f.mul(a[i][g], f.coefficient(row, source))
				case source-d == row:
					sum ^= a[i][g]
				}
			}
			rows[col][s] = sum
		}
	}
	var out [][]byte
	for _, index := range indexes(want) {
		if index < d {
			out = append(out, rows[index])
			continue
		}
		row := make([]byte, len(sources))
		for col := range d {
			p := f.coefficient(index-d, col)
			for s := range row {
				row[s] ^= f.mul(p, rows[col][s])
			}
		}
		out = append(out, row)
	}
	return out
}

func newMatrix(rows, cols int) [][]byte {
	m := make([][]byte, rows)
	cells := make([]byte, rows*cols)
	for i := range m {
		m[i], cells = cells[:cols:cols], cells[cols:]
	}
	return m
}

// indexes lists the bits set in mask, ascending.
func indexes(mask uint64) []int {
	list := make([]int, 0, bits.OnesCount64(mask))
	for ; mask != 0; mask &= mask - 1 {
		list = append(list, bits.TrailingZeros64(mask))
	}
	return list
}
