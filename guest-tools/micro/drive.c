// SPDX-License-Identifier: Apache-2.0
/*
 * What somebody outside does to the machine: NMIs, resets, stops. These tests wait for it (option outside=1: without it
 * they would wait in vain, so they are skipped).
 */
#include "guest-tools/micro/micro.h"

#define PAGES     64u
#define NMI       2u
#define LVT_LINT1 0x836u
#define MAGIC     0x0072657365743a29ul // what a page says after the machine has been reset once

static bool outside(const char *name)
{
	if (option("outside"))
		return true;
	test_skip(name, "nobody outside is announced");
	return false;
}

/* ---- nmi: LINT1 of every vCPU takes one ---- */

static void nmi_unmask_job(uint32_t me, void *arg)
{
	(void)me;
	(void)arg;
	sys_call(SYS_WRMSR, LVT_LINT1, 4 << 8);
}

void nmi_unmask(void)
{
	run_on(mach.vcpus_n, nmi_unmask_job, NULL);
}

static uint32_t nmis_of_all(void)
{
	uint32_t least = ~0u;

	for (uint32_t v = 0; v < mach.vcpus_n; v++) {
		uint32_t n = *(const volatile uint32_t *)&mach.vcpu[v]->counts[NMI];

		least = n < least ? n : least;
	}
	return least;
}

/* A processor keeps two of them at most: who sends more waits until it reads here that all have taken the last. */
static void nmi_job(uint32_t me, void *arg)
{
	uint64_t *want = arg;
	uint32_t said = 0, n;

	for (uint64_t end = tsc() + us_ticks(60000000); (n = nmis_of_all()) < *want && tsc() < end; relax())
		if (me == 0 && n > said) {
			said = n;
			print("NMI-%u-TAKEN\n", n);
		}
}

static void nmi_run(const char *name)
{
	uint64_t want = option_u64("nmis", 1);

	if (!outside(name))
		return;
	nmi_unmask();
	print("NMIS WANTED\n");
	run_on(mach.vcpus_n, nmi_job, &want);
	for (uint32_t v = 0; v < mach.vcpus_n; v++)
		if (mach.vcpu[v]->counts[NMI] < want) {
			test_fail(name, "vCPU %u took %u NMIs of %lu", v, mach.vcpu[v]->counts[NMI], want);
			return;
		}
	test_pass(name);
}

/* ---- reset: RAM keeps its contents, everything begins anew ---- */

static void dirty_job(uint32_t me, void *arg)
{
	(void)me;
	(void)arg;
	timer_begin(0x62); // a timer that must not fire after the reset
	timer_after(20000);
	sys_call(SYS_WRMSR, 0xc0000102, 0x1234567890ul);
}

static void reset_by_port(uint32_t me, void *arg)
{
	(void)me;
	(void)arg;
	sys_call(SYS_OUT, 0xcf9, 6 | 1ull << 32);
	test_fail("reset", "the processor that reset the machine went on");
}

static void reset_run(const char *name)
{
	volatile uint64_t *page = page_alloc(mach.nodes_n - 1, 1);
	uint32_t by = vcpu_far();

	if (!outside(name))
		return;
	for (uint32_t v = 0; v < mach.vcpus_n; v++)
		if (sys_call(SYS_RDMSR, 0xc0000102, 0) == 0x1234567890ul) {
			test_fail(name, "an MSR of vCPU %u outlived the reset", v);
			return;
		}
	if (*page == MAGIC + option_u64("resets", 1)) {
		test_pass(name);
		return;
	}
	if (*page < MAGIC || *page > MAGIC + 1000)
		*page = MAGIC;
	*page += 1;
	print("RESET %lu\n", *page - MAGIC);
	run_on(mach.vcpus_n, dirty_job, NULL);
	run_one(*page & 1 ? by : 0, reset_by_port, NULL); // by the first vCPU of another host, then by vCPU 0
}

/* ---- stops: work until an NMI comes whose result tells, and a clock that must not go back ---- */

struct work {
	volatile uint64_t *shared[PAGES];
	uint64_t sum[VCPUS_MAX], rounds[VCPUS_MAX], worst[VCPUS_MAX], back[VCPUS_MAX];
	uint64_t until;
	volatile uint64_t over;
};

static void stops_job(uint32_t me, void *arg)
{
	struct work *w = arg;
	uint64_t seed = me + 1, last = tsc();

	while (last < w->until && !w->over) {
		uint64_t now, add = rnd(&seed) & 0xffff;

		__atomic_fetch_add(w->shared[rnd(&seed) % PAGES], add, __ATOMIC_SEQ_CST);
		w->sum[me] += add;
		w->rounds[me]++;
		now = tsc();
		if (now < last)
			w->back[me]++;
		else if (now - last > w->worst[me])
			w->worst[me] = now - last;
		last = now;
		if (me == 0 && mach.vcpu[0]->counts[NMI])
			w->over = 1;
	}
}

