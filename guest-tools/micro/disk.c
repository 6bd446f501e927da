// SPDX-License-Identifier: Apache-2.0
/*
 * A virtio disk, driven by every vCPU at once through a queue of its own: all of it written, flushed, and read by a
 * vCPU of another host; random pieces with many requests under way; resets under load; a broken ring. Each word of the
 * disk says where it belongs and how often it was written.
 */
#include "guest-tools/micro/vdev.h"

#define DISK_ID    0x10421af4u
#define MAPPED     0xd8200000ull
#define VECTOR     0x73u
#define WAIT_MS    60000u
#define SECTOR     512u
#define DEPTH      16u    // requests of a vCPU under way: three descriptors each
#define PIECE      8u     // pages of data of one request
#define AREA_MAX   16384u // sectors of a vCPU
#define F_FLUSH    (1u << 9)
#define F_MQ       (1u << 12)
#define F_EVENT    (1u << 29)
#define CYCLES     4u // option cycles=
#define RANDOM_OPS 300u

enum { IN = 0, OUT = 1, FLUSH = 4 };

struct head { // of a request, and its status
	uint32_t type, zero;
	uint64_t sector;
	volatile uint8_t status;
	uint8_t pad[47];
};

struct slot {
	bool busy;
	uint32_t type, n; // sectors
	uint64_t sector;
	volatile uint64_t *data;
};

struct seat { // one vCPU's
	volatile struct vdev_ring *ring;
	struct head *head; // a page, DEPTH of them
	struct slot slot[DEPTH];
	uint16_t avail, seen, kicked;
	uint64_t seed;
	uint8_t written[AREA_MAX]; // how often each sector of its area, as far as it knows
};

static struct {
	struct vdev dev;
	struct seat *seat[VCPUS_MAX];
	uint64_t area; // sectors of each vCPU
	bool event_idx;
	uint64_t wrong;
} d;

