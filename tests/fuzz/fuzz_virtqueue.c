// SPDX-License-Identifier: Apache-2.0
/*
 * A virtqueue in memory that is the input, and changes under our feet: after each read the next bytes of the input are
 * written somewhere. The first byte chooses how the ring is set up, and whose requests its chains are taken for. Each
 * chain is bounded, each operation is inside of its device, each head is given back once, and a round ends.
 */
#include <stdlib.h>

#include "vmm/virtio/blk.h"
#include "vmm/virtio/console.h"
#include "vmm/virtio/net.h"
#include "vmm/virtio/ring.h"
#include "vmm/virtio/rng.h"

#define MEMORY       8192u
#define AT_DESC      0u
#define AT_AVAIL     0x800u
#define AT_USED      0xc00u
#define CHANGE_BYTES 4u
#define ROUNDS       8u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct memory {
	uint8_t bytes[MEMORY];
	const uint8_t *changes;
	size_t left;
	uint64_t reads;
};

static void require(bool good)
{
	if (!good)
		abort();
}

/* Three bytes say which word, and what it becomes; the fourth, how often nothing happens before. */
static void change(struct memory *m)
{
	if (m->left < CHANGE_BYTES || m->reads++ % (1 + m->changes[3] % 4))
		return;
	unsigned at = (unsigned)get_le(m->changes, 2) % MEMORY;

	m->bytes[at] = m->changes[2];
	m->changes += CHANGE_BYTES;
	m->left -= CHANGE_BYTES;
}

static bool inside(uint64_t gpa, size_t n)
{
	return gpa <= MEMORY && n <= MEMORY - gpa;
}

static bool mem_read(void *owner, uint64_t gpa, void *to, size_t n)
{
	struct memory *m = owner;

	if (!inside(gpa, n))
		return false;
	memcpy(to, m->bytes + gpa, n);
	change(m);
	return true;
}

static bool mem_write(void *owner, uint64_t gpa, const void *from, size_t n)
{
	if (!inside(gpa, n))
		return false;
	memcpy(((struct memory *)owner)->bytes + gpa, from, n);
	return true;
}

static bool mem_read16(void *owner, uint64_t gpa, uint16_t *value)
{
	uint8_t raw[2];

	require(!(gpa & 1)); // rings are aligned, whatever is in them
	if (!mem_read(owner, gpa, raw, 2))
		return false;
	*value = (uint16_t)get_le(raw, 2);
	return true;
}

static bool mem_write16(void *owner, uint64_t gpa, uint16_t value)
{
	uint8_t raw[2];

	require(!(gpa & 1));
	put_le(raw, value, 2);
	return mem_write(owner, gpa, raw, 2);
}

static void check_chain(const struct ring *r, const struct chain *c)
{
	uint64_t readable = 0, writable = 0;

	require(c->head < r->at.size && c->segments <= r->at.size && c->readable <= c->segments);
	for (unsigned i = 0; i < c->segments; i++) {
		require(c->segment[i].bytes && c->segment[i].gpa + c->segment[i].bytes > c->segment[i].gpa);
		*(i < c->readable ? &readable : &writable) += c->segment[i].bytes;
	}
	require(readable == c->readable_bytes && writable == c->writable_bytes && readable + writable <= UINT32_MAX);
}

static enum ring_error as_blk(const struct guest_mem *mem, const struct chain *c, uint8_t how, uint32_t *used)
{
	struct blk_disk d = {.sectors = 1000,
			     .read_only = how & 1,
			     .discards = how & 2,
			     .block_bytes = 512,
			     .discard_blocks = 1,
			     .queue_size = 64,
			     .id = "serial"};
	uint64_t end = d.sectors * BLK_SECTOR;
	struct blk_request r;
	enum ring_error e = blk_parse(&d, blk_features(&d), mem, c, &r);

	if (e)
		return e;
	if (r.op == BLK_READ || r.op == BLK_WRITE) {
		require(r.bytes && r.bytes % BLK_SECTOR == 0 && r.offset <= end && r.bytes <= end - r.offset);
		require(r.bytes == (r.op == BLK_READ ? c->writable_bytes - 1 : c->readable_bytes - BLK_HEADER_BYTES));
	}
	require(r.ranges <= BLK_RANGES_MAX &&
		(r.op == BLK_READ || r.op == BLK_FLUSH || r.op == BLK_ANSWER || !d.read_only));
	for (unsigned i = 0; i < r.ranges; i++)
		require(r.range[i].offset <= end && r.range[i].bytes <= end - r.range[i].offset);
	e = blk_finish(&d, mem, c, &r, r.op == BLK_ANSWER ? r.status : BLK_OK, used);
	require(e || *used <= c->writable_bytes);
	return e;
}

