// SPDX-License-Identifier: Apache-2.0
/*
 * A virtio network card whose other end sends every frame back: each vCPU sends frames of all sizes by a pair of queues
 * of its own and gets them in order, some over several buffers; resets under load; a broken ring. Each word of a frame
 * says whose it is, which one, and in which life of the card it was sent.
 */
#include "guest-tools/micro/vdev.h"

#define NET_ID    0x10411af4u
#define MAPPED    0xd8400000ull
#define RX_VECTOR 0x74u
#define TX_VECTOR 0x75u
#define WAIT_MS   60000u
#define HEADER    12u
#define TO_WORDS  48u // in a frame: Ethernet, IPv4 and UDP headers are before, and two bytes
#define FRAME_MAX 8000u
#define DEPTH     16u // frames of a vCPU on their way
#define BUFFERS   32u // to receive into
#define BUFFER    2048u
#define FRAMES    400u
#define CYCLES    4u
#define F_MRG     (1u << 15)
#define F_CTRL    (1u << 17)
#define F_MQ      (1u << 22)
#define F_EVENT   (1u << 29)

struct seat { // one vCPU's
	volatile struct vdev_ring *rx, *tx;
	uint8_t *in, *out; // BUFFERS; DEPTH frames
	uint8_t *whole;    // a frame that is put together
	uint8_t *head;     // of each frame to send: zeroes
	uint16_t rx_avail, rx_seen;
	uint64_t sent, got;
	uint64_t seed;
};

static struct {
	struct vdev dev;
	struct seat *seat[VCPUS_MAX];
	volatile struct vdev_ring *control;
	uint8_t *command;
	uint64_t life; // counts resets
	uint64_t wrong;
} net;

