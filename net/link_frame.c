// SPDX-License-Identifier: Apache-2.0
/* Frames of a link: queued, batched for a transport, and put together again from received bytes. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "coherence/base/check.h"
#include "net/link_priv.h"
#include "net/log.h"
#include "net/rel/sum.h"

/*
 * Bulk stops short of the maximum and is refused (its sender can wait and repeat); what is left is
 * for control, which nobody can take back: a peer that lets control pile up to the maximum is down.
 */
#define BULK_BYTES_MAX (LINK_SENDQ_BYTES_MAX / 4 * 3)

/* ---- queues ---- */

static struct link_frame *frame_get(struct link *l, size_t bytes)
{
	struct link_frame *f = l->free_frames;

	if (bytes <= LINK_FRAME_ROOM && f) {
		l->free_frames = f->next;
		l->free_n--;
		return f;
	}
	size_t cap = bytes <= LINK_FRAME_ROOM ? LINK_FRAME_ROOM : bytes;
	f = malloc(sizeof(*f) + cap);
	if (!f)
		return NULL;
	*f = (struct link_frame){.cap = (uint32_t)cap, .link = l};
	return f;
}

void link_frame_put(struct link *l, struct link_frame *f)
{
	if (f->held) {
		f->held = false;
		return;
	}
	if (f->cap != LINK_FRAME_ROOM || l->free_n >= LINK_FREE_FRAMES) {
		free(f);
		return;
	}
	f->next = l->free_frames;
	l->free_frames = f;
	l->free_n++;
}

static void queue_append(struct link_queue *q, struct link_frame *f)
{
	f->next = NULL;
	*q->tail = f;
	q->tail = &f->next;
}

static void queue_prepend(struct link_queue *q, struct link_frame *f)
{
	f->next = q->head;
	if (!q->head)
		q->tail = &f->next;
	q->head = f;
}

static struct link_frame *queue_pop(struct link_queue *q)
{
	struct link_frame *f = q->head;

	if (!f)
		return NULL;
	q->head = f->next;
	if (!q->head)
		q->tail = &q->head;
	return f;
}

static int admit(struct link_peer *p, int prio, size_t bytes)
{
	if (p->queued_bytes + bytes <= (prio ? BULK_BYTES_MAX : LINK_SENDQ_BYTES_MAX))
		return 0;
	if (prio == 0)
		link_down(p, "send queue full");
	return -ENOBUFS;
}

int link_send(struct link *l, unsigned peer, const struct msg *m)
{
	struct link_peer *p = peer < LINK_PEERS_MAX ? l->peers[peer] : NULL;
	int prio = msg_prio(m->kind);
	size_t most = MSG_HEADER_BYTES + MSG_FIELDS_MAX + (size_t)m->blob_bytes;
	struct msg out = *m;

	if (prio < 0 || m->blob_bytes > MSG_BLOB_MAX)
		return -EINVAL;
	if (!p || p->down_reason || p->tx_dead)
		return -ENOTCONN;
	int r = admit(p, prio, most);
	if (r)
		return r;
	struct link_frame *f = frame_get(l, most);
	if (!f) {
		if (prio == 0) // nobody repeats it
			link_down(p, "out of memory");
		return -ENOBUFS;
	}
	out.epoch = l->epoch;
	r = msg_encode(&out, f->data, f->cap);
	if (r < 0) {
		link_frame_put(l, f);
		return r;
	}
	if (m->blob_bytes)
		memcpy(f->data + r, m->blob, m->blob_bytes);
	f->bytes = (uint32_t)r + m->blob_bytes;
	/* now that they are in the cache; a tag is more than a sum */
	f->sum = l->sums && !p->seal && m->blob_bytes ? rel_sum(f->data, f->bytes) : 0;
	f->prio = (uint8_t)prio;
	queue_append(&p->queue[prio], f);
	p->queued_bytes += f->bytes;
	p->stats->msgs_out++;
	p->stats->first_out += prio == 0;
	p->stats->bytes_out += f->bytes;
	link_mark_dirty(p);
	return 0;
}

bool link_drained(const struct link *l, unsigned peer)
{
	const struct link_peer *p = peer < LINK_PEERS_MAX ? l->peers[peer] : NULL;

	return !p || (p->queued_bytes == 0 && link_seal_empty(p));
}

/* ---- batches ---- */

unsigned link_batch_fill(struct link_peer *p)
{
	size_t bulk = 0;

	PD_CHECK(!p->batch_busy);
	while (p->batch_n < LINK_BATCH_FRAMES) {
		struct link_frame *f = queue_pop(&p->queue[0]);

		if (!f && bulk < LINK_BATCH_BULK)
			f = queue_pop(&p->queue[1]);
		if (!f)
			break;
		bulk += f->prio ? f->bytes : 0;
		p->batch[p->batch_n++] = f;
	}
	return p->batch_n;
}

/* Whole frames go back to the head of their queues; one that is partly sent stays and goes first
 * next time. */
static void batch_back(struct link_peer *p, unsigned first)
{
	unsigned keep = first < p->batch_n && p->batch_sent ? first + 1 : first;

	for (unsigned i = p->batch_n; i > keep; i--)
		queue_prepend(&p->queue[p->batch[i - 1]->prio], p->batch[i - 1]);
	p->batch_n = keep - first;
	if (p->batch_n)
		p->batch[0] = p->batch[first];
}

