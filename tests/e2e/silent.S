// SPDX-License-Identifier: Apache-2.0
// Guests of some instructions that die before they have a console, or look so and don't (tests/e2e/silent.sh). One each,
// chosen by a symbol; entered as a 64-bit Linux kernel is.
	.code64
	.globl	_start
	.set	COM1, 0x3f8
_start:
#if defined(LOOP)	// as a kernel whose first instruction is its last
	jmp	_start
#elif defined(HALT)	// as Linux' early exception handler
	cli
1:	hlt
	jmp	1b
#elif defined(IDLE)	// waits for an interrupt, quietly
	sti
1:	hlt
	jmp	1b
#elif defined(BYTE)	// says something, then loops
	mov	$COM1, %edx
	mov	$'x', %al
	out	%al, %dx
1:	pause
	jmp	1b
#elif defined(POLL)	// waits for a key
	mov	$COM1 + 5, %edx
1:	in	%dx, %al
	test	$1, %al
	jz	1b
	hlt
#elif defined(FAR)	// works, in more code than a loop that waits has
1:	.rept	64
	.balign	128
	mov	$200000, %ecx
2:	dec	%ecx
	jnz	2b
	.endr
	jmp	1b
#endif
