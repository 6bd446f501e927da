// SPDX-License-Identifier: Apache-2.0
/*
 * Contents of message k of a stream follow from (life, side, stream, k), so the receiver knows each byte
 * that must come next. A life is one pair of connections: a restart begins another.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coherence/base/check.h"
#include "net/rel/priv.h"
#include "net/rel/sum.h"
#include "tests/rel/rel_sim.h"

#define POLL_NS  1000u // between two looks of a poller at its connection
#define GIVE_UP  (120000 * MS)
#define DEAD_NS  (1000 * MS)
#define SPINS    1000u // outputs that were due and did nothing, one after the other
#define MSG_MIN  16u
#define KEPT_MAX 100 // frames that stay in the receivers' buffers

struct sent {
	struct world *w;
	uint64_t when;
	unsigned life;
	uint32_t n;
	uint8_t bytes[];
};

struct side {
	struct world *w;
	struct rel *r;
	unsigned number, life;
	unsigned sent[REL_STREAMS], got[REL_STREAMS], released[REL_STREAMS];
	uint64_t next_send[REL_STREAMS], last_output;
	struct sealed *seal; // NULL: its frames are plain
	uint8_t *frame;      // given to rel, filled when it comes back
	uint32_t frame_n;
	uint8_t *looked_at; // the frame that rel_input() has; NULL: it is kept
	unsigned spins;
	bool low;
};

struct world {
	const struct plan *plan;
	struct net net;
	struct rng rng;
	struct side side[2];
	uint64_t now, token[2], seed;
	long handles, kept;
	uint64_t session;
	unsigned restarts;
	bool trace;
	uint64_t sent_ns[2][REL_STREAMS][REL_MSGS_MAX]; // of the newest messages
	struct outcome out;
};

static void wrong(struct world *w, const char *why)
{
	if (!w->out.why)
		w->out.why = why;
}

/* ---- contents ---- */

static struct rng contents(const struct world *w, unsigned life, unsigned side, unsigned stream, unsigned k)
{
	struct rng r = {w->seed * 1000003u + (((uint64_t)life * 2 + side) * 2 + stream) * 0x100000001u + k};

	rng_next(&r);
	return r;
}

static uint32_t size_of(const struct world *w, struct rng *r)
{
	uint32_t most = w->plan->size_max;

	switch (rng_below(r, 4)) { // short, about a page, anything, the longest now and then
	case 0:
		return MSG_MIN + (uint32_t)rng_below(r, most < 200 ? 1 : 180);
	case 1:
		return most < 4160 ? most : 4112 + (uint32_t)rng_below(r, 48);
	case 2:
		return rng_chance(r, 50) ? most : 1 + (uint32_t)rng_below(r, most < 9000 ? most : 9000);
	default:
		return rng_chance(r, 100) ? 1 + (uint32_t)rng_below(r, most) : MSG_MIN;
	}
}

static void fill(struct rng *r, uint8_t *p, uint32_t n)
{
	for (uint32_t at = 0; at < n; at += 8) {
		uint64_t v = rng_next(r);

		memcpy(p + at, &v, n - at < 8 ? n - at : 8);
	}
}

static bool same(struct rng *r, const uint8_t *p, uint32_t n)
{
	for (uint32_t at = 0; at < n; at += 8) {
		uint64_t v = rng_next(r);

		if (memcmp(p + at, &v, n - at < 8 ? n - at : 8))
			return false;
	}
	return true;
}

/* ---- what rel calls ---- */

static void on_deliver(void *ctx, unsigned stream, const uint8_t *bytes, uint32_t n)
{
	struct side *s = ctx;
	struct world *w = s->w;
	unsigned from = !s->number, k = s->got[stream]++;
	struct rng r = contents(w, s->life, from, stream, k);

	if (k >= w->plan->messages[from][stream])
		wrong(w, "more messages arrived than were sent");
	else if (n != size_of(w, &r) || !same(&r, bytes, n))
		wrong(w, "a message arrived damaged, twice or out of order");
	uint64_t took = w->now - w->sent_ns[from][stream][k % REL_MSGS_MAX];
	if (stream == 0 && took > w->out.worst_control_ns)
		w->out.worst_control_ns = took;
	w->out.bytes += n;
	if (w->trace)
		printf("%12lu side %u stream %u message %u, %u bytes\n", w->now, s->number, stream, k, n);
}

