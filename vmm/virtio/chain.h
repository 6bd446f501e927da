// SPDX-License-Identifier: Apache-2.0
/*
 * A chain of descriptors of a split virtqueue (Virtio 1.2, 2.7), taken out of guest memory once: what it says
 * afterwards is ours. First what the device may read, then what it may write; pieces of no length are left out. Every
 * number is bounded. Pure.
 */
#ifndef VMM_VIRTIO_CHAIN_H
#define VMM_VIRTIO_CHAIN_H

#include "vmm/virtio/guest_mem.h"

#define RING_SIZE_MAX      1024u         // entries of a ring
#define CHAIN_SEGMENTS_MAX RING_SIZE_MAX // descriptors of a chain, those of an indirect table included
#define DESC_BYTES         16u

struct chain_segment {
	uint64_t gpa;
	uint32_t bytes;
};

struct chain {
	uint16_t head;               // its first descriptor: what the used ring names
	uint16_t segments, readable; // how many there are, and how many of them come first and are read
	uint32_t readable_bytes, writable_bytes;
	struct chain_segment segment[CHAIN_SEGMENTS_MAX];
};

/* What is wrong with a ring or a chain. Each ends the queue's work until the device is reset. */
enum ring_error {
	RING_GOOD,
	RING_NO_MEMORY,    // a descriptor, an index or a table is not in memory
	RING_INDEX_JUMP,   // more made available than the ring has room for
	RING_BAD_HEAD,     // no such descriptor
	RING_HEAD_TWICE,   // made available again while the device has it
	RING_LOOP,         // longer than the ring: it runs in circles
	RING_BAD_NEXT,     // the next descriptor is none of the table
	RING_BAD_INDIRECT, // nested, with a next one, of a wrong length, or not negotiated
	RING_BAD_ORDER,    // to be read after what is to be written
	RING_TOO_LONG,     // 4 GiB or more, or over the end of addresses
	RING_BAD_REQUEST,  // of the device: what is in it can't even be refused
	RING_ERRORS
};
const char *ring_error_text(enum ring_error e);

/* The table of a queue: size descriptors at gpa. */
struct chain_table {
	uint64_t gpa;
	uint16_t size;
	bool indirect; // indirect tables were negotiated
};

/* Reads the chain that begins with head (below t->size). At most t->size descriptors. */
enum ring_error chain_read(const struct chain_table *t, const struct guest_mem *mem, uint16_t head, struct chain *out);

/*
 * Copies n bytes out of the readable, or into the writable part, from this offset on. False: the part is not that long,
 * or it is not all memory.
 */
bool chain_get(const struct chain *c, const struct guest_mem *mem, uint32_t offset, void *to, uint32_t n);
bool chain_put(const struct chain *c, const struct guest_mem *mem, uint32_t offset, const void *from, uint32_t n);

#endif
