// SPDX-License-Identifier: Apache-2.0
/* Interrupts between vCPUs, timers, the I/O APIC, ports from every vCPU, and the clock all of them
 * share. */
#include "guest-tools/micro/micro.h"

#define FIXED        0x50u // + sender
#define BROADCAST    0x60u
#define TIMER        0x62u
#define EDGE         0x70u
#define NMI_ICR      0x400u
#define LOGICAL      0x800u
#define SELF         0x40000u
#define ALL          0x80000u
#define ALL_BUT_SELF 0xc0000u
#define WAIT_MS      20000u // a hang: a busy machine takes long
#define TIMER_ROUNDS 200u

static uint64_t wrong;

bool counted(uint32_t v, uint32_t vector, uint32_t want)
{
	const volatile uint32_t *c = &mach.vcpu[v]->counts[vector];

	for (uint64_t end = tsc() + us_ticks(WAIT_MS * 1000); *c != want; relax())
		if (tsc() > end) {
			wrong++;
			return false;
		}
	return true;
}

struct pair {
	uint32_t to, icr, vector, n;
	uint64_t took, bad;
};

/* n interrupts one after the other, each waited for; the exact count is checked. */
static void ipi_pair_job(uint32_t me, void *arg)
{
	struct pair *p = arg;
	uint32_t had = mach.vcpu[p->to]->counts[p->vector], dest = mach.apic[p->to];
	uint64_t t = tsc();

	(void)me;
	if (p->icr & LOGICAL)
		dest = apic_logical(p->to);
	for (uint32_t i = 1; i <= p->n && !p->bad; i++) {
		ipi_send(dest, p->icr | (p->icr & NMI_ICR ? 0 : p->vector));
		p->bad = counted(p->to, p->vector, had + i) ? 0 : i;
	}
	p->took = tsc() - t;
}

static void spin_job(uint32_t me, void *arg)
{
	const volatile uint64_t *stop = arg;

	(void)me;
	while (!*stop)
		relax();
}

static void ipi_pairs(const char *kind, uint32_t icr, uint32_t vector, uint32_t n)
{
	uint64_t near = 0, far = 0;
	uint32_t near_n = 0, far_n = 0;

	for (uint32_t a = 0; a < mach.vcpus_n; a++)
		for (uint32_t b = 0; b < mach.vcpus_n; b++) {
			struct pair p = {.to = b, .icr = icr, .vector = vector, .n = n};

			bool spin = (icr & NMI_ICR) && a != b && b;
			volatile uint64_t stop = 0;

			// an NMI that ends a HLT at CPL 0 stays masked on the local KVM: take it at
			// CPL 3
			if (spin)
				run_begin(b, spin_job, (void *)&stop);
			run_one(a, ipi_pair_job, &p);
			stop = 1;
			if (spin)
				run_end(b);
			if (p.bad)
				print("ipi %s from %u to %u: number %lu lost\n", kind, a, b, p.bad);
			if (a != b && mach.node[a] != mach.node[b])
				far += p.took, far_n += p.n;
			else if (a != b)
				near += p.took, near_n += p.n;
		}
	print("ipi %s seen after us: same node %lu, other node %lu\n", kind,
	      near_n ? ticks_ns(near / near_n) / 1000 : 0, far_n ? ticks_ns(far / far_n) / 1000 : 0);
	if (far_n && icr == 0)
		result(bsp_vcpu.eoi ? "ipi_guest_xapic" : "ipi_guest", ticks_ns(far / far_n), "us");
}

static void broadcast_job(uint32_t me, void *arg)
{
	uint32_t icr = *(uint32_t *)arg, had[VCPUS_MAX];

	for (unsigned i = 0; i < 20 && !wrong; i++) {
		for (uint32_t v = 0; v < mach.vcpus_n; v++)
			had[v] = mach.vcpu[v]->counts[BROADCAST];
		ipi_send(0, icr | BROADCAST);
		for (uint32_t v = 0; v < mach.vcpus_n; v++)
			if (icr == ALL || v != me)
				counted(v, BROADCAST, had[v] + 1);
			else if (mach.vcpu[v]->counts[BROADCAST] != had[v])
				wrong++;
	}
}