void link_batch_done(struct link_peer *p, size_t sent)
{
	unsigned i = 0;

	p->batch_busy = false;
	for (; i < p->batch_n && sent >= p->batch[i]->bytes - p->batch_sent; i++) {
		sent -= p->batch[i]->bytes - p->batch_sent;
		p->batch_sent = 0;
		p->queued_bytes -= p->batch[i]->bytes;
		link_frame_put(p->link, p->batch[i]);
	}
	p->batch_sent += sent;
	batch_back(p, i);
}

void link_batch_moved(struct link_peer *p, unsigned frames)
{
	p->batch_busy = false;
	for (unsigned i = 0; i < frames; i++)
		p->queued_bytes -= p->batch[i]->bytes;
	batch_back(p, frames);
}

void link_tx_fail(struct link_peer *p)
{
	struct link_frame *f;

	PD_CHECK(!p->batch_busy);
	p->tx_dead = true;
	for (unsigned i = 0; i < p->batch_n; i++)
		link_frame_put(p->link, p->batch[i]);
	p->batch_n = 0;
	for (unsigned q = 0; q < 2; q++)
		while ((f = queue_pop(&p->queue[q])))
			link_frame_put(p->link, f);
	p->batch_sent = p->queued_bytes = 0;
	link_seal_drop(p);
}

/* ---- receiving ---- */

static void broke(struct link_peer *p, const char *what)
{
	if (p->removed || p->down_reason)
		return;
	p->stats->bad_frames++;
	log_warn("link: peer %u sent %s", p->number, what);
	link_down(p, "broke the protocol");
}

/* whole: it came as one message, not as bytes of the stream. */
static int deliver(struct link_peer *p, const uint8_t *frame, size_t bytes, bool whole)
{
	struct link *l = p->link;
	struct msg m;

	if (msg_decode(frame, bytes, &m)) {
		broke(p, "a malformed frame");
		return 0;
	}
	if (m.epoch != l->epoch) {
		broke(p, "a frame of another epoch");
		return 0;
	}
	if (!whole && l->ops->on_stream && l->ops->on_stream(l, p, &m))
		return 0;
	if (p->removed || p->down_reason)
		return 0; // its stream carried what it must not
	p->stats->msgs_in++;
	p->stats->first_in += msg_prio(m.kind) == 0;
	p->h.on_msg(p->h.ctx, p->number, &m);
	return 1;
}

static bool part_reserve(struct link_peer *p, size_t bytes)
{
	if (bytes <= p->part_cap)
		return true;
	uint8_t *bigger = realloc(p->part, bytes);
	if (!bigger)
		return false;
	p->part = bigger;
	p->part_cap = bytes;
	return true;
}

/* Appends to the frame begun earlier. Returns the bytes taken; *frame is its length once it is
 * whole, else 0. */
static size_t part_append(struct link_peer *p, const uint8_t *buf, size_t n, size_t *frame)
{
	int whole = msg_frame_bytes(p->part, p->part_bytes);
	size_t want = whole > 0 ? (size_t)whole : MSG_HEADER_BYTES;
	size_t take = want - p->part_bytes < n ? want - p->part_bytes : n;

	*frame = 0;
	if (!part_reserve(p, want)) {
		link_down(p, "out of memory");
		return n;
	}
	memcpy(p->part + p->part_bytes, buf, take);
	p->part_bytes += take;
	whole = msg_frame_bytes(p->part, p->part_bytes); // at once: nothing may follow a bad header
	if (whole < 0)
		broke(p, "a bad frame header");
	else if (whole > 0 && p->part_bytes == (size_t)whole)
		*frame = p->part_bytes;
	return take;
}

/* The usual case costs no copy: a frame that lies in buf as a whole is decoded where it is. */
static size_t take_some(struct link_peer *p, const uint8_t *buf, size_t n, int *handled)
{
	int whole = p->part_bytes ? 0 : msg_frame_bytes(buf, n);
	size_t frame;

	if (whole < 0) {
		broke(p, "a bad frame header");
		return n;
	}
	if (whole > 0 && (size_t)whole <= n) {
		*handled += deliver(p, buf, (size_t)whole, false);
		return (size_t)whole;
	}
	size_t taken = part_append(p, buf, n, &frame);
	if (frame) {
		p->part_bytes = 0;
		*handled += deliver(p, p->part, frame, false);
	}
	return taken;
}

int link_rx_bytes(struct link_peer *p, const uint8_t *buf, size_t n)
{
	int handled = 0;

	while (n && !p->removed && !p->down_reason) {
		size_t taken = take_some(p, buf, n, &handled);

		buf += taken;
		n -= taken;
	}
	return handled;
}

int link_rx(struct link_peer *p, const uint8_t *buf, size_t n)
{
	int handled;

	if (p->removed || p->down_reason)
		return 0;
	p->holds++;                            // on_msg may remove p
	p->stats->bytes_in += p->seal ? 0 : n; // of sealed ones what they say counts, as on the way out
	handled = p->seal ? link_seal_rx(p, buf, n) : link_rx_bytes(p, buf, n);
	p->holds--;
	return handled;
}

int link_rx_message(struct link_peer *p, const uint8_t *frame, size_t bytes)
{
	int handled;

	if (p->removed || p->down_reason)
		return 0;
	p->holds++; // on_msg may remove p
	p->stats->bytes_in += bytes;
	handled = deliver(p, frame, bytes, true);
	p->holds--;
	return handled;
}
