#include "textflag.h"

// The first two primes of xxHash64.
DATA primes<>+0(SB)/8, $0x9E3779B185EBCA87
DATA primes<>+8(SB)/8, $0xC2B2AE3D27D4EB4F
GLOBL primes<>(SB), RODATA|NOPTR, $16

// What the four accumulators of a piece begin as, with the seed 0:
// prime1+prime2, prime2, 0, -prime1.
DATA initial<>+0(SB)/8, $0x60EA27EEADC0B5D6
DATA initial<>+8(SB)/8, $0xC2B2AE3D27D4EB4F
DATA initial<>+16(SB)/8, $0x0000000000000000
DATA initial<>+24(SB)/8, $0x61C8864E7A143579
GLOBL initial<>(SB), RODATA|NOPTR, $32

// ROUND takes the next 32 bytes of each of two pieces, at `a` and `b` from SI:
// acc = rotl(acc + in*prime2, 31) * prime1 in eight lanes, four for each of them.
// Zin and Yin are one register.
#define ROUND(a, b, Yin, Zin, acc) \
	VMOVDQU64    a(SI), Yin; \
	VINSERTI64X4 $1, b(SI), Zin, Zin; \
	VPMULLQ      Z31, Zin, Zin; \
	VPADDQ       Zin, acc, acc; \
	VPROLQ       $31, acc, acc; \
	VPMULLQ      Z30, acc, acc

// ROUNDS4 and ROUNDS8 take the next 32 bytes of each of so many pieces.
#define ROUNDS4 \
	ROUND(0, 4096, Y4, Z4, Z0); \
	ROUND(8192, 12288, Y5, Z5, Z1)

#define ROUNDS8 \
	ROUNDS4; \
	ROUND(16384, 20480, Y6, Z6, Z2); \
	ROUND(24576, 28672, Y7, Z7, Z3)

// ACCUMULATE takes whole pieces at SI, 32 bytes of each at a time, into accumulators that
// it begins.
#define ACCUMULATE(loop, rounds) \
	VPBROADCASTQ    primes<>+0(SB), Z30; \
	VPBROADCASTQ    primes<>+8(SB), Z31; \
	VBROADCASTI64X4 initial<>(SB), Z0; \
	VMOVDQA64       Z0, Z1; \
	VMOVDQA64       Z0, Z2; \
	VMOVDQA64       Z0, Z3; \
	MOVQ            $128, CX; \
loop: \
	rounds; \
	ADDQ            $32, SI; \
	DECQ            CX; \
	JNZ             loop

// func accumulate8(acc *[8][4]uint64, pieces *[8 * PieceBytes]byte)
TEXT ·accumulate8(SB), NOSPLIT, $0-16
	MOVQ acc+0(FP), DI
	MOVQ pieces+8(FP), SI
	ACCUMULATE(loop8, ROUNDS8)
	VMOVDQU64 Z0, 0(DI)
	VMOVDQU64 Z1, 64(DI)
	VMOVDQU64 Z2, 128(DI)
	VMOVDQU64 Z3, 192(DI)
	VZEROUPPER
	RET

// func accumulate4(acc *[4][4]uint64, pieces *[4 * PieceBytes]byte)
TEXT ·accumulate4(SB), NOSPLIT, $0-16
	MOVQ acc+0(FP), DI
	MOVQ pieces+8(FP), SI
	ACCUMULATE(loop4, ROUNDS4)
	VMOVDQU64 Z0, 0(DI)
	VMOVDQU64 Z1, 64(DI)
	VZEROUPPER
	RET
