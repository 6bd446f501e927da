// SPDX-License-Identifier: Apache-2.0
/*
 * Everything that runs at CPL 0: entry of the first vCPU (Linux 64-bit boot protocol), the real-mode trampoline
 * of the others, interrupt entries and the system calls. It is kept this small because some KVMs emulate CPL 0
 * instruction by instruction; the tests themselves run at CPL 3.
 *
 * struct vcpu is two pages, aligned: fields at its start (offsets in micro.h), the CPL 0 stack at its end, so that
 * an exception at CPL 0 finds it by rsp & -8192; interrupts find it through gs.
 */
#include "guest-tools/micro/layout.h"

	.section .text.boot, "ax"
	.code64
	.globl _start
_start:
	cli
	cld
	mov	%rsi, boot_params
	lea	boot_pml4, %rax
	mov	%rax, %cr3
	lea	bsp_vcpu, %rdi
	lea	VCPU_BYTES(%rdi), %rsp
	call	vcpu_tables
	// falls through: rdi = vcpu

// rdi = struct vcpu with its GDT, TSS and user context filled in: loads them and leaves for CPL 3
vcpu_enter:
	lea	bsp_vcpu, %rax
	cmp	%rax, %rdi
	jne	1f
	lea	VCPU_BYTES(%rdi), %rsp
1:	lgdt	VCPU_GDTR(%rdi)
	mov	$0x18, %eax
	mov	%eax, %ss
	pushq	$0x10
	lea	2f, %rax
	push	%rax
	lretq
2:	mov	$0x23, %eax
	mov	%eax, %ds
	mov	%eax, %es
	xor	%eax, %eax
	mov	%eax, %fs
	mov	%eax, %gs
	mov	$0x30, %eax
	ltr	%ax
	lidt	idt_ptr
	mov	$0xc0000101, %ecx // gs base: where interrupts find the vCPU
	mov	%edi, %eax
	mov	%rdi, %rdx
	shr	$32, %rdx
	wrmsr
	pushq	$0x23
	pushq	VCPU_USER_SP(%rdi)
	pushq	$0x202
	pushq	$0x2b
	pushq	VCPU_USER_IP(%rdi)
	iretq

// ---- system call: UD2, number in rax, arguments in rdi, rsi; result in rax ----------------------------------
// The local KVM turns INT n at CPL 3 into #UD and leaves CPL at 3 after SYSCALL; exceptions are exact everywhere.
	.text
	.globl	isr_syscall
isr_syscall: // vector 6
	testb	$3, 8(%rsp)
	jz	isr_real_ud
	addq	$2, (%rsp)
	cmp	$SYS_WRITE, %eax
	je	sys_write
	cmp	$SYS_WRMSR, %eax
	je	sys_wrmsr
	cmp	$SYS_RDMSR, %eax
	je	sys_rdmsr
	cmp	$SYS_IDLE, %eax
	je	sys_idle
	cmp	$SYS_OUT, %eax
	je	sys_out
	cmp	$SYS_IN, %eax
	je	sys_in
	cmp	$SYS_OFF, %eax
	je	sys_off
	cmp	$SYS_TRY_WRMSR, %eax
	je	sys_try_wrmsr
	cmp	$SYS_TRY_RDMSR, %eax
	je	sys_try_rdmsr
	cmp	$SYS_CPUID, %eax
	je	sys_cpuid
	mov	$-1, %rax
	iretq
sys_try_wrmsr: // as sys_wrmsr; a #GP is no end but the result
	push	%rcx
	push	%rdx
	mov	%edi, %ecx
	mov	%esi, %eax
	mov	%rsi, %rdx
	shr	$32, %rdx
try_wrmsr:
	wrmsr
	jmp	try_passed
sys_try_rdmsr:
	push	%rcx
	push	%rdx
	mov	%edi, %ecx
try_rdmsr:
	rdmsr
try_passed:
	xor	%eax, %eax
	jmp	1f
