// SPDX-License-Identifier: Apache-2.0
#include "vmm/virtio/ring.h"

#include <errno.h>

#include "coherence/base/bytes.h"
#include "coherence/base/check.h"

/* Offsets in the available and the used ring (2.7.6, 2.7.8). */
#define RING_FLAGS   0u
#define RING_IDX     2u
#define RING_ENTRIES 4u
#define AVAIL_ENTRY  2u
#define USED_ENTRY   8u
#define NO_INTERRUPT 1u // in the available ring's flags
#define NO_NOTIFY    1u // in the used ring's

static uint64_t avail_bytes(uint16_t size)
{
	return RING_ENTRIES + (uint64_t)AVAIL_ENTRY * size + 2;
}

static uint64_t used_bytes(uint16_t size)
{
	return RING_ENTRIES + (uint64_t)USED_ENTRY * size + 2;
}

int ring_check(const struct ring_setup *s)
{
	bool size = s->size && s->size <= RING_SIZE_MAX && !(s->size & (s->size - 1));

	if (!size || s->desc % 16 || s->avail % 2 || s->used % 4)
		return -EINVAL;
	if (s->desc > UINT64_MAX - (uint64_t)DESC_BYTES * s->size || s->avail > UINT64_MAX - avail_bytes(s->size) ||
	    s->used > UINT64_MAX - used_bytes(s->size))
		return -EINVAL;
	return 0;
}

void ring_start(struct ring *r, const struct ring_setup *s)
{
	PD_CHECK(!ring_check(s));
	memset(r, 0, sizeof(*r));
	r->at = *s;
}

bool ring_place_good(const struct ring_place *p, uint16_t size)
{
	return p->next_avail == p->next_used && (uint16_t)(p->next_used - p->told) <= size;
}

void ring_resume(struct ring *r, const struct ring_setup *s, const struct ring_place *p)
{
	PD_CHECK(ring_place_good(p, s->size));
	ring_start(r, s);
	r->next_avail = r->seen_avail = p->next_avail;
	r->next_used = p->next_used;
	r->told = p->told;
}

struct ring_place ring_place_of(const struct ring *r)
{
	uint16_t behind = (uint16_t)(r->next_used - r->told), most = behind < r->at.size ? behind : r->at.size;

	return (struct ring_place){
		.next_avail = r->next_avail, .next_used = r->next_used, .told = (uint16_t)(r->next_used - most)};
}

int ring_break(struct ring *r, enum ring_error why)
{
	if (!r->broken)
		r->broken = why;
	return -EPROTO;
}

/* The driver's index, into seen_avail. */
static int look(struct ring *r, const struct guest_mem *mem)
{
	uint16_t idx;

	if (!mem->read16(mem->owner, r->at.avail + RING_IDX, &idx))
		return ring_break(r, RING_NO_MEMORY);
	if ((uint16_t)(idx - r->next_avail) > r->at.size)
		return ring_break(r, RING_INDEX_JUMP);
	r->seen_avail = idx;
	return 0;
}

static bool has(const struct ring *r, uint16_t head)
{
	return head < r->at.size && (r->has[head / 64] >> (head % 64) & 1);
}

static void set_has(struct ring *r, uint16_t head, bool yes)
{
	uint64_t bit = 1ull << (head % 64);

	r->has[head / 64] = yes ? r->has[head / 64] | bit : r->has[head / 64] & ~bit;
	r->taken = (uint16_t)(yes ? r->taken + 1 : r->taken - 1);
}

int ring_pop(struct ring *r, const struct guest_mem *mem, struct chain *out)
{
	struct chain_table table = {.gpa = r->at.desc, .size = r->at.size, .indirect = r->at.indirect};
	uint16_t head;

	if (r->broken)
		return -EPROTO;
	if (r->seen_avail == r->next_avail && look(r, mem))
		return -EPROTO;
	if (r->seen_avail == r->next_avail)
		return 0;
	uint64_t entry = r->at.avail + RING_ENTRIES + (uint64_t)AVAIL_ENTRY * (r->next_avail % r->at.size);

	if (!mem->read16(mem->owner, entry, &head))
		return ring_break(r, RING_NO_MEMORY);
	if (head >= r->at.size)
		return ring_break(r, RING_BAD_HEAD);
	if (has(r, head))
		return ring_break(r, RING_HEAD_TWICE);
	enum ring_error e = chain_read(&table, mem, head, out);

	if (e)
		return ring_break(r, e);
	r->next_avail++;
	set_has(r, head, true);
	return 1;
}