static void stops_run(const char *name)
{
	struct work *w = page_alloc(0, (sizeof(*w) + PAGE - 1) / PAGE);
	uint64_t want = 0, got = 0, worst = 0, back = 0, rounds = 0;

	if (!outside(name))
		return;
	for (unsigned i = 0; i < PAGES; i++) {
		w->shared[i] = page_alloc(i % mach.nodes_n, 1);
		*w->shared[i] = 0;
	}
	for (uint32_t v = 0; v < mach.vcpus_n; v++) // memory outlives a reset
		w->sum[v] = w->rounds[v] = w->worst[v] = w->back[v] = 0;
	w->until = tsc() + us_ticks(option_u64("ms", 80000) * 1000);
	w->over = 0;
	nmi_unmask();
	print("STOPS WANTED\n");
	run_on(mach.vcpus_n, stops_job, w);
	for (unsigned i = 0; i < PAGES; i++)
		got += *w->shared[i];
	for (uint32_t v = 0; v < mach.vcpus_n; v++) {
		want += w->sum[v];
		back += w->back[v];
		rounds += w->rounds[v];
		worst = w->worst[v] > worst ? w->worst[v] : worst;
	}
	print("stops: %lu additions, clock back %lu times, largest step %lu us\n", rounds, back,
	      ticks_ns(worst) / 1000);
	if (got != want)
		test_fail(name, "the sum of the shared words is %lx, not %lx", got, want);
	else if (back)
		test_fail(name, "the clock went back %lu times", back);
	else if (!w->over)
		test_fail(name, "nobody outside said that it is over");
	else
		test_pass(name);
}

/* ---- power: the button, a level interrupt, on each vCPU in turn, asleep and awake ---- */

#define SCI_PIN  9u
#define LEVEL    0x8000u
#define MASKED   0x10000u
#define PRESS_MS 20000u

struct press {
	uint64_t want; // of this vCPU's count
	bool asleep;
};

static void power_job(uint32_t me, void *arg)
{
	struct press *p = arg;
	const volatile uint32_t *count = &mach.vcpu[me]->counts[POWER_VECTOR];
	const volatile uint64_t *both = (const void *)(count - 1); // words are aligned: POWER_VECTOR is odd
	uint64_t had = *both, end = tsc() + us_ticks(PRESS_MS * 1000);

	while (*count < p->want && tsc() < end)
		if (p->asleep)
			sys_call(SYS_IDLE, (uint64_t)both, had);
		else
			relax();
}

static void power_run(const char *name)
{
	uint32_t presses = (uint32_t)option_u64("presses", 1), taken = 0;

	if (!outside(name))
		return;
	sys_call(SYS_OUT, PM1_ENABLE, PM1_POWER | 2ull << 32);
	for (uint32_t i = 0; i < presses; i++) {
		uint32_t v = i % mach.vcpus_n;
		struct press p = {mach.vcpu[v]->counts[POWER_VECTOR] + 1, i / mach.vcpus_n % 2 == 0};

		ioapic_write(0x11 + 2 * SCI_PIN, mach.apic[v] << 24);
		ioapic_write(0x10 + 2 * SCI_PIN, POWER_VECTOR | LEVEL);
		if (v)
			run_begin(v, power_job, &p);
		print("PRESS %u?\n", i);
		if (v)
			run_end(v);
		else
			power_job(0, &p);
		ioapic_write(0x10 + 2 * SCI_PIN, POWER_VECTOR | LEVEL | MASKED);
		if (mach.vcpu[v]->counts[POWER_VECTOR] != p.want) {
			test_fail(name, "vCPU %u, %s: press %u did not come", v, p.asleep ? "asleep" : "awake", i);
			return;
		}
	}
	for (uint32_t v = 0; v < mach.vcpus_n; v++)
		taken += mach.vcpu[v]->counts[POWER_VECTOR];
	if (taken != presses)
		test_fail(name, "%u interrupts of %u presses", taken, presses);
	else
		test_pass(name);
}

/* ---- panic: tells the device that reports it ---- */

static void panic_run(const char *name)
{
	uint64_t can = sys_call(SYS_IN, 0x505, 1) & 255;

	if (can == 0xff) {
		test_skip(name, "no panic device");
		return;
	}
	sys_call(SYS_OUT, 0x505, 1 | 1ull << 32);
	if (can & 1)
		test_pass(name);
	else
		test_fail(name, "the panic device offers %lx", can);
}

const struct test drive_tests[] = {{"nmi", nmi_run},     {"reset", reset_run}, {"stops", stops_run},
				   {"power", power_run}, {"panic", panic_run}, {NULL, NULL}};