try_failed: // the exception's handler comes back here
	mov	$1, %eax
1:	pop	%rdx
	pop	%rcx
	iretq
sys_write: // rdi = bytes, rsi = how many
	push	%rdx
	mov	$0x3f8, %edx
1:	test	%rsi, %rsi
	jz	2f
	mov	(%rdi), %al
	out	%al, %dx
	inc	%rdi
	dec	%rsi
	jmp	1b
2:	pop	%rdx
	iretq
sys_wrmsr: // rdi = msr, rsi = value
	push	%rcx
	push	%rdx
	mov	%edi, %ecx
	mov	%esi, %eax
	mov	%rsi, %rdx
	shr	$32, %rdx
	wrmsr
	pop	%rdx
	pop	%rcx
	iretq
sys_rdmsr: // rdi = msr
	push	%rcx
	push	%rdx
	mov	%edi, %ecx
	rdmsr
	shl	$32, %rdx
	or	%rdx, %rax
	pop	%rdx
	pop	%rcx
	iretq
sys_cpuid: // rdi = leaf
	push	%rbx
	push	%rcx
	push	%rdx
	mov	%edi, %eax
	xor	%ecx, %ecx
	cpuid
	mov	%edx, %eax
	pop	%rdx
	pop	%rcx
	pop	%rbx
	iretq
sys_idle: // rdi = address of a word, rsi = its old value: sleeps unless it has changed; any interrupt ends it
	cmp	%rsi, (%rdi)
	jne	1f
	sti
	hlt
	cli
1:	iretq
sys_out: // rdi = port, rsi = value | width << 32
	push	%rdx
	mov	%edi, %edx
	mov	%rsi, %rax
	shr	$32, %rax
	cmp	$2, %eax
	mov	%esi, %eax
	je	1f
	ja	2f
	out	%al, %dx
	pop	%rdx
	iretq
1:	out	%ax, %dx
	pop	%rdx
	iretq
2:	out	%eax, %dx
	pop	%rdx
	iretq
sys_in: // rdi = port, rsi = width
	push	%rdx
	mov	%edi, %edx
	xor	%eax, %eax
	cmp	$2, %esi
	je	1f
	ja	2f
	in	%dx, %al
	pop	%rdx
	iretq
1:	in	%dx, %ax
	pop	%rdx
	iretq
2:	in	%dx, %eax
	pop	%rdx
	iretq
sys_off:
	mov	$0x604, %edx
	mov	$0x3400, %eax
	out	%ax, %dx
1:	cli
	hlt
	jmp	1b

// ---- interrupts and exceptions: one small stub a vector ----------------------------------------------------
	.altmacro
	.macro	STUB n
	.if	(\n == 8) || ((\n >= 10) && (\n <= 14)) || (\n == 17) || (\n == 21)
	.else
	pushq	$0
	.endif
	pushq	$\n
	.if	\n == 2
	jmp	isr_count
	.elseif	\n == 13
	jmp	isr_protection
	.elseif	\n < 32
	jmp	isr_exception
	.else
	jmp	isr_count
	.endif
	.balign	16
	.endm
	.balign	16
	.globl	isr_stubs
isr_stubs:
	.set	i, 0
	.rept	256
	STUB	%i
	.set	i, i + 1
	.endr

isr_count: // counts it in the vCPU; ends it at the local APIC unless it is NMI or spurious
	push	%rax
	push	%rcx
	push	%rdx
	mov	24(%rsp), %ecx
	cmp	$POWER_VECTOR, %ecx
	je	3f
	cmp	$LEVEL_VECTOR, %ecx
	jne	2f
	// The serial port's interrupt identification: reading it takes the level away. Before it is counted: who waits for
	// the count asks for the next one at once, and this read would take that one away too.
	mov	$0x3fa, %edx
	in	%dx, %al
