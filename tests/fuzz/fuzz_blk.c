// SPDX-License-Identifier: Apache-2.0
/*
 * Requests to a disk: chains that say anything, and a disk that does a part, fails, or can't, in the order the input
 * says. Eight bytes each: what, where (2), how wide, a value (4). Each request ends once; the disk is asked for nothing
 * outside of it and gets no more buffers than there are; after a reset nothing is written to memory.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "coherence/base/bytes.h"
#include "net/log.h"
#include "vmm/block/block_priv.h"
#include "vmm/card/blk_front.h"

#define MEMORY     0x4000u
#define STEP_BYTES 8u
#define RING       32u
#define SECTORS    8192u
#define STEPS_MAX  400u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct world {
	struct block *b;
	struct blk_front f;
	uint8_t memory[MEMORY];
	struct block_piece *held[BLOCK_PIECES];
	unsigned held_n;
	bool wanted;
	unsigned taken, ended;
};

static struct world w;

static void require(bool good)
{
	if (!good)
		abort();
}

static bool mem_read(void *owner, uint64_t gpa, void *to, size_t n)
{
	(void)owner;
	if (gpa > MEMORY || n > MEMORY - gpa)
		return false;
	memcpy(to, w.memory + gpa, n);
	return true;
}

static bool mem_write(void *owner, uint64_t gpa, const void *from, size_t n)
{
	(void)owner;
	require(w.wanted);
	if (gpa > MEMORY || n > MEMORY - gpa)
		return false;
	memcpy(w.memory + gpa, from, n);
	return true;
}

/* ---- the disk ---- */

static int disk_start(struct block *b)
{
	(void)b;
	return 0;
}

static void disk_give(struct block *b, struct block_piece *p)
{
	require(w.held_n < BLOCK_PIECES);
	require(p->op == BLOCK_FLUSH || (p->bytes && p->offset % BLOCK_SECTOR == 0 && p->bytes % BLOCK_SECTOR == 0));
	require(p->op == BLOCK_FLUSH || p->offset + p->bytes <= (uint64_t)SECTORS * BLOCK_SECTOR);
	require(!p->buffer || (p->buf >= b->bounce.memory && p->buf + p->bytes <= b->bounce.memory + BOUNCE_BYTES));
	w.held[w.held_n++] = p;
}

static int disk_push(struct block *b)
{
	(void)b;
	return 0;
}

static void finish(unsigned which, uint32_t how)
{
	static const int errors[] = {-EIO, -ENOSPC, -EOPNOTSUPP, -EAGAIN};

	if (!w.held_n)
		return;
	unsigned i = which % w.held_n;
	struct block_piece *p = w.held[i];
	int64_t res = (int64_t)p->bytes;

	w.held[i] = w.held[--w.held_n];
	if (how % 4 == 1)
		res = errors[how / 4 % 4];
	else if (how % 4 == 2)
		res = (int64_t)(how / 4 % (p->bytes + 1));
	if (p->op == BLOCK_READ && res > 0)
		memset(p->buf, 0x5a, (size_t)res);
	block_piece_done(w.b, p, res);
}

static void disk_wait(struct block *b)
{
	(void)b;
	finish(0, 0);
}

static void disk_close(struct block *b)
{
	(void)b;
	require(!w.held_n);
}

static const struct block_ops disk_ops = {.kind = "fuzz",
					  .start = disk_start,
					  .give = disk_give,
					  .push = disk_push,
					  .wait = disk_wait,
					  .close = disk_close};

/* ---- the front ---- */

static void front_submit(void *ctx, uint16_t queue, struct block_request *r)
{
	(void)ctx;
	(void)queue;
	block_submit(w.b, r);
}

static void front_complete(void *ctx, uint16_t queue, uint16_t head, uint32_t used, enum ring_error e)
{
	(void)ctx;
	(void)used;
	require(queue < 2 && head < RING && e < RING_ERRORS);
	w.ended++;
	require(w.ended <= w.taken);
}

static bool front_wanted(void *ctx, uint16_t queue)
{
	(void)ctx;
	(void)queue;
	return w.wanted;
}

static void front_failed(void *ctx, enum block_op op, uint64_t offset, uint64_t bytes, int error)
{
	(void)ctx;
	(void)offset;
	(void)bytes;
	require(op < BLOCK_OPS && error < 0);
}