void ring_unpop(struct ring *r, const struct chain *c)
{
	PD_CHECK(has(r, c->head));
	set_has(r, c->head, false);
	r->next_avail--;
}

int ring_put(struct ring *r, const struct guest_mem *mem, uint16_t head, uint32_t bytes)
{
	uint8_t element[USED_ENTRY];

	if (r->broken)
		return -EPROTO;
	if (!has(r, head))
		return 0;
	set_has(r, head, false);
	put_le(element, head, 4);
	put_le(element + 4, bytes, 4);
	uint64_t entry = r->at.used + RING_ENTRIES + (uint64_t)USED_ENTRY * (r->next_used % r->at.size);

	if (!mem->write(mem->owner, entry, element, sizeof(element)))
		return ring_break(r, RING_NO_MEMORY);
	r->next_used++;
	return 0;
}

/* The elements before the index: whoever sees the index sees them, and the data before them. */
int ring_publish(struct ring *r, const struct guest_mem *mem)
{
	if (r->broken)
		return -EPROTO;
	if (!mem->write16(mem->owner, r->at.used + RING_IDX, r->next_used))
		return ring_break(r, RING_NO_MEMORY);
	return 0;
}

int ring_push(struct ring *r, const struct guest_mem *mem, uint16_t head, uint32_t bytes)
{
	if (r->broken)
		return -EPROTO;
	if (!has(r, head))
		return 0;
	int e = ring_put(r, mem, head, bytes);

	return e ? e : ring_publish(r, mem);
}

/*
 * Our index is written, then the driver's wish is read; the driver writes its wish, then reads our index. With a full
 * fence between on both sides one of the two sees the other (2.7.7.2, 2.7.10).
 */
bool ring_wants_interrupt(struct ring *r, const struct guest_mem *mem)
{
	uint16_t was = r->told, now = r->next_used, wish;
	uint64_t at = r->at.event_idx ? r->at.avail + avail_bytes(r->at.size) - 2 : r->at.avail + RING_FLAGS;

	if (r->broken || was == now)
		return false;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!mem->read16(mem->owner, at, &wish)) {
		ring_break(r, RING_NO_MEMORY);
		return false;
	}
	r->told = now;
	if (!r->at.event_idx)
		return !(wish & NO_INTERRUPT);
	return (uint16_t)(now - wish - 1) < (uint16_t)(now - was);
}

void ring_disarm(struct ring *r, const struct guest_mem *mem)
{
	/* With event indices nothing is to be done: the old one is passed already. */
	if (!r->broken && !r->at.event_idx && !mem->write16(mem->owner, r->at.used + RING_FLAGS, NO_NOTIFY))
		ring_break(r, RING_NO_MEMORY);
}

bool ring_arm(struct ring *r, const struct guest_mem *mem)
{
	bool written;

	if (r->broken)
		return false;
	if (r->at.event_idx)
		written = mem->write16(mem->owner, r->at.used + used_bytes(r->at.size) - 2, r->next_avail);
	else
		written = mem->write16(mem->owner, r->at.used + RING_FLAGS, 0);
	if (!written) {
		ring_break(r, RING_NO_MEMORY);
		return false;
	}
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return !look(r, mem) && r->seen_avail != r->next_avail;
}

void ring_fields(struct fields *f, struct ring *r)
{
	if (!f->to) {
		memset(r, 0, sizeof(*r));
	} else if (r->taken) {
		f->bad = true;
		return;
	}
	uint8_t indirect = r->at.indirect, event_idx = r->at.event_idx, broken = (uint8_t)r->broken;

	FIELD(f, r->at.size);
	FIELD(f, indirect);
	FIELD(f, event_idx);
	FIELD(f, r->at.desc);
	FIELD(f, r->at.avail);
	FIELD(f, r->at.used);
	FIELD(f, r->next_avail);
	FIELD(f, r->next_used);
	FIELD(f, r->told);
	FIELD(f, broken);
	if (f->to)
		return;
	r->at.indirect = indirect;
	r->at.event_idx = event_idx;
	r->broken = broken;
	r->seen_avail = r->next_avail; // it is read again
	f->bad |= indirect > 1 || event_idx > 1 || broken >= RING_ERRORS || ring_check(&r->at) ||
		  (uint16_t)(r->next_used - r->told) > r->at.size || (!broken && r->next_avail != r->next_used);
}
