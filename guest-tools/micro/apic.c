// SPDX-License-Identifier: Apache-2.0
/* The local APIC in both of its modes, how one becomes the other, and the 8259s. */
#include "guest-tools/micro/micro.h"

#define APIC_BASE 0x1bu
#define BASE_X2   0x400ull
#define BASE_ON   0x800ull
#define PAGE_AT   0xfee00000ull
#define WAIT_MS   5000u

enum reg {
	ID = 0x02,
	VERSION = 0x03,
	TPR = 0x08,
	APR = 0x09,
	PPR = 0x0a,
	LDR = 0x0d,
	DFR = 0x0e,
	SVR = 0x0f,
	ESR = 0x28,
	ICR = 0x30,
	ICR_HIGH = 0x31,
	TIMER = 0x32,
	LINT0 = 0x35,
	ERROR = 0x37,
	INITIAL = 0x38,
	CURRENT = 0x39,
	DIVIDE = 0x3e,
	SELF_IPI = 0x3f
};

#define MASKED       0x10000u
#define EXTINT       0x700u
#define SELF         0x40000u
#define TICK         0x63u
#define LOWEST       0x64u
#define PIC_VECTOR   0x80u
#define SERIAL_IRQ   4u
#define SERIAL_DATA  0x3f8u
#define REDIR(pin)   (0x10 + 2 * (pin))
#define LOGICAL      0x800u
#define LOWEST_FIRST 0x100u

static volatile enum apic_mode mode; // of all vCPUs, but in the middle of a change
static uint64_t wrong;

static struct vcpu *self(void)
{
	uint32_t index;

	__asm__ volatile("movl %%gs:%c1, %0" : "=r"(index) : "i"(offsetof(struct vcpu, index)));
	return index ? mach.vcpu[index] : &bsp_vcpu;
}

static volatile uint32_t *page(uint32_t reg)
{
	return (volatile uint32_t *)(PAGE_AT + 16 * reg);
}

uint32_t apic_read(uint32_t reg)
{
	return self()->eoi == EOI_PAGE ? *page(reg) : (uint32_t)sys_call(SYS_RDMSR, 0x800 + reg, 0);
}

void apic_write(uint32_t reg, uint64_t value)
{
	if (self()->eoi != EOI_PAGE) {
		sys_call(SYS_WRMSR, 0x800 + reg, value);
		return;
	}
	if (reg == ICR)
		*page(ICR_HIGH) = (uint32_t)(value >> 32) << 24;
	*page(reg) = (uint32_t)value;
}

uint32_t apic_logical(uint32_t v)
{
	uint32_t id = mach.apic[v];

	return mode == APIC_X2     ? (id & ~15u) << 12 | 1u << (id & 15)
	       : mode == APIC_FLAT ? 1u << (v & 7)
				   : (v / 4) << 4 | 1u << v % 4;
}

static bool change(uint64_t to)
{
	uint64_t rest = sys_call(SYS_RDMSR, APIC_BASE, 0) & ~(BASE_ON | BASE_X2);

	return sys_call(SYS_TRY_WRMSR, APIC_BASE, rest | to) == 0;
}

/* By way of a disabled APIC, which forgets everything: the only way back from x2APIC mode. */
void apic_enter(enum apic_mode to)
{
	struct vcpu *v = self();

	if (!change(0) || !change(BASE_ON))
		test_fail("apic", "vcpu %u: APIC_BASE refuses a legal change", v->index);
	v->eoi = EOI_PAGE;
	if (to == APIC_X2) {
		if (!change(BASE_ON | BASE_X2))
			test_fail("apic", "vcpu %u: no x2APIC mode", v->index);
		v->eoi = EOI_MSR;
	} else {
		apic_write(DFR, to == APIC_FLAT ? ~0u : 0x0fffffff);
		apic_write(LDR, (to == APIC_FLAT ? 1u << (v->index & 7) : (v->index / 4) << 4 | 1u << v->index % 4)
					<< 24);
	}
	apic_write(SVR, 0x1ff);
}

