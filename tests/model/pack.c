// SPDX-License-Identifier: Apache-2.0
// States as byte strings. Transaction numbers are renumbered by host, so that states which differ
// only in how many transactions came before are one state.
#include "tests/model/model.h"

#include <string.h>

#include "coherence/base/check.h"

static unsigned hosts, pages;
static bool one_home, ask, moves, goes;

void pack_config(const struct model_config *c)
{
	hosts = c->hosts;
	pages = c->pages;
	one_home = c->one_home;
	ask = c->ask;
	moves = c->path != NULL;
	goes = c->goes;
}

static bool homed(unsigned h, unsigned p, const struct coh_canon_page *g)
{
	if (moves || goes)
		return g->home1 == h + 1;
	return h == (one_home ? 0 : p % hosts);
}

#define LIVE_MAX 64u
struct live {
	unsigned n;
	uint64_t *at[LIVE_MAX];
};

static void note(struct live *l, uint64_t *txn)
{
	PD_CHECK(l->n < LIVE_MAX);
	l->at[l->n++] = txn;
}

static void collect(struct state *s, unsigned r, struct live *l)
{
	for (unsigned h = 0; h < hosts; h++) {
		for (unsigned p = 0; p < pages; p++) {
			struct coh_canon_page *g = &s->host[h].page[p];
			if (h == r && g->req_kind != COH_CANON_NONE)
				note(l, &g->req_txn);
			if (g->defer_kind != COH_CANON_NONE && g->defer_requester == r)
				note(l, &g->defer_txn);
			for (unsigned k = 0; k < g->queue_n; k++)
				if (g->queue[k].requester == r)
					note(l, &g->queue[k].txn);
		}
		for (unsigned to = 0; to < hosts; to++)
			for (unsigned k = 0; k < s->ch[h][to].n; k++)
				if (s->ch[h][to].m[k].requester == r && s->ch[h][to].m[k].kind != COH_MSG_EVICT)
					note(l, &s->ch[h][to].m[k].txn);
	}
}

/* The k-th smallest distinct number becomes k; "highest seen" becomes how many of them were seen.
 */
static void renumber(struct state *s, unsigned r)
{
	struct live l = {0};
	uint64_t rank[LIVE_MAX], top = 0;
	uint64_t seen[HOSTS] = {0};

	collect(s, r, &l);
	for (unsigned i = 0; i < l.n; i++) {
		rank[i] = 1;
		for (unsigned j = 0; j < l.n; j++) {
			bool first = true;
			for (unsigned k = 0; k < j; k++)
				first &= *l.at[k] != *l.at[j];
			rank[i] += first && *l.at[j] < *l.at[i];
		}
		top = rank[i] > top ? rank[i] : top;
		for (unsigned h = 0; h < hosts; h++)
			if (*l.at[i] <= s->host[h].seen[r] && rank[i] > seen[h])
				seen[h] = rank[i];
	}
	for (unsigned i = 0; i < l.n; i++)
		*l.at[i] = rank[i];
	for (unsigned h = 0; h < hosts; h++)
		s->host[h].seen[r] = seen[h];
	s->host[r].txn = top;
}

/* One routine reads or writes, so that both always agree. */
struct io {
	uint8_t *buf;
	unsigned at;
	bool load;
};

static void byte(struct io *io, uint8_t *v)
{
	if (io->load)
		*v = io->buf[io->at++];
	else
		io->buf[io->at++] = *v;
}

static void txn(struct io *io, uint64_t *v)
{
	uint8_t b = (uint8_t)*v;

	byte(io, &b);
	*v = b;
}

static void bits(struct io *io, unsigned n, uint8_t **v)
{
	uint8_t b = 0;

	for (unsigned i = 0; i < n; i++)
		b |= (uint8_t)(!!*v[i] << i);
	byte(io, &b);
	for (unsigned i = 0; i < n; i++)
		*v[i] = b >> i & 1;
}

/* Where no home moves it is what the configuration says. */
static void io_home(struct io *io, unsigned p, struct coh_canon_page *g)
{
	uint8_t b = (uint8_t)(g->home1 | g->other1 << 2 | g->moving << 4);

	if (goes) { // no home moves
		b = (uint8_t)(g->home1 | g->moving << 2);
		byte(io, &b);
		g->home1 = b & 3;
		g->moving = b >> 2;
		return;
	}
	if (moves)
		byte(io, &b);
	else
		b = (uint8_t)((one_home ? 0 : p % hosts) + 1);
	g->home1 = b & 3;
	g->other1 = b >> 2 & 3;
	g->moving = b >> 4;
}

