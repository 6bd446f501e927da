// SPDX-License-Identifier: Apache-2.0
/*
 * One vCPU of KVM: its run loop, being kicked, injection, timer and register states. It has never
 * heard of a device or an APIC: what the guest does reaches a table of functions.
 *
 * A vCPU belongs to the thread that runs it; only hv_vcpu_kick() and the counters may be used from
 * others.
 */
#ifndef VMM_HV_VCPU_H
#define VMM_HV_VCPU_H

#include <pthread.h>
#include <time.h>

#include "vmm/hv/kvm.h"

#define HV_WHY_MAX 512u

enum hv_exit_kind {
	HV_EXIT_PORT,
	HV_EXIT_MMIO,
	HV_EXIT_RDMSR,
	HV_EXIT_WRMSR,
	HV_EXIT_HALT,
	HV_EXIT_WINDOW, // the guest can take an interrupt now
	HV_EXIT_SIGNAL, // kicked, or a timer
	HV_EXIT_TPR,
	HV_EXIT_OTHER,
	HV_EXIT_KINDS
};

extern const char *const hv_exit_names[HV_EXIT_KINDS];

/* Returned by handlers: 0 goes on, HV_STOP (or a negative errno) leaves hv_vcpu_run(). */
#define HV_STOP 1

struct hv_vcpu;

/* All run on the vCPU's thread. value: in for a write, out for a read. */
struct hv_handlers {
	/* Before every entry: deliver what is pending. It is called again if a kick comes after it.
	 */
	int (*enter)(void *ctx);
	int (*port)(void *ctx, bool write, uint16_t port, unsigned size, uint64_t *value);
	int (*mmio)(void *ctx, bool write, uint64_t gpa, unsigned size, uint64_t *value);
	/* known: KVM knows the MSR, but it is ours to answer. -EINVAL injects #GP. */
	int (*msr)(void *ctx, bool write, uint32_t msr, uint64_t *value);
	int (*halt)(void *ctx); // returns when the vCPU is to run on
	void (*tpr)(void *ctx, uint8_t cr8);
	/*
	 * The vCPU has shut down: a triple fault. registers: one line for a person, which only lives during the call.
	 * Must not let it enter again before hv_vcpu_power_on(). NULL: hv_vcpu_run() ends as crashed.
	 */
	int (*triple_fault)(void *ctx, const char *registers);
};

struct kvm_run;

/* attention, place, thread and the counters are read and written atomically. */
struct hv_vcpu {
	int fd;
	struct kvm_run *run;
	size_t run_bytes;
	uint32_t attention; // futex: somebody wants the thread to look around
	uint32_t place;     // enum hv_place: where a kick must go
	pthread_t thread;
	int tid; // of that thread; 0: none yet
	timer_t timer;
	bool has_timer;
	volatile int signalled; // set by the signal handler
	void *reset_state;      // special registers as KVM made them
	void *power_on;         // and the rest (power_on.c)
	uint64_t exits[HV_EXIT_KINDS];
	uint64_t kicks; // signals sent to it
	bool crashed;   // hv_vcpu_run() ended because the guest can't go on: why says it
	char why[HV_WHY_MAX];
};

/* Any thread. index: KVM's vCPU number; apic_id is in the table. Sets CPUID and start-up MSRs. */
int hv_vcpu_open(struct hv_vcpu *v, const struct hv *hv, unsigned index, const struct cpuid_table *cpuid, char *why,
		 size_t why_cap);
void hv_vcpu_close(struct hv_vcpu *v, size_t run_bytes);

/* Once a process, before any vCPU runs: the handler of the kick's signal. */
int hv_kick_setup(void);

/* The vCPU's thread: before hv_vcpu_run(). Makes the timer. */
int hv_vcpu_attach(struct hv_vcpu *v);
void hv_vcpu_detach(struct hv_vcpu *v);

/*
 * Runs the guest until a handler stops it (0), or it can't go on (-EIO with crashed and why set;
 * another errno: KVM_RUN failed, why says how).
 */
int hv_vcpu_run(struct hv_vcpu *v, const struct hv_handlers *h, void *ctx);

/* Makes the vCPU's thread call enter() soon, wherever it is. Any thread; never blocks. */
void hv_vcpu_kick(struct hv_vcpu *v);
/* Sleeps until kicked or until deadline_ns (CLOCK_MONOTONIC; UINT64_MAX: none). Takes the kick. */
void hv_vcpu_sleep(struct hv_vcpu *v, uint64_t deadline_ns);
/* The guest is left at deadline_ns (CLOCK_MONOTONIC). Replaces an earlier deadline. */
void hv_vcpu_set_timer(struct hv_vcpu *v, uint64_t deadline_ns);
/* Has a kick's or the timer's signal come since this was last asked? */
bool hv_vcpu_signalled(struct hv_vcpu *v);

/* In enter(): injection. At most one interrupt an entry, and only if it can be taken. */
bool hv_vcpu_can_inject(const struct hv_vcpu *v);
int hv_vcpu_inject(struct hv_vcpu *v, uint8_t vector);
void hv_vcpu_want_window(struct hv_vcpu *v, bool wanted);
int hv_vcpu_nmi(struct hv_vcpu *v);
void hv_vcpu_set_cr8(struct hv_vcpu *v, uint8_t cr8);
bool hv_vcpu_interrupts_on(const struct hv_vcpu *v); // IF, as of the last exit

/* tsc_offset and register states; on the vCPU's thread or while it does not run. 0 or negative
 * errno. */
int hv_vcpu_set_tsc_offset(struct hv_vcpu *v, int64_t offset);
/* KVM's idea of APIC_BASE, which CPUID's APIC bit follows. -EINVAL: it has an address bit that the processor has not.
 */
int hv_vcpu_set_apic_base(struct hv_vcpu *v, uint64_t apic_base);
int hv_vcpu_set_init(struct hv_vcpu *v, uint64_t apic_base);
int hv_vcpu_set_sipi(struct hv_vcpu *v, uint8_t vector);
/* RESET: hv_vcpu_set_init(), and MSRs, FPU and extended state as they were at first. */
int hv_vcpu_power_on(struct hv_vcpu *v, uint64_t apic_base);

/* 64-bit Linux boot protocol: flat segments, paging on. */
struct hv_linux64 {
	uint64_t entry, boot_params; // RIP, RSI
	uint64_t cr3, gdt_base;
	uint16_t gdt_limit;
};
int hv_vcpu_set_linux64(struct hv_vcpu *v, const struct hv_linux64 *s);

/* 32-bit protected mode, flat segments, paging off (Multiboot Specification 0.6.96, 3.2). */
struct hv_flat32 {
	uint32_t entry, eax, ebx;
	uint64_t gdt_base;
	uint16_t gdt_limit;
};
int hv_vcpu_set_flat32(struct hv_vcpu *v, const struct hv_flat32 *s);

/* One line for a person: registers that matter. Not while it runs. */
void hv_vcpu_describe(struct hv_vcpu *v, char *buf, size_t cap);

#endif
