// SPDX-License-Identifier: Apache-2.0
/*
 * A whole virtio device: accesses to its registers and configuration space, stores to its rings, and the thread that
 * serves them, in the order the input says. Eight bytes each: what, where (2), how wide, a value (4). No memory is
 * touched under the lock, each request is completed once, a reset ends when nothing is under way, and then nothing is
 * left of what was before.
 */
#include <stdlib.h>

#include "coherence/base/bytes.h"
#include "vmm/virtio/owners.h"

#define MEMORY     0x4000u
#define STEP_BYTES 8u
#define UNDER_WAY  16u
#define WINDOW     (1ull << 38)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct world {
	struct virtio v;
	struct server s;
	struct owners o;
	struct ring rings[3];
	uint8_t memory[MEMORY];
	bool locked, later;
	struct {
		uint16_t queue, head;
	} kept[UNDER_WAY];
	unsigned kept_n;
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
	return true;
}

/* Status 0 was read, and the driver has its memory back: nothing may be written until it makes the device ready. */
static bool mem_write(void *owner, uint64_t gpa, const void *from, size_t n)
{
	struct world *w = owner;

	require(w->v.status & VIRTIO_DRIVER_OK);
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

	require(!w->locked && m->vector < w->v.msix.vectors && w->v.msix.open && !w->v.msix.entry[m->vector].masked);
}

static enum ring_error on_request(void *ctx, uint16_t queue, const struct chain *c, uint32_t *used, bool *later)
{
	struct world *w = ctx;

	require(queue < 3 && c->segments <= w->rings[queue].at.size);
	if (!c->segments)
		return RING_BAD_REQUEST;
	*used = c->writable_bytes;
	*later = w->later && w->kept_n < UNDER_WAY;
	if (*later) {
		w->kept[w->kept_n].queue = queue;
		w->kept[w->kept_n++].head = c->head;
	}
	return RING_GOOD;
}

static const struct owners_ops registers = {.lock = on_lock, .unlock = on_unlock, .send = on_send};
static const struct server_ops ops = {.request = on_request};

static void complete(struct world *w, unsigned which)
{
	if (!w->kept_n)
		return;
	unsigned i = which % w->kept_n;
	uint16_t queue = w->kept[i].queue, head = w->kept[i].head;

	w->kept[i] = w->kept[--w->kept_n];
	server_complete(&w->s, queue, head, 1, RING_GOOD);
	server_told(&w->s, queue);
}

/* A driver that does everything right, so that what comes after is reached. */
static void bring_up(struct world *w)
{
	static const struct {
		uint16_t at, size;
		uint64_t value;
	} steps[] = {{0x14, 1, 3}, {8, 4, 1}, {12, 4, 1}, {8, 4, 0}, {12, 4, VIRTIO_F_INDIRECT_DESC}, {0x14, 1, 11}};
	struct virtio_fx fx;

	virtio_pci_write(&w->v, PCI_REG_COMMAND, 2, PCI_COMMAND_MASTER | PCI_COMMAND_MEMORY, &fx);
	virtio_pci_write(&w->v, w->v.msix.cap + 2u, 2, 0x8000, &fx);
	for (unsigned i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		virtio_bar_write(&w->v, steps[i].at, steps[i].size, steps[i].value, &fx);
		owners_accessed(&w->o, &fx);
	}
	for (unsigned q = 0; q < 3; q++) {
		virtio_bar_write(&w->v, 0x16, 2, q, &fx);
		virtio_bar_write(&w->v, 0x1a, 2, q, &fx);
		for (unsigned i = 0; i < 3; i++)
			virtio_bar_write(&w->v, 0x20 + 8 * i, 8, 0x1000 * q + 0x400 * i, &fx);
		virtio_bar_write(&w->v, 0x1c, 2, 1, &fx);
	}
	virtio_bar_write(&w->v, 0x14, 1, 15, &fx);
	owners_accessed(&w->o, &fx);
}

static void step(struct world *w, const uint8_t *at)
{
	unsigned where = (unsigned)get_le(at + 1, 2), size = 1u << at[3] % 4;
	uint64_t value = get_le(at + 4, 4);
	struct virtio_fx fx = {0};

	switch (at[0] % 10) {
	case 0:
		virtio_bar_write(&w->v, where % 0x40, size, value, &fx);
		break;
	case 1:
		virtio_bar_write(&w->v, where % 0x5000, size, value | value << 32, &fx);
		break;
	case 2:
		virtio_bar_read(&w->v, where % 0x5000, size);
		break;
	case 3:
		virtio_pci_write(&w->v, where % 300, size % 8 ? size : 4, (uint32_t)value, &fx);
		break;
	case 4:
		virtio_pci_read(&w->v, where % 300, size % 8 ? size : 4);
		break;
	case 5:
		put_le(w->memory + where % (MEMORY - 4), value, 4);
		break;
	case 6:
		bring_up(w);
		break;
	case 7:
		complete(w, where);
		break;
	default:
		w->later = where & 1;
		server_round(&w->s);
	}
	owners_accessed(&w->o, &fx);
	require(w->s.under_way == w->kept_n);
}

/* Whatever state it is in, a driver gets it back by a reset. */
static void recover(struct world *w)
{
	struct virtio_fx fx;

	virtio_bar_write(&w->v, 0x14, 1, 0, &fx);
	owners_accessed(&w->o, &fx);
	while (w->kept_n)
		complete(w, 0);
	server_round(&w->s);
	require(!w->v.status && !w->v.resetting && !w->s.under_way);
	memset(w->memory, 0, sizeof(w->memory));
	bring_up(w);
	require(virtio_live(&w->v));
	w->memory[0x402] = 1; // descriptor 0 of queue 0, 16 bytes to write at 0x3000
	w->memory[1] = 0x30;
	w->memory[8] = 16;
	w->memory[12] = 2;
	w->later = false;
	virtio_bar_write(&w->v, VIRTIO_AT_NOTIFY, 2, 0, &fx);
	owners_accessed(&w->o, &fx);
	server_round(&w->s);
	require(w->memory[0x802] == 1 && w->memory[0x808] == 16);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct world w;
	static const struct guest_mem mem = {
		.owner = &w, .read = mem_read, .write = mem_write, .read16 = mem_read16, .write16 = mem_write16};
	struct virtio_params p = {.type = 4,
				  .queues = 3,
				  .queue_size = 16,
				  .window = WINDOW,
				  .window_bytes = 1ull << 32,
				  .address = WINDOW};

	memset(&w, 0, sizeof(w));
	virtio_init(&w.v, &p);
	const struct server_link link = owners_link(&w.o);

	server_init(&w.s, 3, w.rings, &mem, &ops, &w, &link);
	owners_init(&w.o, &w.v, &w.s, 0, &registers, &w);
	for (; n >= STEP_BYTES; data += STEP_BYTES, n -= STEP_BYTES)
		step(&w, data);
	recover(&w);
	return 0;
}
