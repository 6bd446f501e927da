// SPDX-License-Identifier: Apache-2.0
#include "vmm/mem/ram.h"

#include <errno.h>
#include <sys/mman.h>

#define ALIGN_BYTES (2ull << 20) // so that KVM and the kernel may use 2 MiB pages where the pager allows it

/* Unmaps what lies outside [base, base + bytes) of a larger mapping. */
static void trim(uint8_t *map, uint64_t map_bytes, uint8_t *base, uint64_t bytes)
{
	uint64_t before = (uint64_t)(base - map), after = map_bytes - before - bytes;

	if (before)
		munmap(map, before);
	if (after)
		munmap(base + bytes, after);
}

int ram_map(struct ram *r, uint64_t bytes)
{
	return ram_map_with_room(r, bytes, 0);
}

int ram_map_with_room(struct ram *r, uint64_t bytes, uint64_t room)
{
	uint64_t all = bytes + room;

	if (!bytes || all % PAGE_BYTES || bytes % PAGE_BYTES || all < bytes || all > (uint64_t)INT64_MAX - ALIGN_BYTES)
		return -EINVAL;
	/* NORESERVE: a host holds only a part of the guest's pages, so swap is not set aside for
	 * all. */
	uint8_t *map = mmap(NULL, all + ALIGN_BYTES, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (map == MAP_FAILED)
		return -errno;
	uint8_t *base = (uint8_t *)(((uintptr_t)map + ALIGN_BYTES - 1) & ~(uintptr_t)(ALIGN_BYTES - 1));

	trim(map, all + ALIGN_BYTES, base, all);
	/* A child must not copy guest RAM, and a core dump must not fault all of it in over the
	 * network. */
	if (madvise(base, all, MADV_DONTFORK) || madvise(base, all, MADV_DONTDUMP) ||
	    (room && mprotect(base + bytes, room, PROT_NONE))) {
		int err = errno;

		munmap(base, all);
		return -err;
	}
	r->base = base;
	r->bytes = bytes;
	r->reserved = room;
	r->gone = false;
	return 0;
}

void ram_unmap(struct ram *r)
{
	if (r->base)
		munmap(r->base, r->bytes + r->reserved);
	r->base = NULL;
	r->bytes = 0;
}

void ram_let_go(struct ram *r)
{
	__atomic_store_n(&r->gone, true, __ATOMIC_SEQ_CST);
}

bool ram_gone(const struct ram *r)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST); // what was read before is not read later than this
	return __atomic_load_n(&r->gone, __ATOMIC_SEQ_CST);
}

void *ram_at(const struct ram *r, uint64_t gpa, uint64_t len)
{
	page_idx first, last;

	if (!len || gpa + len < gpa || !layout_page(r->bytes, gpa, &first) ||
	    !layout_page(r->bytes, gpa + len - 1, &last))
		return NULL;
	/* Both ends may be RAM with the hole in between. */
	if (last - first != ((gpa + len - 1) >> PAGE_SHIFT) - (gpa >> PAGE_SHIFT))
		return NULL;
	return r->base + (first << PAGE_SHIFT) + (gpa & (PAGE_BYTES - 1));
}
