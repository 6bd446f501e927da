// SPDX-License-Identifier: Apache-2.0
#include "vmm/virtio/blk.h"

#include <string.h>

#include "coherence/base/bytes.h"

/* Types of requests (5.2.6). */
#define TYPE_IN           0u
#define TYPE_OUT          1u
#define TYPE_FLUSH        4u
#define TYPE_GET_ID       8u
#define TYPE_DISCARD      11u
#define TYPE_WRITE_ZEROES 13u

#define RANGE_BYTES 16u
#define RANGE_UNMAP 1u

/* Offsets in the configuration (5.2.4). */
enum {
	AT_CAPACITY = 0,
	AT_SEG_MAX = 12,
	AT_BLK_SIZE = 20,
	AT_PHYSICAL_EXP = 24,
	AT_MIN_IO = 26, // in blocks
	AT_QUEUES = 34,
	AT_DISCARD_SECTORS = 36,
	AT_DISCARD_SEG = 40,
	AT_DISCARD_ALIGN = 44,
	AT_ZEROES_SECTORS = 48,
	AT_ZEROES_SEG = 52,
	AT_ZEROES_UNMAP = 56,
};

uint64_t blk_features(const struct blk_disk *d)
{
	uint64_t f = BLK_F_SEG_MAX | BLK_F_BLK_SIZE | BLK_F_FLUSH | BLK_F_TOPOLOGY | BLK_F_MQ;

	if (d->read_only)
		return f | BLK_F_RO;
	return f | BLK_F_WRITE_ZEROES | (d->discards ? BLK_F_DISCARD : 0);
}

/*
 * Blocks are 512 bytes to the guest, or an image made with those could not be read; larger ones of the disk are said as
 * the physical block.
 */
void blk_config(const struct blk_disk *d, uint8_t *out)
{
	memset(out, 0, BLK_CONFIG_BYTES);
	put_le(out + AT_CAPACITY, d->sectors, 8);
	/* Header and status take two; a request that fills the ring is the longest that a chain may be (2.7.5.3.1). */
	put_le(out + AT_SEG_MAX, d->queue_size > 3 ? d->queue_size - 2u : 1u, 4);
	put_le(out + AT_BLK_SIZE, BLK_SECTOR, 4);
	out[AT_PHYSICAL_EXP] = (uint8_t)__builtin_ctz(d->block_bytes / BLK_SECTOR);
	put_le(out + AT_MIN_IO, d->block_bytes / BLK_SECTOR, 2);
	put_le(out + AT_QUEUES, d->queues, 2);
	if (d->read_only)
		return;
	if (d->discards) {
		put_le(out + AT_DISCARD_SECTORS, BLK_RANGE_SECTORS_MAX, 4);
		put_le(out + AT_DISCARD_SEG, BLK_RANGES_MAX, 4);
		put_le(out + AT_DISCARD_ALIGN, d->discard_blocks, 4);
	}
	put_le(out + AT_ZEROES_SECTORS, BLK_RANGE_SECTORS_MAX, 4);
	put_le(out + AT_ZEROES_SEG, BLK_RANGES_MAX, 4);
	out[AT_ZEROES_UNMAP] = d->discards;
}

static enum ring_error answer(struct blk_request *r, uint8_t status)
{
	r->op = BLK_ANSWER;
	r->status = status;
	return RING_GOOD;
}

static bool on_disk(const struct blk_disk *d, uint64_t sector, uint64_t sectors)
{
	return sector <= d->sectors && sectors <= d->sectors - sector;
}

static enum ring_error transfer(const struct blk_disk *d, enum blk_op op, uint64_t sector, uint32_t bytes,
				struct blk_request *r)
{
	if (op == BLK_WRITE && d->read_only)
		return answer(r, BLK_IOERR); // whether the driver knows it or not
	if (bytes % BLK_SECTOR || !on_disk(d, sector, bytes / BLK_SECTOR))
		return answer(r, BLK_IOERR);
	if (!bytes)
		return answer(r, BLK_OK);
	r->op = op;
	r->offset = sector * BLK_SECTOR;
	r->bytes = bytes;
	return RING_GOOD;
}

