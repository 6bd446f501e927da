// SPDX-License-Identifier: Apache-2.0
// Guests of some instructions for the console (tests/e2e/console.sh). One each, chosen by a symbol; entered as a 64-bit
// Linux kernel is.
	.code64
	.globl	_start
	.set	COM1, 0x3f8
_start:
	cld
#if defined(COUNT)	// says "ready", takes bytes up to a 'q', says in hexadecimal how many, and powers off
	mov	$COM1 + 2, %edx
	mov	$1, %al
	out	%al, %dx
	lea	ready(%rip), %rsi
	mov	$6, %ecx
	mov	$COM1, %edx
	rep outsb
	xor	%ebx, %ebx
1:	mov	$COM1 + 5, %edx
	in	%dx, %al
	test	$1, %al
	jz	1b
	mov	$COM1, %edx
	in	%dx, %al
	inc	%ebx
	cmp	$'q', %al
	jne	1b
	mov	$8, %ecx
2:	rol	$4, %ebx
	mov	%ebx, %eax
	and	$15, %eax
	lea	digits(%rip), %rsi
	mov	(%rsi, %rax), %al
	out	%al, %dx
	loop	2b
	mov	$10, %al
	out	%al, %dx
#elif defined(TALK)	// says 4096 lines of 128 bytes, the last of them "end", and powers off
	mov	$COM1, %edx
	mov	$4095, %ebx
1:	lea	line(%rip), %rsi
	mov	$128, %ecx
	rep outsb
	dec	%ebx
	jnz	1b
	lea	last(%rip), %rsi
	mov	$128, %ecx
	rep outsb
#elif defined(OFF)	// powers off
	mov	$COM1, %edx
#elif defined(DEAF)	// says "ready" and reads nothing
	lea	ready(%rip), %rsi
	mov	$6, %ecx
	mov	$COM1, %edx
	rep outsb
1:	pause
	jmp	1b
#endif
	mov	$0x604, %edx	// PM1 control: S5
	mov	$0x3400, %eax
	out	%ax, %dx
1:	hlt
	jmp	1b
ready:	.ascii	"ready\n"
digits:	.ascii	"0123456789abcdef"
line:	.fill	127, 1, 'x'
	.ascii	"\n"
last:	.fill	123, 1, 'x'
	.ascii	" end\n"
