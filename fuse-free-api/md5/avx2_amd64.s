#include "textflag.h"

// MD5 (RFC 1321) of eight streams beside each other, one in each 32-bit lane, with AVX2, which has neither a rotation
// nor f in one instruction: a step takes longer than of one stream in ordinary registers, but is of eight.

// The constants of the steps: 2^32 * abs(sin(i)), i from 1 (RFC 1321, 3.4).
DATA sines2<>+0(SB)/8, $0xe8c7b756d76aa478
DATA sines2<>+8(SB)/8, $0xc1bdceee242070db
DATA sines2<>+16(SB)/8, $0x4787c62af57c0faf
DATA sines2<>+24(SB)/8, $0xfd469501a8304613
DATA sines2<>+32(SB)/8, $0x8b44f7af698098d8
DATA sines2<>+40(SB)/8, $0x895cd7beffff5bb1
DATA sines2<>+48(SB)/8, $0xfd9871936b901122
DATA sines2<>+56(SB)/8, $0x49b40821a679438e
DATA sines2<>+64(SB)/8, $0xc040b340f61e2562
DATA sines2<>+72(SB)/8, $0xe9b6c7aa265e5a51
DATA sines2<>+80(SB)/8, $0x02441453d62f105d
DATA sines2<>+88(SB)/8, $0xe7d3fbc8d8a1e681
DATA sines2<>+96(SB)/8, $0xc33707d621e1cde6
DATA sines2<>+104(SB)/8, $0x455a14edf4d50d87
DATA sines2<>+112(SB)/8, $0xfcefa3f8a9e3e905
DATA sines2<>+120(SB)/8, $0x8d2a4c8a676f02d9
DATA sines2<>+128(SB)/8, $0x8771f681fffa3942
DATA sines2<>+136(SB)/8, $0xfde5380c6d9d6122
DATA sines2<>+144(SB)/8, $0x4bdecfa9a4beea44
DATA sines2<>+152(SB)/8, $0xbebfbc70f6bb4b60
DATA sines2<>+160(SB)/8, $0xeaa127fa289b7ec6
DATA sines2<>+168(SB)/8, $0x04881d05d4ef3085
DATA sines2<>+176(SB)/8, $0xe6db99e5d9d4d039
DATA sines2<>+184(SB)/8, $0xc4ac56651fa27cf8
DATA sines2<>+192(SB)/8, $0x432aff97f4292244
DATA sines2<>+200(SB)/8, $0xfc93a039ab9423a7
DATA sines2<>+208(SB)/8, $0x8f0ccc92655b59c3
DATA sines2<>+216(SB)/8, $0x85845dd1ffeff47d
DATA sines2<>+224(SB)/8, $0xfe2ce6e06fa87e4f
DATA sines2<>+232(SB)/8, $0x4e0811a1a3014314
DATA sines2<>+240(SB)/8, $0xbd3af235f7537e82
DATA sines2<>+248(SB)/8, $0xeb86d3912ad7d2bb
GLOBL sines2<>(SB), RODATA|NOPTR, $256

// ADD2 adds a word of the block and a constant to a; u is scratch.
#define ADD2(word, sine, a, u) \
	VPBROADCASTD sine(R8), u; \
	VPADDD       (32*word)(R10), a, a; \
	VPADDD       u, a, a

// TURN2 is b + rotl(a, s); t is scratch.
#define TURN2(s, a, b, t) \
	VPSLLD $s, a, t; \
	VPSRLD $(32-s), a, a; \
	VPADDD b, t, t; \
	VPADDD t, a, a

// F2 has b ? c : d, as d ^ (b & (c ^ d)).
#define F2(word, sine, s, a, b, c, d) \
	ADD2(word, sine, a, Y5); \
	VPXOR  c, d, Y4; \
	VPAND  b, Y4, Y4; \
	VPXOR  d, Y4, Y4; \
	VPADDD Y4, a, a; \
	TURN2(s, a, b, Y4)

// G2 has d ? b : c, whose two sides have no bit in common: what does not wait for b is added ahead.
#define G2(word, sine, s, a, b, c, d) \
	ADD2(word, sine, a, Y5); \
	VPANDN c, d, Y5; \
	VPAND  b, d, Y4; \
	VPADDD Y5, a, a; \
	VPADDD Y4, a, a; \
	TURN2(s, a, b, Y4)

