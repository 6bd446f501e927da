// SPDX-License-Identifier: Apache-2.0
/*
 * What hosts say to each other of a device's queues, anything in any order: words to the owner of two queues, and to a
 * host that serves them over real rings; pieces of requests to a disk, and answers to those that were asked. Sixteen
 * bytes each: what, queue, host, kind, numbers. What is refused changes nothing that matters; a queue has one home; all
 * that was taken is given back or was thrown away; bounds hold.
 */
#include <errno.h>
#include <stdlib.h>

#include "coherence/base/bytes.h"
#include "vmm/block/remote.h"
#include "vmm/block/serve.h"
#include "vmm/machine/card_msg.h"
#include "vmm/virtio/owner.h"
#include "vmm/virtio/server.h"
#include "vmm/virtio/transport.h"

#define STEP_BYTES 16u
#define QUEUES     2u
#define MEMORY     0x4000u
#define GIVEN      512u
#define KEPT       64u
#define DISK_BYTES (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct world {
	struct owner owner[QUEUES];
	struct server s;
	struct ring rings[QUEUES];
	uint8_t memory[MEMORY];
	struct {
		uint16_t queue, head;
	} kept[KEPT];
	unsigned kept_n;
	struct block_serve serve;
	struct block_request *given[GIVEN];
	unsigned given_n, begun;
	struct block_remote remote;
	struct block_request mine[4];
	bool out[4]; // ... is under way
	uint64_t last_id, last_bytes;
};

static void require(bool good)
{
	if (!good)
		abort();
}

static bool mem_read(void *owner, uint64_t gpa, void *to, size_t n)
{
	struct world *w = owner;

	if (gpa > MEMORY || n > MEMORY - gpa)
		return false;
	memcpy(to, w->memory + gpa, n);
	return true;
}

static bool mem_write(void *owner, uint64_t gpa, const void *from, size_t n)
{
	struct world *w = owner;

	if (gpa > MEMORY || n > MEMORY - gpa)
		return false;
	memcpy(w->memory + gpa, from, n);
	return true;
}

static bool mem_read16(void *owner, uint64_t gpa, uint16_t *value)
{
	uint8_t raw[2];

	if (!mem_read(owner, gpa, raw, 2))
		return false;
	*value = (uint16_t)get_le(raw, 2);
	return true;
}

static bool mem_write16(void *owner, uint64_t gpa, uint16_t value)
{
	uint8_t raw[2];

	put_le(raw, value, 2);
	return mem_write(owner, gpa, raw, 2);
}

/* ---- the host that serves ---- */

static enum ring_error on_request(void *ctx, uint16_t queue, const struct chain *c, uint32_t *used, bool *later)
{
	struct world *w = ctx;

	require(w->s.homes[queue].state == HOME_HERE);
	*used = 0;
	*later = w->kept_n < KEPT && c->head % 2;
	if (*later) {
		w->kept[w->kept_n].queue = queue;
		w->kept[w->kept_n++].head = c->head;
	}
	return RING_GOOD;
}

static void on_tell(void *ctx, uint16_t queue, const struct handover *m)
{
	struct world *w = ctx;

	require(m->kind > HANDOVER_KICK && m->kind < HANDOVER_KINDS);
	if (m->kind == HANDOVER_OFF_DONE)
		require(w->s.homes[queue].state == HOME_AWAY && !w->s.homes[queue].under_way);
}

static void on_interrupt(void *ctx, const struct handover_entry *e)
{
	(void)ctx;
	require(e->irq == HANDOVER_IRQ_SEND);
}

static void end_one(struct world *w, unsigned which)
{
	if (!w->kept_n)
		return;
	unsigned i = which % w->kept_n;
	uint16_t queue = w->kept[i].queue, head = w->kept[i].head;

	w->kept[i] = w->kept[--w->kept_n];
	server_complete(&w->s, queue, head, 0, RING_GOOD);
	server_told(&w->s, queue);
}

/* ---- the disk and those who ask it ---- */

static void on_submit(void *ctx, struct block_request *r)
{
	struct world *w = ctx;

	require(w->given_n < GIVEN && r->offset <= DISK_BYTES && r->bytes <= DISK_BYTES - r->offset);
	w->given[w->given_n++] = r;
}

static struct block_info on_info(void *ctx)
{
	(void)ctx;
	return (struct block_info){.bytes = DISK_BYTES, .block_bytes = 512, .discard_bytes = 512};
}

static void on_answer(void *ctx, host_id to, const struct block_answer *a)
{
	(void)ctx;
	require(to < HOSTS_MAX && a->error <= 0 && a->bytes <= BLOCK_ASK_BYTES);
}

static bool on_begins(void *ctx, host_id from, uint16_t queue, uint32_t turn)
{
	struct world *w = ctx;
	bool good = queue < QUEUES && turn < 3 && from < 3;

	w->begun += good;
	return good;
}

