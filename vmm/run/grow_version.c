// SPDX-License-Identifier: Apache-2.0
/*
 * One version of the description that all hosts learn, with what has to be so before it and after it. Of memory all
 * that can fail comes first: each host has its pages and its mapping before any of them describes it, and if one has no
 * room for these all take back what they did, as with memory that goes.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/link.h"
#include "net/log.h"
#include "vmm/run/grow_priv.h"

#define LOOK_MS 2u

static struct version_op *version_of(struct ops_op *o)
{
	return (struct version_op *)o;
}

/* ---- all hosts learn a version ---- */

static const struct ops_kind kinds[GROW_VERSIONS];

static bool is(const struct version_op *w, enum grow_version v)
{
	return w->o.kind == &kinds[v];
}

static int apply(const struct version_op *w, struct machine_desc *d, char *why, size_t cap)
{
	if (is(w, GROW_VCPU_GONE))
		return desc_empty_vcpu(d, w->gone, why, cap);
	if (is(w, GROW_VCPUS))
		return desc_fill_vcpus(d, w->first, w->count, w->host, why, cap);
	if (is(w, GROW_MEMORY))
		return desc_fill_memory(d, &w->piece, why, cap);
	snprintf(why, cap, "there is no memory in slot %u", w->piece.slot);
	return desc_take_memory(d, w->piece.slot);
}

/*
 * As all hosts will judge it, while nothing has been asked yet: a host may have left since, or something else come. No
 * other version comes between.
 */
static void try_it(struct ops_op *o)
{
	struct version_op *w = version_of(o);
	struct machine_desc *next = malloc(sizeof(*next));
	char why[DESC_REPORT_MAX] = "no memory";
	int r = -ENOMEM;

	if (next) {
		*next = *w->g->desc;
		r = apply(w, next, why, sizeof(why));
	}
	free(next);
	if (!r) // what follows has no way back: what is left of the time of it all does not count
		op_more_time(&o->op, ops_ms(o->v, o->kind->ms));
	ops_step_over(o, r ? why : NULL);
}

static json_t *with_version(struct version_op *w, json_t *args)
{
	w->version = w->o.v->desc->version + 1;
	json_object_set_new(args, "version", json_integer(w->version));
	return args;
}

static void fill_vcpus(struct ops_op *o)
{
	struct version_op *w = version_of(o);

	ops_ask_everyone(o, VERB_VCPUS_FILL,
			 with_version(w, json_pack("{s:I,s:I,s:I}", "first", (json_int_t)w->first, "count",
						   (json_int_t)w->count, "host", (json_int_t)w->host)),
			 ops_answered);
}

static void show(struct ops_op *o)
{
	ops_ask(o, host_bit((host_id)o->v->desc->board), VERB_GROWTH_SHOW, json_object(), ops_answered);
}

/* ---- memory that comes ---- */

static json_t *piece(const struct version_op *w)
{
	const struct desc_range *r = &w->piece;

	return json_pack("{s:I,s:I,s:I,s:I,s:I}", "first", (json_int_t)r->first, "pages", (json_int_t)r->pages, "node",
			 (json_int_t)r->node, "home", (json_int_t)r->home, "slot", (json_int_t)r->slot);
}

static void open_memory(struct ops_op *o)
{
	ops_ask_everyone(o, VERB_MEMORY_OPEN, piece(version_of(o)), ops_answered);
}

static void map_memory(struct ops_op *o)
{
	ops_ask_everyone(o, VERB_MEMORY_MAP, piece(version_of(o)), ops_answered);
}

static void fill_memory(struct ops_op *o)
{
	ops_ask_everyone(o, VERB_MEMORY_FILL, with_version(version_of(o), piece(version_of(o))), ops_answered);
}

/* ---- memory that goes ---- */

/* Whoever gave something up before a reset has it again after it. If so, the step is over, and the operation may be
 * gone with it. */
static bool voided(struct ops_op *o)
{
	struct version_op *w = version_of(o);
	bool voided = w->voided || ((is(w, GROW_VCPU_GONE) || is(w, GROW_MEMORY_GONE)) && w->life != w->g->life);

	w->voided = voided;
	if (voided)
		ops_step_over(o, NULL);
	return voided;
}

static void unmap_memory(struct ops_op *o)
{
	if (!voided(o))
		ops_ask_everyone(o, VERB_MEMORY_UNMAP, piece(version_of(o)), ops_answered);
}

static void drop_memory(struct ops_op *o)
{
	if (!voided(o))
		ops_ask_everyone(o, VERB_MEMORY_DROP, piece(version_of(o)), ops_answered);
}

