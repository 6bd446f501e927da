// SPDX-License-Identifier: Apache-2.0
#include "vmm/run/homes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coherence/base/refuse.h"
#include "net/log.h"
#include "vmm/run/members.h"
#include "vmm/run/ops_priv.h"

#define GRANULE_PAGES (DESC_GRANULE / PAGE_BYTES)
#define RUN_MS        60000u

struct homes {
	struct ops *ops;
	struct machine_desc *desc;
	struct homes_piece pieces[HOMES_PIECES_MAX];
	unsigned n, at;
	uint64_t into; // pages of the present piece that have moved
	uint64_t moved, total;
	bool busy, stop;
	char error[DESC_REPORT_MAX]; // the first
	homes_progress progress;
	ops_done done;
	void *ctx;
};

/* A run moves, and the description is told of it before anybody else has a turn: who joins makes its own of that. */
struct homes_op {
	struct ops_op o;
	struct homes *h;
	struct homes_piece run;
};

static struct homes_op *of(struct ops_op *o)
{
	return (struct homes_op *)o;
}

/* ---- the steps of a run ---- */

/* As all hosts will describe it in the end: from the first step that cannot be undone on, nobody may refuse it. */
static int judge(const struct machine_desc *d, const struct homes_piece *pieces, unsigned n, char *why, size_t cap)
{
	struct machine_desc *next = malloc(sizeof(*next));
	int r = next ? 0 : refuse_with(why, cap, -ENOMEM, "no memory");

	if (next)
		*next = *d;
	for (unsigned i = 0; i < n && !r; i++)
		r = desc_rehome(next, pieces[i].first, pieces[i].pages, pieces[i].to, why, cap);
	free(next);
	return r;
}

static int takes(const struct homes *h, host_id to, char *why, size_t cap)
{
	return members_cordoned(h->ops->members, to)
		       ? refuse_with(why, cap, -EBUSY, "host %u is leaving: it becomes the home of nothing", to)
		       : 0;
}

/* The guest has given it up meanwhile: nobody is its home. */
static bool is_gone(const struct machine_desc *d, page_idx first)
{
	return desc_home_of_page(d, first) == HOST_NONE;
}

#define LAST_STEP 4

/* What has come since it was asked for may be in its way. */
static void try_it(struct ops_op *o)
{
	const struct homes_op *w = of(o);
	char why[DESC_REPORT_MAX];

	if (is_gone(w->h->desc, w->run.first)) {
		o->at = LAST_STEP;
		ops_step_over(o, NULL);
		return;
	}
	int r = takes(w->h, w->run.to, why, sizeof(why));

	if (!r)
		r = judge(w->h->desc, &w->run, 1, why, sizeof(why));
	ops_step_over(o, r ? why : NULL);
}

static json_t *first_args(struct ops_op *o)
{
	return json_pack("{s:I}", "first", (json_int_t)of(o)->run.first);
}

static void prepare(struct ops_op *o)
{
	const struct homes_op *w = of(o);

	ops_ask_everyone(o, VERB_HOMES_PREPARE,
			 json_pack("{s:I,s:I,s:i,s:i}", "first", (json_int_t)w->run.first, "pages",
				   (json_int_t)w->run.pages, "from", (int)w->run.from, "to", (int)w->run.to),
			 ops_answered);
}

static void call_off(struct ops_op *o)
{
	ops_ask_everyone(o, VERB_HOMES_CANCEL, first_args(o), ops_answered);
}

/* From here on there is no way back: each step has a time of its own, however long those before it took. */
static void go(struct ops_op *o)
{
	op_more_time(&o->op, ops_ms(o->v, RUN_MS));
	ops_ask(o, host_bit(of(o)->run.from) | host_bit(of(o)->run.to), VERB_HOMES_GO, first_args(o), ops_answered);
}

static void commit(struct ops_op *o)
{
	op_more_time(&o->op, ops_ms(o->v, RUN_MS));
	ops_ask_everyone(o, VERB_HOMES_COMMIT, first_args(o), ops_answered);
}

static void on_finished(void *ctx, const struct call_answer *a, unsigned n)
{
	struct ops_op *o = ctx;
	const struct homes_op *w = ctx;
	const char *error = ops_error(o, a, n);
	char why[DESC_REPORT_MAX];

	if (!error && desc_rehome(w->h->desc, w->run.first, w->run.pages, w->run.to, why, sizeof(why)))
		log_error("homes: the hosts have taken what this process does not: %s", why);
	ops_step_over(o, error);
}

static void finish(struct ops_op *o)
{
	const struct homes_op *w = of(o);

	op_more_time(&o->op, ops_ms(o->v, RUN_MS));
	ops_ask_everyone(o, VERB_HOMES_FINISH,
			 json_pack("{s:I,s:I,s:I,s:i}", "first", (json_int_t)w->run.first, "version",
				   (json_int_t)w->h->desc->version + 1, "pages", (json_int_t)w->run.pages, "to",
				   (int)w->run.to),
			 on_finished);
}

