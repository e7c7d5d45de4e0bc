// Package erasure is the k+m code of a stripe: it computes m parity columns
// from up to k data columns of equal length, checks them, and computes lost
// columns again from any d good ones. It does no I/O, keeps no bytes of the
// caller, and does not detect corruption: a caller verifies every column
// before it is handed in as good, and verifies what comes out (rules R2, R3).
//
// Words. A stripe stores d data columns (1 ≤ d ≤ k) and m parity columns. The
// data columns d..k-1 are zero by definition and are neither stored nor
// touched here. The stored index of a column is its place among the stored
// ones: data 0..d-1, then parity d..d+m-1.
//
// # The matrix
//
// It is part of the on-disk format and depends neither on k nor on d, so that
// parity of a short stripe equals parity of the same stripe filled up with
// zero columns. All arithmetic is in GF(2^8) with the polynomial 0x11d
// (x^8+x^4+x^3+x^2+1), where + is xor. Parity row i (0 ≤ i < 8) is
//
//	parity[i] = Σ P[i][j] · data[j]     P[i][j] = (255 xor j) / ((255-i) xor j)
//
// for data column j (0 ≤ j < 32). This is the Cauchy matrix 1/(x_i + y_j) with
// x_i = 255-i and y_j = j, each column scaled so that row 0 is all ones: parity
// 0 is the plain xor of the data. Every square submatrix of a Cauchy matrix is
// invertible and scaling columns keeps that, so any d stored columns
// determine the stripe, for every d and m (Blömer et al., "An XOR-Based
// Erasure-Resilient Coding Scheme", 1995).
//
// # Speed
//
// All is computed on the caller's goroutine, 8 KiB of each column at a time. Where the
// processor has GFNI and AVX-512, a target is summed over all its sources in
// registers (affine_amd64.s); elsewhere, and for what is left of a column behind whole
// 256 bytes, the products are computed by the slice kernels (LowLevel) of
// github.com/klauspost/reedsolomon. The library's encoder is not used, because every call of it
// allocates: 24 to 900 bytes on one goroutine, in 7 to 10 pieces with its own
// split (goroutines, a plan). Data bytes encoded per second in GB/s, columns of
// 128 KiB, two cores of a Xeon with AVX-512 and GFNI:
//
//	                                 4+2   8+3  12+4  17+3
//	this package, one core            51    31    19    19
//	the same without GFNI             14     9     7    10
//	library, WithMaxGoroutines(1)     56    43     9    12
//	library, its own split            31    34    34    45
//
// (More than ten columns leave the library's fast kernels on one goroutine but
// not in its split.) Encoding never feeds the garbage collector nor starts goroutines, on
// any processor. The benchmarks take all of these figures again.
package erasure