uint64_t ipi_all(uint32_t n)
{
	static uint32_t all = ALL, others = ALL_BUT_SELF;
	uint32_t self = bsp_vcpu.counts[FIXED];

	wrong = 0;
	ipi_pairs("fixed", 0, FIXED, n);
	ipi_pairs("nmi", NMI_ICR, 2, n);
	ipi_pairs("logical", LOGICAL, FIXED + 1, n);
	for (uint32_t v = 0; v < mach.vcpus_n; v++) {
		run_one(v, broadcast_job, &all);
		run_one(v, broadcast_job, &others);
	}
	self = bsp_vcpu.counts[FIXED];
	ipi_send(0, SELF | FIXED);
	counted(0, FIXED, self + 1);
	if (!bsp_vcpu.eoi) { // x2APIC mode has a register for it, too
		sys_call(SYS_WRMSR, 0x83f, FIXED);
		counted(0, FIXED, self + 2);
	}
	return wrong;
}

static void ipi_run(const char *name)
{
	if (ipi_all(50))
		test_fail(name, "%lu interrupts lost or surplus", wrong);
	else
		test_pass(name);
}

void timer_begin(uint32_t vector)
{
	apic_write(0x3e, 0xb); // counts at the input clock
	apic_write(0x32, vector | (mach.tsc_deadline ? 2 << 17 : 0));
}

void timer_after(uint64_t us)
{
	if (mach.tsc_deadline)
		sys_call(SYS_WRMSR, 0x6e0, tsc() + us_ticks(us));
	else
		apic_write(0x38, us * mach.apic_khz / 1000);
}

/* What an interrupt of the timer costs: set for the next microsecond, waited for, again and again. */
static void timer_cost_job(uint32_t me, void *arg)
{
	uint32_t n = mach.vcpu[me]->counts[TIMER];
	uint64_t t = tsc();

	timer_begin(TIMER);
	for (unsigned i = 0; i < TIMER_ROUNDS && !wrong; i++) {
		timer_after(1);
		counted(me, TIMER, ++n);
	}
	*(uint64_t *)arg += tsc() - t;
}

/* Every vCPU: one interrupt at a given time (spinning and asleep), one shot, periodic. */
static void timer_job(uint32_t me, void *arg)
{
	struct vcpu *c = mach.vcpu[me];
	uint64_t *late = arg;
	uint32_t n = c->counts[TIMER];

	timer_begin(TIMER);
	for (unsigned i = 0; i < 20 && !wrong; i++) {
		const volatile uint64_t *both = (const void *)&c->counts[TIMER & ~1u];
		uint64_t had = *both, due = tsc() + us_ticks(300);

		timer_after(300);
		if (i & 1) // asleep, unless it has come already
			sys_call(SYS_IDLE, (uint64_t)both, had);
		if (!counted(me, TIMER, ++n))
			return;
		if (tsc() < due)
			wrong++; // early
		*late += tsc() - due;
	}
	apic_write(0x3e, 0xb);
	apic_write(0x32, TIMER);
	apic_write(0x38, 100000);
	counted(me, TIMER, ++n);
	apic_write(0x32, TIMER | 1 << 17);
	apic_write(0x38, 1000000);
	for (uint64_t end = tsc() + us_ticks(WAIT_MS * 1000); c->counts[TIMER] - n < 5; relax())
		if (tsc() > end) {
			wrong++;
			break;
		}
	apic_write(0x32, TIMER | 1 << 16);
	apic_write(0x38, 0);
}

static void timer_run(const char *name)
{
	uint64_t late = 0, cost = 0;

	if (option("notimer")) {
		test_skip(name, "this runner has no timer");
		return;
	}
	wrong = 0;
	for (uint32_t v = 0; v < mach.vcpus_n && !wrong; v++)
		run_one(v, timer_job, &late);
	for (uint32_t v = 0; v < mach.vcpus_n && !wrong; v++)
		run_one(v, timer_cost_job, &cost);
	if (wrong) {
		test_fail(name, "an interrupt was lost or early");
		return;
	}
	print("timer by %s\n", mach.tsc_deadline ? "TSC deadline" : "one-shot count");
	result("timer_guest", ticks_ns(cost / TIMER_ROUNDS / mach.vcpus_n), "us");
	result("timer_late_guest", ticks_ns(late / 20 / mach.vcpus_n), "us");
	test_pass(name);
}

