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
	r->more_n = 0;
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

static struct ram_more *find(struct ram *r, page_idx first)
{
	for (unsigned i = 0; i < r->more_n; i++)
		if (r->more[i].pages && r->more[i].first == first)
			return &r->more[i];
	return NULL;
}

static bool in_the_room(const struct ram *r, page_idx first, uint64_t pages)
{
	page_idx begin = r->bytes >> PAGE_SHIFT, end = (r->bytes + r->reserved) >> PAGE_SHIFT;

	return pages && first >= begin && first < end && pages <= end - first;
}

int ram_open(struct ram *r, page_idx first, uint64_t pages)
{
	if (!in_the_room(r, first, pages) || ram_has(r, first, 1))
		return -EINVAL;
	return mprotect(r->base + (first << PAGE_SHIFT), pages << PAGE_SHIFT, PROT_READ | PROT_WRITE) ? -errno : 0;
}

/* A place is used again only with another beginning once its pages are 0, so that no reader sees half of both. */
int ram_publish(struct ram *r, page_idx first, uint64_t pages)
{
	unsigned i = 0;

	if (!in_the_room(r, first, pages))
		return -EINVAL;
	if (find(r, first))
		return 0; // it was to go, and stays
	while (i < r->more_n && r->more[i].pages)
		i++;
	if (i == DESC_MEMORY_SLOTS)
		return -ENOSPC;
	__atomic_store_n(&r->more[i].first, first, __ATOMIC_RELAXED);
	__atomic_store_n(&r->more[i].pages, pages, __ATOMIC_RELEASE);
	if (i == r->more_n)
		__atomic_store_n(&r->more_n, i + 1, __ATOMIC_RELEASE);
	return 0;
}

void ram_hide(struct ram *r, page_idx first)
{
	struct ram_more *m = find(r, first);

	if (m)
		__atomic_store_n(&m->pages, 0, __ATOMIC_RELEASE);
}

int ram_close(struct ram *r, page_idx first, uint64_t pages)
{
	if (!in_the_room(r, first, pages))
		return -EINVAL;
	ram_hide(r, first);
	return madvise(r->base + (first << PAGE_SHIFT), pages << PAGE_SHIFT, MADV_DONTNEED) ? -errno : 0;
}

/* Pieces that follow one another are as one. */
bool ram_has(const struct ram *r, page_idx first, uint64_t pages)
{
	page_idx begin = r->bytes >> PAGE_SHIFT;

	if (first < begin) {
		if (pages <= begin - first)
			return true;
		pages -= begin - first;
		first = begin;
	}
	unsigned n = __atomic_load_n(&r->more_n, __ATOMIC_ACQUIRE);

	for (unsigned i = 0; i < n; i++) {
		uint64_t has = __atomic_load_n(&r->more[i].pages, __ATOMIC_ACQUIRE);
		uint64_t in = first - __atomic_load_n(&r->more[i].first, __ATOMIC_RELAXED);

		if (in >= has)
			continue;
		if (pages <= has - in)
			return true;
		pages -= has - in;
		first += has - in;
		i = UINT32_MAX; // the next piece may stand anywhere
	}
	return false;
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

	if (!len || gpa + len < gpa || !layout_page(r->bytes + r->reserved, gpa, &first) ||
	    !layout_page(r->bytes + r->reserved, gpa + len - 1, &last) || !ram_has(r, first, last - first + 1))
		return NULL;
	/* Both ends may be RAM with the hole in between. */
	if (last - first != ((gpa + len - 1) >> PAGE_SHIFT) - (gpa >> PAGE_SHIFT))
		return NULL;
	return r->base + (first << PAGE_SHIFT) + (gpa & (PAGE_BYTES - 1));
}
