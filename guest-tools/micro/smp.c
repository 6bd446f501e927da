// SPDX-License-Identifier: Apache-2.0
/* Brings the other vCPUs up, gives them jobs, and lets a test's vCPUs meet. */
#include "guest-tools/micro/micro.h"

#define ICR      0x30u
#define ICR_INIT 0x4500u
#define ICR_SIPI 0x4600u
#define WAIT_US  60000000ul // a vCPU that is not heard of for this long has failed the run

/* One page each way for every vCPU, so that waiting for one doesn't disturb another. */
struct job {
	volatile uint64_t gen;
	job_fn *fn;
	void *arg;
} __attribute__((aligned(4096)));
struct job_done {
	volatile uint64_t gen;
} __attribute__((aligned(4096)));

static struct job job[VCPUS_MAX];
static struct job_done done[VCPUS_MAX];
static uint64_t ap_pml4[VCPUS_MAX][512] __attribute__((aligned(4096)));
extern uint64_t boot_pml4[512], tramp_cr3, tramp_vcpu;
extern uint8_t trampoline[], trampoline_end[];
void vcpu_tables(struct vcpu *v);

void ipi_send(uint32_t apic, uint32_t icr_low)
{
	apic_write(ICR, (uint64_t)apic << 32 | icr_low);
}

/* Where every vCPU but the first lives: waits for jobs, asleep after a short while. */
static void ap_main(struct vcpu *v)
{
	struct job *j = &job[v->index];

	apic_begin();
	for (uint64_t gen = 0;;) {
		done[v->index].gen = gen;
		for (uint64_t end = tsc() + us_ticks(10); j->gen == gen && tsc() < end;)
			relax();
		while (j->gen == gen)
			sys_call(SYS_IDLE, (uint64_t)&j->gen, gen);
		gen = j->gen;
		j->fn(v->index, j->arg);
	}
}

static _Noreturn void give_up(const char *what, uint32_t v)
{
	test_fail(what, "vcpu %u did not answer in %lu s", v, WAIT_US / 1000000);
	power_off();
}

void run_begin(uint32_t v, job_fn *fn, void *arg)
{
	job[v].fn = fn;
	job[v].arg = arg;
	barrier();
	job[v].gen++;
	ipi_send(mach.apic[v], WAKE_VECTOR);
}

void run_end(uint32_t v)
{
	uint64_t end = tsc() + us_ticks(WAIT_US);

	while (done[v].gen != job[v].gen) {
		relax();
		if (tsc() > end)
			give_up("job", v);
	}
}

void run_on(uint32_t n, job_fn *fn, void *arg)
{
	for (uint32_t v = 1; v < n; v++)
		run_begin(v, fn, arg);
	fn(0, arg);
	for (uint32_t v = 1; v < n; v++)
		run_end(v);
}

void run_one(uint32_t v, job_fn *fn, void *arg)
{
	if (v == 0) {
		fn(0, arg);
		return;
	}
	run_begin(v, fn, arg);
	run_end(v);
}

static void copy_words(uint64_t *to, const uint64_t *from, unsigned n)
{
	while (n--)
		*(volatile uint64_t *)to++ = *from++;
}

/* A vCPU's own copy of the page tables, in its node's memory: walks stay local. */
static uint64_t tables_copy(uint32_t v)
{
	uint64_t *pdpt = page_alloc(mach.node[v], 1), *pds = page_alloc(mach.node[v], MAP_GIB);
	const uint64_t *from = (const uint64_t *)(boot_pml4[0] & -(uint64_t)PAGE);

	for (unsigned i = 0; i < MAP_GIB; i++) {
		copy_words(pds + 512 * i, (const uint64_t *)(from[i] & -(uint64_t)PAGE), 512);
		pdpt[i] = (uint64_t)(pds + 512 * i) | 0x67;
	}
	ap_pml4[v][0] = (uint64_t)pdpt | 0x67;
	return (uint64_t)ap_pml4[v];
}