void ioapic_write(uint32_t reg, uint32_t v)
{
	*(volatile uint32_t *)0xfec00000 = reg;
	*(volatile uint32_t *)0xfec00010 = v;
}

/* The serial port's "transmitter empty" interrupt, edge and level, to every vCPU. */
static void ioapic_run(const char *name)
{
	*(volatile uint32_t *)0xfec00000 = 1;
	if (*(volatile uint32_t *)0xfec00010 == ~0u) {
		test_skip(name, "no I/O APIC");
		return;
	}
	wrong = 0;
	sys_call(SYS_OUT, 0x3fc, 0xb | 1ull << 32);
	for (uint32_t v = 0; v < mach.vcpus_n; v++)
		for (unsigned level = 0; level < 2; level++) {
			uint32_t vector = level ? LEVEL_VECTOR : EDGE;

			ioapic_write(0x11 + 2 * 4, mach.apic[v] << 24);
			ioapic_write(0x10 + 2 * 4, vector | level << 15);
			for (unsigned i = 0; i < 10; i++) {
				uint32_t had = mach.vcpu[v]->counts[vector];

				sys_call(SYS_OUT, 0x3f9, 2 | 1ull << 32);
				if (!counted(v, vector, had + 1)) {
					print("ioapic: vcpu %u %s: had %u, has %u\n", v, level ? "level" : "edge", had,
					      mach.vcpu[v]->counts[vector]);
					break;
				}
				sys_call(SYS_OUT, 0x3f9, 0 | 1ull << 32);
				sys_call(SYS_IN, 0x3fa, 1);
			}
			ioapic_write(0x10 + 2 * 4, 1 << 16);
		}
	if (wrong)
		test_fail(name, "%lu interrupts lost or surplus", wrong);
	else
		test_pass(name);
}

/* The serial port's scratch register from every vCPU, all at once for the reads. */
static void port_job(uint32_t me, void *arg)
{
	uint64_t *took = arg, t = tsc();

	for (unsigned i = 0; i < 100; i++) {
		uint8_t v = (uint8_t)(me * 37 + i);

		sys_call(SYS_OUT, 0x3ff, v | 1ull << 32);
		if ((sys_call(SYS_IN, 0x3ff, 1) & 255) != v)
			wrong++;
	}
	took[me] = tsc() - t;
}

static void port_crowd_job(uint32_t me, void *arg)
{
	(void)me;
	for (unsigned i = 0; i < 200; i++)
		if ((sys_call(SYS_IN, 0x3ff, 1) & 255) != *(uint8_t *)arg)
			__atomic_fetch_add(&wrong, 1, __ATOMIC_SEQ_CST);
}

static void port_run(const char *name)
{
	static uint64_t took[VCPUS_MAX];
	static uint8_t value = 0x5a;
	uint32_t far = vcpu_far();

	wrong = 0;
	for (uint32_t v = 0; v < mach.vcpus_n; v++)
		run_one(v, port_job, took);
	sys_call(SYS_OUT, 0x3ff, value | 1ull << 32);
	run_on(mach.vcpus_n, port_crowd_job, &value);
	result("port_io_guest_local", ticks_ns(took[0] / 200), "us");
	if (far)
		result("port_io_guest_remote", ticks_ns(took[far] / 200), "us");
	if (wrong)
		test_fail(name, "%lu wrong values", wrong);
	else
		test_pass(name);
}

/*
 * A write to a port is over before the processor goes on. The writer is far from the port, the reader near: a flag
 * stored after the write shows that it is done (message passing), and of a write followed by a load and a store
 * followed by a read of the port one sees the other (store buffering).
 */
struct order {
	volatile uint64_t *flag, *answer; // on pages of their own
	uint64_t rounds, passed, buffered;
};

static void order_writer(uint32_t me, void *arg)
{
	struct order *o = arg;

	(void)me;
	for (uint64_t i = 1; i <= o->rounds; i++) {
		sys_call(SYS_OUT, 0x3ff, (i & 255) | 1ull << 32);
		if (i & 1) {
			*o->flag = i;
			if (!wait_word(o->answer, i, WAIT_MS))
				return;
			continue;
		}
		uint64_t saw = *o->answer; // did the reader's store come before?

		fence();
		*o->flag = i << 1 | (saw == i);
		for (uint64_t end = tsc() + us_ticks(WAIT_MS * 1000); *o->answer != ~i; relax())
			if (tsc() > end)
				return;
		*o->answer = i;
	}
}

