#include "textflag.h"

// MD5 (RFC 1321) of several streams beside each other, one in each 32-bit lane; or of one.
//
// A step is b + rotl(a + f(b, c, d) + word + constant, s), and the next step's f wants its outcome: that chain is all of
// MD5's time. Word and constant are added to a beside it. AVX-512 has any f in one instruction (VPTERNLOGD) and the
// rotation in another, so that a step is four cycles, in one lane as in eight.

// The constants of the steps: 2^32 * abs(sin(i)), i from 1 (RFC 1321, 3.4).
DATA sines<>+0(SB)/8, $0xe8c7b756d76aa478
DATA sines<>+8(SB)/8, $0xc1bdceee242070db
DATA sines<>+16(SB)/8, $0x4787c62af57c0faf
DATA sines<>+24(SB)/8, $0xfd469501a8304613
DATA sines<>+32(SB)/8, $0x8b44f7af698098d8
DATA sines<>+40(SB)/8, $0x895cd7beffff5bb1
DATA sines<>+48(SB)/8, $0xfd9871936b901122
DATA sines<>+56(SB)/8, $0x49b40821a679438e
DATA sines<>+64(SB)/8, $0xc040b340f61e2562
DATA sines<>+72(SB)/8, $0xe9b6c7aa265e5a51
DATA sines<>+80(SB)/8, $0x02441453d62f105d
DATA sines<>+88(SB)/8, $0xe7d3fbc8d8a1e681
DATA sines<>+96(SB)/8, $0xc33707d621e1cde6
DATA sines<>+104(SB)/8, $0x455a14edf4d50d87
DATA sines<>+112(SB)/8, $0xfcefa3f8a9e3e905
DATA sines<>+120(SB)/8, $0x8d2a4c8a676f02d9
DATA sines<>+128(SB)/8, $0x8771f681fffa3942
DATA sines<>+136(SB)/8, $0xfde5380c6d9d6122
DATA sines<>+144(SB)/8, $0x4bdecfa9a4beea44
DATA sines<>+152(SB)/8, $0xbebfbc70f6bb4b60
DATA sines<>+160(SB)/8, $0xeaa127fa289b7ec6
DATA sines<>+168(SB)/8, $0x04881d05d4ef3085
DATA sines<>+176(SB)/8, $0xe6db99e5d9d4d039
DATA sines<>+184(SB)/8, $0xc4ac56651fa27cf8
DATA sines<>+192(SB)/8, $0x432aff97f4292244
DATA sines<>+200(SB)/8, $0xfc93a039ab9423a7
DATA sines<>+208(SB)/8, $0x8f0ccc92655b59c3
DATA sines<>+216(SB)/8, $0x85845dd1ffeff47d
DATA sines<>+224(SB)/8, $0xfe2ce6e06fa87e4f
DATA sines<>+232(SB)/8, $0x4e0811a1a3014314
DATA sines<>+240(SB)/8, $0xbd3af235f7537e82
DATA sines<>+248(SB)/8, $0xeb86d3912ad7d2bb
GLOBL sines<>(SB), RODATA|NOPTR, $256

// STEP512 is a step with AVX-512: truth is f's table, with d, b and c as the bits of its index; t is scratch.
// WORD adds a word of the block.
#define STEP512(truth, word, sine, s, a, b, c, d, t) \
	WORD(word, a); \
	VPADDD.BCST sine(R8), a, a; \
	VMOVDQA32   d, t; \
	VPTERNLOGD  $truth, c, b, t; \
	VPADDD      t, a, a; \
	VPROLD      $s, a, a; \
	VPADDD      b, a, a

#define F 0xB8 // b ? c : d
#define G 0xCA // d ? b : c
#define H 0x96 // b ^ c ^ d
#define I 0x65 // c ^ (b | ^d)

