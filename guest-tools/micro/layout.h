/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers that the assembly and the C of the micro-guest share. */
#ifndef MICRO_LAYOUT_H
#define MICRO_LAYOUT_H

#define TRAMPOLINE 0x8000
#define MAP_GIB    16 /* how much the identity map covers */
#define VCPU_BYTES 8192

/* struct vcpu */
#define VCPU_GDTR    0
#define VCPU_USER_IP 16
#define VCPU_USER_SP 24
#define VCPU_EOI     212 /* how an interrupt is ended: EOI_* */
#define VCPU_COUNTS  256

#define EOI_MSR  0 /* x2APIC mode */
#define EOI_PAGE 1 /* xAPIC mode */
#define EOI_NONE 2

#define LEVEL_VECTOR 0x71 /* its handler also quiets the serial port */
#define POWER_VECTOR 0x73 /* its handler also quiets the power button */

#define PM1_STATUS \
	0x600 /* ports; PM1_POWER in the first says that the button was pressed, in the second that it interrupts */
#define PM1_ENABLE 0x602
#define PM1_POWER  0x100

#define SYS_WRITE     1
#define SYS_WRMSR     2
#define SYS_RDMSR     3
#define SYS_IDLE      4
#define SYS_OUT       5
#define SYS_IN        6
#define SYS_OFF       7
#define SYS_TRY_WRMSR 8 /* 1: #GP */
#define SYS_TRY_RDMSR 9
#define SYS_CPUID     10 /* EDX of a leaf, as CPL 0 sees it */

#endif