static void on_ended(void *ctx, uint16_t queue)
{
	struct world *w = ctx;

	(void)queue;
	require(w->begun--);
}

static void on_failed(void *ctx, enum block_op op, uint64_t offset, uint64_t bytes, int error)
{
	(void)ctx;
	require(op < BLOCK_OPS && offset <= DISK_BYTES && bytes <= DISK_BYTES - offset && error < 0);
}

static void finish(struct world *w, unsigned which)
{
	static const uint8_t zeroes[BLOCK_ASK_BYTES];
	static uint8_t room[BLOCK_ASK_BYTES];

	if (!w->given_n)
		return;
	unsigned i = which % w->given_n;
	struct block_request *r = w->given[i];

	w->given[i] = w->given[--w->given_n];
	if (block_op_has_data(r->op))
		r->copy(r, 0, r->op == BLOCK_WRITE ? room : (void *)(uintptr_t)zeroes, r->bytes);
	r->done(r, which & 1 ? -EIO : 0);
}

static void on_ask(void *ctx, const struct block_ask *a)
{
	struct world *w = ctx;

	w->last_id = a->id;
	w->last_bytes = a->op == BLOCK_READ ? a->bytes : 0;
}

static bool mine_copy(struct block_request *r, uint64_t at, void *buf, size_t n)
{
	require(at + n <= r->bytes);
	if (r->op == BLOCK_WRITE)
		memset(buf, 0, n);
	return true;
}

static void mine_done(struct block_request *r, int error)
{
	struct world *w = r->block ? (void *)r->block : NULL; // whose it is

	require(error <= 0 && w && w->out[r - w->mine]);
	w->out[r - w->mine] = false;
}

static void submit_mine(struct world *w, const uint8_t *at)
{
	unsigned i = at[1] % 4;

	if (w->out[i])
		return;
	w->out[i] = true;
	w->mine[i] = (struct block_request){.op = at[3] % 2 ? BLOCK_READ : BLOCK_WRITE,
					    .bytes = 512 * (1 + get_le(at + 4, 2)),
					    .copy = mine_copy,
					    .done = mine_done,
					    .block = (void *)w};
	block_remote_submit(&w->remote, 0, 1, &w->mine[i]);
	block_remote_turn(&w->remote);
}

/* ---- one step ---- */

static struct handover word_of(const uint8_t *at)
{
	uint16_t place = (uint16_t)get_le(at + 5, 2);

	return (struct handover){
		.kind = at[3] % 12,
		.turn = at[4] % 4,
		.discard = at[7] & 1,
		.place = {.next_avail = place, .next_used = place, .told = (uint16_t)(place - at[8] % 12)},
		.setup = {.size = (uint16_t)(at[9] % 20),
			  .accepted = (at[10] & 1 ? VIRTIO_F_EVENT_IDX : 0) | (at[10] & 2 ? VIRTIO_F_INDIRECT_DESC : 0),
			  .desc = 0x100 * (at[11] % 64u),
			  .avail = 0x100 * (at[12] % 64u),
			  .used = 0x100 * (at[13] % 64u)},
		.entry = {.data = at[14], .irq = at[15] % 4}};
}

/*
 * As messages of a peer: what no honest host sends is refused where it arrives, and what is let through makes sense by
 * itself.
 */
static bool through_a_message(const uint8_t *at, uint16_t queue, struct handover *m)
{
	const struct card_word said = {.queue = queue, .m = *m, .notify = get_le(at + 8, 8)};
	struct msg x = card_msg_of_word(at[9], &said);
	struct card_word heard;

	x.u.dev_queue.why = m->kind == HANDOVER_BROKEN || at[15] > 250 ? at[10] >> 4 : 0;
	x.u.dev_queue.flags = at[11];
	if (!card_msg_word(&x, &heard))
		return false;
	require(heard.m.kind < HANDOVER_KINDS && heard.m.entry.irq < HANDOVER_IRQS && heard.m.why < RING_ERRORS);
	require(heard.queue == queue && heard.notify == said.notify && card_msg_card(&x) == at[9]);
	*m = heard.m;
	return true;
}

static bool ask_through_a_message(const uint8_t *at, struct block_ask *a)
{
	struct msg x = card_msg_of_ask(at[9], a);

	if (x.kind == MSG_BLK_WRITE)
		x.u.blk_write.flags = at[10] % 4;
	else
		x.u.blk_req.flags = at[10] % 8;
	if (!card_msg_ask(&x, a))
		return false;
	require((unsigned)a->op < BLOCK_OPS && (a->op == BLOCK_WRITE) == (x.kind == MSG_BLK_WRITE));
	return true;
}

