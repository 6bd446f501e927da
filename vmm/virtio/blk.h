// SPDX-License-Identifier: Apache-2.0
/*
 * The block device (Virtio 1.2, 5.2): what a request asks for, and how it is answered. Requests are hostile; what a
 * disk is asked to do is inside of it, and bounded. Pure.
 *
 * Order of a read: the data by chain_put() from 0 on, then blk_finish(), then ring_push(). Data to be written begins at
 * BLK_HEADER_BYTES of the readable part.
 */
#ifndef VMM_VIRTIO_BLK_H
#define VMM_VIRTIO_BLK_H

#include "vmm/virtio/chain.h"

#define BLK_TYPE              2u
#define BLK_CLASS             0x018000u // other mass storage
#define BLK_SECTOR            512u      // all units of the protocol, whatever the disk's blocks are
#define BLK_HEADER_BYTES      16u
#define BLK_ID_BYTES          20u
#define BLK_CONFIG_BYTES      60u
#define BLK_RANGES_MAX        32u        // of a discard or write-zeroes request
#define BLK_RANGE_SECTORS_MAX (1u << 21) // of each: 1 GiB

#define BLK_F_SEG_MAX      (1ull << 2)
#define BLK_F_RO           (1ull << 5)
#define BLK_F_BLK_SIZE     (1ull << 6)
#define BLK_F_FLUSH        (1ull << 9)
#define BLK_F_TOPOLOGY     (1ull << 10)
#define BLK_F_MQ           (1ull << 12)
#define BLK_F_DISCARD      (1ull << 13)
#define BLK_F_WRITE_ZEROES (1ull << 14)

#define BLK_OK     0u
#define BLK_IOERR  1u
#define BLK_UNSUPP 2u

struct blk_disk {
	uint64_t sectors; // of BLK_SECTOR
	bool read_only, discards;
	uint32_t block_bytes;    // a power of two, from BLK_SECTOR up: what is written without reading first
	uint32_t discard_blocks; // alignment of discards, in sectors; not 0
	uint16_t queues, queue_size;
	char id[BLK_ID_BYTES]; // serial number; no terminator where it is full
};

/* What it offers, and its configuration space (BLK_CONFIG_BYTES). */
uint64_t blk_features(const struct blk_disk *d);
void blk_config(const struct blk_disk *d, uint8_t *out);

/*
 * Without FLUSH accepted the driver knows of no cache: a write is stable when it is answered (5.2.6.2).
 */
static inline bool blk_writes_through(uint64_t accepted)
{
	return !(accepted & BLK_F_FLUSH);
}

enum blk_op {
	BLK_ANSWER, // nothing is to be done: blk_finish() with the request's status
	BLK_READ,
	BLK_WRITE,
	BLK_FLUSH,
	BLK_DISCARD, // the ranges may read as anything afterwards
	BLK_ZEROES,  // the ranges read as zeroes afterwards
};

struct blk_range {
	uint64_t offset, bytes;
	bool unmap; // zeroes: the space may be given back
};

struct blk_request {
	enum blk_op op;
	uint8_t status; // of BLK_ANSWER
	bool id;        // it asks for the serial number
	uint64_t offset;
	uint32_t bytes; // read and write: a multiple of BLK_SECTOR, more than 0
	unsigned ranges;
	struct blk_range range[BLK_RANGES_MAX];
};

/*
 * Takes a chain for a request to d. RING_GOOD, or why the queue is broken: there is no room for header or status, or it
 * is not in memory.
 */
enum ring_error blk_parse(const struct blk_disk *d, uint64_t accepted, const struct guest_mem *mem,
			  const struct chain *c, struct blk_request *out);

/* Writes the answer behind the data. *used is what ring_push() wants. The same return. */
enum ring_error blk_finish(const struct blk_disk *d, const struct guest_mem *mem, const struct chain *c,
			   const struct blk_request *r, uint8_t status, uint32_t *used);

#endif