static void on_release(void *ctx, void *msg)
{
	struct side *s = ctx;
	struct sent *m = msg;

	s->w->handles--;
	if (m->life != s->life)
		wrong(s->w, "a message of another life was released");
	free(m);
}

static void commit(struct side *s)
{
	if (!s->frame)
		return;
	if (s->seal)
		sealed_done(s->seal, s->w->now);
	net_send(&s->w->net, s->number, s->frame, s->frame_n, s->w->now);
	free(s->frame);
	s->frame = NULL;
	s->spins = 0;
}

static uint8_t *on_frame(void *ctx, uint32_t n)
{
	struct side *s = ctx;

	commit(s);
	s->frame_n = n + (s->seal ? REL_SEAL : 0);
	if (s->frame_n > REL_HEAD + s->w->plan->segment_bytes)
		wrong(s->w, "a frame longer than the path takes");
	s->frame = malloc(s->frame_n);
	PD_CHECK(s->frame);
	return s->seal ? sealed_room(s->seal, s->frame, n) : s->frame;
}

/* As a port does: not for ever more of them. */
static void *on_keep(void *ctx)
{
	struct side *s = ctx;
	uint8_t *frame = s->w->kept < KEPT_MAX ? s->looked_at : NULL;

	if (frame) {
		s->looked_at = NULL;
		s->w->kept++;
	}
	return frame;
}

static void on_let_go(void *ctx, void *kept)
{
	struct side *s = ctx;

	s->w->kept--;
	free(kept);
}

/* ---- hosts ---- */

static void close_side(struct side *s)
{
	if (s->r)
		s->w->out.stats[s->number] = *rel_stats(s->r);
	if (s->seal)
		sealed_count(s->seal, &s->w->out.sealed);
	sealed_close(s->seal);
	free(s->frame);
	rel_close(s->r);
}

static void open_side(struct world *w, unsigned number)
{
	struct side *s = &w->side[number];
	struct rel_options o = {
		.ctx = s,
		.token_in = w->token[number],
		.token_out = w->token[!number],
		.segment_bytes = w->plan->segment_bytes,
		.message_max = w->plan->size_max,
		.sums = !w->plan->sealed,
		.pack = w->seed & 1,
		.deliver = on_deliver,
		.release = on_release,
		.frame = on_frame,
		.keep = w->seed & 4 ? on_keep : NULL,
		.let_go = on_let_go,
	};
	unsigned life = s->r ? s->life + 1 : 0;

	close_side(s);
	*s = (struct side){.w = w, .number = number, .life = life};
	if (w->plan->sealed)
		s->seal = sealed_open(number, w->seed ^ w->session, w->now);
	PD_CHECK(rel_open(&s->r, &o, w->now) == 0);
	for (unsigned i = 0; i < REL_STREAMS; i++)
		s->next_send[i] = w->now;
}

static void output(struct side *s)
{
	bool due_now = rel_deadline(s->r) <= s->w->now;

	rel_output(s->r, s->w->now);
	s->last_output = s->w->now;
	s->spins = due_now ? s->spins + 1 : 0;
	if (s->spins > SPINS)
		wrong(s->w, "it wants to send, again and again, and sends nothing");
	commit(s);
}

/* Returns when this stream wants to send next. */
static uint64_t produce(struct side *s, unsigned stream)
{
	struct world *w = s->w;
	const struct plan *p = w->plan;

	while (s->sent[stream] < p->messages[s->number][stream]) {
		if (s->next_send[stream] > w->now)
			return s->next_send[stream];
		if (!rel_room(s->r, stream))
			return UINT64_MAX; // an acknowledgement makes room
		struct rng r = contents(w, s->life, s->number, stream, s->sent[stream]);
		uint32_t n = size_of(w, &r);
		struct sent *m = malloc(sizeof(*m) + n);
		PD_CHECK(m);
		*m = (struct sent){.w = w, .when = w->now, .life = s->life, .n = n};
		fill(&r, m->bytes, n);
		w->handles++;
		w->sent_ns[s->number][stream][s->sent[stream]++ % REL_MSGS_MAX] = w->now;
		if (!rel_send(s->r, stream, m->bytes, n, w->seed & 2 ? rel_sum(m->bytes, n) : 0, m))
			wrong(w, "no room where there was room");
		if (p->gap_ns[stream])
			s->next_send[stream] = w->now + rng_below(&w->rng, 2 * p->gap_ns[stream]);
	}
	return UINT64_MAX;
}

