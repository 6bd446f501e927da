// SPDX-License-Identifier: Apache-2.0
#include "vmm/virtio/chain.h"

#include "coherence/base/bytes.h"

#define DESC_NEXT     1u
#define DESC_WRITE    2u
#define DESC_INDIRECT 4u

struct desc {
	uint64_t gpa;
	uint32_t bytes;
	uint16_t flags, next;
};

/* A walk over one table, then perhaps one more. */
struct walk {
	const struct chain_table *t;
	const struct guest_mem *mem;
	struct chain *out;
	unsigned left; // descriptors that may still come
};

const char *ring_error_text(enum ring_error e)
{
	static const char *const text[RING_ERRORS] = {
		[RING_GOOD] = "nothing",
		[RING_NO_MEMORY] = "a ring, table or buffer is not in memory",
		[RING_INDEX_JUMP] = "the available index jumped by more than the ring's size",
		[RING_BAD_HEAD] = "a chain begins outside of the descriptor table",
		[RING_HEAD_TWICE] = "a chain was made available again before it was used",
		[RING_LOOP] = "a chain is longer than the ring",
		[RING_BAD_NEXT] = "a chain goes on outside of its table",
		[RING_BAD_INDIRECT] = "an indirect table is nested, has a wrong length, or was not negotiated",
		[RING_BAD_ORDER] = "a buffer to read follows one to write",
		[RING_TOO_LONG] = "a chain's buffers are 4 GiB or more",
		[RING_BAD_REQUEST] = "a request has no room for its own header or status",
	};

	return e < RING_ERRORS ? text[e] : "unknown";
}

static struct desc decode(const uint8_t *raw)
{
	return (struct desc){.gpa = get_le(raw, 8),
			     .bytes = (uint32_t)get_le(raw + 8, 4),
			     .flags = (uint16_t)get_le(raw + 12, 2),
			     .next = (uint16_t)get_le(raw + 14, 2)};
}

static enum ring_error add(struct chain *c, const struct desc *d)
{
	bool write = d->flags & DESC_WRITE;
	uint32_t *total = write ? &c->writable_bytes : &c->readable_bytes;

	if (!write && c->segments > c->readable)
		return RING_BAD_ORDER;
	if (!d->bytes)
		return RING_GOOD;
	if (d->gpa > UINT64_MAX - d->bytes || d->bytes > UINT32_MAX - c->readable_bytes - c->writable_bytes)
		return RING_TOO_LONG;
	*total += d->bytes;
	c->readable = (uint16_t)(c->readable + !write);
	c->segment[c->segments++] = (struct chain_segment){.gpa = d->gpa, .bytes = d->bytes};
	return RING_GOOD;
}

/* The table is copied whole, once: 16 KiB at most. The referring descriptor's WRITE flag means nothing (2.7.5.3.2). */
static enum ring_error walk_indirect(struct walk *w, const struct desc *ref)
{
	uint8_t table[CHAIN_SEGMENTS_MAX * DESC_BYTES];
	uint32_t n = ref->bytes / DESC_BYTES;

	if (!w->t->indirect || (ref->flags & DESC_NEXT) || !n || ref->bytes % DESC_BYTES || n > w->t->size)
		return RING_BAD_INDIRECT;
	if (ref->gpa > UINT64_MAX - ref->bytes || !w->mem->read(w->mem->owner, ref->gpa, table, ref->bytes))
		return RING_NO_MEMORY;
	for (uint32_t at = 0;;) {
		if (!w->left--)
			return RING_LOOP;
		struct desc d = decode(table + (size_t)at * DESC_BYTES);

		if (d.flags & DESC_INDIRECT)
			return RING_BAD_INDIRECT;
		enum ring_error e = add(w->out, &d);

		if (e || !(d.flags & DESC_NEXT))
			return e;
		if (d.next >= n)
			return RING_BAD_NEXT;
		at = d.next;
	}
}

enum ring_error chain_read(const struct chain_table *t, const struct guest_mem *mem, uint16_t head, struct chain *out)
{
	struct walk w = {.t = t, .mem = mem, .out = out, .left = t->size};

	out->head = head;
	out->segments = out->readable = 0;
	out->readable_bytes = out->writable_bytes = 0;
	for (uint16_t at = head;;) {
		uint8_t raw[DESC_BYTES];

		if (!w.left--)
			return RING_LOOP;
		if (!mem->read(mem->owner, t->gpa + (uint64_t)at * DESC_BYTES, raw, sizeof(raw)))
			return RING_NO_MEMORY;
		struct desc d = decode(raw);

		if (d.flags & DESC_INDIRECT) { // always the last one
			w.left++;              // it is no buffer itself
			return walk_indirect(&w, &d);
		}
		enum ring_error e = add(out, &d);

		if (e || !(d.flags & DESC_NEXT))
			return e;
		if (d.next >= t->size)
			return RING_BAD_NEXT;
		at = d.next;
	}
}

typedef bool (*piece_fn)(const struct guest_mem *mem, uint64_t gpa, uint8_t *bytes, uint32_t n);

static bool get_piece(const struct guest_mem *mem, uint64_t gpa, uint8_t *bytes, uint32_t n)
{
	return mem->read(mem->owner, gpa, bytes, n);
}

static bool put_piece(const struct guest_mem *mem, uint64_t gpa, uint8_t *bytes, uint32_t n)
{
	return mem->write(mem->owner, gpa, bytes, n);
}

/* fn for each piece of n bytes from offset on in segments first to last - 1. */
static bool pieces(const struct chain *c, const struct guest_mem *mem, unsigned first, unsigned last, uint32_t offset,
		   uint8_t *bytes, uint32_t n, piece_fn fn)
{
	for (unsigned i = first; i < last && n; i++) {
		const struct chain_segment *s = &c->segment[i];

		if (offset >= s->bytes) {
			offset -= s->bytes;
			continue;
		}
		uint32_t part = s->bytes - offset < n ? s->bytes - offset : n;

		if (!fn(mem, s->gpa + offset, bytes, part))
			return false;
		bytes += part;
		n -= part;
		offset = 0;
	}
	return !n;
}

bool chain_get(const struct chain *c, const struct guest_mem *mem, uint32_t offset, void *to, uint32_t n)
{
	return pieces(c, mem, 0, c->readable, offset, to, n, get_piece);
}

bool chain_put(const struct chain *c, const struct guest_mem *mem, uint32_t offset, const void *from, uint32_t n)
{
	return pieces(c, mem, c->readable, c->segments, offset, (uint8_t *)from, n, put_piece);
}