static const struct blk_front_ops front_ops = {
	.submit = front_submit, .complete = front_complete, .wanted = front_wanted, .failed = front_failed};

static void request(uint32_t where, uint32_t value)
{
	static const struct guest_mem mem = {.read = mem_read, .write = mem_write};
	static struct chain c;
	const struct chain_table t = {.gpa = where % MEMORY & ~15u, .size = RING, .indirect = true};
	uint32_t used = 0;
	bool later = false;

	w.f.mem = &mem;
	if (!w.wanted || blk_front_full(&w.f) || chain_read(&t, &mem, (uint16_t)(value % RING), &c))
		return;
	w.taken++;
	enum ring_error e = blk_front_request(&w.f, value & 0x80000000u ? 0 : ~0ull, value >> 8 & 1, &c, &used, &later);

	require(e == RING_GOOD || !later);
	if (!later)
		w.taken--; // it is answered
}

/* A request that is right, so that what comes after it is reached: three descriptors at 0x100, data at 0x2000. */
static void good(uint32_t type, uint32_t sector, uint32_t sectors)
{
	const uint32_t n = sectors % 16 * BLOCK_SECTOR, at[] = {0x400, 0x2000, 0x410}, len[] = {16, n, 1};
	const bool in = type % 2 == 0;

	for (unsigned i = 0; i < 3; i++) {
		put_le(w.memory + 0x100 + 16 * i, at[i], 8);
		put_le(w.memory + 0x108 + 16 * i, len[i], 4);
		put_le(w.memory + 0x10c + 16 * i, (i < 2) | (i == 2 || (i == 1 && in) ? 2u : 0), 2);
		put_le(w.memory + 0x10e + 16 * i, i + 1, 2);
	}
	put_le(w.memory + 0x400, type % 16, 4);
	put_le(w.memory + 0x408, sector % SECTORS, 8);
	if (type % 16 >= 11) { // ranges
		put_le(w.memory + 0x2000, sector % SECTORS, 8);
		put_le(w.memory + 0x2008, sectors % 4096, 4);
		put_le(w.memory + 0x200c, type >> 4 & 1, 4);
		put_le(w.memory + 0x118, 16, 4);
		put_le(w.memory + 0x11c, 1, 2);
	}
	request(0x100, (type >> 5 & 1) << 31);
}

static void step(struct loop *l, const uint8_t *at)
{
	uint32_t where = (uint32_t)get_le(at + 1, 2), value = (uint32_t)get_le(at + 4, 4);

	switch (at[0] % 8) {
	case 0:
		put_le(w.memory + where % (MEMORY - 4), value, 4);
		break;
	case 1:
		request(where, value);
		break;
	case 2:
		good(at[3], where, value);
		break;
	case 3:
	case 4:
		finish(where, value);
		break;
	case 5:
		w.wanted = at[3] % 4 != 0;
		break;
	case 6:
		block_forget(w.b);
		break;
	default:
		require(loop_run(l, 0) >= 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const struct loop_options how = {.waits = "poll"};
	const struct block_info info = {.bytes = (uint64_t)SECTORS * BLOCK_SECTOR,
					.read_only = n && data[0] & 64,
					.discards = true,
					.block_bytes = 512,
					.discard_bytes = 512};
	struct loop *l;

	log_max = (enum log_level) - 1;
	memset(&w, 0, sizeof(w));
	w.wanted = true;
	require(!loop_create(&l, &how));
	w.b = block_make(&disk_ops, NULL, "fuzz", &info);
	require(w.b && !block_start(w.b, l, NULL));
	w.f.ops = &front_ops;
	w.f.disk = (struct blk_disk){.sectors = SECTORS,
				     .discards = true,
				     .block_bytes = 512,
				     .discard_blocks = 1,
				     .queues = 2,
				     .queue_size = RING};
	for (unsigned i = 0; i < STEPS_MAX && n >= STEP_BYTES; data += STEP_BYTES, n -= STEP_BYTES, i++)
		step(l, data);
	w.wanted = n % 2;
	block_close(w.b);
	require(w.ended == w.taken && !w.f.kept);
	loop_destroy(l);
	return 0;
}