#define EXPECT(cond)                                                           \
	do {                                                                   \
		if (!(cond)) {                                                 \
			if (!d.wrong++)                                        \
				print("disk: line %d: %s\n", __LINE__, #cond); \
		}                                                              \
	} while (0)

void disk_begin(void)
{
	vdev_begin(&d.dev, DISK_ID, 0, MAPPED);
}

static uint64_t word(uint64_t sector, uint32_t i, uint8_t times)
{
	return (sector << 20 | i << 8 | times) * 0x9e3779b97f4a7c15ull + times;
}

static void fill(struct slot *s, struct seat *me, uint64_t first)
{
	for (uint32_t k = 0; k < s->n; k++) {
		uint8_t times = ++me->written[s->sector + k - first];

		for (uint32_t i = 0; i < SECTOR / 8; i++)
			s->data[k * (SECTOR / 8) + i] = word(s->sector + k, i, times);
	}
}

static void judge(const struct slot *s, const struct seat *owner, uint64_t first)
{
	for (uint32_t k = 0; k < s->n; k++)
		for (uint32_t i = 0; i < SECTOR / 8; i++)
			EXPECT(s->data[k * (SECTOR / 8) + i] ==
			       word(s->sector + k, i, owner->written[s->sector + k - first]));
}

/* Puts a request into the ring; kick() tells. */
static void put(struct seat *me, uint32_t i, uint32_t type, uint64_t sector, uint32_t n)
{
	struct slot *s = &me->slot[i];
	volatile struct vdev_ring *r = me->ring;
	uint32_t a = 3 * i, last = n ? a + 2 : a + 1;

	s->busy = true;
	s->type = type;
	s->sector = sector;
	s->n = n;
	me->head[i].type = type;
	me->head[i].sector = sector;
	me->head[i].status = 0xff;
	r->desc[a].at = (uint64_t)&me->head[i];
	r->desc[a].n = 16;
	r->desc[a].flags = VDEV_NEXT;
	r->desc[a].next = (uint16_t)(a + 1);
	if (n) {
		r->desc[a + 1].at = (uint64_t)s->data;
		r->desc[a + 1].n = n * SECTOR;
		r->desc[a + 1].flags = (uint16_t)(VDEV_NEXT | (type == IN ? VDEV_WRITE : 0));
		r->desc[a + 1].next = (uint16_t)last;
	}
	r->desc[last].at = (uint64_t)&me->head[i].status;
	r->desc[last].n = 1;
	r->desc[last].flags = VDEV_WRITE;
	r->avail.ring[me->avail % VDEV_RING] = (uint16_t)a;
	barrier();
	r->avail.idx = ++me->avail;
}

/* Tells the device of what is new, if it wants to be told: a word too few, and nobody goes on. */
static void kick(uint32_t me)
{
	struct seat *s = d.seat[me];
	uint16_t was = s->kicked, now = s->avail;

	fence();
	s->kicked = now;
	if (d.event_idx ? (uint16_t)(now - s->ring->used.event - 1) < (uint16_t)(now - was)
			: now != was && !(s->ring->used.flags & 1))
		vdev_kick(&d.dev, me);
}

/* The slot of a request that has ended; DEPTH: none does. */
static uint32_t take(struct seat *me)
{
	uint64_t end = tsc() + us_ticks(WAIT_MS * 1000ul);

	while (me->ring->used.idx == me->seen) {
		if (tsc() > end) {
			EXPECT(!"an answer");
			return DEPTH;
		}
		relax();
	}
	uint32_t at = me->seen++ % VDEV_RING, i = me->ring->used.ring[at].id / 3;

	EXPECT(me->ring->used.ring[at].id % 3 == 0 && i < DEPTH && me->slot[i].busy);
	if (i >= DEPTH)
		return DEPTH;
	EXPECT(me->head[i].status == 0);
	EXPECT(me->ring->used.ring[at].n == (me->slot[i].type == IN ? me->slot[i].n * SECTOR : 0) + 1);
	me->slot[i].busy = false;
	return i;
}

static bool all_idle(const struct seat *me)
{
	for (uint32_t i = 0; i < DEPTH; i++)
		if (me->slot[i].busy)
			return false;
	return true;
}

/* Writes or reads the whole area of a vCPU, in pieces of many sizes with DEPTH of them under way. */
static void sweep(uint32_t me, uint32_t type, uint32_t of)
{
	struct seat *s = d.seat[me];
	uint64_t first = of * d.area, next = first, end = first + d.area;

	for (uint32_t i = 0; next < end || !all_idle(s);) {
		if (next < end && i < DEPTH && !s->slot[i].busy) {
			uint32_t n = 1 + rnd(&s->seed) % (PIECE * PAGE / SECTOR);

			if (n > end - next)
				n = (uint32_t)(end - next);
			s->slot[i].n = n;
			s->slot[i].sector = next;
			if (type == OUT)
				fill(&s->slot[i], s, first);
			put(s, i, type, next, n);
			next += n;
			i++;
			if (rnd(&s->seed) % 4)
				continue; // several at once
			kick(me);
			continue;
		}
		kick(me);
		i = take(s);
		if (i == DEPTH)
			return;
		if (type == IN)
			judge(&s->slot[i], d.seat[of], first);
	}
}

static void flush(uint32_t me)
{
	put(d.seat[me], 0, FLUSH, 0, 0);
	kick(me);
	take(d.seat[me]);
}

static bool overlaps(const struct seat *s, uint64_t sector, uint32_t n)
{
	for (uint32_t i = 0; i < DEPTH; i++)
		if (s->slot[i].busy && s->slot[i].sector < sector + n && sector < s->slot[i].sector + s->slot[i].n)
			return true;
	return false;
}

/* Random pieces of its own area, read and written; those under way don't overlap. */
static void at_random(uint32_t me)
{
	struct seat *s = d.seat[me];
	uint64_t first = me * d.area;
	uint32_t left = RANDOM_OPS;

	while ((left || !all_idle(s)) && !d.wrong) {
		uint32_t i = 0, n = 1 + rnd(&s->seed) % 16;
		uint64_t sector = first + rnd(&s->seed) % (d.area - n);

		while (i < DEPTH && s->slot[i].busy)
			i++;
		if (left && i < DEPTH && !overlaps(s, sector, n)) {
			uint32_t type = rnd(&s->seed) % 2 ? IN : OUT;

			s->slot[i].n = n;
			s->slot[i].sector = sector;
			if (type == OUT)
				fill(&s->slot[i], s, first);
			put(s, i, type, sector, n);
			left--;
			continue;
		}
		kick(me);
		i = take(s);
		if (i < DEPTH && s->slot[i].type == IN)
			judge(&s->slot[i], s, first);
	}
}

/* One at a time: an interrupt for each. */
static void interrupts(uint32_t me)
{
	struct seat *s = d.seat[me];
	const volatile uint32_t *took = &mach.vcpu[me]->counts[VECTOR];

	for (uint32_t i = 0; i < 5 && !d.wrong; i++) {
		uint32_t had = *took;

		s->ring->avail.event = s->seen;
		put(s, 0, IN, me * d.area, 1);
		kick(me);
		take(s);
		EXPECT(counted(me, VECTOR, had + 1));
	}
	s->ring->avail.event = (uint16_t)(s->seen - 1); // not again soon
}

static void write_job(uint32_t me, void *arg)
{
	(void)arg;
	interrupts(me);
	sweep(me, OUT, me);
	flush(me);
	sweep(me, IN, me);
}

static void other_job(uint32_t me, void *arg)
{
	(void)arg;
	sweep(me, IN, (me + 1) % mach.vcpus_n); // the other host wrote it
}

static void random_job(uint32_t me, void *arg)
{
	(void)arg;
	at_random(me);
}

/* Leaves as many reads under way as there is room for. */
static void load_job(uint32_t me, void *arg)
{
	struct seat *s = d.seat[me];

	(void)arg;
	for (uint32_t i = 0; i < DEPTH; i++)
		put(s, i, IN, me * d.area + i * PIECE * PAGE / SECTOR, PIECE * PAGE / SECTOR);
	kick(me);
}

static void begin(bool event_idx)
{
	uint32_t got = 0;

	d.event_idx = event_idx;
	EXPECT(vdev_features(&d.dev, F_FLUSH | F_MQ | (event_idx ? F_EVENT : 0), &got));
	EXPECT((got & (F_FLUSH | F_MQ)) == (F_FLUSH | F_MQ));
	for (uint32_t v = 0; v < mach.vcpus_n; v++) {
		struct seat *s = d.seat[v];

		EXPECT(vdev_queue(&d.dev, v, s->ring, v, VECTOR));
		s->avail = s->seen = s->kicked = 0;
		for (uint32_t i = 0; i < DEPTH; i++)
			s->slot[i].busy = false;
	}
	vdev_go(&d.dev);
	EXPECT(vdev_status(&d.dev) == 15);
}

/* A reset with requests under way: when it has ended nothing is written any more. */
static void reset_under_load(void)
{
	run_on(mach.vcpus_n, load_job, NULL);
	EXPECT(vdev_reset(&d.dev));
	for (uint32_t v = 0; v < mach.vcpus_n; v++) {
		struct seat *s = d.seat[v];
		uint16_t idx = s->ring->used.idx;

		for (uint32_t i = 0; i < DEPTH; i++) {
			s->slot[i].data[0] = s->slot[i].data[PIECE * PAGE / 8 - 1] = 0x5a5a;
			s->head[i].status = 0x5a;
		}
		wait_until(tsc() + us_ticks(300));
		for (uint32_t i = 0; i < DEPTH; i++)
			EXPECT(s->slot[i].data[0] == 0x5a5a && s->slot[i].data[PIECE * PAGE / 8 - 1] == 0x5a5a &&
			       s->head[i].status == 0x5a);
		EXPECT(s->ring->used.idx == idx);
	}
}

/* A ring that can't be, while the other queues work: the device says so, and a reset heals it. */
static void break_one(void)
{
	struct seat *s = d.seat[mach.vcpus_n - 1];

	begin(false);
	s->ring->avail.idx = VDEV_RING + 1;
	fence();
	vdev_kick(&d.dev, mach.vcpus_n - 1);
	for (uint64_t end = tsc() + us_ticks(WAIT_MS * 1000ul); !(vdev_status(&d.dev) & 64); relax())
		if (tsc() > end) {
			EXPECT(!"NEEDS_RESET");
			break;
		}
}

static bool make_seats(void)
{
	uint64_t sectors = R64(d.dev.config, 0);

	d.area = sectors / mach.vcpus_n;
	if (d.area > AREA_MAX)
		d.area = AREA_MAX;
	if (d.area < DEPTH * PIECE * PAGE / SECTOR || R16(d.dev.config, 34) < mach.vcpus_n)
		return false;
	for (uint32_t v = 0; v < mach.vcpus_n; v++) {
		uint32_t node = mach.node[v], other = mach.nodes_n - 1 - node % mach.nodes_n;
		struct seat *s = page_alloc(node, (sizeof(*s) + PAGE - 1) / PAGE);

		d.seat[v] = s;
		for (uint32_t i = 0; i < sizeof(*s); i++)
			((volatile uint8_t *)s)[i] = 0;
		s->ring = page_alloc(node, 1);
		s->head = page_alloc(node, 1);
		s->seed = 0x1234567 + v;
		for (uint32_t i = 0; i < DEPTH; i++) // data of both hosts
			s->slot[i].data = page_alloc(i % 2 ? other : node, PIECE);
	}
	return true;
}

static bool ready(const char *name)
{
	if (!d.dev.bar) {
		test_skip(name, "no virtio disk here");
		return false;
	}
	d.wrong = 0;
	if (vdev_find(&d.dev) && make_seats())
		return true;
	test_fail(name, "no BAR, a capability is missing, too small, or too few queues");
	return false;
}

static void disk_run(const char *name)
{
	if (!ready(name))
		return;
	uint64_t cycles = option_u64("cycles", CYCLES);

	for (uint64_t i = 0; i < cycles && !d.wrong; i++) {
		begin(i % 2);
		run_on(mach.vcpus_n, write_job, NULL);
		run_on(mach.vcpus_n, other_job, NULL);
		run_on(mach.vcpus_n, random_job, NULL);
		reset_under_load();
		if (i == 1)
			break_one();
		begin(i % 2);
		run_on(mach.vcpus_n, other_job, NULL); // nothing of it is lost by the reset
	}
	if (d.wrong)
		test_fail(name, "%lu wrong answers", d.wrong);
	else
		test_pass(name);
}

/* ---- figures ---- */

#define LARGE_PAGES 256u // of a request of 1 MiB

struct bench {
	bool random;
	uint32_t depth, sectors, ops;
	uint64_t took;
};

static void bench_job(uint32_t me, void *arg)
{
	struct bench *b = arg;
	struct seat *s = d.seat[me];
	uint64_t all = R64(d.dev.config, 0) / b->sectors, next = 0, t;
	uint32_t left = b->ops, i;

	t = tsc();
	for (i = 0; i < b->depth && left; i++, left--)
		put(s, i, IN, (b->random ? rnd(&s->seed) % all : next++ % all) * b->sectors, b->sectors);
	kick(me);
	while (!all_idle(s)) {
		i = take(s);
		if (i == DEPTH)
			return;
		if (!left)
			continue;
		put(s, i, IN, (b->random ? rnd(&s->seed) % all : next++ % all) * b->sectors, b->sectors);
		left--;
		kick(me);
	}
	b->took = tsc() - t;
}

static void measure(const char *name, uint32_t vcpu, struct bench b)
{
	struct seat *s = d.seat[vcpu];

	begin(true);
	for (uint32_t i = 0; i < b.depth; i++)
		s->slot[i].data = page_alloc(mach.node[vcpu], (b.sectors * SECTOR + PAGE - 1) / PAGE);
	run_one(vcpu, bench_job, &b);
	uint64_t ns = ticks_ns(b.took) + 1;

	if (b.random)
		result(name, b.ops * 1000000000000ull / ns, "IOPS");
	else
		result(name, (uint64_t)b.ops * b.sectors * SECTOR * 1000000ull / ns, "MB/s");
}

/* Reads only: vCPU 0 is on the disk's host, the far one on another. */
static void diskbench_run(const char *name)
{
	const uint32_t ops = (uint32_t)option_u64("disk_ops", 4000);
	const struct bench random = {.random = true, .depth = DEPTH, .sectors = 8, .ops = ops},
			   stream = {.depth = 4, .sectors = LARGE_PAGES * PAGE / SECTOR, .ops = ops / 16};

	if (!ready(name))
		return;
	measure("disk_randread_4k_guest", 0, random);
	measure("disk_seqread_1m_guest", 0, stream);
	if (vcpu_far()) {
		measure("disk_randread_4k_far_guest", vcpu_far(), random);
		measure("disk_seqread_1m_far_guest", vcpu_far(), stream);
	}
	if (d.wrong)
		test_fail(name, "%lu wrong answers", d.wrong);
	else
		test_pass(name);
}

const struct test disk_tests[] = {{"disk", disk_run}, {"diskbench", diskbench_run}, {NULL, NULL}};
