// SPDX-License-Identifier: Apache-2.0
/*
 * The mapping of the whole guest RAM in one host's monitor: anonymous, reserved but not populated, 2 MiB
 * aligned, never inherited by children. Page index p is at ram->base + p * PAGE_BYTES (the hole takes no room).
 */
#ifndef VMM_MEM_RAM_H
#define VMM_MEM_RAM_H

#include "vmm/mem/layout.h"

struct ram {
	uint8_t *base;
	uint64_t bytes;    // RAM that is there, from address 0 up
	uint64_t reserved; // ... and addresses of the mapping behind it, which nothing may touch yet
	bool gone;         // atomic, for ram_gone()
};

int ram_map(struct ram *r, uint64_t bytes); // 0 or negative errno
/* The same, and keeps room bytes of addresses behind it for memory that may come. */
int ram_map_with_room(struct ram *r, uint64_t bytes, uint64_t room);
void ram_unmap(struct ram *r);

/*
 * Its pages come from other hosts, and nobody brings them any more: before userfaultfd is closed, from when on a page
 * that is not here reads as zeroes. For good.
 */
void ram_let_go(struct ram *r);
/* Asked after memory was read: true, and what was read may be such zeroes. Any thread. */
bool ram_gone(const struct ram *r);

/*
 * Guest memory [gpa, gpa+len) as a pointer, or NULL unless all of it is RAM and contiguous in the mapping.
 * Touching it may fault to the pager, so the pager's own thread must never do so.
 */
void *ram_at(const struct ram *r, uint64_t gpa, uint64_t len);

#endif
