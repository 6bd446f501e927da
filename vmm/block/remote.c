// SPDX-License-Identifier: Apache-2.0
#include "vmm/block/remote.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "coherence/base/check.h"

#define ERROR_MAX 4095 // of Linux

int block_remote_init(struct block_remote *b, void (*ask)(void *ctx, const struct block_ask *a), void *ctx)
{
	memset(b, 0, sizeof(*b));
	b->ask = ask;
	b->ctx = ctx;
	b->last = &b->first;
	b->buffer = malloc(BLOCK_ASK_BYTES);
	return b->buffer ? 0 : -ENOMEM;
}

void block_remote_free(struct block_remote *b)
{
	free(b->buffer);
}

void block_remote_submit(struct block_remote *b, uint16_t queue, uint32_t turn, struct block_request *r)
{
	r->queue = queue;
	r->turn = turn;
	r->at = 0;
	r->pieces = 0;
	r->error = 0;
	r->forced = !r->bytes && r->op != BLOCK_FLUSH; // one without data has been given, or there is nothing to give
	r->next = NULL;
	*b->last = r;
	b->last = &r->next;
}

static bool more_to_give(const struct block_request *r)
{
	return !r->error && (block_op_has_data(r->op) ? r->at < r->bytes : !r->forced);
}

static struct block_remote_slot *free_slot(struct block_remote *b)
{
	for (unsigned i = 0; i < BLOCK_ASKS_MAX; i++) {
		struct block_remote_slot *s = &b->slots[i];

		if (s->id)
			continue;
		s->id = ++b->next * BLOCK_ASKS_MAX + i; // its place is in the number
		return s;
	}
	return NULL;
}

/* The next piece. False: there is no room for it. */
static bool give(struct block_remote *b, struct block_request *r)
{
	bool data = block_op_has_data(r->op);
	uint64_t left = r->bytes - r->at, n = data && left > BLOCK_ASK_BYTES ? BLOCK_ASK_BYTES : left;
	uint64_t carried = data ? n : 0;

	if (b->used == BLOCK_ASKS_MAX || b->bytes + carried > BLOCK_ASKS_BYTES)
		return false;
	if (r->op == BLOCK_WRITE && !r->copy(r, r->at, b->buffer, n)) {
		r->error = -ECANCELED;
		return true;
	}
	struct block_remote_slot *s = free_slot(b);
	struct block_ask a = {.id = s->id,
			      .queue = r->queue,
			      .turn = r->turn,
			      .op = r->op,
			      .stable = r->stable,
			      .unmap = r->unmap,
			      .offset = r->offset + (data ? r->at : 0),
			      .bytes = n,
			      .reach = r->reach ? r->reach : r->offset + r->bytes,
			      .data = r->op == BLOCK_WRITE ? b->buffer : NULL};

	s->r = r;
	s->at = r->at;
	s->bytes = (uint32_t)carried;
	b->used++;
	b->bytes += carried;
	r->pieces++;
	r->at += carried;
	r->forced = !data;
	b->ask(b->ctx, &a);
	return true;
}

int block_remote_turn(struct block_remote *b)
{
	int moved = 0;

	while (b->first) {
		struct block_request *r = b->first;

		while (more_to_give(r))
			if (!give(b, r))
				return moved; // in order: what is small does not overtake for ever
		b->first = r->next;
		if (!b->first)
			b->last = &b->first;
		moved++;
		if (!r->pieces)
			r->done(r, r->error);
	}
	return moved;
}

/* Only the first of the list may have pieces under way as well. */
void block_remote_cancel(struct block_remote *b)
{
	struct block_request *r;

	for (unsigned i = 0; i < BLOCK_ASKS_MAX; i++) {
		struct block_remote_slot *s = &b->slots[i];

		if (!s->id)
			continue;
		s->id = 0;
		s->r->error = -ECANCELED;
		if (!--s->r->pieces && s->r != b->first)
			s->r->done(s->r, -ECANCELED);
	}
	while ((r = b->first)) {
		b->first = r->next;
		r->done(r, -ECANCELED);
	}
	b->last = &b->first;
	b->used = 0;
	b->bytes = 0;
}

static bool in_list(const struct block_remote *b, const struct block_request *r)
{
	return b->first == r; // only the first has pieces under way and more to give
}

int block_remote_answer(struct block_remote *b, const struct block_answer *a)
{
	struct block_remote_slot *s = &b->slots[a->id % BLOCK_ASKS_MAX];
	struct block_request *r = s->r;

	if (!a->id || s->id != a->id || a->error > 0 || a->error < -ERROR_MAX)
		return -EPROTO;
	if (a->bytes != (r->op == BLOCK_READ && !a->error ? s->bytes : 0))
		return -EPROTO;
	if (a->error)
		r->error = r->error ? r->error : a->error;
	else if (r->op == BLOCK_READ && !r->error && !r->copy(r, s->at, (void *)(uintptr_t)a->data, a->bytes))
		r->error = -ECANCELED;
	b->used--;
	b->bytes -= s->bytes;
	s->id = 0;
	PD_CHECK(r->pieces);
	r->pieces--;
	if (!r->pieces && !more_to_give(r) && !in_list(b, r))
		r->done(r, r->error);
	return 0;
}