static bool done(const struct world *w)
{
	for (unsigned i = 0; i < 2; i++)
		for (unsigned k = 0; k < REL_STREAMS; k++)
			if (w->side[!i].got[k] < w->plan->messages[i][k])
				return false;
	return w->handles == 0 && (!w->plan->restart_ns || w->restarts);
}

static void check_bounds(struct side *s)
{
	for (unsigned i = 0; i < REL_STREAMS; i++)
		if (s->r->in[i].early_n > REL_WINDOW || s->r->in[i].part_cap > s->w->plan->size_max ||
		    s->r->out[i].next - s->r->out[i].una > REL_WINDOW)
			wrong(s->w, "more memory than was allowed");
	if (rel_broken(s->r))
		wrong(s->w, "the connection says that its peer broke the protocol");
}

/* Side 1 restarts; side 0 hears of it by other ways a little later: both get new tokens. */
static void restart(struct world *w)
{
	if (!w->plan->restart_ns || w->restarts || w->now < w->plan->restart_ns)
		return;
	w->restarts++;
	w->session++;
	w->token[0] = rng_next(&w->rng);
	w->token[1] = rng_next(&w->rng);
	open_side(w, 1);
	open_side(w, 0);
}

static uint64_t due(const struct side *s)
{
	uint64_t at = rel_deadline(s->r), soonest = s->last_output + POLL_NS;

	return at < soonest ? soonest : at;
}

static void see_dead(struct world *w)
{
	uint64_t silent = rel_silent_ns(w->side[0].r, w->now);

	if (silent > DEAD_NS && !w->out.first_dead_ns)
		w->out.first_dead_ns = w->now;
	if (silent > w->now + 1)
		wrong(w, "silent for longer than there was time");
}

static void arrive(struct side *s, const struct packet *p)
{
	const uint8_t *bytes = p->bytes;
	uint32_t n = p->n;

	s->looked_at = p->bytes;
	if (s->seal)
		bytes = sealed_take(s->seal, bytes, &n, s->w->now);
	if (bytes)
		rel_input(s->r, bytes, n, s->w->now);
	free(s->looked_at);
	s->looked_at = NULL;
}

static void step(struct world *w)
{
	uint64_t at = net_next(&w->net), send[2];

	for (unsigned i = 0; i < 2; i++) {
		send[i] = UINT64_MAX;
		for (unsigned k = 0; k < REL_STREAMS; k++) {
			uint64_t t = produce(&w->side[i], k);

			if (t < send[i])
				send[i] = t;
		}
		if (w->side[i].last_output != w->now || w->now == 0)
			output(&w->side[i]);
		uint64_t t = due(&w->side[i]);
		at = t < at ? t : at;
		at = send[i] < at ? send[i] : at;
	}
	if (net_next(&w->net) < at)
		at = net_next(&w->net);
	if (at == UINT64_MAX) {
		wrong(w, "nothing will ever happen again, and not everything has arrived");
		return;
	}
	w->now = at > w->now ? at : w->now;
	while (net_next(&w->net) <= w->now) {
		struct packet p = net_take(&w->net);

		arrive(&w->side[p.to], &p);
	}
	restart(w);
	see_dead(w);
	for (unsigned i = 0; i < 2; i++)
		check_bounds(&w->side[i]);
}

struct outcome world_run(const struct plan *plan, uint64_t seed, bool trace)
{
	struct world *w = calloc(1, sizeof(*w));

	PD_CHECK(w);
	w->plan = w->net.plan = plan;
	w->seed = seed;
	w->trace = trace;
	w->rng.s = seed;
	w->net.rng.s = ~seed;
	w->token[0] = rng_next(&w->rng);
	w->token[1] = rng_next(&w->rng);
	open_side(w, 0);
	open_side(w, 1);
	while (!w->out.why && !done(w) && !(plan->dead && w->out.first_dead_ns)) {
		step(w);
		if (w->now > GIVE_UP)
			wrong(w, "not finished in two minutes of virtual time");
	}
	w->out.end_ns = w->now;
	for (unsigned i = 0; i < 2; i++)
		close_side(&w->side[i]);
	if (w->handles)
		wrong(w, "closed, and messages were not given back");
	if (w->kept)
		wrong(w, "closed, and frames are still kept");
	w->out.overflowed = w->net.overflowed;
	w->out.sent = w->net.sent;
	net_free(&w->net);
	struct outcome out = w->out;
	free(w);
	return out;
}