// H2 has b ^ c ^ d.
#define H2(word, sine, s, a, b, c, d) \
	ADD2(word, sine, a, Y5); \
	VPXOR  c, d, Y4; \
	VPXOR  b, Y4, Y4; \
	VPADDD Y4, a, a; \
	TURN2(s, a, b, Y4)

// I2 has c ^ (b | ^d); Y14 is all ones.
#define I2(word, sine, s, a, b, c, d) \
	ADD2(word, sine, a, Y5); \
	VPXOR  Y14, d, Y4; \
	VPOR   b, Y4, Y4; \
	VPXOR  c, Y4, Y4; \
	VPADDD Y4, a, a; \
	TURN2(s, a, b, Y4)

// ROW2 is 16 bytes of stream i and of the fourth after it, DX+off behind their beginnings; COLUMNS takes 16
// bytes of every stream, and stores them as four words of all.
#define ROW2(i, off, X, Y) \
	MOVQ        (8*i)(SI), R9; \
	VMOVDQU     off(R9)(DX*1), X; \
	MOVQ        (8*i+32)(SI), R9; \
	VINSERTI128 $1, off(R9)(DX*1), Y, Y

#define COLUMNS(off) \
	ROW2(0, off, X6, Y6); \
	ROW2(1, off, X7, Y7); \
	ROW2(2, off, X8, Y8); \
	ROW2(3, off, X9, Y9); \
	VPUNPCKLDQ  Y7, Y6, Y4; \
	VPUNPCKLDQ  Y9, Y8, Y5; \
	VPUNPCKHDQ  Y7, Y6, Y6; \
	VPUNPCKHDQ  Y9, Y8, Y8; \
	VPUNPCKLQDQ Y5, Y4, Y7; \
	VPUNPCKHQDQ Y5, Y4, Y9; \
	VMOVDQU     Y7, (8*off)(R10); \
	VMOVDQU     Y9, (8*off+32)(R10); \
	VPUNPCKLQDQ Y8, Y6, Y7; \
	VPUNPCKHQDQ Y8, Y6, Y9; \
	VMOVDQU     Y7, (8*off+64)(R10); \
	VMOVDQU     Y9, (8*off+96)(R10)

// func blocksAVX2(states *[4][Lanes]uint32, p *[Lanes]*byte, blocks int)
TEXT ·blocksAVX2(SB), NOSPLIT, $512-24
	MOVQ     states+0(FP), DI
	MOVQ     p+8(FP), SI
	MOVQ     blocks+16(FP), CX
	LEAQ     sines2<>(SB), R8
	LEAQ     words-512(SP), R10
	XORL     DX, DX
	VPCMPEQD Y14, Y14, Y14
	VMOVDQU  0(DI), Y0
	VMOVDQU  32(DI), Y1
	VMOVDQU  64(DI), Y2
	VMOVDQU  96(DI), Y3

