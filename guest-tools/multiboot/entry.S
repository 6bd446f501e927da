/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Multiboot header, the way from 32-bit protected mode to 64 bits, the start of the other processors, and the ways to
 * reset that need assembly. Built twice: as ELF32, and with ADDRESS_FIELDS as a flat file that the header describes.
 */
#define MAGIC      0x1badb002
#define TRAMPOLINE 0x8000
#define STACK      4096
#define CPUS_MAX   64

#define CODE64 0x08
#define DATA   0x10
#define CODE32 0x18
#define CODE16 0x20
#define DATA16 0x28

#ifdef ADDRESS_FIELDS
#define FLAGS 0x10003
#else
#define FLAGS 0x3
#endif

	.section .header, "a"
	.balign	4
header:
	.long	MAGIC, FLAGS, -(MAGIC + FLAGS)
#ifdef ADDRESS_FIELDS
	.long	header, _load, _load_end, _end, _start
#endif

	.text
	.code32
	.globl	_start
_start: // what the specification promises is kept for main() to look at; ESP is not promised
	mov	$boot_stack_end, %esp
	mov	%eax, start_eax
	mov	%ebx, start_ebx
	pushfl
	popl	start_eflags
	mov	%cr0, %eax
	mov	%eax, start_cr0
	mov	%ds, start_ds
	mov	%es, start_ds + 2
	mov	%ss, start_ds + 4
	lgdt	gdt_ptr
	call	go_long
	ljmp	$CODE64, $1f
	.code64
1:	mov	$boot_stack_end, %esp
	call	main
2:	hlt
	jmp	2b

	.code32
go_long: // keeps nothing but EBX
	mov	%cr4, %eax
	or	$0x20, %eax // PAE
	mov	%eax, %cr4
	mov	$pml4, %eax
	mov	%eax, %cr3
	mov	$0xc0000080, %ecx
	rdmsr
	or	$0x100, %eax // LME
	wrmsr
	mov	%cr0, %eax
	or	$0x80000000, %eax
	mov	%eax, %cr0
	mov	$DATA, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	ret

	.code64
ap_start: // each takes the next number and its stack
	mov	$1, %edi
	lock xadd %edi, ap_next
	mov	%edi, %eax
	inc	%eax
	imul	$STACK, %eax
	lea	ap_stacks(%rax), %rsp
	call	ap_main
2:	hlt
	jmp	2b

// void reset_triple(void): nobody handles the exception, nor the one that follows
	.globl	reset_triple
reset_triple:
	lidt	no_idt
	ud2

// void reset_bios(void): back to real mode, and to where the BIOS of a PC begins
	.globl	reset_bios
reset_bios:
	cli
	lgdt	gdt_ptr
	pushq	$CODE32
	pushq	$1f
	lretq
	.code32
1:	mov	%cr0, %eax
	and	$0x7fffffff, %eax
	mov	%eax, %cr0
	mov	$0xc0000080, %ecx
	rdmsr
	and	$~0x100, %eax
	wrmsr
	ljmp	$CODE16, $(to_bios - trampoline)

// ---- copied to TRAMPOLINE -----------------------------------------------------------------------------------
	.data
	.globl	trampoline, trampoline_end
	.balign	16
trampoline:
	.code16
	cli
	mov	%cs, %ax
	mov	%ax, %ds
	lgdtl	gdt_ptr - trampoline
	mov	%cr0, %eax
	or	$1, %eax
	mov	%eax, %cr0
	ljmpl	$CODE32, $(TRAMPOLINE + 1f - trampoline)
	.code32
1:	mov	$DATA, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	$ap_stacks_end, %esp // for one return address: only one processor at a time is started
	mov	$go_long, %eax
	call	*%eax
	ljmp	$CODE64, $ap_start
	.code16
to_bios:
	mov	$DATA16, %ax
	mov	%ax, %ds
	mov	%ax, %es
	mov	%ax, %ss
	mov	%cr0, %eax
	and	$0xfe, %al
	mov	%eax, %cr0
	ljmp	$0xf000, $0xfff0
gdt_ptr:
	.word	gdt_end - gdt - 1
	.long	gdt
	.long	0
trampoline_end:
	.code64

	.balign	16
gdt:	.quad	0
	.quad	0x00af9b000000ffff
	.quad	0x00cf93000000ffff
	.quad	0x00cf9b000000ffff
	.quad	0x00009b008000ffff // 16-bit code at TRAMPOLINE
	.quad	0x000093000000ffff
gdt_end:
no_idt:	.word	0
	.quad	0

	// 4 GiB as they are, in pages of 2 MiB
	.balign	4096
pml4:	.quad	pdpt + 3
	.fill	511, 8, 0
pdpt:	.quad	pds + 3, pds + 0x1003, pds + 0x2003, pds + 0x3003
	.fill	508, 8, 0
pds:
	.set	page, 0
	.rept	2048
	.quad	page + 0x83
	.set	page, page + 0x200000
	.endr

	.globl	start_eax, start_ebx, start_eflags, start_cr0, start_ds
start_eax:    .long 0
start_ebx:    .long 0
start_eflags: .long 0
start_cr0:    .long 0
start_ds:     .word 0, 0, 0, 0
ap_next:      .long 0

	.bss
	.balign	16
	.skip	STACK
boot_stack_end:
ap_stacks:
	.skip	STACK * CPUS_MAX
ap_stacks_end:
