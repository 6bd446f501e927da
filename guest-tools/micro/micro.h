// SPDX-License-Identifier: Apache-2.0
/*
 * The micro-guest: a test kernel of a few pages whose tests run at CPL 3 on every vCPU of the
 * machine. The first vCPU (index 0) leads: it parses the command line, brings the others up, gives
 * them jobs, prints. Vocabulary: a node is a host of the machine (from the SRAT); a page is 4 KiB
 * of test memory homed on a node.
 */
#ifndef MICRO_MICRO_H
#define MICRO_MICRO_H

#include "guest-tools/micro/layout.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE        4096u
#define VCPUS_MAX   64u
#define NODES_MAX   8u
#define RANGES_MAX  32u
#define WAKE_VECTOR 0xf0u

struct vcpu { // layout.h repeats the first offsets
	struct __attribute__((packed)) {
		uint16_t limit;
		uint64_t base;
	} gdtr;
	uint8_t pad0[6];
	uint64_t user_ip, user_sp;
	uint64_t gdt[8];
	uint8_t tss[104];
	uint32_t index, apic, node;
	volatile uint32_t eoi;
	uint8_t pad1[VCPU_COUNTS - 216];
	volatile uint32_t counts[256]; // interrupts taken, by vector
	uint8_t stack[VCPU_BYTES - VCPU_COUNTS - 1024];
} __attribute__((aligned(VCPU_BYTES)));

_Static_assert(offsetof(struct vcpu, user_ip) == VCPU_USER_IP, "layout.h");
_Static_assert(offsetof(struct vcpu, eoi) == VCPU_EOI, "layout.h");
_Static_assert(offsetof(struct vcpu, counts) == VCPU_COUNTS, "layout.h");
_Static_assert(sizeof(struct vcpu) == VCPU_BYTES, "layout.h");

/* What the first vCPU learnt; written before the others run, only read after that. */
struct range {
	uint64_t at, end;
	uint32_t node;
};

struct machine {
	char cmdline[2048];
	uint64_t tsc_khz;
	uint16_t pm_timer; // its port, 0: none
	uint64_t apic_khz; // input clock of the local APIC's timer
	bool tsc_deadline; // CPUID offers that mode of it
	uint32_t vcpus_n, nodes_n, ranges_n;
	uint32_t apic[VCPUS_MAX], node[VCPUS_MAX];
	struct vcpu *vcpu[VCPUS_MAX];
	struct range range[RANGES_MAX]; // usable test memory by node
	uint64_t next[NODES_MAX];       // first page not yet handed out, by node
	uint64_t keep[NODES_MAX];       // what page_reset() does not give back ends here
};

extern struct machine mach;
extern struct vcpu bsp_vcpu;