static uint8_t port_now(void)
{
	return (uint8_t)sys_call(SYS_IN, 0x3ff, 1);
}

static void order_reader(struct order *o)
{
	for (uint64_t i = 1; i <= o->rounds; i++) {
		if (i & 1) {
			if (!wait_word(o->flag, i, WAIT_MS)) {
				wrong++;
				return;
			}
			if (port_now() != (i & 255))
				o->passed++;
			*o->answer = i;
			continue;
		}
		*o->answer = i;
		fence();
		uint8_t port = port_now();

		if (!wait_word(o->flag, i << 1, WAIT_MS)) {
			wrong++;
			return;
		}
		if (port != (i & 255) && !(*o->flag & 1))
			o->buffered++;
		*o->flag = 0;
		*o->answer = ~i;
		for (uint64_t end = tsc() + us_ticks(WAIT_MS * 1000); *o->answer != i; relax())
			if (tsc() > end) {
				wrong++;
				return;
			}
	}
}

static void order_run(const char *name)
{
	uint32_t far = vcpu_far();

	wrong = 0;
	if (mach.vcpus_n < 2) {
		test_skip(name, "one vCPU");
		return;
	}
	for (unsigned home = 0; home < mach.nodes_n && !wrong; home++) {
		struct order o = {.flag = page_alloc(home, 1),
				  .answer = page_alloc(mach.nodes_n - 1 - home, 1),
				  .rounds = option_u64("rounds", 2000) / 10};

		*o.flag = *o.answer = 0;
		run_begin(far ? far : 1, order_writer, &o);
		order_reader(&o);
		run_end(far ? far : 1);
		if (o.passed || o.buffered) {
			test_fail(name, "home %u: %lu writes were seen after a later store, %lu after a later load",
				  home, o.passed, o.buffered);
			return;
		}
	}
	if (wrong)
		test_fail(name, "the other vCPU did not answer");
	else
		test_pass(name);
}

/* Each vCPU in turn sends the time it read to the next, which must not have read an earlier one
 * after that. */
struct relay {
	volatile uint64_t turn, time;
	uint64_t back, worst, hops, least; // after the time given (ms=) so many are enough
	uint64_t done;
};
#define RELAY_OVER (~0ull - 1) // turns: done enough, and hangs
#define RELAY_HANG (~0ull)

static void clock_job(uint32_t me, void *arg)
{
	struct relay *r = arg;
	uint64_t last = 0, end = tsc() + us_ticks(option_u64("ms", 20000) * 1000);

	for (uint64_t hop = me; hop < r->hops; hop += mach.vcpus_n) {
		for (uint64_t hang = tsc() + us_ticks(WAIT_MS * 1000); r->turn != hop; relax()) {
			if (r->turn >= RELAY_OVER)
				return;
			if (tsc() > hang) {
				r->turn = RELAY_HANG;
				return;
			}
		}
		if (hop >= r->least && tsc() > end) {
			r->turn = RELAY_OVER;
			return;
		}
		uint64_t sent = r->time, now = tsc();

		if (now < sent || now < last) {
			r->back++;
			if (now < sent && sent - now > r->worst)
				r->worst = sent - now;
		}
		last = now;
		r->done = hop + 1;
		r->time = tsc();
		r->turn = hop + 1;
	}
}

static void clock_run(const char *name)
{
	struct relay *r = page_alloc(mach.nodes_n - 1, 1);

	*r = (struct relay){.hops = option_u64("hops", 20000)};
	r->least = r->hops / 20;
	run_on(mach.vcpus_n, clock_job, r);
	print("clock hops %lu back_steps %lu worst_ticks %lu\n", r->done, r->back, r->worst);
	if (r->back)
		test_fail(name, "the clock went back %lu times, by up to %lu ticks", r->back, r->worst);
	else if (r->turn == RELAY_HANG || r->done < r->least)
		test_fail(name, "the relay stopped after %lu hops", r->done);
	else
		test_pass(name);
}

const struct test irq_tests[] = {{"ipi", ipi_run},   {"timer", timer_run},     {"ioapic", ioapic_run},
				 {"port", port_run}, {"portorder", order_run}, {"clock", clock_run},
				 {NULL, NULL}};