#define EXPECT(cond)                                                          \
	do {                                                                  \
		if (!(cond)) {                                                \
			if (!net.wrong++)                                     \
				print("net: line %d: %s\n", __LINE__, #cond); \
		}                                                             \
	} while (0)

void net_begin(void)
{
	vdev_begin(&net.dev, NET_ID, 0, MAPPED);
}

static uint64_t word(uint64_t life, uint32_t who, uint64_t which, uint32_t i)
{
	return (life << 48 | (uint64_t)who << 40 | which << 16 | i) * 0x9e3779b97f4a7c15ull;
}

/* A frame of UDP whose ports say the vCPU: what comes back goes to the pair it came from. */
static void make(uint8_t *f, uint32_t who, uint64_t which, uint32_t n)
{
	for (uint32_t i = 0; i < TO_WORDS; i++)
		f[i] = 0;
	f[0] = f[6] = 2;
	f[12] = 8;
	f[14] = 0x45;
	f[23] = 17;
	f[35] = (uint8_t)(who + 1);
	R64(f, TO_WORDS) = net.life << 8 | who;
	R64(f, TO_WORDS + 8) = which;
	for (uint32_t at = TO_WORDS + 16; at + 8 <= n; at += 8)
		R64(f, at) = word(net.life, who, which, at);
}

static void send(uint32_t me, uint32_t n)
{
	struct seat *s = net.seat[me];
	uint32_t slot = s->sent % DEPTH;
	uint8_t *f = s->out + slot * 2 * PAGE;

	make(f, me, s->sent, n);
	s->tx->desc[2 * slot].at = (uint64_t)s->head;
	s->tx->desc[2 * slot].n = HEADER;
	s->tx->desc[2 * slot].flags = VDEV_NEXT;
	s->tx->desc[2 * slot].next = (uint16_t)(2 * slot + 1);
	s->tx->desc[2 * slot + 1].at = (uint64_t)f;
	s->tx->desc[2 * slot + 1].n = n;
	s->tx->desc[2 * slot + 1].flags = 0;
	s->tx->avail.ring[s->sent % VDEV_RING] = (uint16_t)(2 * slot);
	barrier();
	s->tx->avail.idx = (uint16_t)++s->sent;
}

static void kick(uint32_t queue)
{
	fence();
	vdev_kick(&net.dev, queue);
}

static void post(struct seat *s, uint32_t buffer)
{
	s->rx->desc[buffer].at = (uint64_t)s->in + buffer * BUFFER;
	s->rx->desc[buffer].n = BUFFER;
	s->rx->desc[buffer].flags = VDEV_WRITE;
	s->rx->avail.ring[s->rx_avail % VDEV_RING] = (uint16_t)buffer;
	barrier();
	s->rx->avail.idx = ++s->rx_avail;
}

/* The frame whose first buffer is there, put together; its buffers are offered again. Its length; 0: it can't be. */
static uint32_t gather(uint32_t me)
{
	struct seat *s = net.seat[me];
	uint32_t buffers = 1, n = 0;

	for (uint32_t k = 0; k < buffers; k++) {
		uint32_t at = s->rx_seen % VDEV_RING, id = s->rx->used.ring[at].id, bytes = s->rx->used.ring[at].n;
		const volatile uint8_t *b = s->in + id * BUFFER;
		uint32_t from = k ? 0 : HEADER;

		if (id >= BUFFERS || bytes < from || bytes > BUFFER || n + bytes > FRAME_MAX + BUFFER)
			return 0;
		if (!k)
			buffers = R16(b, 10);
		if ((uint16_t)(s->rx->used.idx - s->rx_seen) < buffers - k) // all of it is seen at once
			return 0;
		for (uint32_t i = from; i < bytes; i++)
			s->whole[n++] = b[i];
		s->rx_seen++;
		post(s, id);
	}
	kick(2 * me);
	return n;
}

/* Frames of another life of the card may come yet; each is as it was sent, and those of this one come in order. */
static void judge(uint32_t me, uint32_t n)
{
	struct seat *s = net.seat[me];
	uint64_t life = R64(s->whole, TO_WORDS) >> 8, which = R64(s->whole, TO_WORDS + 8);
	uint32_t who = R8(s->whole, TO_WORDS);

	EXPECT(n >= TO_WORDS + 16);
	for (uint32_t at = TO_WORDS + 16; at + 8 <= n; at += 8)
		EXPECT(R64(s->whole, at) == word(life, who, which, at));
	EXPECT(life <= net.life);
	if (life != net.life)
		return;
	EXPECT(who == me);
	EXPECT(which == s->got);
	s->got++;
}

static bool take(uint32_t me)
{
	struct seat *s = net.seat[me];

	for (uint64_t end = tsc() + us_ticks(WAIT_MS * 1000ul); s->rx->used.idx == s->rx_seen; relax()) {
		if (tsc() > end) {
			EXPECT(!"a frame");
			return false;
		}
	}
	uint32_t n = gather(me);

	EXPECT(n);
	if (n)
		judge(me, n);
	return n;
}

static bool may_send(const struct seat *s)
{
	return s->sent - s->got < DEPTH && (uint16_t)(s->sent - s->tx->used.idx) < DEPTH;
}

static void echo_job(uint32_t me, void *arg)
{
	struct seat *s = net.seat[me];
	uint64_t until = s->sent + FRAMES;

	(void)arg;
	while (s->got < until && !net.wrong) {
		bool any = false;

		for (; s->sent < until && may_send(s) && (!any || rnd(&s->seed) % 4); any = true)
			send(me, 64 + (rnd(&s->seed) % 8 ? rnd(&s->seed) % 1450 : rnd(&s->seed) % (FRAME_MAX - 64)));
		if (any)
			kick(2 * me + 1);
		if (s->got < s->sent && (s->sent == until || !may_send(s)) && !take(me))
			return;
	}
}

/* One at a time: an interrupt for each. */
static void interrupt_job(uint32_t me, void *arg)
{
	struct seat *s = net.seat[me];
	const volatile uint32_t *took = &mach.vcpu[me]->counts[RX_VECTOR];

	(void)arg;
	for (uint32_t i = 0; i < 5 && !net.wrong; i++) {
		uint32_t had = *took;
		uint64_t want = s->got + 1;

		s->rx->avail.event = s->rx_seen;
		send(me, 100);
		kick(2 * me + 1);
		while (s->got < want && take(me))
			s->rx->avail.event = s->rx_seen;
		EXPECT(counted(me, RX_VECTOR, had + 1));
	}
}

/* Leaves as many frames on their way as there is room for. */
static void load_job(uint32_t me, void *arg)
{
	(void)arg;
	while (may_send(net.seat[me]))
		send(me, 1000);
	kick(2 * me + 1);
}

static void set_pairs(uint32_t pairs)
{
	volatile struct vdev_ring *r = net.control;
	uint64_t end = tsc() + us_ticks(WAIT_MS * 1000ul);

	net.command[0] = 4; // MQ_VQ_PAIRS_SET
	net.command[1] = 0;
	R16(net.command, 2) = (uint16_t)pairs;
	net.command[64] = 0xff;
	r->desc[0].at = (uint64_t)net.command;
	r->desc[0].n = 4;
	r->desc[0].flags = VDEV_NEXT;
	r->desc[0].next = 1;
	r->desc[1].at = (uint64_t)net.command + 64;
	r->desc[1].n = 1;
	r->desc[1].flags = VDEV_WRITE;
	r->avail.ring[0] = 0;
	barrier();
	r->avail.idx = 1;
	kick(2u * R16(net.dev.config, 8));
	while (r->used.idx != 1 && tsc() < end)
		relax();
	EXPECT(R8(net.command, 64) == 0);
}

static void begin(bool event_idx)
{
	uint32_t got = 0, want = F_MRG | F_CTRL | F_MQ | (event_idx ? F_EVENT : 0);

	EXPECT(vdev_features(&net.dev, want, &got));
	EXPECT(got == want);
	net.life++;
	for (uint32_t v = 0; v < mach.vcpus_n; v++) {
		struct seat *s = net.seat[v];

		EXPECT(vdev_queue(&net.dev, 2 * v, s->rx, v, RX_VECTOR));
		EXPECT(vdev_queue(&net.dev, 2 * v + 1, s->tx, v, TX_VECTOR));
		s->rx_avail = s->rx_seen = 0;
		s->sent = s->got = 0;
		for (uint32_t i = 0; i < BUFFERS; i++)
			post(s, i);
	}
	EXPECT(vdev_queue(&net.dev, 2u * R16(net.dev.config, 8), net.control, 0, TX_VECTOR));
	vdev_go(&net.dev);
	EXPECT(vdev_status(&net.dev) == 15);
	set_pairs(mach.vcpus_n);
}

/* A reset with frames on their way: when it has ended nothing is written any more. */
static void reset_under_load(void)
{
	run_on(mach.vcpus_n, load_job, NULL);
	EXPECT(vdev_reset(&net.dev));
	for (uint32_t v = 0; v < mach.vcpus_n; v++) {
		struct seat *s = net.seat[v];
		uint16_t rx = s->rx->used.idx, tx = s->tx->used.idx;

		for (uint32_t i = 0; i < BUFFERS * BUFFER; i += 64)
			s->in[i] = 0x5a;
		wait_until(tsc() + us_ticks(300));
		for (uint32_t i = 0; i < BUFFERS * BUFFER; i += 64)
			EXPECT(R8(s->in, i) == 0x5a);
		EXPECT(s->rx->used.idx == rx && s->tx->used.idx == tx);
	}
}

/* A ring that can't be, while the other queues work: the device says so, and a reset heals it. */
static void break_one(uint32_t queue, volatile struct vdev_ring *r)
{
	begin(false);
	for (uint32_t i = 0; i < DEPTH;
	     i++) // that come back in more buffers than there are: so the ring is looked at again
		send(0, 5000);
	r->avail.idx = (uint16_t)(r->avail.idx + VDEV_RING + 1);
	kick(queue);
	kick(1);
	for (uint64_t end = tsc() + us_ticks(WAIT_MS * 1000ul); !(vdev_status(&net.dev) & 64); relax())
		if (tsc() > end) {
			EXPECT(!"NEEDS_RESET");
			break;
		}
}

static void make_seats(void)
{
	net.control = page_alloc(0, 1);
	net.command = page_alloc(0, 1);
	for (uint32_t v = 0; v < mach.vcpus_n; v++) {
		uint32_t node = mach.node[v], other = mach.nodes_n - 1 - node % mach.nodes_n;
		struct seat *s = net.seat[v] = page_alloc(node, 1);

		s->rx = page_alloc(node, 1);
		s->tx = page_alloc(node, 1);
		s->head = page_alloc(node, 1);
		for (uint32_t i = 0; i < HEADER; i++)
			s->head[i] = 0;
		s->in = page_alloc(other, BUFFERS * BUFFER / PAGE);
		s->out = page_alloc(node, 2 * DEPTH);
		s->whole = page_alloc(node, 4);
		s->seed = 0x7654321 + v;
	}
}

static void net_run(const char *name)
{
	if (!net.dev.bar) {
		test_skip(name, "no virtio network card here");
		return;
	}
	net.wrong = net.life = 0;
	if (!vdev_find(&net.dev) || R16(net.dev.config, 8) < mach.vcpus_n) {
		test_fail(name, "no BAR, a capability is missing, or too few pairs of queues");
		return;
	}
	make_seats();
	for (uint32_t i = 0; i < CYCLES && !net.wrong; i++) {
		begin(i % 2);
		run_on(mach.vcpus_n, echo_job, NULL);
		for (uint32_t v = 0; v < mach.vcpus_n; v++)
			run_one(v, interrupt_job, NULL);
		reset_under_load();
		break_one(1, net.seat[0]->tx);
		break_one(0, net.seat[0]->rx);
	}
	if (net.wrong)
		test_fail(name, "%lu wrong answers", net.wrong);
	else
		test_pass(name);
}

const struct test net_tests[] = {{"net", net_run}, {NULL, NULL}};
