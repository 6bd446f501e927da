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
	/* But for what has come since. Written by one thread, read by any. */
	struct ram_more {
		page_idx first;
		uint64_t pages; // atomic; 0: gone
	} more[DESC_MEMORY_SLOTS];
	unsigned more_n; // atomic
	bool gone;       // atomic, for ram_gone()
};

int ram_map(struct ram *r, uint64_t bytes); // 0 or negative errno
/* The same, and keeps room bytes of addresses behind it for memory that may come. */
int ram_map_with_room(struct ram *r, uint64_t bytes, uint64_t room);
void ram_unmap(struct ram *r);

/*
 * Memory that comes into the room: ram_open() makes it accessible and ready for userfaultfd; once its pages can be had,
 * ram_publish() lets ram_at() find it. One at a time. And back: ram_hide(), ram_at() finds it no more; ram_close(), its
 * pages are given back. Who found it before and writes to it still, a disk for instance, writes to memory of nobody:
 * the guest has said that it needs it no more, and must not end the process. 0, or -EINVAL (it is not in the room, or
 * is there already), -ENOSPC, what mprotect() says.
 */
int ram_open(struct ram *r, page_idx first, uint64_t pages);
int ram_publish(struct ram *r, page_idx first, uint64_t pages);
void ram_hide(struct ram *r, page_idx first); // none begins there: nothing
int ram_close(struct ram *r, page_idx first, uint64_t pages);
/* Are all these pages there? Any thread. */
bool ram_has(const struct ram *r, page_idx first, uint64_t pages);

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