static const struct ops_step steps[] = {{try_it, NULL},
					{prepare, call_off},
					{go, ops_no_way_back},
					{commit, ops_no_way_back},
					{finish, ops_no_way_back},
					{0}};
static const struct ops_kind kind = {.name = "move of homes",
				     .cls = OP_MOVE,
				     .ms = RUN_MS,
				     .steps = steps,
				     .stuck = "the hosts do not agree on the homes of memory"};

/* ---- one after the other ---- */

static int next(struct homes *h);

static void end(struct homes *h)
{
	const char *error = h->error[0] ? h->error : h->stop ? "stopped" : NULL;

	h->busy = false;
	h->done(h->ctx, error);
}

static void note(struct homes *h, const char *error)
{
	if (!h->error[0])
		snprintf(h->error, sizeof(h->error), "%s", error);
}

static void go_on(struct homes *h)
{
	int r = next(h);

	if (!r)
		return;
	note(h, r == -ESHUTDOWN ? "the guest is over" : strerror(-r));
	end(h);
}

static uint64_t at_once(const struct homes *h)
{
	uint64_t left = h->pieces[h->at].pages - h->into;

	return left < HOMES_RUN_PAGES ? left : HOMES_RUN_PAGES;
}

static void on_moved(void *ctx, const char *error)
{
	struct homes *h = ctx;
	uint64_t pages = at_once(h);

	if (error) {
		note(h, error);
	} else {
		h->into += pages;
		h->moved += pages;
		if (h->into == h->pieces[h->at].pages) {
			h->at++;
			h->into = 0;
		}
		if (h->progress)
			h->progress(h->ctx, h->moved, h->total);
	}
	go_on(h);
}

/* 0: something has begun, or all has ended. */
static int next(struct homes *h)
{
	if (h->at == h->n || h->stop || h->error[0]) {
		end(h);
		return 0;
	}
	struct homes_op *w = (struct homes_op *)ops_op_new(h->ops, &kind, sizeof(*w), on_moved, h);

	if (w) {
		w->h = h;
		w->run = h->pieces[h->at];
		w->run.first += h->into;
		w->run.pages = at_once(h);
	}
	return ops_op_add(w ? &w->o : NULL);
}

/* ---- from outside ---- */

struct homes *homes_create(struct ops *ops, struct machine_desc *desc)
{
	struct homes *h = calloc(1, sizeof(*h));

	if (h) {
		h->ops = ops;
		h->desc = desc;
	}
	return h;
}

void homes_destroy(struct homes *h)
{
	free(h);
}

bool homes_busy(const struct homes *h)
{
	return h->busy;
}

void homes_stop(struct homes *h)
{
	h->stop = h->busy;
}

/* Of that home all through. */
static bool is_homed(const struct machine_desc *d, const struct homes_piece *p)
{
	page_idx end;

	if (!p->pages || p->first % GRANULE_PAGES || p->pages % GRANULE_PAGES ||
	    __builtin_add_overflow(p->first, p->pages, &end))
		return false;
	for (page_idx at = p->first; at < end; at += GRANULE_PAGES)
		if (desc_home_of_page(d, at) != p->from)
			return false;
	return true;
}

int homes_move(struct homes *h, const struct homes_piece *pieces, unsigned n, homes_progress progress, ops_done done,
	       void *ctx, char *why, size_t cap)
{
	uint64_t total = 0;

	if (h->busy)
		return refuse_with(why, cap, -EBUSY, "homes are moving already");
	for (unsigned i = 0; i < n; i++) {
		if (!desc_is_member(h->desc, pieces[i].to) || pieces[i].to == pieces[i].from ||
		    !is_homed(h->desc, &pieces[i]))
			return refuse_with(why, cap, -EINVAL,
					   "pages %llu and %llu more are no memory with home %u that can go to host %u",
					   (unsigned long long)pieces[i].first, (unsigned long long)pieces[i].pages,
					   pieces[i].from, pieces[i].to);
		total += pieces[i].pages;
	}
	if (!n || n > HOMES_PIECES_MAX)
		return refuse_with(why, cap, -EINVAL, "%u pieces of memory, 1 to %u can move", n, HOMES_PIECES_MAX);
	int r = judge(h->desc, pieces, n, why, cap);
	for (unsigned i = 0; i < n && !r; i++)
		r = takes(h, pieces[i].to, why, cap);
	if (r)
		return r;
	*h = (struct homes){.ops = h->ops,
			    .desc = h->desc,
			    .n = n,
			    .total = total,
			    .busy = true,
			    .progress = progress,
			    .done = done,
			    .ctx = ctx};
	memcpy(h->pieces, pieces, n * sizeof(*pieces));
	r = next(h);
	h->busy = !r;
	if (!r)
		return 0;
	return refuse_with(why, cap, r, "%s", r == -ESHUTDOWN ? "the guest does not run" : strerror(-r));
}
