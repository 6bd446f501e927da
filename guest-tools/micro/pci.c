// SPDX-License-Identifier: Apache-2.0
/*
 * PCI and a virtio entropy device, by hand: the buses by ports and by ECAM, BARs sized and moved, then the device's
 * queue with MSI-X, and resets of it under way. A driver of a page, from the specifications: Virtio 1.2, PCI 3.0.
 */
#include "guest-tools/micro/micro.h"

#define ECAM       0xe0000000ull
#define BUS_SLOTS  32u
#define SLOTS      (mach.nodes_n * BUS_SLOTS) // of all buses: a node has one
#define RNG_ID     0x10441af4u
#define VECTOR     0x72u // of the queue
#define WAIT_MS    20000u
#define MAPPED     0xd8000000ull // where the BAR is mapped: no memory there, and no test touches it before
#define LARGE      (2ull << 20)
#define RING       64u
#define BUFFER     256u
#define ROUNDS     50u
#define DESC_WRITE 2u

extern uint64_t boot_pds[];

static uint64_t wrong;

#define EXPECT(cond)                                                  \
	do {                                                          \
		if (!(cond)) {                                        \
			wrong++;                                      \
			print("pci: line %d: %s\n", __LINE__, #cond); \
		}                                                     \
	} while (0)

/* slot: bus * BUS_SLOTS + number, as both ways to it count on. */
static uint32_t port_config(uint32_t slot, uint32_t reg, uint32_t width)
{
	uint32_t mask = width == 4 ? ~0u : (1u << 8 * width) - 1;

	sys_call(SYS_OUT, 0xcf8, (0x80000000u | slot << 11 | (reg & 0xfc)) | 4ull << 32);
	return (uint32_t)sys_call(SYS_IN, 0xcfc + (reg & 3), width) & mask;
}

static volatile void *config_at(uint32_t slot, uint32_t reg)
{
	return (volatile void *)(ECAM + (slot << 15) + reg);
}

static uint32_t get(uint32_t slot, uint32_t reg)
{
	return *(volatile uint32_t *)config_at(slot, reg);
}

static void put(uint32_t slot, uint32_t reg, uint32_t v)
{
	*(volatile uint32_t *)config_at(slot, reg) = v;
}

static uint32_t byte(uint32_t slot, uint32_t reg)
{
	return *(volatile uint8_t *)config_at(slot, reg);
}

static bool there(void)
{
	return get(0, 0) != ~0u;
}

/* The slot of a function with this id; SLOTS: there is none. */
static uint32_t find(uint32_t id)
{
	for (uint32_t s = 0; s < SLOTS; s++)
		if (get(s, 0) == id)
			return s;
	return SLOTS;
}

/* Every vCPU sees the same bus, by both ways. */
static void look_job(uint32_t me, void *arg)
{
	(void)me;
	(void)arg;
	EXPECT(get(0, 8) >> 16 == 0x0600); // a host bridge
	for (uint32_t s = 0; s < SLOTS; s++) {
		for (uint32_t reg = 0; reg < 64; reg += 4)
			EXPECT(get(s, reg) == port_config(s, reg, 4));
		EXPECT(byte(s, 3) == port_config(s, 3, 1));
		EXPECT(*(volatile uint16_t *)config_at(s, 2) == port_config(s, 2, 2));
	}
	EXPECT(*(volatile uint32_t *)(ECAM + (1 << 12)) == ~0u); // a second function
	sys_call(SYS_OUT, 0xcf8, 0x80000000u | 4ull << 32);
	EXPECT((uint32_t)sys_call(SYS_IN, 0xcf8, 4) == 0x80000000u);
}

static void pci_run(const char *name)
{
	wrong = 0;
	if (!there()) {
		test_skip(name, "no PCI here");
		return;
	}
	for (uint32_t v = 0; v < mach.vcpus_n; v++)
		run_one(v, look_job, NULL);
	uint32_t s = find(RNG_ID);

	for (unsigned i = 0; s < SLOTS && i < 6; i++) { // sizes, and what was there is put back
		uint32_t reg = 0x10 + 4 * i, was = get(s, reg);

		put(s, reg, ~0u);
		uint32_t ones = get(s, reg);

		put(s, reg, was);
		EXPECT(get(s, reg) == was);
		EXPECT(i == 0 ? ones == 0xffffc004 : i == 1 ? ones == ~0u : ones == 0);
	}
	if (wrong)
		test_fail(name, "%lu wrong answers", wrong);
	else
		test_pass(name);
}

/* ---- the entropy device ---- */

struct rings { // a page
	struct {
		uint64_t at;
		uint32_t n;
		uint16_t flags, next;
	} desc[RING];
	struct {
		uint16_t flags, idx, ring[RING], event;
	} avail;
	struct {
		uint16_t flags, idx;
		struct {
			uint32_t id, n;
		} ring[RING];
		uint16_t event;
	} used __attribute__((aligned(4)));
};

static struct {
	uint32_t slot;
	uint64_t bar;
	uint8_t *common, *notify, *table;
	volatile struct rings *rings;
	volatile uint8_t *buffer;
} rng;

static uint8_t *at_bar(uint32_t offset)
{
	return (uint8_t *)(MAPPED + rng.bar % LARGE + offset);
}

#define R8(p, o)  (*(volatile uint8_t *)((p) + (o)))
#define R16(p, o) (*(volatile uint16_t *)((p) + (o)))
#define R32(p, o) (*(volatile uint32_t *)((p) + (o)))
#define R64(p, o) (*(volatile uint64_t *)((p) + (o)))

/* Before the other vCPUs run, so that none has to be told of a translation that it knows differently. */
void pci_begin(void)
{
	rng.slot = there() ? find(RNG_ID) : SLOTS;
	if (rng.slot == SLOTS)
		return;
	rng.bar = (get(rng.slot, 0x10) & ~15u) | (uint64_t)get(rng.slot, 0x14) << 32;
	boot_pds[MAPPED / LARGE] = (rng.bar & ~(LARGE - 1)) + 0xe7;
}

/* Decoding on, the structures found. False: something is missing. */
static bool rng_find(void)
{
	uint32_t s = rng.slot;

	put(s, 4, 6);
	rng.common = rng.notify = rng.table = NULL;
	for (uint32_t cap = byte(s, 0x34); cap; cap = byte(s, cap + 1)) {
		uint32_t kind = byte(s, cap + 3);

		if (byte(s, cap) == 0x11) {
			rng.table = at_bar(get(s, cap + 4) & ~7u);
			put(s, cap, (get(s, cap) & 0xffff) | 0x80000000u); // on
		} else if (byte(s, cap) == 9 && kind == 1) {
			rng.common = at_bar(get(s, cap + 8));
		} else if (byte(s, cap) == 9 && kind == 2) {
			rng.notify = at_bar(get(s, cap + 8));
		}
	}
	return rng.bar && rng.common && rng.notify && rng.table;
}

static bool reset(void)
{
	R8(rng.common, 0x14) = 0;
	for (uint64_t end = tsc() + us_ticks(WAIT_MS * 1000); R8(rng.common, 0x14); relax())
		if (tsc() > end)
			return false;
	return true;
}

/* Interrupts of the queue go to vCPU to. */
static void bring_up(uint32_t to, bool event_idx)
{
	for (uint32_t i = 0; i < sizeof(struct rings); i++)
		((volatile uint8_t *)rng.rings)[i] = 0;
	R64(rng.table, 0) = 0xfee00000u | (uint64_t)(mach.apic[to] & 0xff) << 12;
	R32(rng.table, 8) = VECTOR;
	R32(rng.table, 12) = 0;
	R8(rng.common, 0x14) = 1;
	R8(rng.common, 0x14) = 3;
	R32(rng.common, 0) = 1;
	EXPECT(R32(rng.common, 4) & 1); // VERSION_1
	R32(rng.common, 8) = 0;
	R32(rng.common, 0xc) = event_idx ? 1u << 29 : 0;
	R32(rng.common, 8) = 1;
	R32(rng.common, 0xc) = 1;
	R8(rng.common, 0x14) = 11;
	EXPECT(R8(rng.common, 0x14) == 11);
	R16(rng.common, 0x16) = 0;
	EXPECT(R16(rng.common, 0x18) == RING);
	R16(rng.common, 0x1a) = 0;
	EXPECT(R16(rng.common, 0x1a) == 0);
	R64(rng.common, 0x20) = (uint64_t)rng.rings->desc;
	R64(rng.common, 0x28) = (uint64_t)&rng.rings->avail;
	R64(rng.common, 0x30) = (uint64_t)&rng.rings->used;
	R16(rng.common, 0x1c) = 1;
	R8(rng.common, 0x14) = 15;
	EXPECT(R8(rng.common, 0x14) == 15);
}

static void ask(uint32_t i, uint32_t n)
{
	uint32_t slot = i % RING;

	for (uint32_t b = 0; b < n; b++)
		rng.buffer[b] = 0;
	rng.rings->desc[slot].at = (uint64_t)rng.buffer;
	rng.rings->desc[slot].n = n;
	rng.rings->desc[slot].flags = DESC_WRITE;
	rng.rings->avail.ring[slot] = (uint16_t)slot;
	rng.rings->avail.event = (uint16_t)i; // an interrupt for this one
	fence();
	rng.rings->avail.idx = (uint16_t)(i + 1);
	fence();
	R16(rng.notify, 0) = 0;
}

static bool answered(uint32_t i)
{
	for (uint64_t end = tsc() + us_ticks(WAIT_MS * 1000); rng.rings->used.idx != (uint16_t)(i + 1); relax())
		if (tsc() > end)
			return false;
	return true;
}

/* No one of 256 random bytes 16 times: it happens once in 10^13. */
static void judge(uint32_t i)
{
	uint32_t zeroes = 0;

	EXPECT(rng.rings->used.ring[i % RING].id == i % RING);
	EXPECT(rng.rings->used.ring[i % RING].n == BUFFER);
	for (uint32_t b = 0; b < BUFFER; b++)
		zeroes += rng.buffer[b] == 0;
	EXPECT(zeroes < 16);
}

struct life {
	uint32_t to;
	bool event_idx;
};

static void life_job(uint32_t me, void *arg)
{
	const struct life *l = arg;
	const volatile uint32_t *took = &mach.vcpu[l->to]->counts[VECTOR];

	(void)me;
	EXPECT(reset());
	bring_up(l->to, l->event_idx);
	for (uint32_t i = 0; i < 3 && !wrong; i++) {
		uint32_t had = *took;

		ask(i, BUFFER);
		EXPECT(answered(i));
		judge(i);
		EXPECT(counted(l->to, VECTOR, had + 1));
	}
	for (uint32_t i = 3; i < 3 + RING / 2; i++) // and reset with requests under way
		ask(i, BUFFER);
	EXPECT(reset());
	uint16_t idx = rng.rings->used.idx;

	for (uint32_t b = 0; b < BUFFER; b++)
		rng.buffer[b] = 0x5a;
	wait_until(tsc() + us_ticks(200));
	EXPECT(rng.rings->used.idx == idx); // nothing is touched after the reset
	for (uint32_t b = 0; b < BUFFER; b++)
		EXPECT(rng.buffer[b] == 0x5a);
}

/* A ring that can't be: the device says so, and a reset heals it. */
static void broken_job(uint32_t me, void *arg)
{
	(void)me;
	(void)arg;
	EXPECT(reset());
	bring_up(0, false);
	rng.rings->avail.idx = RING + 1;
	fence();
	R16(rng.notify, 0) = 0;
	for (uint64_t end = tsc() + us_ticks(WAIT_MS * 1000); !(R8(rng.common, 0x14) & 64); relax())
		if (tsc() > end) {
			EXPECT(!"NEEDS_RESET");
			break;
		}
}

static void rng_run(const char *name)
{
	wrong = 0;
	if (rng.slot == SLOTS) {
		test_skip(name, "no virtio entropy device here");
		return;
	}
	rng.rings = page_alloc(0, 1);
	rng.buffer = page_alloc(mach.nodes_n - 1, 1);
	if (!rng_find()) {
		test_fail(name, "no BAR, or a capability is missing");
		return;
	}
	for (uint32_t i = 0; i < ROUNDS && !wrong; i++) {
		struct life l = {.to = i % mach.vcpus_n, .event_idx = i & 1};

		if (i % 10 == 9)
			run_one(i / 10 % mach.vcpus_n, broken_job, NULL);
		run_one(i / 3 % mach.vcpus_n, life_job, &l);
	}
	if (wrong)
		test_fail(name, "%lu wrong answers", wrong);
	else
		test_pass(name);
}

const struct test pci_tests[] = {{"pci", pci_run}, {"rng", rng_run}, {NULL, NULL}};
