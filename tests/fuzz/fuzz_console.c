// SPDX-License-Identifier: Apache-2.0
/*
 * A console with a driver that puts anything into its rings, also while they are read, resets it and goes on, and with
 * what is typed. Four bytes each: what, where (2), a value. Each request ends once; what is typed comes out in order
 * and once, as far as the driver keeps to the rules; and whatever has been, a reset brings the device back.
 */
#include <stdlib.h>

#include "coherence/base/bytes.h"
#include "vmm/virtio/console_front.h"
#include "vmm/virtio/owners.h"

#define MEMORY     0x8000u
#define STEP_BYTES 4u
#define WINDOW     (1ull << 38)
#define SIZE       8u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct world {
	struct virtio v;
	struct server s;
	struct owners o;
	struct ring rings[CONSOLE_QUEUES];
	struct console_front f;
	uint8_t memory[MEMORY];
	bool locked;
	uint64_t typed, taken; // bytes that may be taken, and that were: their numbers are what they are
	uint64_t shown;
	uint16_t change_at; // each read of memory changes a byte
	uint8_t change_to;
	bool changes;
};

static void require(bool good)
{
	if (!good)
		abort();
}

static bool reach(struct world *w, uint64_t gpa, size_t n)
{
	require(!w->locked);
	return gpa <= MEMORY && n <= MEMORY - gpa;
}

static bool mem_read(void *owner, uint64_t gpa, void *to, size_t n)
{
	struct world *w = owner;

	if (!reach(w, gpa, n))
		return false;
	memcpy(to, w->memory + gpa, n);
	if (w->changes)
		w->memory[w->change_at++ % MEMORY] ^= w->change_to;
	return true;
}

static bool mem_write(void *owner, uint64_t gpa, const void *from, size_t n)
{
	struct world *w = owner;

	require(w->v.status & VIRTIO_DRIVER_OK); // else the driver has its memory back
	if (!reach(w, gpa, n))
		return false;
	memcpy(w->memory + gpa, from, n);
	return true;
}

static bool mem_read16(void *owner, uint64_t gpa, uint16_t *value)
{
	uint8_t raw[2];

	if (!mem_read(owner, gpa, raw, 2))
		return false;
	*value = (uint16_t)get_le(raw, 2);
	return true;
}

static bool mem_write16(void *owner, uint64_t gpa, uint16_t value)
{
	uint8_t raw[2];

	put_le(raw, value, 2);
	return mem_write(owner, gpa, raw, 2);
}

static void on_lock(void *ctx)
{
	struct world *w = ctx;

	require(!w->locked);
	w->locked = true;
}

static void on_unlock(void *ctx)
{
	struct world *w = ctx;

	require(w->locked);
	w->locked = false;
}

static void on_send(void *ctx, const struct msix_message *m)
{
	struct world *w = ctx;

	require(!w->locked && m->vector < w->v.msix.vectors);
}

static enum ring_error on_request(void *ctx, uint16_t queue, const struct chain *c, uint32_t *used, bool *later)
{
	(void)ctx, (void)queue, (void)c, (void)used, (void)later;
	abort(); // all queues are on demand
}

static bool on_demand(void *ctx, uint16_t queue)
{
	return console_front_on_demand(&((struct world *)ctx)->f, queue);
}

static void show(void *ctx, const uint8_t *bytes, uint32_t n)
{
	struct world *w = ctx;

	require(!w->locked && n <= CONSOLE_PIECE);
	for (uint32_t i = 0; i < n; i++)
		w->shown += bytes[i] | 1; // all of them are there to be read
}

static uint32_t take(void *ctx, uint8_t *to, uint32_t cap)
{
	struct world *w = ctx;
	uint32_t n = 0;

	while (n < cap && w->taken < w->typed)
		to[n++] = (uint8_t)w->taken++;
	return n;
}

static const struct owners_ops registers = {.lock = on_lock, .unlock = on_unlock, .send = on_send};
static const struct server_ops ops = {.request = on_request, .on_demand = on_demand};
static const struct console_back_ops back = {.show = show, .typed = take};

static void write_to(struct world *w, uint64_t at, unsigned size, uint64_t value)
{
	struct virtio_fx fx;

	virtio_bar_write(&w->v, at, size, value, &fx);
	owners_accessed(&w->o, &fx);
}

