// SPDX-License-Identifier: Apache-2.0
#include "vmm/machine/card_msg.h"

#include "vmm/virtio/transport.h"

/* Bits of a message's flags (net/msg.def). */
#define WORD_DISCARD   1u
#define WORD_READ_ONLY 2u
#define WORD_DISCARDS  4u
#define ASK_STABLE     1u
#define ASK_UNMAP      2u
#define ERRNO_MAX      4095u

_Static_assert(HANDOVER_ON == 0 && HANDOVER_OFF == 1 && HANDOVER_ENTRY == 2 && HANDOVER_KICK == 3 &&
		       HANDOVER_ON_DONE == 4 && HANDOVER_OFF_DONE == 5 && HANDOVER_ENTRY_DONE == 6 &&
		       HANDOVER_PENDING == 7 && HANDOVER_BROKEN == 8 && HANDOVER_KINDS == 9,
	       "numbers of DEV_QUEUE.kind");
_Static_assert(HANDOVER_IRQ_NONE == 0 && HANDOVER_IRQ_SEND == 1 && HANDOVER_IRQ_TELL == 2 && HANDOVER_IRQS == 3,
	       "numbers of DEV_QUEUE.irq");
_Static_assert(BLOCK_READ == 0 && BLOCK_WRITE == 1 && BLOCK_FLUSH == 2 && BLOCK_DISCARD == 3 && BLOCK_ZEROES == 4 &&
		       BLOCK_OPS == 5,
	       "numbers of BLK_REQ.op");

/* ---- words ---- */

struct msg card_msg_of_word(uint32_t card, const struct card_word *w)
{
	const struct handover *h = &w->m;
	struct msg m = {.kind = MSG_DEV_QUEUE};

	m.u.dev_queue = (struct msg_dev_queue){
		.device = card,
		.queue = w->queue,
		.kind = (uint8_t)h->kind,
		.flags = (uint8_t)((h->discard ? WORD_DISCARD : 0) | (w->read_only ? WORD_READ_ONLY : 0) |
				   (w->discards ? WORD_DISCARDS : 0)),
		.why = (uint8_t)h->why,
		.irq = (uint8_t)h->entry.irq,
		.turn = h->turn,
		.next_avail = h->place.next_avail,
		.next_used = h->place.next_used,
		.told = h->place.told,
		.size = h->setup.size,
		.desc = h->setup.desc,
		.avail = h->setup.avail,
		.used = h->setup.used,
		.accepted = h->setup.accepted,
		.resets = h->setup.epoch,
		.notify = w->notify,
		.address = h->entry.address,
		.data = h->entry.data,
	};
	return m;
}

/* How the ring is used follows from what its driver took. */
bool card_msg_word(const struct msg *m, struct card_word *out)
{
	const struct msg_dev_queue *q = &m->u.dev_queue;

	if (q->kind >= HANDOVER_KINDS || q->irq >= HANDOVER_IRQS || q->why >= RING_ERRORS ||
	    (q->why == RING_GOOD) != (q->kind != HANDOVER_BROKEN))
		return false;
	*out = (struct card_word){
		.queue = q->queue,
		.m = {.kind = (enum handover_kind)q->kind,
		      .turn = q->turn,
		      .discard = q->flags & WORD_DISCARD,
		      .why = (enum ring_error)q->why,
		      .place = {.next_avail = q->next_avail, .next_used = q->next_used, .told = q->told},
		      .setup = {.size = q->size,
				.indirect = q->accepted & VIRTIO_F_INDIRECT_DESC,
				.event_idx = q->accepted & VIRTIO_F_EVENT_IDX,
				.desc = q->desc,
				.avail = q->avail,
				.used = q->used,
				.accepted = q->accepted,
				.epoch = q->resets},
		      .entry = {.address = q->address, .data = q->data, .irq = (enum handover_irq)q->irq}},
		.notify = q->notify,
		.read_only = q->flags & WORD_READ_ONLY,
		.discards = q->flags & WORD_DISCARDS,
	};
	return true;
}

