// SPDX-License-Identifier: Apache-2.0
/*
 * CPUs and memory that come while the guest runs, and CPUs that go: by the registers that ACPI's methods use
 * (vmm/chip/cpuplug.h, memplug.h), looked at instead of waited for. A CPU that comes is started and works; memory that
 * comes is zero, is written by one CPU and read by another, and is given up again. It is driven from outside, as
 * drive.c's tests are.
 */
#include "guest-tools/micro/micro.h"

#define CPU_SELECTOR 0xcd8u
#define CPU_FLAGS    0xcdcu
#define CPU_COMMAND  0xcddu
#define CPU_DATA     0xce0u
#define MEM_PORT     0xa00u
#define MEM_FLAGS    0xa14u
#define MEM_SLOTS    64u
#define ENABLED      1u
#define INSERT       2u
#define REMOVE       4u
#define EJECT        8u
#define NEXT         0u // commands
#define OST_EVENT    1u
#define OST_STATUS   2u
#define ARCH_ID      3u
#define CHECK        1u // what a word is about: something came
#define EJECTING     3u // ... is to go
#define BUSY         0x82u
#define IN_PROGRESS  0x84u
#define WAIT_MS      60000u      // for all of a round to come or go, unless ms= says otherwise
#define PATCH        (4ul << 20) // a job is that much memory: one that takes long is told from one that hangs
#define ROUNDS_N     64u

struct grown {
	uint32_t cpus, mib; // wanted
	uint32_t cpus_came, mib_came;
	uint64_t sum;
	const char *wrong;
};

static uint32_t in(uint32_t port, uint32_t width)
{
	return (uint32_t)sys_call(SYS_IN, port, width);
}

static void out(uint32_t port, uint32_t v, uint32_t width)
{
	sys_call(SYS_OUT, port, v | (uint64_t)width << 32);
}

static uint32_t cpu_next(void)
{
	out(CPU_COMMAND, NEXT, 1);
	return in(CPU_DATA, 4);
}

static void cpu_word(uint32_t event, uint32_t status)
{
	out(CPU_COMMAND, OST_EVENT, 1);
	out(CPU_DATA, event, 4);
	out(CPU_COMMAND, OST_STATUS, 1);
	out(CPU_DATA, status, 4);
}

static void count_job(uint32_t me, void *arg)
{
	struct grown *g = arg;

	(void)me;
	for (uint64_t i = 1; i <= 1000; i++)
		g->sum += i;
}

/* Who has come so far works together with all others: each adds to one word, and none of it is lost. */
struct together {
	volatile uint64_t sum;
	uint64_t times;
};

static void add_job(uint32_t me, void *arg)
{
	struct together *t = arg;

	for (uint64_t i = 0; i < t->times; i++)
		__atomic_fetch_add(&t->sum, me + 1, __ATOMIC_SEQ_CST);
}

static void work_together(struct grown *g)
{
	static struct together t __attribute__((aligned(4096)));
	uint64_t n = mach.vcpus_n;

	t = (struct together){.times = option_u64("together", 0)};
	run_on(mach.vcpus_n, add_job, &t);
	if (t.sum != n * (n + 1) / 2 * t.times)
		g->wrong = "CPUs that work together lose something";
	else if (t.times)
		print("TOGETHER %u\n", mach.vcpus_n);
}

/* The one that has the event; its number and its APIC id. False: there is none. */
static bool take_cpu(uint32_t flag, uint32_t *number, uint32_t *apic)
{
	*number = cpu_next();
	if (!(in(CPU_FLAGS, 1) & flag))
		return false;
	out(CPU_FLAGS, flag, 1);
	out(CPU_COMMAND, ARCH_ID, 1);
	*apic = in(CPU_DATA, 4);
	return true;
}

static void start(struct grown *g, uint32_t number, uint32_t apic)
{
	uint32_t v = smp_add(apic, 0);

	g->sum = 0;
	run_one(v, count_job, g);
	if (g->sum != 500500)
		g->wrong = "a CPU that came works wrong";
	cpu_word(CHECK, 0);
	g->cpus_came++;
	print("GROWN cpu %u apic %u as vcpu %u\n", number, apic, v);
	work_together(g);
}

/* Every page of [at, end), or one in stride= of them: a word of its own, by one CPU, read by the other. */
struct patch {
	uint64_t at, end, step, wrong;
};