static void io_page(struct io *io, struct coh_canon_page *g, bool home)
{
	uint8_t ro = g->rights == COH_RO, rw = g->rights == COH_RW;
	uint8_t req = g->req_kind != COH_CANON_NONE, defer = g->defer_kind != COH_CANON_NONE;

	bits(io, 8, (uint8_t *[]){&ro, &rw, &g->owner, &g->held, &g->evicting, &g->waiting, &req, &defer});
	g->rights = rw ? COH_RW : ro ? COH_RO : COH_NONE;
	if (io->load)
		g->req_kind = g->defer_kind = COH_CANON_NONE;
	if (g->waiting)
		byte(io, &g->wait_write);
	if (req) {
		byte(io, &g->req_kind);
		bits(io, 4, (uint8_t *[]){&g->req_granted, &g->req_want_write, &g->req_waiter, &g->req_nacked});
		byte(io, &g->req_acks);
		byte(io, &g->req_acked);
		if (moves)
			byte(io, &g->req_home);
		else if (io->load)
			g->req_home = (uint8_t)(g->home1 - 1);
		txn(io, &g->req_txn);
	}
	if (defer) {
		byte(io, &g->defer_kind);
		byte(io, &g->defer_requester);
		byte(io, &g->defer_acks);
		txn(io, &g->defer_txn);
	}
	if (!home)
		return;
	uint8_t head = (uint8_t)(g->dir_owner | g->dir_touched << 2 | g->dir_sharers << 3);
	byte(io, &head);
	g->dir_owner = head & 3;
	g->dir_touched = head >> 2 & 1;
	g->dir_sharers = head >> 3;
	byte(io, &g->queue_n);
	if (ask && g->queue_n) { // nothing else reads them
		uint8_t owe = (uint8_t)(g->giver | g->asked << 2);
		byte(io, &owe);
		g->giver = owe & 3;
		g->asked = owe >> 2;
	}
	for (unsigned k = 0; k < g->queue_n; k++) {
		uint8_t q = (uint8_t)(g->queue[k].requester | g->queue[k].kind << 4);
		byte(io, &q);
		g->queue[k].requester = q & 15;
		g->queue[k].kind = q >> 4;
		txn(io, &g->queue[k].txn);
	}
}

static void io_channel(struct io *io, struct channel *c)
{
	byte(io, &c->n);
	for (unsigned i = 0; i < c->n; i++) {
		struct wire *w = &c->m[i];
		uint8_t a = (uint8_t)(w->kind | w->flags << 4 | (w->rights & 3) << 6);
		uint8_t b =
			(uint8_t)(w->requester | w->acks << 2 | w->page << 4 | w->fresh << 5 | (w->rights >> 2) << 6);
		byte(io, &a);
		byte(io, &b);
		w->kind = a & 15;
		w->flags = a >> 4 & 3;
		w->rights = (uint8_t)(a >> 6 | (b >> 6) << 2);
		w->requester = b & 3;
		w->acks = b >> 2 & 3;
		w->page = b >> 4 & 1;
		w->fresh = b >> 5 & 1;
		txn(io, &w->txn);
	}
}

static void io_moving(struct io *io, struct moving *m)
{
	uint8_t b = (uint8_t)(m->phase | m->n << 4);

	byte(io, &b);
	m->phase = b & 15;
	m->n = b >> 4;
	byte(io, &m->mask);
	byte(io, &m->bytes);
	for (unsigned i = 0; i < m->bytes; i++)
		byte(io, &m->blob[i]);
}

static void io_state(struct io *io, struct state *s)
{
	for (unsigned h = 0; h < hosts; h++) {
		struct coh_canon *c = &s->host[h];
		txn(io, &c->txn);
		for (unsigned o = 0; o < hosts; o++)
			txn(io, &c->seen[o]);
		byte(io, &c->wait_n);
		for (unsigned i = 0; i < c->wait_n; i++)
			byte(io, &c->wait[i]);
		for (unsigned p = 0; p < pages; p++) {
			uint8_t extra = (uint8_t)(s->fresh[h][p] | s->blocked[h][p] << 1);
			io_home(io, p, &c->page[p]);
			io_page(io, &c->page[p], homed(h, p, &c->page[p]));
			byte(io, &extra);
			s->fresh[h][p] = extra & 1;
			s->blocked[h][p] = extra >> 1;
		}
		for (unsigned to = 0; to < hosts; to++)
			if (to != h)
				io_channel(io, &s->ch[h][to]);
	}
	uint8_t rest = (uint8_t)(s->written[0] | s->written[1] << 1 | s->lost << 2 | s->told << 3);
	byte(io, &rest);
	s->written[0] = rest & 1;
	s->written[1] = rest >> 1 & 1;
	s->lost = rest >> 2 & 1;
	s->told = rest >> 3;
	if (moves)
		io_moving(io, &s->moving);
	if (goes) {
		uint8_t b = (uint8_t)(s->going.phase | s->going.mask << 4);
		byte(io, &b);
		s->going.phase = b & 15;
		s->going.mask = b >> 4;
	}
}

unsigned pack(struct state *s, uint8_t *buf)
{
	struct io io = {.buf = buf};

	for (unsigned r = 0; r < hosts; r++)
		renumber(s, r);
	io_state(&io, s);
	PD_CHECK(io.at <= PACKED_MAX);
	return io.at;
}

void unpack(const uint8_t *buf, struct state *s)
{
	struct io io = {.buf = (uint8_t *)buf, .load = true};

	memset(s, 0, sizeof(*s));
	io_state(&io, s);
}