/* One range. BLK_OK, or the status that the whole request gets. */
static uint8_t range(const struct blk_disk *d, enum blk_op op, const uint8_t *raw, struct blk_range *out)
{
	uint64_t sector = get_le(raw, 8), sectors = get_le(raw + 8, 4);
	uint32_t flags = (uint32_t)get_le(raw + 12, 4);

	if ((flags & ~RANGE_UNMAP) || (op == BLK_DISCARD && flags))
		return BLK_UNSUPP;
	if (sectors > BLK_RANGE_SECTORS_MAX || !on_disk(d, sector, sectors))
		return BLK_IOERR;
	*out = (struct blk_range){.offset = sector * BLK_SECTOR,
				  .bytes = sectors * BLK_SECTOR,
				  .unmap = (flags & RANGE_UNMAP) && d->discards};
	return BLK_OK;
}

/* All ranges are looked at before anything is done. */
static enum ring_error ranges(const struct blk_disk *d, enum blk_op op, bool accepted, const struct guest_mem *mem,
			      const struct chain *c, struct blk_request *r)
{
	uint32_t bytes = c->readable_bytes - BLK_HEADER_BYTES, n = bytes / RANGE_BYTES;
	uint8_t raw[BLK_RANGES_MAX * RANGE_BYTES];

	if (!accepted)
		return answer(r, BLK_UNSUPP);
	if (d->read_only || bytes % RANGE_BYTES || !n || n > BLK_RANGES_MAX)
		return answer(r, BLK_IOERR);
	if (!chain_get(c, mem, BLK_HEADER_BYTES, raw, bytes))
		return RING_NO_MEMORY;
	for (uint32_t i = 0; i < n; i++) {
		uint8_t status = range(d, op, raw + (size_t)i * RANGE_BYTES, &r->range[i]);

		if (status != BLK_OK)
			return answer(r, status);
	}
	r->op = op;
	r->ranges = n;
	return RING_GOOD;
}

enum ring_error blk_parse(const struct blk_disk *d, uint64_t accepted, const struct guest_mem *mem,
			  const struct chain *c, struct blk_request *out)
{
	uint8_t header[BLK_HEADER_BYTES];

	out->ranges = 0;
	out->id = false;
	if (c->readable_bytes < BLK_HEADER_BYTES || !c->writable_bytes)
		return RING_BAD_REQUEST;
	if (!chain_get(c, mem, 0, header, sizeof(header)))
		return RING_NO_MEMORY;
	uint64_t sector = get_le(header + 8, 8);

	switch ((uint32_t)get_le(header, 4)) {
	case TYPE_IN:
		return transfer(d, BLK_READ, sector, c->writable_bytes - 1, out);
	case TYPE_OUT:
		return transfer(d, BLK_WRITE, sector, c->readable_bytes - BLK_HEADER_BYTES, out);
	case TYPE_FLUSH: // of a disk that can't be written too: some firmware asks for it anyway
		out->op = BLK_FLUSH;
		return RING_GOOD;
	case TYPE_GET_ID:
		out->id = true;
		return answer(out, BLK_OK);
	case TYPE_DISCARD:
		return ranges(d, BLK_DISCARD, accepted & BLK_F_DISCARD, mem, c, out);
	case TYPE_WRITE_ZEROES:
		return ranges(d, BLK_ZEROES, accepted & BLK_F_WRITE_ZEROES, mem, c, out);
	default:
		return answer(out, BLK_UNSUPP);
	}
}

enum ring_error blk_finish(const struct blk_disk *d, const struct guest_mem *mem, const struct chain *c,
			   const struct blk_request *r, uint8_t status, uint32_t *used)
{
	uint32_t data = c->writable_bytes - 1, n = data < BLK_ID_BYTES ? data : BLK_ID_BYTES;
	bool whole = status == BLK_OK && (r->op == BLK_READ || (r->id && n == data));

	if (r->id && status == BLK_OK && !chain_put(c, mem, 0, d->id, n))
		return RING_NO_MEMORY;
	if (!chain_put(c, mem, data, &status, 1))
		return RING_NO_MEMORY;
	/* Bytes written from the beginning on, without a gap (2.7.8.2): a status behind data that is not there is none.
	 */
	*used = whole || !data ? data + 1 : r->id && status == BLK_OK ? n : 0;
	return RING_GOOD;
}