// BLOCK512 takes a block of sixteen words into the state a, b, c, d.
#define BLOCK512(w0, w1, w2, w3, w4, w5, w6, w7, w8, w9, w10, w11, w12, w13, w14, w15, a, b, c, d, t) \
	STEP512(F, w0, 0, 7, a, b, c, d, t); \
	STEP512(F, w1, 4, 12, d, a, b, c, t); \
	STEP512(F, w2, 8, 17, c, d, a, b, t); \
	STEP512(F, w3, 12, 22, b, c, d, a, t); \
	STEP512(F, w4, 16, 7, a, b, c, d, t); \
	STEP512(F, w5, 20, 12, d, a, b, c, t); \
	STEP512(F, w6, 24, 17, c, d, a, b, t); \
	STEP512(F, w7, 28, 22, b, c, d, a, t); \
	STEP512(F, w8, 32, 7, a, b, c, d, t); \
	STEP512(F, w9, 36, 12, d, a, b, c, t); \
	STEP512(F, w10, 40, 17, c, d, a, b, t); \
	STEP512(F, w11, 44, 22, b, c, d, a, t); \
	STEP512(F, w12, 48, 7, a, b, c, d, t); \
	STEP512(F, w13, 52, 12, d, a, b, c, t); \
	STEP512(F, w14, 56, 17, c, d, a, b, t); \
	STEP512(F, w15, 60, 22, b, c, d, a, t); \
	STEP512(G, w1, 64, 5, a, b, c, d, t); \
	STEP512(G, w6, 68, 9, d, a, b, c, t); \
	STEP512(G, w11, 72, 14, c, d, a, b, t); \
	STEP512(G, w0, 76, 20, b, c, d, a, t); \
	STEP512(G, w5, 80, 5, a, b, c, d, t); \
	STEP512(G, w10, 84, 9, d, a, b, c, t); \
	STEP512(G, w15, 88, 14, c, d, a, b, t); \
	STEP512(G, w4, 92, 20, b, c, d, a, t); \
	STEP512(G, w9, 96, 5, a, b, c, d, t); \
	STEP512(G, w14, 100, 9, d, a, b, c, t); \
	STEP512(G, w3, 104, 14, c, d, a, b, t); \
	STEP512(G, w8, 108, 20, b, c, d, a, t); \
	STEP512(G, w13, 112, 5, a, b, c, d, t); \
	STEP512(G, w2, 116, 9, d, a, b, c, t); \
	STEP512(G, w7, 120, 14, c, d, a, b, t); \
	STEP512(G, w12, 124, 20, b, c, d, a, t); \
	STEP512(H, w5, 128, 4, a, b, c, d, t); \
	STEP512(H, w8, 132, 11, d, a, b, c, t); \
	STEP512(H, w11, 136, 16, c, d, a, b, t); \
	STEP512(H, w14, 140, 23, b, c, d, a, t); \
	STEP512(H, w1, 144, 4, a, b, c, d, t); \
	STEP512(H, w4, 148, 11, d, a, b, c, t); \
	STEP512(H, w7, 152, 16, c, d, a, b, t); \
	STEP512(H, w10, 156, 23, b, c, d, a, t); \
	STEP512(H, w13, 160, 4, a, b, c, d, t); \
	STEP512(H, w0, 164, 11, d, a, b, c, t); \
	STEP512(H, w3, 168, 16, c, d, a, b, t); \
	STEP512(H, w6, 172, 23, b, c, d, a, t); \
	STEP512(H, w9, 176, 4, a, b, c, d, t); \
	STEP512(H, w12, 180, 11, d, a, b, c, t); \
	STEP512(H, w15, 184, 16, c, d, a, b, t); \
	STEP512(H, w2, 188, 23, b, c, d, a, t); \
	STEP512(I, w0, 192, 6, a, b, c, d, t); \
	STEP512(I, w7, 196, 10, d, a, b, c, t); \
	STEP512(I, w14, 200, 15, c, d, a, b, t); \
	STEP512(I, w5, 204, 21, b, c, d, a, t); \
	STEP512(I, w12, 208, 6, a, b, c, d, t); \
	STEP512(I, w3, 212, 10, d, a, b, c, t); \
	STEP512(I, w10, 216, 15, c, d, a, b, t); \
	STEP512(I, w1, 220, 21, b, c, d, a, t); \
	STEP512(I, w8, 224, 6, a, b, c, d, t); \
	STEP512(I, w15, 228, 10, d, a, b, c, t); \
	STEP512(I, w6, 232, 15, c, d, a, b, t); \
	STEP512(I, w13, 236, 21, b, c, d, a, t); \
	STEP512(I, w4, 240, 6, a, b, c, d, t); \
	STEP512(I, w11, 244, 10, d, a, b, c, t); \
	STEP512(I, w2, 248, 15, c, d, a, b, t); \
	STEP512(I, w9, 252, 21, b, c, d, a, t)

// TRANSPOSE turns four rows of four words into the words of four rows, in each 128 bits; t0 to t3 are scratch.
#define TRANSPOSE(r0, r1, r2, r3, t0, t1, t2, t3) \
	VPUNPCKLDQ  r1, r0, t0; \
	VPUNPCKLDQ  r3, r2, t1; \
	VPUNPCKHDQ  r1, r0, t2; \
	VPUNPCKHDQ  r3, r2, t3; \
	VPUNPCKLQDQ t1, t0, r0; \
	VPUNPCKHQDQ t1, t0, r1; \
	VPUNPCKLQDQ t3, t2, r2; \
	VPUNPCKHQDQ t3, t2, r3