static void write_job(uint32_t me, void *arg)
{
	const struct patch *p = arg;

	(void)me;
	for (uint64_t at = p->at; at < p->end; at += p->step)
		*(volatile uint64_t *)at = at * 0x9e3779b97f4a7c15ull;
}

static void read_job(uint32_t me, void *arg)
{
	struct patch *p = arg;

	(void)me;
	for (uint64_t at = p->at; at < p->end; at += p->step)
		p->wrong += *(volatile uint64_t *)at != at * 0x9e3779b97f4a7c15ull;
}

static void zero_job(uint32_t me, void *arg)
{
	struct patch *p = arg;

	(void)me;
	for (uint64_t at = p->at; at < p->end; at += p->step)
		p->wrong += *(volatile uint64_t *)at != 0;
}

/* By vCPU v, patch by patch. Returns what is wrong. */
static uint64_t each_patch(uint32_t v, job_fn *job, uint64_t from, uint64_t end)
{
	struct patch p = {.step = PAGE * option_u64("stride", 1)};

	for (uint64_t at = from; at < end; at = p.end) {
		p.at = at;
		p.end = end - at < PATCH ? end : at + PATCH;
		run_one(v, job, &p);
	}
	return p.wrong;
}

static void memory_word(uint32_t slot, uint32_t event, uint32_t status)
{
	out(MEM_PORT, slot, 4);
	out(MEM_PORT + 4, event, 4);
	out(MEM_PORT + 8, status, 4);
}

static void take_memory(struct grown *g, uint32_t slot)
{
	uint64_t at = in(MEM_PORT, 4) | (uint64_t)in(MEM_PORT + 4, 4) << 32;
	uint64_t bytes = in(MEM_PORT + 8, 4) | (uint64_t)in(MEM_PORT + 12, 4) << 32;
	uint64_t end = at + bytes, wrong, began = tsc();

	out(MEM_FLAGS, INSERT, 1);
	*(volatile uint64_t *)at = at;
	print("USES memory slot %u\n", slot);
	*(volatile uint64_t *)at = 0;
	wrong = each_patch(0, zero_job, at, end);
	wrong += each_patch(mach.vcpus_n - 1, write_job, at, end);
	wrong += each_patch(0, read_job, at, end);
	if (wrong)
		g->wrong = "memory that came lost what was written to it";
	for (uint64_t word = at + 8; word < end; word += 64ul * PAGE) // the other way round
		*(volatile uint64_t *)word = word;
	g->mib_came += (uint32_t)(bytes >> 20);
	print("GROWN memory slot %u at %lx mib %u node %u wrong %lu after %lu ms\n", slot, at, (uint32_t)(bytes >> 20),
	      in(MEM_PORT + 16, 4), wrong, ticks_ns(tsc() - began) / 1000000);
	memory_word(slot, CHECK, 0);
}

static void look_at_memory(struct grown *g)
{
	for (uint32_t slot = 0; slot < MEM_SLOTS && !g->wrong; slot++) {
		out(MEM_PORT, slot, 4);
		if (in(MEM_FLAGS, 1) & INSERT)
			take_memory(g, slot);
	}
}

/* What nobody asked for stays, CPU 0 before all. */
static void try_ejects(struct grown *g, uint32_t number)
{
	const uint32_t which[2] = {0, number};

	for (uint32_t i = 0; i < 2; i++) {
		out(CPU_SELECTOR, which[i], 4);
		out(CPU_FLAGS, EJECT, 1);
		if (!(in(CPU_FLAGS, 1) & ENABLED))
			g->wrong = "a CPU went that nobody asked for";
	}
	out(MEM_PORT, 0, 4);
	out(MEM_FLAGS, EJECT, 1);
}

/* When what has not come, or not gone, never will. */
static uint64_t too_late(void)
{
	return tsc() + us_ticks(option_u64("ms", WAIT_MS) * 1000ul);
}

static void grow_round(struct grown *g)
{
	uint32_t number, apic;
	uint64_t end = too_late();

	while ((g->cpus_came < g->cpus || g->mib_came < g->mib) && !g->wrong) {
		if (take_cpu(INSERT, &number, &apic)) {
			start(g, number, apic);
			try_ejects(g, number);
		} else if (g->mib_came < g->mib) {
			look_at_memory(g);
		}
		if (tsc() > end)
			g->wrong = "not all came";
		wait_until(tsc() + us_ticks(500));
	}
}