static void ap_start(uint32_t v)
{
	struct vcpu *c = page_alloc(mach.node[v], 3); // two pages, aligned to two
	uint8_t *stack = page_alloc(mach.node[v], 4);
	uint64_t at, end = tsc() + us_ticks(WAIT_US);

	c = (void *)(((uint64_t)c + PAGE) & -(uint64_t)VCPU_BYTES);
	c->index = v;
	c->apic = mach.apic[v];
	c->node = mach.node[v];
	c->user_ip = (uint64_t)ap_main;
	c->user_sp = (uint64_t)stack + 4 * PAGE - 8;
	vcpu_tables(c);
	mach.vcpu[v] = c;
	tramp_cr3 = tables_copy(v);
	tramp_vcpu = (uint64_t)c;
	copy_words((uint64_t *)TRAMPOLINE, (const uint64_t *)trampoline,
		   (unsigned)(trampoline_end - trampoline + 7) / 8);
	done[v].gen = ~0ull;
	ipi_send(mach.apic[v], ICR_INIT);
	wait_until(tsc() + us_ticks(200));
	ipi_send(mach.apic[v], ICR_SIPI | TRAMPOLINE >> 12);
	at = tsc();
	for (; done[v].gen == ~0ull; relax())
		if (tsc() > end)
			give_up("smp", v);
	print("vcpu %u apic %u node %u up after %lu us\n", v, mach.apic[v], mach.node[v], ticks_ns(tsc() - at) / 1000);
}

void smp_start(void)
{
	mach.vcpu[0] = &bsp_vcpu;
	bsp_vcpu.apic = mach.apic[0];
	bsp_vcpu.node = mach.node[0];
	for (uint32_t v = 1; v < mach.vcpus_n; v++)
		ap_start(v);
	page_keep();
}

uint32_t smp_add(uint32_t apic, uint32_t node)
{
	uint32_t v = 0;

	while (v < mach.vcpus_n && mach.apic[v] != apic)
		v++;
	if (v == VCPUS_MAX) {
		print("FAIL smp: more than %u vCPUs\n", VCPUS_MAX);
		power_off();
	}
	mach.apic[v] = apic;
	mach.node[v] = node;
	mach.vcpus_n += v == mach.vcpus_n;
	job[v].gen = 0; // it begins anew, also if it has been here before
	ap_start(v);
	page_keep();
	return v;
}

void meet_init(struct meet *m, uint32_t n)
{
	m->n = n;
	m->margin = us_ticks(100);
	for (uint32_t v = 0; v < n; v++) {
		m->seat[v] = page_alloc(mach.node[v], 1);
		m->seat[v]->gen = m->seat[v]->start = m->seat[v]->late = m->seat[v]->word = 0;
	}
}

static void meet_wait(const struct meet *m, uint32_t v, uint64_t gen)
{
	uint64_t end = tsc() + us_ticks(WAIT_US);

	while (m->seat[v]->gen < gen) {
		relax();
		if (tsc() > end)
			give_up("meet", v);
	}
}

static uint64_t meet_lead(struct meet *m, uint64_t gen, bool stop)
{
	struct meet_seat *mine = m->seat[0];
	uint64_t late = 0;

	for (uint32_t v = 1; v < m->n; v++) {
		meet_wait(m, v, gen);
		if (m->seat[v]->late > late)
			late = m->seat[v]->late;
	}
	m->margin -= m->margin / 64;
	if (late)
		m->margin += late / 2 + us_ticks(10);
	if (m->margin > us_ticks(2000))
		m->margin = us_ticks(2000);
	mine->start = stop ? 0 : tsc() + m->margin;
	barrier();
	mine->gen = gen;
	return mine->start;
}

uint64_t meet_at(struct meet *m, uint32_t me, uint64_t gen, bool stop)
{
	struct meet_seat *mine = m->seat[me];
	uint64_t start, now;

	if (me == 0)
		return meet_lead(m, gen, stop);
	mine->gen = gen;
	meet_wait(m, 0, gen);
	start = m->seat[0]->start;
	now = tsc();
	mine->late = now > start ? now - start : 0;
	return start;
}