// func blockAVX512(state *[4]uint32, p *byte, blocks int)
//
// One stream, in the first lane.
#define WORD(word, a) VPADDD.BCST word(SI), a, a
TEXT ·blockAVX512(SB), NOSPLIT, $0-24
	MOVQ  state+0(FP), DI
	MOVQ  p+8(FP), SI
	MOVQ  blocks+16(FP), CX
	LEAQ  sines<>(SB), R8
	VMOVD 0(DI), X0
	VMOVD 4(DI), X1
	VMOVD 8(DI), X2
	VMOVD 12(DI), X3

one:
	VMOVDQA X0, X5
	VMOVDQA X1, X6
	VMOVDQA X2, X7
	VMOVDQA X3, X8
	BLOCK512(0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 48, 52, 56, 60, X0, X1, X2, X3, X4)
	VPADDD  X5, X0, X0
	VPADDD  X6, X1, X1
	VPADDD  X7, X2, X2
	VPADDD  X8, X3, X3
	ADDQ    $64, SI
	DECQ    CX
	JNZ     one

	VMOVD X0, 0(DI)
	VMOVD X1, 4(DI)
	VMOVD X2, 8(DI)
	VMOVD X3, 12(DI)
	RET
#undef WORD
#define WORD(word, a) VPADDD word, a, a

// ROW8 is 16 bytes of stream i and of the fourth after it, DX+off behind their beginnings.
#define ROW8(i, off, X, Y) \
	MOVQ (8*i)(SI), R9; \
	VMOVDQU32 off(R9)(DX*1), X; \
	MOVQ (8*i+32)(SI), R9; \
	VINSERTI32X4 $1, off(R9)(DX*1), Y, Y

// func blocksAVX512(states *[4][Lanes]uint32, p *[Lanes]*byte, blocks int)
TEXT ·blocksAVX512(SB), NOSPLIT, $0-24
	MOVQ states+0(FP), DI
	MOVQ p+8(FP), SI
	MOVQ blocks+16(FP), CX
	LEAQ sines<>(SB), R8
	XORL DX, DX
	VMOVDQU32 0(DI), Y0
	VMOVDQU32 32(DI), Y1
	VMOVDQU32 64(DI), Y2
	VMOVDQU32 96(DI), Y3

next8:
	ROW8(0, 0, X16, Y16)
	ROW8(1, 0, X17, Y17)
	ROW8(2, 0, X18, Y18)
	ROW8(3, 0, X19, Y19)
	TRANSPOSE(Y16, Y17, Y18, Y19, Y9, Y10, Y11, Y12)
	ROW8(0, 16, X20, Y20)
	ROW8(1, 16, X21, Y21)
	ROW8(2, 16, X22, Y22)
	ROW8(3, 16, X23, Y23)
	TRANSPOSE(Y20, Y21, Y22, Y23, Y9, Y10, Y11, Y12)
	ROW8(0, 32, X24, Y24)
	ROW8(1, 32, X25, Y25)
	ROW8(2, 32, X26, Y26)
	ROW8(3, 32, X27, Y27)
	TRANSPOSE(Y24, Y25, Y26, Y27, Y9, Y10, Y11, Y12)
	ROW8(0, 48, X28, Y28)
	ROW8(1, 48, X29, Y29)
	ROW8(2, 48, X30, Y30)
	ROW8(3, 48, X31, Y31)
	TRANSPOSE(Y28, Y29, Y30, Y31, Y9, Y10, Y11, Y12)
	VMOVDQA32 Y0, Y5
	VMOVDQA32 Y1, Y6
	VMOVDQA32 Y2, Y7
	VMOVDQA32 Y3, Y8
	BLOCK512(Y16, Y17, Y18, Y19, Y20, Y21, Y22, Y23, Y24, Y25, Y26, Y27, Y28, Y29, Y30, Y31, Y0, Y1, Y2, Y3, Y4)
	VPADDD Y5, Y0, Y0
	VPADDD Y6, Y1, Y1
	VPADDD Y7, Y2, Y2
	VPADDD Y8, Y3, Y3
	ADDQ $64, DX
	DECQ CX
	JNZ  next8

	VMOVDQU32 Y0, 0(DI)
	VMOVDQU32 Y1, 32(DI)
	VMOVDQU32 Y2, 64(DI)
	VMOVDQU32 Y3, 96(DI)
	VZEROUPPER
	RET
