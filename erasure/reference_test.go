package erasure

// An independent, slow reading of the package comment, which the tests hold the
// code against: multiplication bit by bit, division by search, no tables.

func refMul(a, b byte) byte {
	product, x := 0, int(a)
	for ; b != 0; b >>= 1 {
		if b&1 == 1 {
			product ^= x
		}
		if x <<= 1; x >= 256 {
			x ^= 0x11d
		}
	}
	return byte(product)
}

func refDiv(a, b byte) byte {
	for q := range 256 {
		if refMul(byte(q), b) == a {
			return byte(q)
		}
	}
	panic("division by zero")
}

// refEncode gives the m parity columns of data.
func refEncode(data [][]byte, m int) [][]byte {
	parity := make([][]byte, m)
	for i := range parity {
		parity[i] = make([]byte, len(data[0]))
		for j, column := range data {
			p := refDiv(byte(255^j), byte((255-i)^j))
			for n, b := range column {
				parity[i][n] ^= refMul(p, b)
			}
		}
	}
	return parity
}