/* sys.c */
uint64_t sys_call(uint64_t nr, uint64_t a, uint64_t b);
void print(const char *fmt, ...) __attribute__((format(printf, 1, 2))); // %s %c %u %lu %d %x %lx only
void result(const char *name, uint64_t milli, const char *unit);        // value given in thousandths
void test_pass(const char *name);
void test_fail(const char *name, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void test_skip(const char *name, const char *why);
_Noreturn void power_off(void);

/* boot.c, acpi.c */
void boot_memory(void);
void acpi_parse(void);
void *page_alloc(uint32_t node,
		 unsigned pages);     // zeroed by nature: test memory nobody touched before
void page_keep(void);                 // what is handed out now stays so
void page_reset(void);                // gives the rest back (contents stay)
const char *option(const char *name); // text after name= on the command line, or NULL
uint64_t option_u64(const char *name, uint64_t otherwise);

/* irq.c */
void ioapic_write(uint32_t reg, uint32_t v);
/* The calling vCPU's timer: one interrupt with this vector at each timer_after(), that many microseconds from then. */
void timer_begin(uint32_t vector);
void timer_after(uint64_t us);
uint64_t ipi_all(uint32_t n); // every kind of IPI between all pairs, n times: how many were lost
bool counted(uint32_t v, uint32_t vector, uint32_t want); // waits until vCPU v has counted want of them

/*
 * apic.c: the local APIC of the vCPU that calls, in whichever mode it is. Registers are named by their offset in the
 * page of xAPIC mode, divided by 16: MSR - 0x800. The command register takes both halves at once.
 */
enum apic_mode { APIC_X2, APIC_FLAT, APIC_CLUSTER }; // the last two: xAPIC mode and its logical ids
void apic_begin(void);                               // x2APIC mode, or xAPIC if apic=x is on the command line
void apic_enter(enum apic_mode mode);
uint32_t apic_read(uint32_t reg);
void apic_write(uint32_t reg, uint64_t value);
uint32_t apic_logical(uint32_t v); // logical destination of vCPU v, for a vCPU in the same mode

/* smp.c: jobs. fn runs on vCPUs 0..n-1 at once; run_on() returns when all are done. */
typedef void job_fn(uint32_t me, void *arg);
void smp_start(void);
uint32_t smp_add(uint32_t apic, uint32_t node); // one that came: starts it, its memory from node; returns its index
void run_on(uint32_t n, job_fn *fn, void *arg);
void run_one(uint32_t v, job_fn *fn, void *arg);   // on vCPU v alone
void run_begin(uint32_t v, job_fn *fn, void *arg); // on vCPU v (not 0), without waiting for it
void run_end(uint32_t v);
void ipi_send(uint32_t apic, uint32_t icr_low);

/*
 * A rendezvous of n vCPUs: returns the TSC at which all of them go on together, 0 when the leader
 * says stop. How far ahead that is adapts to how late the slowest learnt of it the last times.
 */
struct meet_seat {
	volatile uint64_t gen, start, late;
	volatile uint64_t word; // the test's own message to the others
};
struct meet {
	struct meet_seat *seat[VCPUS_MAX];
	uint32_t n;
	uint64_t margin __attribute__((aligned(4096))); // the leader's
};
void meet_init(struct meet *m, uint32_t n);
uint64_t meet_at(struct meet *m, uint32_t me, uint64_t gen, bool stop);

static inline uint64_t tsc(void)
{
	uint32_t lo, hi;
	__asm__ volatile("lfence; rdtsc" : "=a"(lo), "=d"(hi)::"memory");
	return (uint64_t)hi << 32 | lo;
}
static inline void relax(void)
{
	__asm__ volatile("pause" ::: "memory");
}
static inline void barrier(void)
{
	__asm__ volatile("" ::: "memory");
}
static inline void fence(void)
{
	__asm__ volatile("mfence" ::: "memory");
}
static inline uint64_t us_ticks(uint64_t us)
{
	return us * mach.tsc_khz / 1000;
}
static inline uint64_t ticks_ns(uint64_t t)
{
	return t * 1000 / (mach.tsc_khz / 1000);
}
static inline void wait_until(uint64_t t)
{
	while (tsc() < t)
		relax();
}
static inline uint32_t rnd(uint64_t *s) // xorshift64*
{
	*s ^= *s >> 12, *s ^= *s << 25, *s ^= *s >> 27;
	return (uint32_t)(*s * 0x2545f4914f6cdd1dull >> 32);
}

/* Waits until *word is at least want; false after ms milliseconds. */
static inline bool wait_word(const volatile uint64_t *word, uint64_t want, uint64_t ms)
{
	for (uint64_t end = tsc() + us_ticks(ms * 1000); *word < want; relax())
		if (tsc() > end)
			return false;
	return true;
}

void sort_words(uint64_t *v, uint32_t n); // ascending
uint32_t vcpu_far(void);                  // the first vCPU on another node than vCPU 0, or 0 if there is none
void nmi_unmask(void);                    // drive.c: every vCPU takes NMIs of its LINT1, and counts them
void cpu_scaling(void);                   // fault.c: work of all vCPUs against that of one, as RESULT guest_cpu_scaling

void pci_begin(void);  // pci.c: before smp_start()
void disk_begin(void); // disk.c: the same
void net_begin(void);  // net.c

/* the tests, one entry a name; each prints its own PASS, FAIL or SKIP */
struct test {
	const char *name;
	void (*run)(const char *name);
};
extern const struct test litmus_tests[], share_tests[], fault_tests[], irq_tests[], storm_tests[], drive_tests[],
	absent_tests[], apic_tests[], pci_tests[], disk_tests[], net_tests[], plug_tests[], grow_tests[], pace_tests[];

#endif