/* One CPU is asked for, and given up as it is, asleep. */
static void shrink_round(struct grown *g)
{
	uint32_t number, apic;
	uint64_t end = too_late();

	while (!take_cpu(REMOVE, &number, &apic)) {
		if (tsc() > end) {
			g->wrong = "no CPU is wanted back";
			return;
		}
		wait_until(tsc() + us_ticks(500));
	}
	out(CPU_FLAGS, EJECT, 1);
	cpu_word(3, 0);
	while (in(CPU_FLAGS, 1) & ENABLED)
		if (tsc() > end) {
			g->wrong = "the CPU does not go";
			return;
		}
	g->cpus_came--;
	print("GIVEN-UP cpu %u apic %u\n", number, apic);
}

static void grow_run(const char *name)
{
	struct grown g = {.cpus = (uint32_t)option_u64("more_cpus", 1), .mib = (uint32_t)option_u64("more_mib", 0)};
	uint64_t rounds = option_u64("rounds", 1);

	if (!option("outside")) {
		test_skip(name, "nobody outside is announced");
		return;
	}
	for (uint32_t n = 0; n < rounds && n < ROUNDS_N && !g.wrong; n++) {
		print("GROW %u?\n", n);
		grow_round(&g);
		if (g.wrong || n + 1 == rounds)
			break;
		print("SHRINK %u?\n", n);
		shrink_round(&g);
	}
	if (g.wrong)
		test_fail(name, "%s: %u CPUs and %u MiB came", g.wrong, g.cpus_came, g.mib_came);
	else
		test_pass(name);
	if (!g.wrong && option("scaling"))
		cpu_scaling();
}

/* ---- memory that goes ---- */

/* The slot that is asked for; MEM_SLOTS: none in time. */
static uint32_t asked_for(struct grown *g)
{
	uint64_t end = too_late();

	while (tsc() < end) {
		for (uint32_t slot = 0; slot < MEM_SLOTS; slot++) {
			out(MEM_PORT, slot, 4);
			if (!(in(MEM_FLAGS, 1) & REMOVE))
				continue;
			out(MEM_FLAGS, REMOVE, 1);
			memory_word(slot, EJECTING, IN_PROGRESS);
			return slot;
		}
		wait_until(tsc() + us_ticks(500));
	}
	g->wrong = "no memory is wanted back";
	return MEM_SLOTS;
}

static void give_up(struct grown *g, uint32_t slot)
{
	uint64_t end = too_late();
	uint64_t at = in(MEM_PORT, 4) | (uint64_t)in(MEM_PORT + 4, 4) << 32;

	out(MEM_FLAGS, EJECT, 1);
	while (in(MEM_FLAGS, 1) & ENABLED)
		if (tsc() > end) {
			g->wrong = "the memory does not go";
			return;
		}
	if (*(volatile uint64_t *)at != ~0ull)
		g->wrong = "something is where memory has gone";
	memory_word(slot, EJECTING, 0);
	print("GIVEN-UP memory slot %u\n", slot);
}

/* Memory comes, is refused to who wants it back in each second round, and goes; in the end some comes once more. */
static void shrink_run(const char *name)
{
	struct grown g = {.cpus = 0, .mib = (uint32_t)option_u64("more_mib", 128)};
	uint64_t rounds = option_u64("rounds", 2);

	if (!option("outside")) {
		test_skip(name, "nobody outside is announced");
		return;
	}
	for (uint32_t n = 0; n < rounds && n < ROUNDS_N && !g.wrong; n++) {
		print("GROW %u?\n", n);
		g.mib_came = 0;
		grow_round(&g);
		if (g.wrong || n + 1 == rounds)
			break;
		print("SHRINK %u?\n", n);
		uint32_t slot = asked_for(&g);
		if (n % 2 && !g.wrong) {
			memory_word(slot, EJECTING, BUSY);
			print("KEPT memory slot %u\n", slot);
			slot = asked_for(&g);
		}
		if (!g.wrong)
			give_up(&g, slot);
	}
	if (g.wrong)
		test_fail(name, "%s: %u MiB came", g.wrong, g.mib_came);
	else
		test_pass(name);
}

const struct test grow_tests[] = {{"grow", grow_run}, {"shrink", shrink_run}, {NULL, NULL}};