static bool answer_through_a_message(const uint8_t *at, struct block_answer *a)
{
	struct msg x = card_msg_of_answer(at[9], a);

	x.u.blk_rep.error += at[10] == 77 ? 4096u : 0;
	return card_msg_answer(&x, a);
}

static void owner_step(struct world *w, unsigned q, const uint8_t *at)
{
	struct owner *o = &w->owner[q];
	const struct ring_setup setup = {.size = 16, .desc = 0, .avail = 0x400, .used = 0x800};
	struct handover m = word_of(at), out;
	host_id to;

	switch (at[2] % 8) {
	case 0:
		owner_want(o, at[4] % 3, &setup);
		break;
	case 1:
		owner_want_not(o, at[4] & 1);
		break;
	case 2:
		owner_set_entry(o, &m.entry);
		break;
	case 3:
		owner_kick(o);
		break;
	case 4:
		if (!owner_request(o, at[4] % 3, o->turn + at[5] % 2) && at[6] & 1)
			owner_replied(o);
		break;
	default:
		m.turn += at[4] & 4 ? o->turn : 0;
		if (through_a_message(at, 0, &m))
			owner_in(o, at[2] % 3, &m);
	}
	require(o->at != HOST_NONE || !o->on_asked);
	while (owner_next(o, &to, &out))
		require(to == o->at && out.turn == o->turn);
}

static void step(struct world *w, const uint8_t *at)
{
	unsigned q = at[1] % QUEUES;
	struct handover m = word_of(at);
	struct block_ask ask = {.id = at[4],
				.queue = at[1] % 3,
				.turn = at[5] % 4,
				.op = at[3] % 6,
				.offset = get_le(at + 6, 2) * (at[12] % 4 ? 512 : 77),
				.bytes = get_le(at + 8, 2) * (at[13] % 4 ? 512 : 99),
				.reach = (get_le(at + 6, 2) + get_le(at + 8, 2)) * 512 + at[14] % 4 * 256u,
				.data = w->memory};
	struct block_answer answer = {.id = w->last_id + at[4] % 3,
				      .error = at[5] % 4 ? 0 : -(int)at[6],
				      .data = w->memory,
				      .bytes = (uint32_t)(at[7] % 8 ? w->last_bytes : at[8])};

	switch (at[0] % 8) {
	case 0:
		owner_step(w, q, at);
		break;
	case 1:
		if (through_a_message(at, (uint16_t)(at[1] % 3), &m))
			server_in(&w->s, (uint16_t)(at[1] % 3), &m);
		break;
	case 2:
		server_kick(&w->s, (uint16_t)q);
		server_round(&w->s);
		break;
	case 3:
		end_one(w, at[2]);
		break;
	case 4:
		memcpy(w->memory + get_le(at + 2, 2) % (MEMORY - 8), at + 8, 8);
		break;
	case 5:
		if (ask.op == BLOCK_WRITE && ask.bytes > MEMORY)
			ask.bytes = MEMORY;
		if (w->given_n < GIVEN && ask_through_a_message(at, &ask))
			block_serve_ask(&w->serve, at[2] % 4, &ask);
		break;
	case 6:
		finish(w, at[2]);
		break;
	default:
		if (at[2] & 1)
			submit_mine(w, at);
		else if (answer.bytes <= MEMORY && answer_through_a_message(at, &answer))
			block_remote_answer(&w->remote, &answer);
		block_remote_turn(&w->remote);
	}
	require(w->s.under_way == w->kept_n && w->remote.used <= BLOCK_ASKS_MAX && w->remote.bytes <= BLOCK_ASKS_BYTES);
	require(w->serve.under_way == w->given_n && w->begun == w->given_n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct world w;
	static const struct guest_mem mem = {
		.owner = &w, .read = mem_read, .write = mem_write, .read16 = mem_read16, .write16 = mem_write16};
	static const struct server_ops ops = {.request = on_request};
	static const struct block_serve_ops disk = {.submit = on_submit,
						    .info = on_info,
						    .answer = on_answer,
						    .begins = on_begins,
						    .ended = on_ended,
						    .failed = on_failed};
	const struct server_link link = {.ctx = &w, .tell = on_tell, .interrupt = on_interrupt};

	memset(&w, 0, sizeof(w));
	for (unsigned q = 0; q < QUEUES; q++)
		owner_init(&w.owner[q]);
	server_init(&w.s, QUEUES, w.rings, &mem, &ops, &w, &link);
	block_serve_init(&w.serve, &disk, &w);
	require(!block_remote_init(&w.remote, on_ask, &w));
	for (; n >= STEP_BYTES; data += STEP_BYTES, n -= STEP_BYTES)
		step(&w, data);
	while (w.kept_n)
		end_one(&w, 0);
	while (w.given_n)
		finish(&w, 0);
	require(!w.begun && !w.s.under_way);
	block_remote_free(&w.remote);
	return 0;
}