static void close_memory(struct ops_op *o);

static void look_again(void *op)
{
	close_memory(op);
}

/*
 * The first time each host closes it, and what it says of others' requests may be too early. From the second on what it
 * says of its own stays so: and once all have said it, what the next look finds at the homes stays so too.
 */
static void on_closed(void *ctx, const struct call_answer *a, unsigned n)
{
	struct ops_op *o = ctx;
	struct version_op *w = ctx;
	const char *error = ops_error(o, a, n);
	bool all = w->looks++ > 0;

	for (unsigned i = 0; i < n && !error; i++)
		all &= json_is_true(json_object_get(a[i].json, "quiet"));
	w->quiet = all ? w->quiet + 1 : 0;
	if (!error && w->quiet < 2) {
		w->again = (struct loop_timer){.fn = look_again, .arg = w};
		loop_timer_in(link_loop(o->v->calls->link), &w->again, LOOK_MS * 1000000u);
	} else if (!error && o->undoing) {
		drop_memory(o);
	} else {
		ops_step_over(o, error);
	}
}

static void close_memory(struct ops_op *o)
{
	if (!voided(o))
		ops_ask_everyone(o, VERB_MEMORY_CLOSE, piece(version_of(o)), on_closed);
}

static void empty_memory(struct ops_op *o)
{
	if (!voided(o))
		ops_ask_everyone(o, VERB_MEMORY_EMPTY, with_version(version_of(o), piece(version_of(o))), ops_answered);
}

static void empty_vcpu(struct ops_op *o)
{
	struct version_op *w = version_of(o);

	if (!voided(o))
		ops_ask_everyone(o, VERB_VCPU_EMPTY, with_version(w, json_pack("{s:I}", "vcpu", (json_int_t)w->gone)),
				 ops_answered);
}

/* ---- ---- */

static void drop(struct ops_op *o)
{
	loop_timer_stop(&version_of(o)->again);
}

static void learnt(struct ops_op *o, const char *error)
{
	struct version_op *w = version_of(o);
	char why[DESC_REPORT_MAX];

	if (!error && !w->voided && apply(w, w->g->desc, why, sizeof(why)))
		log_error("the hosts have taken what this process does not: %s", why);
	if (!error && !w->voided && o->v->mover)
		mover_follow(o->v->mover);
	if (is(w, GROW_MEMORY_GONE))
		grow_memory_gone(w->g, w->piece.slot,
				 error       ? error
				 : w->voided ? "the guest was reset meanwhile, and has it again"
					     : NULL);
}

static const struct ops_step vcpus_steps[] = {
	{try_it, NULL}, {fill_vcpus, ops_no_way_back}, {show, ops_no_way_back}, {0}};
static const struct ops_step memory_steps[] = {{try_it, NULL},
					       {open_memory, close_memory},
					       {map_memory, unmap_memory},
					       {fill_memory, ops_no_way_back},
					       {show, ops_no_way_back},
					       {0}};
static const struct ops_step vcpu_gone_steps[] = {{empty_vcpu, ops_no_way_back}, {0}};
static const struct ops_step memory_gone_steps[] = {{unmap_memory, map_memory},
						    {close_memory, ops_no_way_back},
						    {drop_memory, ops_no_way_back},
						    {empty_memory, ops_no_way_back},
						    {0}};

#define VERSION_KIND(name_, steps_, what)                                                                          \
	{                                                                                                          \
		.name = name_, .cls = OP_EXCLUSIVE, .ms = 120000, .steps = steps_, .finish = learnt, .drop = drop, \
		.stuck = what                                                                                      \
	}

static const struct ops_kind kinds[GROW_VERSIONS] = {
	[GROW_VCPUS] = VERSION_KIND("vcpus-fill", vcpus_steps, "the hosts do not agree on the guest's vCPUs"),
	[GROW_MEMORY] = VERSION_KIND("memory-fill", memory_steps, "the hosts do not agree on the guest's memory"),
	[GROW_VCPU_GONE] = VERSION_KIND("vcpu-empty", vcpu_gone_steps, "the hosts do not agree on the guest's vCPUs"),
	[GROW_MEMORY_GONE] =
		VERSION_KIND("memory-empty", memory_gone_steps, "the hosts do not agree on the guest's memory"),
};

struct version_op *grow_version(struct growths *g, enum grow_version v, ops_done done, void *ctx)
{
	struct version_op *w = (struct version_op *)ops_op_new(g->ops, &kinds[v], sizeof(*w), done, ctx);

	if (w) {
		w->g = g;
		w->life = g->life;
	}
	return w;
}
