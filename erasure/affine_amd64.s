#include "textflag.h"

// func productsOf(out *byte, in *[]byte, factors *uint64, sources, n int)
TEXT ·productsOf(SB), NOSPLIT, $0-40
	MOVQ out+0(FP), DI
	MOVQ in+8(FP), SI
	MOVQ factors+16(FP), DX
	MOVQ sources+24(FP), CX
	MOVQ n+32(FP), BX
	XORQ R8, R8 // bytes that are done

step:
	VPXORQ Z0, Z0, Z0
	VPXORQ Z1, Z1, Z1
	VPXORQ Z2, Z2, Z2
	VPXORQ Z3, Z3, Z3
	MOVQ   SI, R9
	MOVQ   DX, R10
	MOVQ   CX, R11

source:
	MOVQ            (R9), R12 // where the slice begins
	VPBROADCASTQ    (R10), Z8
	VMOVDQU64       0(R12)(R8*1), Z4
	VMOVDQU64       64(R12)(R8*1), Z5
	VMOVDQU64       128(R12)(R8*1), Z6
	VMOVDQU64       192(R12)(R8*1), Z7
	VGF2P8AFFINEQB  $0, Z8, Z4, Z4
	VGF2P8AFFINEQB  $0, Z8, Z5, Z5
	VGF2P8AFFINEQB  $0, Z8, Z6, Z6
	VGF2P8AFFINEQB  $0, Z8, Z7, Z7
	VPXORQ          Z4, Z0, Z0
	VPXORQ          Z5, Z1, Z1
	VPXORQ          Z6, Z2, Z2
	VPXORQ          Z7, Z3, Z3
	ADDQ            $24, R9 // the next slice
	ADDQ            $8, R10
	DECQ            R11
	JNZ             source

	VMOVDQU64 Z0, 0(DI)(R8*1)
	VMOVDQU64 Z1, 64(DI)(R8*1)
	VMOVDQU64 Z2, 128(DI)(R8*1)
	VMOVDQU64 Z3, 192(DI)(R8*1)
	ADDQ      $256, R8
	CMPQ      R8, BX
	JLT       step

	VZEROUPPER
	RET