static enum ring_error as_net(const struct guest_mem *mem, const struct chain *c, uint8_t how, uint32_t *used)
{
	uint64_t accepted = (how & 1 ? NET_F_CSUM | NET_F_HOST_TSO4 : 0) | NET_F_MQ | NET_F_CTRL_VQ | NET_F_MRG_RXBUF;
	struct net_header h = {0};
	static uint8_t frame[100];
	struct net_command cmd;
	uint32_t n;
	bool drop;

	if (how & 2) {
		enum ring_error e = net_ctrl_parse(accepted, 4, mem, c, &cmd);

		require(e || !cmd.good || (cmd.pairs && cmd.pairs <= 4));
		return e ? e : net_ctrl_finish(mem, c, cmd.good, used);
	}
	if (net_rx_chains(accepted, &c, 1, sizeof(frame)) == 1) {
		enum ring_error e = net_rx_put(mem, &c, 1, &h, frame, sizeof(frame), used);

		require(e || *used == sizeof(frame) + NET_HEADER_BYTES);
		return e;
	}
	enum ring_error e = net_tx_parse(accepted, mem, c, &h, &n, &drop);

	require(e || drop || (n >= NET_FRAME_MIN && n <= NET_FRAME_MAX && n == c->readable_bytes - NET_HEADER_BYTES));
	require(e || drop || !(h.flags & NET_NEEDS_CSUM) || (uint32_t)h.csum_start + h.csum_offset + 2 <= n);
	return e;
}

static enum ring_error as_console(const struct guest_mem *mem, const struct chain *c, uint32_t *used)
{
	uint8_t buf[64];
	uint32_t n;
	enum ring_error e = console_take(c, mem, 0, buf, sizeof(buf), &n);

	require(n <= sizeof(buf));
	return e ? e : console_give(c, mem, buf, n, used);
}

static enum ring_error serve(const struct guest_mem *mem, const struct chain *c, uint8_t how, uint32_t *used)
{
	static const uint8_t random[RNG_BYTES_MAX];

	*used = 0;
	switch (how >> 2 & 3) {
	case 0:
		return as_blk(mem, c, how, used);
	case 1:
		return as_net(mem, c, how, used);
	case 2:
		return as_console(mem, c, used);
	default:
		*used = rng_wanted(c);
		return chain_put(c, mem, 0, random, *used) ? RING_GOOD : RING_NO_MEMORY;
	}
}

/* One round: as many chains as the ring has at most; every other one is kept until its end. */
static void round_of(struct ring *r, const struct guest_mem *mem, uint8_t how)
{
	static struct chain c;
	uint16_t kept[RING_SIZE_MAX];
	unsigned n = 0, popped = 0;
	uint32_t used;

	ring_disarm(r, mem);
	while (popped < r->at.size && ring_pop(r, mem, &c) == 1) {
		popped++;
		check_chain(r, &c);
		if ((how & 64) && popped == 2) {
			ring_unpop(r, &c);
			continue;
		}
		enum ring_error e = serve(mem, &c, how, &used);

		if (e)
			ring_break(r, e);
		else if (popped & 1)
			ring_push(r, mem, c.head, used);
		else
			kept[n++] = c.head;
	}
	for (unsigned i = 0; i < n; i++)
		ring_push(r, mem, kept[i], 0);
	require(r->broken || !r->taken);
	ring_wants_interrupt(r, mem);
	ring_arm(r, mem);
}

static void save_and_restore(struct ring *r)
{
	uint8_t buf[128], again[sizeof(buf)];
	struct fields out = fields_writer(buf, sizeof(buf));
	struct ring back = {0};

	ring_fields(&out, r);
	struct fields in = fields_reader(buf, sizeof(buf) - out.left);

	ring_fields(&in, &back);
	require(!out.bad && !in.bad && !in.left);
	struct fields twice = fields_writer(again, sizeof(again));

	ring_fields(&twice, &back);
	require(twice.left == out.left && !memcmp(buf, again, sizeof(buf) - out.left));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct memory m;
	struct guest_mem mem = {
		.owner = &m, .read = mem_read, .write = mem_write, .read16 = mem_read16, .write16 = mem_write16};
	struct ring r;

	if (n < 1)
		return 0;
	size_t image = n - 1 < MEMORY ? n - 1 : MEMORY;

	memset(&m, 0, sizeof(m));
	memcpy(m.bytes, data + 1, image);
	m.changes = data + 1;
	m.left = n - 1;
	struct ring_setup s = {.size = (uint16_t)(1u << (data[0] >> 4 & 3) * 2), // 1, 4, 16, 64
			       .indirect = true,
			       .event_idx = data[0] & 128,
			       .desc = AT_DESC,
			       .avail = AT_AVAIL,
			       .used = data[0] & 64 ? MEMORY - 64 : AT_USED};

	ring_start(&r, &s);
	for (unsigned i = 0; i < ROUNDS && !r.broken; i++)
		round_of(&r, &mem, data[0]);
	if (!r.broken)
		save_and_restore(&r);
	return 0;
}