next:
	COLUMNS(0)
	COLUMNS(16)
	COLUMNS(32)
	COLUMNS(48)
	VMOVDQA Y0, Y10
	VMOVDQA Y1, Y11
	VMOVDQA Y2, Y12
	VMOVDQA Y3, Y13

	F2(0, 0, 7, Y0, Y1, Y2, Y3)
	F2(1, 4, 12, Y3, Y0, Y1, Y2)
	F2(2, 8, 17, Y2, Y3, Y0, Y1)
	F2(3, 12, 22, Y1, Y2, Y3, Y0)
	F2(4, 16, 7, Y0, Y1, Y2, Y3)
	F2(5, 20, 12, Y3, Y0, Y1, Y2)
	F2(6, 24, 17, Y2, Y3, Y0, Y1)
	F2(7, 28, 22, Y1, Y2, Y3, Y0)
	F2(8, 32, 7, Y0, Y1, Y2, Y3)
	F2(9, 36, 12, Y3, Y0, Y1, Y2)
	F2(10, 40, 17, Y2, Y3, Y0, Y1)
	F2(11, 44, 22, Y1, Y2, Y3, Y0)
	F2(12, 48, 7, Y0, Y1, Y2, Y3)
	F2(13, 52, 12, Y3, Y0, Y1, Y2)
	F2(14, 56, 17, Y2, Y3, Y0, Y1)
	F2(15, 60, 22, Y1, Y2, Y3, Y0)
	G2(1, 64, 5, Y0, Y1, Y2, Y3)
	G2(6, 68, 9, Y3, Y0, Y1, Y2)
	G2(11, 72, 14, Y2, Y3, Y0, Y1)
	G2(0, 76, 20, Y1, Y2, Y3, Y0)
	G2(5, 80, 5, Y0, Y1, Y2, Y3)
	G2(10, 84, 9, Y3, Y0, Y1, Y2)
	G2(15, 88, 14, Y2, Y3, Y0, Y1)
	G2(4, 92, 20, Y1, Y2, Y3, Y0)
	G2(9, 96, 5, Y0, Y1, Y2, Y3)
	G2(14, 100, 9, Y3, Y0, Y1, Y2)
	G2(3, 104, 14, Y2, Y3, Y0, Y1)
	G2(8, 108, 20, Y1, Y2, Y3, Y0)
	G2(13, 112, 5, Y0, Y1, Y2, Y3)
	G2(2, 116, 9, Y3, Y0, Y1, Y2)
	G2(7, 120, 14, Y2, Y3, Y0, Y1)
	G2(12, 124, 20, Y1, Y2, Y3, Y0)
	H2(5, 128, 4, Y0, Y1, Y2, Y3)
	H2(8, 132, 11, Y3, Y0, Y1, Y2)
	H2(11, 136, 16, Y2, Y3, Y0, Y1)
	H2(14, 140, 23, Y1, Y2, Y3, Y0)
	H2(1, 144, 4, Y0, Y1, Y2, Y3)
	H2(4, 148, 11, Y3, Y0, Y1, Y2)
	H2(7, 152, 16, Y2, Y3, Y0, Y1)
	H2(10, 156, 23, Y1, Y2, Y3, Y0)
	H2(13, 160, 4, Y0, Y1, Y2, Y3)
	H2(0, 164, 11, Y3, Y0, Y1, Y2)
	H2(3, 168, 16, Y2, Y3, Y0, Y1)
	H2(6, 172, 23, Y1, Y2, Y3, Y0)
	H2(9, 176, 4, Y0, Y1, Y2, Y3)
	H2(12, 180, 11, Y3, Y0, Y1, Y2)
	H2(15, 184, 16, Y2, Y3, Y0, Y1)
	H2(2, 188, 23, Y1, Y2, Y3, Y0)
	I2(0, 192, 6, Y0, Y1, Y2, Y3)
	I2(7, 196, 10, Y3, Y0, Y1, Y2)
	I2(14, 200, 15, Y2, Y3, Y0, Y1)
	I2(5, 204, 21, Y1, Y2, Y3, Y0)
	I2(12, 208, 6, Y0, Y1, Y2, Y3)
	I2(3, 212, 10, Y3, Y0, Y1, Y2)
	I2(10, 216, 15, Y2, Y3, Y0, Y1)
	I2(1, 220, 21, Y1, Y2, Y3, Y0)
	I2(8, 224, 6, Y0, Y1, Y2, Y3)
	I2(15, 228, 10, Y3, Y0, Y1, Y2)
	I2(6, 232, 15, Y2, Y3, Y0, Y1)
	I2(13, 236, 21, Y1, Y2, Y3, Y0)
	I2(4, 240, 6, Y0, Y1, Y2, Y3)
	I2(11, 244, 10, Y3, Y0, Y1, Y2)
	I2(2, 248, 15, Y2, Y3, Y0, Y1)
	I2(9, 252, 21, Y1, Y2, Y3, Y0)

	VPADDD Y10, Y0, Y0
	VPADDD Y11, Y1, Y1
	VPADDD Y12, Y2, Y2
	VPADDD Y13, Y3, Y3
	ADDQ   $64, DX
	DECQ   CX
	JNZ    next

	VMOVDQU Y0, 0(DI)
	VMOVDQU Y1, 32(DI)
	VMOVDQU Y2, 64(DI)
	VMOVDQU Y3, 96(DI)
	VZEROUPPER
	RET