void apic_begin(void)
{
	const char *want = option("apic");

	if (want && *want == 'x') {
		mode = APIC_FLAT;
		apic_enter(APIC_FLAT);
		return;
	}
	if (!(sys_call(SYS_RDMSR, APIC_BASE, 0) & BASE_X2))
		change(BASE_ON | BASE_X2);
	self()->eoi = EOI_MSR;
	apic_write(SVR, 0x1ff);
}

/* ---- the rules of the modes ---- */

#define EXPECT(condition)                                                                    \
	do {                                                                                 \
		if (!(condition)) {                                                          \
			print("apic: vcpu %u, line %u: not " #condition "\n", me, __LINE__); \
			wrong++;                                                             \
		}                                                                            \
	} while (0)

/* Asked at CPL 0: some KVMs show user mode the CPUID of the machine below, where the bit is always set. */
static bool cpuid_apic(void)
{
	return sys_call(SYS_CPUID, 1, 0) >> 9 & 1;
}

/* Figure "Local x2APIC state transitions" of the Intel manual, all of its edges. Ends in x2APIC mode. */
static void transitions_job(uint32_t me, void *arg)
{
	(void)arg;
	apic_enter(APIC_FLAT);
	EXPECT(!change(BASE_X2));
	EXPECT(change(BASE_ON));
	EXPECT(sys_call(SYS_TRY_RDMSR, 0x802, 0) == 1); // no MSRs in xAPIC mode
	EXPECT(sys_call(SYS_TRY_WRMSR, 0x808, 0) == 1);
	EXPECT(cpuid_apic());
	EXPECT(change(0));
	self()->eoi = EOI_NONE;
	EXPECT(!cpuid_apic());
	EXPECT(!change(BASE_X2));
	EXPECT(!change(BASE_ON | BASE_X2));
	EXPECT(sys_call(SYS_TRY_RDMSR, 0x802, 0) == 1);
	EXPECT(change(0));
	EXPECT(change(BASE_ON));
	EXPECT(change(BASE_ON | BASE_X2));
	EXPECT(!change(BASE_ON));
	EXPECT(!change(BASE_X2));
	EXPECT(sys_call(SYS_TRY_RDMSR, 0x802, 0) == 0);
	for (unsigned bit = 0; bit < 64; bit++)
		if (bit < 8 || bit == 9 || bit > 51)
			EXPECT(sys_call(SYS_TRY_WRMSR, APIC_BASE, sys_call(SYS_RDMSR, APIC_BASE, 0) | 1ull << bit) ==
			       1);
	EXPECT(sys_call(SYS_RDMSR, 0x802, 0) == mach.apic[me]);
	apic_enter(APIC_X2);
}

/* What the page holds; then a timer and an interrupt to oneself. */
static void page_job(uint32_t me, void *arg)
{
	struct vcpu *v = mach.vcpu[me];
	uint32_t had = v->counts[TICK];

	(void)arg;
	EXPECT(*page(ID) == mach.apic[me] << 24);
	EXPECT(*page(VERSION) == 0x50014);
	*page(ID) = 0x77000000;
	EXPECT(*page(ID) == mach.apic[me] << 24);
	*page(TPR) = 0xfffffa5a;
	EXPECT(*page(TPR) == 0x5a && *page(PPR) == 0x5a);
	*(volatile uint8_t *)page(TPR) = 0x11; // only 32 bits at a register's place write
	*(volatile uint16_t *)page(TPR) = 0x11;
	*((volatile uint32_t *)page(TPR) + 1) = 0x11;
	EXPECT(*page(TPR) == 0x5a);
	EXPECT(*((volatile uint8_t *)page(VERSION) + 2) == 5);
	EXPECT(*((volatile uint32_t *)page(VERSION) + 1) == 0);
	*page(TPR) = 0;
	*page(ESR) = 0;
	EXPECT(*page(ESR) == 0 && *page(APR) == 0 && *page(SELF_IPI) == 0 && *page(0x80) == 0);
	*page(ESR) = 0;
	EXPECT(*page(ESR) == 0x80); // illegal register
	*page(ESR) = 0;
	EXPECT(*page(ESR) == 0);
	*page(ICR) = SELF | TICK;
	counted(me, TICK, ++had);
	*page(DIVIDE) = 0xb;
	*page(TIMER) = TICK;
	*page(INITIAL) = 100000;
	counted(me, TICK, ++had);
	EXPECT(*page(CURRENT) == 0);
	*page(TIMER) = MASKED;
}

static void enter_job(uint32_t me, void *arg)
{
	(void)me;
	apic_enter(*(enum apic_mode *)arg);
}

/* One at a time: each needs the interrupts that start the others' jobs. */
static void all_enter(enum apic_mode to)
{
	for (uint32_t v = 0; v < mach.vcpus_n; v++)
		run_one(v, enter_job, &to);
	mode = to;
}

static uint32_t sum(uint32_t vector)
{
	uint32_t n = 0;

	for (uint32_t v = 0; v < mach.vcpus_n; v++)
		n += mach.vcpu[v]->counts[vector];
	return n;
}

/* The serial port's interrupt, edge, through a pin of the I/O APIC. */
static void serial_edge(uint64_t low, uint32_t dest)
{
	ioapic_write(REDIR(SERIAL_IRQ) + 1, dest << 24);
	ioapic_write(REDIR(SERIAL_IRQ), (uint32_t)low);
	sys_call(SYS_OUT, SERIAL_DATA + 1, 2 | 1ull << 32);
	sys_call(SYS_OUT, SERIAL_DATA + 1, 0 | 1ull << 32);
	sys_call(SYS_IN, SERIAL_DATA + 2, 1);
}

/* Each in turn, then every one of a group, then exactly one of all. */
static void device_logical(void)
{
	uint32_t had, group = 0, n = 0;

	for (uint32_t v = 0; v < mach.vcpus_n; v++) {
		had = mach.vcpu[v]->counts[LOWEST];
		serial_edge(LOGICAL | LOWEST, apic_logical(v));
		if (!counted(v, LOWEST, had + 1))
			wrong++;
	}
	for (uint32_t v = 0; v < mach.vcpus_n && v < 4; v++, n++)
		group |= apic_logical(v);
	for (unsigned lowest = 0; lowest < 2; lowest++) {
		uint32_t want = sum(LOWEST) + (lowest ? 1 : n);

		serial_edge((lowest ? LOWEST_FIRST : 0) | LOGICAL | LOWEST, group);
		for (uint64_t end = tsc() + us_ticks(WAIT_MS * 1000); sum(LOWEST) < want && tsc() < end;)
			relax();
		wait_until(tsc() + us_ticks(20000)); // a surplus one would come now
		if (sum(LOWEST) != want) {
			print("apic: mode %u: %s: %d of %u\n", mode, lowest ? "lowest priority" : "logical",
			      (int)(sum(LOWEST) - want), n);
			wrong++;
		}
	}
	serial_edge(MASKED, 0);
}

static void xapic_run(const char *name)
{
	enum apic_mode was = mode;

	if (option("notimer")) {
		test_skip(name, "this runner has no APIC");
		return;
	}
	wrong = 0;
	sys_call(SYS_OUT, SERIAL_DATA + 4, 0xb | 1ull << 32);
	for (uint32_t v = 0; v < mach.vcpus_n; v++)
		run_one(v, transitions_job, NULL);
	mode = APIC_X2;
	for (enum apic_mode m = APIC_FLAT; m <= APIC_CLUSTER; m++) {
		if (m == APIC_FLAT && mach.vcpus_n > 8)
			continue;
		all_enter(m);
		for (uint32_t v = 0; v < mach.vcpus_n && m == APIC_FLAT; v++)
			run_one(v, page_job, NULL);
		wrong += ipi_all(5);
		device_logical();
	}
	all_enter(was);
	wrong += ipi_all(5);
	if (wrong)
		test_fail(name, "%lu things were not as hardware has them", wrong);
	else
		test_pass(name);
}

/* ---- the 8259s ---- */

static void out(uint16_t port, uint8_t value)
{
	sys_call(SYS_OUT, port, value | 1ull << 32);
}

static void pic_setup(uint16_t mask)
{
	static const uint8_t words[2][3] = {{PIC_VECTOR, 4, 3},
					    {PIC_VECTOR + 8, 2, 3}}; // they end interrupts by themselves

	for (unsigned i = 0; i < 2; i++) {
		out(i ? 0xa0 : 0x20, 0x11);
		for (unsigned k = 0; k < 3; k++)
			out(i ? 0xa1 : 0x21, words[i][k]);
		out(i ? 0xa1 : 0x21, (uint8_t)(mask >> 8 * i));
	}
}

/* v takes the serial port's interrupts from the 8259. */
static void serial_ten(uint32_t me, uint32_t v)
{
	for (unsigned i = 0; i < 10; i++) {
		uint32_t had = mach.vcpu[v]->counts[PIC_VECTOR + SERIAL_IRQ];

		out(SERIAL_DATA + 1, 2);
		EXPECT(counted(v, PIC_VECTOR + SERIAL_IRQ, had + 1));
		out(SERIAL_DATA + 1, 0);
		sys_call(SYS_IN, SERIAL_DATA + 2, 1);
	}
}

static void pic_masks(uint32_t me)
{
	uint32_t had = bsp_vcpu.counts[PIC_VECTOR + SERIAL_IRQ];

	out(0x21, 0xff);
	out(SERIAL_DATA + 1, 2);
	EXPECT((sys_call(SYS_IN, 0x20, 1) & 0x10) == 0x10); // asked for
	EXPECT(bsp_vcpu.counts[PIC_VECTOR + SERIAL_IRQ] == had);
	out(0x21, (uint8_t)~0x10);
	EXPECT(counted(0, PIC_VECTOR + SERIAL_IRQ, had + 1));
	out(SERIAL_DATA + 1, 0);
	sys_call(SYS_IN, SERIAL_DATA + 2, 1);
}

static void pic_timer(uint32_t me)
{
	uint32_t had = bsp_vcpu.counts[PIC_VECTOR];
	uint64_t end = tsc() + us_ticks(WAIT_MS * 1000);

	out(0x21, 0xfe);
	out(0x43, 0x34); // every 10 ms
	out(0x40, 11932 & 255);
	out(0x40, 11932 >> 8);
	while (bsp_vcpu.counts[PIC_VECTOR] - had < 3 && tsc() < end)
		relax();
	EXPECT(bsp_vcpu.counts[PIC_VECTOR] - had >= 3);
	out(0x43, 0x30);
	out(0x21, (uint8_t)~0x10);
}

/* Virtual wire, straight to the processor, and as a message of the I/O APIC to every vCPU. */
static void pic_run(const char *name)
{
	uint32_t me = 0;

	if (option("notimer")) {
		test_skip(name, "this runner has no 8259");
		return;
	}
	wrong = 0;
	out(SERIAL_DATA + 4, 0xb);
	pic_setup((uint16_t)~0x10u);
	uint32_t eoi = bsp_vcpu.eoi;

	apic_write(LINT0, EXTINT);
	serial_ten(me, 0);
	pic_masks(me);
	pic_timer(me);
	change(0);
	bsp_vcpu.eoi = EOI_NONE;
	serial_ten(me, 0);
	bsp_vcpu.eoi = eoi;
	apic_enter(mode);
	for (uint32_t v = 0; v < mach.vcpus_n; v++) {
		ioapic_write(REDIR(0) + 1, mach.apic[v] << 24);
		ioapic_write(REDIR(0), EXTINT);
		serial_ten(me, v);
		ioapic_write(REDIR(0), MASKED);
	}
	out(0x21, 0xff);
	if (wrong)
		test_fail(name, "%lu interrupts of the 8259 were not as expected", wrong);
	else
		test_pass(name);
}

const struct test apic_tests[] = {{"xapic", xapic_run}, {"pic", pic_run}, {NULL, NULL}};