2:	incl	%gs:VCPU_COUNTS(,%rcx,4)
	cmp	$2, %ecx
	je	1f
	cmp	$0xff, %ecx
	je	1f
	cmpl	$EOI_MSR, %gs:VCPU_EOI
	jne	4f
	mov	$0x80b, %ecx
	xor	%eax, %eax
	xor	%edx, %edx
	wrmsr
1:	pop	%rdx
	pop	%rcx
	pop	%rax
	add	$16, %rsp
	iretq
3:	mov	$PM1_STATUS, %edx // its status bit goes when it is written
	mov	$PM1_POWER, %eax
	out	%ax, %dx
	jmp	2b

4:	cmpl	$EOI_PAGE, %gs:VCPU_EOI
	jne	1b
	mov	$0xfee000b0, %eax
	movl	$0, (%rax)
	jmp	1b

isr_protection: // vector, error code, rip
	cmpq	$try_wrmsr, 16(%rsp)
	je	1f
	cmpq	$try_rdmsr, 16(%rsp)
	jne	isr_exception
1:	movq	$try_failed, 16(%rsp)
	add	$16, %rsp
	iretq

isr_real_ud:
	pushq	$0
	pushq	$6
isr_exception: // never meant to happen: say what and where, then power off
	mov	%rsp, %rdi
	mov	%cr2, %rsi
	call	trap_report
	jmp	sys_off

// ---- trampoline of the other vCPUs: copied to TRAMPOLINE, entered in real mode with cs = TRAMPOLINE >> 4 -----
	.data
	.globl	trampoline, trampoline_end
	.balign	16
trampoline:
	.code16
	cli
	mov	%cs, %ax
	mov	%ax, %ds
	lgdtl	(tramp_gdtr - trampoline)
	mov	$0x620, %eax // PAE, OSFXSR, OSXMMEXCPT
	mov	%eax, %cr4
	mov	(tramp_cr3 - trampoline), %eax
	mov	%eax, %cr3
	mov	$0xc0000080, %ecx
	mov	$0x100, %eax // LME
	xor	%edx, %edx
	wrmsr
	mov	$0x80010033, %eax // PG, WP, NE, ET, MP, PE
	mov	%eax, %cr0
	ljmpl	$0x10, $ap_long
	.balign	8
	.globl	tramp_cr3, tramp_vcpu
tramp_gdt:
	.quad	0, 0, 0x00af9b000000ffff, 0x00cf93000000ffff
tramp_gdtr:
	.word	31
	.long	TRAMPOLINE + tramp_gdt - trampoline
	.balign	8
tramp_cr3:
	.quad	0
tramp_vcpu:
	.quad	0
trampoline_end:
	.text
	.code64
ap_long:
	mov	$0x18, %eax
	mov	%eax, %ss
	mov	%eax, %ds
	mov	TRAMPOLINE + tramp_vcpu - trampoline, %rdi
	lea	VCPU_BYTES(%rdi), %rsp
	jmp	vcpu_enter

// ---- tables ------------------------------------------------------------------------------------------------
// Identity map, user-accessible, 2 MiB pages, accessed and dirty already set so that no walk has to write.
	.section .tables, "aw"
	.balign	4096
	.globl	boot_pml4, boot_pds
boot_pml4:
	.quad	boot_pdpt + 0x67
	.zero	4096 - 8
boot_pdpt:
	.set	i, 0
	.rept	MAP_GIB
	.quad	boot_pds + (i << 12) + 0x67
	.set	i, i + 1
	.endr
	.zero	4096 - 8 * MAP_GIB
boot_pds:
	.set	i, 0
	.rept	MAP_GIB * 512
	.quad	(i << 21) + 0xe7
	.set	i, i + 1
	.endr
	.section .bss
	.balign	4096
	.globl	idt
idt:
	.zero	4096
	.data
	.balign	64
	.globl	boot_params
boot_params:
	.quad	0
idt_ptr:
	.word	4095
	.quad	idt