bool card_msg_merges(const struct msg *m)
{
	return m->kind == MSG_DEV_QUEUE &&
	       (m->u.dev_queue.kind == HANDOVER_KICK || m->u.dev_queue.kind == HANDOVER_PENDING);
}

bool card_msg_is_to_front(const struct msg *m)
{
	return m->kind == MSG_BLK_REP || (m->kind == MSG_DEV_QUEUE && m->u.dev_queue.kind <= HANDOVER_KICK);
}

uint32_t card_msg_card(const struct msg *m)
{
	switch (m->kind) {
	case MSG_DEV_QUEUE:
		return m->u.dev_queue.device;
	case MSG_BLK_REQ:
		return m->u.blk_req.device;
	case MSG_BLK_WRITE:
		return m->u.blk_write.device;
	default:
		return m->u.blk_rep.device;
	}
}

/* ---- pieces of requests ---- */

static uint8_t ask_flags(const struct block_ask *a)
{
	return (uint8_t)((a->stable ? ASK_STABLE : 0) | (a->unmap ? ASK_UNMAP : 0));
}

struct msg card_msg_of_ask(uint32_t card, const struct block_ask *a)
{
	struct msg m = {.kind = MSG_BLK_REQ};

	if (a->op == BLOCK_WRITE) {
		m.kind = MSG_BLK_WRITE;
		m.u.blk_write = (struct msg_blk_write){.id = a->id,
						       .device = card,
						       .turn = a->turn,
						       .queue = a->queue,
						       .flags = ask_flags(a),
						       .offset = a->offset,
						       .reach = a->reach};
		m.blob = a->data;
		m.blob_bytes = (uint32_t)a->bytes;
		return m;
	}
	m.u.blk_req = (struct msg_blk_req){.id = a->id,
					   .device = card,
					   .turn = a->turn,
					   .queue = a->queue,
					   .op = (uint8_t)a->op,
					   .flags = ask_flags(a),
					   .offset = a->offset,
					   .bytes = a->bytes,
					   .reach = a->reach};
	return m;
}

bool card_msg_ask(const struct msg *m, struct block_ask *out)
{
	const struct msg_blk_req *q = &m->u.blk_req;
	const struct msg_blk_write *w = &m->u.blk_write;

	if (m->kind == MSG_BLK_WRITE) {
		*out = (struct block_ask){.id = w->id,
					  .queue = w->queue,
					  .turn = w->turn,
					  .op = BLOCK_WRITE,
					  .stable = w->flags & ASK_STABLE,
					  .offset = w->offset,
					  .bytes = m->blob_bytes,
					  .reach = w->reach,
					  .data = m->blob};
		return m->blob_bytes && w->flags <= ASK_STABLE;
	}
	*out = (struct block_ask){.id = q->id,
				  .queue = q->queue,
				  .turn = q->turn,
				  .op = (enum block_op)q->op,
				  .stable = q->flags & ASK_STABLE,
				  .unmap = q->flags & ASK_UNMAP,
				  .offset = q->offset,
				  .bytes = q->bytes,
				  .reach = q->reach};
	return q->op < BLOCK_OPS && q->op != BLOCK_WRITE && q->flags <= (ASK_STABLE | ASK_UNMAP);
}

struct msg card_msg_of_answer(uint32_t card, const struct block_answer *a)
{
	struct msg m = {.kind = MSG_BLK_REP};

	m.u.blk_rep = (struct msg_blk_rep){.id = a->id, .device = card, .error = (uint32_t)-a->error};
	m.blob = a->data;
	m.blob_bytes = a->bytes;
	return m;
}

bool card_msg_answer(const struct msg *m, struct block_answer *out)
{
	const struct msg_blk_rep *r = &m->u.blk_rep;

	if (r->error > ERRNO_MAX || (r->error && m->blob_bytes))
		return false;
	*out = (struct block_answer){.id = r->id, .error = -(int)r->error, .data = m->blob, .bytes = m->blob_bytes};
	return true;
}
