// SPDX-License-Identifier: Apache-2.0
/*
 * Directory entries of pages in a row as bytes. Most are equal to the one before: a run of equal entries is
 *   u16 how many, 1 ..   u8 owner   u8 flags (DIR_TOUCHED, DIR_SHARED)   with DIR_SHARED: u64 sharers, not 0
 * little-endian. What only policy uses does not go along.
 */
#include <errno.h>

#include "coherence/base/bytes.h"
#include "coherence/engine_priv.h"

#define DIR_TOUCHED 1u
#define DIR_SHARED  2u
#define RUN_BYTES   4u
#define SET_BYTES   8u
#define RUN_MAX     0xffffu

/* A slot that nobody has been in since is not passed on: the next home may never have known that host. */
static struct dir_entry entry_of(const struct coh_engine *e, page_idx page)
{
	const struct dir *d = &e->dir[page];

	return (struct dir_entry){.sharers = d->sharers & ~e->gone, .owner = dir_owner(e, d), .touched = d->touched};
}

static bool same(const struct dir_entry *a, const struct dir_entry *b)
{
	return a->sharers == b->sharers && a->owner == b->owner && a->touched == b->touched;
}

int dir_pack(const struct coh_engine *e, page_idx first, page_idx end, uint8_t *buf, size_t cap)
{
	size_t n = 0;

	for (page_idx p = first; p < end;) {
		struct dir_entry d = entry_of(e, p), next = d;
		unsigned run = 0;

		while (p < end && run < RUN_MAX && same(&d, &next)) {
			run++;
			if (++p < end)
				next = entry_of(e, p);
		}
		size_t need = RUN_BYTES + (d.sharers ? SET_BYTES : 0);
		if (cap - n < need)
			return -ENOBUFS;
		put_le(buf + n, run, 2);
		buf[n + 2] = d.owner;
		buf[n + 3] = (uint8_t)((d.touched ? DIR_TOUCHED : 0) | (d.sharers ? DIR_SHARED : 0));
		if (d.sharers)
			put_le(buf + n + RUN_BYTES, d.sharers, SET_BYTES);
		n += need;
	}
	return (int)n;
}

static bool next_run(struct dir_reader *r)
{
	if (r->left < RUN_BYTES)
		return false;
	uint8_t flags = r->at[3];
	size_t need = RUN_BYTES + (flags & DIR_SHARED ? SET_BYTES : 0);
	r->same = (unsigned)get_le(r->at, 2);
	if (!r->same || flags > (DIR_TOUCHED | DIR_SHARED) || r->left < need)
		return false;
	r->entry = (struct dir_entry){.owner = r->at[2], .touched = flags & DIR_TOUCHED};
	if (flags & DIR_SHARED)
		r->entry.sharers = get_le(r->at + RUN_BYTES, SET_BYTES);
	r->at += need;
	r->left -= need;
	return !(flags & DIR_SHARED) || r->entry.sharers;
}

bool dir_next(struct dir_reader *r, struct dir_entry *out)
{
	if (!r->same && !next_run(r)) {
		r->same = 0;
		return false;
	}
	r->same--;
	*out = r->entry;
	return true;
}