static void bring_up(struct world *w)
{
	struct virtio_fx fx;

	virtio_pci_write(&w->v, PCI_REG_COMMAND, 2, PCI_COMMAND_MASTER | PCI_COMMAND_MEMORY, &fx);
	virtio_pci_write(&w->v, w->v.msix.cap + 2u, 2, 0x8000, &fx);
	write_to(w, 0x14, 1, 3);
	write_to(w, 8, 4, 1);
	write_to(w, 12, 4, 1);
	write_to(w, 8, 4, 0);
	write_to(w, 12, 4, VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX);
	write_to(w, 0x14, 1, 11);
	for (unsigned q = 0; q < CONSOLE_QUEUES; q++) {
		write_to(w, 0x16, 2, q);
		write_to(w, 0x18, 2, SIZE);
		for (unsigned i = 0; i < 3; i++)
			write_to(w, 0x20 + 8 * i, 8, 0x1000 * q + 0x400 * i);
		write_to(w, 0x1c, 2, 1);
	}
	write_to(w, 0x14, 1, 15);
}

/* One buffer that is as it should be, but for where it is and how long. */
static void offer(struct world *w, unsigned q, uint16_t gpa, uint8_t n)
{
	uint8_t *ring = w->memory + 0x1000 * q;
	uint16_t next = (uint16_t)get_le(ring + 0x402, 2);
	unsigned d = next % SIZE;

	put_le(ring + 16 * d, gpa, 8);
	put_le(ring + 16 * d + 8, n * 16u, 4);
	put_le(ring + 16 * d + 12, q == CONSOLE_IN ? 2 : 0, 4);
	put_le(ring + 0x404 + 2 * d, d, 2);
	put_le(ring + 0x402, next + 1u, 2);
	write_to(w, VIRTIO_AT_NOTIFY + 4 * q, 2, q);
}

static bool work(struct world *w)
{
	bool more = server_round(&w->s);

	return console_front_work(&w->f) || more;
}

static void step(struct world *w, const uint8_t *at)
{
	uint16_t where = (uint16_t)get_le(at + 1, 2);

	switch (at[0] % 9) {
	case 0:
		w->memory[where % MEMORY] = at[3];
		break;
	case 1:
		w->change_at = where;
		w->change_to = at[3];
		w->changes = at[3] & 1;
		break;
	case 2:
		offer(w, at[0] / 9 % CONSOLE_QUEUES, where, at[3]);
		break;
	case 3:
		write_to(w, VIRTIO_AT_NOTIFY + 4u * (where % CONSOLE_QUEUES), 2, 0);
		break;
	case 4:
		w->typed += at[3];
		break;
	case 5:
		write_to(w, 0x14, 1, at[3] & 1 ? 0 : at[3]);
		break;
	case 6:
		bring_up(w);
		break;
	case 7:
		console_front_drain(&w->f);
		require(!w->s.under_way);
		break;
	default:
		work(w);
	}
	require(w->s.under_way == w->f.writing); // of input nothing is kept
}

static void recover(struct world *w)
{
	w->changes = false;
	write_to(w, 0x14, 1, 0);
	for (unsigned i = 0; i < 4; i++)
		work(w);
	require(!w->v.status && !w->s.under_way && !w->f.writing);
	memset(w->memory, 0, sizeof(w->memory));
	bring_up(w);
	uint64_t before = w->shown;

	offer(w, CONSOLE_OUT, 0x4000, 1);
	w->typed++;
	offer(w, CONSOLE_IN, 0x5000, 1);
	work(w);
	require(w->shown == before + 16 && w->memory[0x1802] == 1 && w->memory[0x802] == 1 && w->memory[0x808]);
	for (unsigned i = 1; i < w->memory[0x808]; i++)
		require(w->memory[0x5000 + i] == (uint8_t)(w->memory[0x5000] + i));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct world w;
	static const struct guest_mem mem = {
		.owner = &w, .read = mem_read, .write = mem_write, .read16 = mem_read16, .write16 = mem_write16};
	struct virtio_params p = {.type = CONSOLE_TYPE,
				  .class_code = CONSOLE_CLASS,
				  .queues = CONSOLE_QUEUES,
				  .queue_size = CONSOLE_QUEUE_SIZE,
				  .config_bytes = CONSOLE_CONFIG_BYTES,
				  .window = WINDOW,
				  .window_bytes = 1ull << 32,
				  .address = WINDOW};

	memset(&w, 0, sizeof(w));
	virtio_init(&w.v, &p);
	const struct server_link link = owners_link(&w.o);

	server_init(&w.s, CONSOLE_QUEUES, w.rings, &mem, &ops, &w, &link);
	owners_init(&w.o, &w.v, &w.s, 0, &registers, &w);
	console_front_init(&w.f, &w.s, &back, &w);
	for (; n >= STEP_BYTES; data += STEP_BYTES, n -= STEP_BYTES)
		step(&w, data);
	recover(&w);
	return 0;
}
