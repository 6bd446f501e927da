// SPDX-License-Identifier: Apache-2.0
/*
 * What crosses between two hosts when a disk's front half is on one and its back half on the other: pieces of block
 * requests (block.h), each asked once and answered once. One side is remote.h, the other serve.h.
 *
 * Bounded: a piece has at most BLOCK_ASK_BYTES of data, and one host has at most BLOCK_ASKS_MAX pieces and
 * BLOCK_ASKS_BYTES of data under way to one disk. Who asks for more is no member any more.
 */
#ifndef VMM_BLOCK_ASK_H
#define VMM_BLOCK_ASK_H

#include "vmm/block/block.h"

#define BLOCK_ASK_BYTES  (256u << 10)
#define BLOCK_ASKS_MAX   256u
#define BLOCK_ASKS_BYTES (8u << 20)

struct block_ask {
	uint64_t id;
	uint16_t queue; // of the device, and the turn in which it is there (virtio/owner.h)
	uint32_t turn;
	enum block_op op;
	bool stable, unmap;
	uint64_t offset, bytes;
	uint64_t reach;      // where the request that it is a piece of ends, all of its ranges
	const uint8_t *data; // write: bytes of it
};

struct block_answer {
	uint64_t id;
	int error;           // 0 or a negative errno
	const uint8_t *data; // read, without an error: as many bytes as were asked for
	uint32_t bytes;
};

static inline bool block_op_has_data(enum block_op op)
{
	return op == BLOCK_READ || op == BLOCK_WRITE;
}

#endif
