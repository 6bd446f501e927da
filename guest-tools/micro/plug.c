// SPDX-License-Identifier: Apache-2.0
/*
 * A disk that comes while the guest runs, and is given up when somebody wants it back: by the registers that ACPI's
 * methods use (vmm/pci/hotplug.h), looked at instead of waited for: each vCPU has its turn at them. The first one,
 * whose page tables can still be changed, drives the disk, which is on any host. It is driven from outside, as
 * drive.c's tests are.
 */
#include "guest-tools/micro/vdev.h"

#define PORT     0x620u // came, wanted, eject, bus: 4 bytes each
#define CAME     (PORT + 0)
#define WANTED   (PORT + 4)
#define EJECT    (PORT + 8)
#define BUS      (PORT + 12)
#define DISK_ID  0x10421af4u
#define MAPPED   0xd9000000ull
#define LARGE    (2ull << 20)
#define VECTOR   0x76u
#define WAIT_MS  60000u
#define SECTOR   512u
#define SECTORS  8u
#define ROUNDS_N 16u

enum { IN = 0, OUT = 1 };

struct round {
	uint32_t n;
	struct vdev dev;
	volatile struct vdev_ring *ring;
	volatile uint8_t *head; // 16 bytes, the status behind it
	volatile uint64_t *data;
	uint16_t asked;
	const char *wrong;
};

static uint32_t in(uint32_t port)
{
	return (uint32_t)sys_call(SYS_IN, port, 4);
}

static void out(uint32_t port, uint32_t v)
{
	sys_call(SYS_OUT, port, v | 4ull << 32);
}

static uint32_t of(uint32_t bus, uint32_t port)
{
	out(BUS, bus);
	return in(port);
}

/* The first slot of which a register says something; false after a long time without. */
static bool wait_slot(uint32_t port, struct vdev *d)
{
	for (uint64_t end = tsc() + us_ticks(WAIT_MS * 1000ul); tsc() < end; relax())
		for (uint32_t bus = 0; bus < mach.nodes_n; bus++) {
			uint32_t bits = of(bus, port);

			if (!bits)
				continue;
			d->bus = bus;
			d->slot = (uint32_t)__builtin_ctz(bits);
			return true;
		}
	return false;
}

static bool request(struct round *r, uint32_t type)
{
	const uint64_t at[3] = {(uint64_t)r->head, (uint64_t)r->data, (uint64_t)(r->head + 16)};
	const uint32_t n[3] = {16, SECTORS * SECTOR, 1};
	volatile struct vdev_ring *ring = r->ring;

	*(volatile uint32_t *)r->head = type;
	*(volatile uint64_t *)(r->head + 8) = r->n * SECTORS;
	r->head[16] = 0xff;
	for (uint32_t i = 0; i < 3; i++) {
		ring->desc[i].at = at[i];
		ring->desc[i].n = n[i];
		ring->desc[i].flags =
			(uint16_t)((i < 2 ? VDEV_NEXT : 0) | (i == 2 || (i && type == IN) ? VDEV_WRITE : 0));
		ring->desc[i].next = (uint16_t)(i + 1);
	}
	ring->avail.ring[r->asked % VDEV_RING] = 0;
	barrier();
	ring->avail.idx = ++r->asked;
	fence();
	vdev_kick(&r->dev, 0);
	for (uint64_t end = tsc() + us_ticks(WAIT_MS * 1000ul); ring->used.idx != r->asked; relax())
		if (tsc() > end)
			return false;
	return r->head[16] == 0;
}

static uint64_t word(const struct round *r, uint32_t i)
{
	return 0x706c7567ull << 32 | r->n << 16 | i; // "plug"
}

static const char *use(struct round *r)
{
	uint32_t got, had = *(const volatile uint32_t *)&bsp_vcpu.counts[VECTOR];

	if (!vdev_look(&r->dev, DISK_ID, MAPPED + r->n % ROUNDS_N * LARGE) || !vdev_find(&r->dev))
		return "what came is no virtio disk";
	if (!vdev_features(&r->dev, 0, &got) || !vdev_queue(&r->dev, 0, r->ring, 0, VECTOR))
		return "it cannot be set up";
	vdev_go(&r->dev);
	for (uint32_t i = 0; i < SECTORS * SECTOR / 8; i++)
		r->data[i] = word(r, i);
	if (!request(r, OUT))
		return "it cannot be written";
	if (!counted(0, VECTOR, had + 1)) // before the next one, or the two may be one
		return "no interrupt came for what was written";
	for (uint32_t i = 0; i < SECTORS * SECTOR / 8; i++)
		r->data[i] = 0;
	if (!request(r, IN))
		return "it cannot be read";
	for (uint32_t i = 0; i < SECTORS * SECTOR / 8; i++)
		if (r->data[i] != word(r, i))
			return "it has something else on it";
	return counted(0, VECTOR, had + 2) ? NULL : "no interrupt came for what was read";
}

static const char *give_up(struct round *r)
{
	struct vdev wanted = r->dev;
	uint64_t end;

	if (!wait_slot(WANTED, &wanted))
		return "nobody wants it back";
	if (wanted.bus != r->dev.bus || wanted.slot != r->dev.slot)
		return "another one is wanted back";
	if (r->n % 2 && !vdev_reset(&r->dev)) // else it is given up as it is, at work
		return "it does not reset";
	out(BUS, r->dev.bus);
	out(EJECT, 1u << r->dev.slot);
	for (end = tsc() + us_ticks(WAIT_MS * 1000ul); vdev_there(&r->dev); relax())
		if (tsc() > end)
			return "it does not go";
	return NULL;
}

static void look_job(uint32_t me, void *arg)
{
	struct round *r = arg;

	(void)me;
	print("PLUG %u?\n", r->n);
	r->wrong = wait_slot(CAME, &r->dev) ? NULL : "nothing came";
}

static void use_job(uint32_t me, void *arg)
{
	struct round *r = arg;

	(void)me;
	r->wrong = use(r);
	if (!r->wrong)
		print("PLUGGED %u on bus %u\n", r->n, r->dev.bus);
	if (!r->wrong)
		r->wrong = give_up(r);
	if (!r->wrong)
		print("GIVEN-UP %u\n", r->n);
}

static void plug_run(const char *name)
{
	uint64_t rounds = option_u64("rounds", 4);
	struct round r = {.ring = page_alloc(0, 1), .head = page_alloc(0, 1), .data = page_alloc(0, 1)};

	if (!option("outside")) {
		test_skip(name, "nobody outside is announced");
		return;
	}
	for (r.n = 0; r.n < rounds && r.n < ROUNDS_N && !r.wrong; r.n++) {
		r.asked = 0;
		run_one(r.n % mach.vcpus_n, look_job, &r);
		if (!r.wrong)
			run_one(0, use_job, &r);
	}
	if (r.wrong)
		test_fail(name, "round %u: %s", r.n - 1, r.wrong);
	else
		test_pass(name);
}

const struct test plug_tests[] = {{"plug", plug_run}, {NULL, NULL}};
