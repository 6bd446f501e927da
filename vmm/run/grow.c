// SPDX-License-Identifier: Apache-2.0
#include "vmm/run/grow.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/log.h"
#include "vmm/run/members.h"
#include "vmm/run/ops_priv.h"

#define GROW_MS         3600000u // memory comes in pieces, and the guest takes its time
#define OST_CHECK       1u       // _OST: of a notification that something has come (ACPI 6.4, 6.3.5)
#define OST_SUCCESS     0u
#define OST_IN_PROGRESS 0x80u // ... of such a one

/* What was asked for and has not come yet. */
struct grow_op {
	struct ops_op o;
	struct growths *g;
	struct grow_wish left;
	uint32_t first, count; // vCPUs that come next
	struct desc_range piece;
};

/* One version of the description. */
struct version_op {
	struct ops_op o;
	struct growths *g;
	uint32_t first, count, host; // vCPUs that come
	struct desc_range piece;     // memory that comes: a slot
	uint32_t gone;               // the vCPU that leaves; 0: none, since that one stays
	uint32_t life;               // in which the guest gave it up
	bool voided;                 // it began anew since, and has it again
	uint32_t version;
};

struct growths {
	struct ops *ops;
	struct machine_desc *desc;
	struct grow_op *op; // under way
	struct grow_result result;
	uint32_t waits;   // for the guest's word of the memory in this slot; 0: it does not
	uint32_t refused; // its code, where that came before the hosts' answers; 0: none did
	uint32_t life;    // of the guest: resets so far
	struct loop_timer due;
	uint8_t asked[VCPUS_MAX]; // vCPUs that the guest was asked for
};

static struct grow_op *of(struct ops_op *o)
{
	return (struct grow_op *)o;
}

static struct version_op *version_of(struct ops_op *o)
{
	return (struct version_op *)o;
}

/* ---- all hosts learn a version ---- */

static int apply(const struct version_op *w, struct machine_desc *d, char *why, size_t cap)
{
	if (w->gone)
		return desc_empty_vcpu(d, w->gone, why, cap);
	return w->piece.slot ? desc_fill_memory(d, &w->piece, why, cap)
			     : desc_fill_vcpus(d, w->first, w->count, w->host, why, cap);
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

static void fill_memory(struct ops_op *o)
{
	struct version_op *w = version_of(o);
	const struct desc_range *r = &w->piece;

	ops_ask_everyone(o, VERB_MEMORY_FILL,
			 with_version(w, json_pack("{s:I,s:I,s:I,s:I,s:I}", "first", (json_int_t)r->first, "pages",
						   (json_int_t)r->pages, "node", (json_int_t)r->node, "home",
						   (json_int_t)r->home, "slot", (json_int_t)r->slot)),
			 ops_answered);
}

static void map_memory(struct ops_op *o)
{
	ops_ask_everyone(o, VERB_MEMORY_MAP, json_pack("{s:I}", "slot", (json_int_t)version_of(o)->piece.slot),
			 ops_answered);
}

static void empty_vcpu(struct ops_op *o)
{
	struct version_op *w = version_of(o);

	w->voided = w->life != w->g->life;
	if (w->voided) {
		ops_step_over(o, NULL);
		return;
	}
	ops_ask_everyone(o, VERB_VCPU_EMPTY, with_version(w, json_pack("{s:I}", "vcpu", (json_int_t)w->gone)),
			 ops_answered);
}

static void show(struct ops_op *o)
{
	ops_ask(o, host_bit(0), VERB_GROWTH_SHOW, json_object(), ops_answered);
}

static void learnt(struct ops_op *o, const char *error)
{
	struct version_op *w = version_of(o);
	char why[DESC_REPORT_MAX];

	if (error || w->voided)
		return;
	if (apply(w, w->g->desc, why, sizeof(why)))
		log_error("the hosts have taken what this process does not: %s", why);
	if (o->v->mover)
		mover_follow(o->v->mover);
}

static const struct ops_step vcpus_steps[] = {
	{try_it, NULL}, {fill_vcpus, ops_no_way_back}, {show, ops_no_way_back}, {0}};
static const struct ops_step memory_steps[] = {
	{try_it, NULL}, {fill_memory, ops_no_way_back}, {map_memory, ops_no_way_back}, {show, ops_no_way_back}, {0}};
static const struct ops_step gone_steps[] = {{empty_vcpu, ops_no_way_back}, {0}};

#define VERSION_KIND(name_, steps_, what)                                                                          \
	{                                                                                                          \
		.name = name_, .cls = OP_EXCLUSIVE, .ms = 120000, .steps = steps_, .finish = learnt, .stuck = what \
	}

static const struct ops_kind vcpus_kind =
	VERSION_KIND("vcpus-fill", vcpus_steps, "the hosts do not agree on the guest's vCPUs");
static const struct ops_kind memory_kind =
	VERSION_KIND("memory-fill", memory_steps, "the hosts do not agree on the guest's memory");
static const struct ops_kind gone_kind =
	VERSION_KIND("vcpu-empty", gone_steps, "the hosts do not agree on the guest's vCPUs");

static struct version_op *version_new(struct growths *g, const struct ops_kind *kind, ops_done done, void *ctx)
{
	struct version_op *w = (struct version_op *)ops_op_new(g->ops, kind, sizeof(*w), done, ctx);

	if (w)
		w->g = g;
	return w;
}

/* A step that is an operation by itself. */
static void inside(struct ops_op *o, struct version_op *w)
{
	int r = !w ? -ENOMEM : !op_left_ms(&o->op, 1) ? -ETIME : op_add_inside(&o->op, &w->o.op);

	if (!r)
		return;
	free(w);
	ops_step_over(o, r == -ESHUTDOWN ? "the guest is over" : r == -ETIME ? "grow: its time is over" : "no memory");
}

/* ---- vCPUs ---- */

/* With all of the memory, so that what cannot be is found before anything has come. */
static void make(struct ops_op *o)
{
	struct grow_op *w = of(o);

	w->count = w->left.cpus;
	w->first = w->left.vcpu == GROW_ANY_VCPU ? desc_free_vcpus(w->g->desc, w->left.node, &w->count) : w->left.vcpu;
	ops_ask(o, host_bit(w->left.host), VERB_GROWTH_MAKE,
		json_pack("{s:I,s:I,s:I}", "first", (json_int_t)w->first, "count", (json_int_t)w->count, "pages",
			  (json_int_t)(w->left.memory_bytes >> PAGE_SHIFT)),
		ops_answered);
}

static void vcpus_came(void *ctx, const char *error)
{
	struct ops_op *o = ctx;
	struct grow_op *w = of(o);

	if (!error) {
		w->left.cpus -= w->count;
		w->g->result.cpus += w->count;
	}
	if (!error && w->left.cpus)
		o->at -= 2; // another run of places: they are made first
	ops_step_over(o, error);
}

static void take_vcpus(struct ops_op *o)
{
	struct grow_op *w = of(o);

	if (!w->left.cpus) {
		ops_step_over(o, NULL);
		return;
	}
	struct version_op *v = version_new(w->g, &vcpus_kind, vcpus_came, o);

	if (v) {
		v->first = w->first;
		v->count = w->count;
		v->host = w->left.host;
	}
	inside(o, v);
}

/* ---- memory, piece by piece ---- */

static void next_piece(struct ops_op *o);

static void stop_waiting(struct growths *g)
{
	g->waits = g->refused = 0;
	loop_timer_stop(&g->due);
}

static void word_due(void *arg)
{
	struct growths *g = arg;
	char text[DESC_REPORT_MAX];

	snprintf(text, sizeof(text), "the guest %s the %llu MiB that came last: it was told of no more of them",
		 g->ops->state == OPS_PAUSED ? "is stopped, and has not taken" : "has said nothing of",
		 (unsigned long long)(g->op->piece.pages << PAGE_SHIFT >> 20));
	stop_waiting(g);
	ops_step_over(&g->op->o, g->op->left.memory_bytes ? text : NULL);
}

static void refuses(struct growths *g, uint32_t status)
{
	char text[DESC_REPORT_MAX];

	snprintf(text, sizeof(text), "the guest does not take the %llu MiB that came last: its code for that is %#x",
		 (unsigned long long)(g->op->piece.pages << PAGE_SHIFT >> 20), status);
	stop_waiting(g);
	ops_step_over(&g->op->o, text);
}

static void piece_came(void *ctx, const char *error)
{
	struct ops_op *o = ctx;
	struct grow_op *w = of(o);
	struct growths *g = w->g;
	uint64_t bytes = w->piece.pages << PAGE_SHIFT;

	if (!error) {
		w->left.memory_bytes -= bytes;
		g->result.memory_bytes += bytes;
	}
	if (error) {
		stop_waiting(g);
		ops_step_over(o, error);
	} else if (g->refused) {
		refuses(g, g->refused);
	} else if (!g->waits) { // it was faster than the hosts' answers
		next_piece(o);
	} else {
		loop_timer_in(link_loop(g->ops->calls->link), &g->due,
			      (w->left.memory_bytes ? GROW_WORD_MS : GROW_LAST_MS) * 1000000ull);
	}
}

static void next_piece(struct ops_op *o)
{
	struct grow_op *w = of(o);
	struct growths *g = w->g;
	uint32_t slot = desc_free_memory_slot(g->desc);

	if (!w->left.memory_bytes) {
		ops_step_over(o, NULL);
		return;
	}
	if (!slot) {
		ops_step_over(o, "the guest has no number left for another piece of memory");
		return;
	}
	w->piece = (struct desc_range){.node = w->left.node, .home = w->left.host, .slot = slot};
	w->piece.pages = grow_piece(g->desc, w->left.memory_bytes) >> PAGE_SHIFT;
	desc_free_pages(g->desc, w->left.node, &w->piece.first);
	g->waits = slot;
	g->refused = 0;
	struct version_op *v = version_new(g, &memory_kind, piece_came, o);

	if (v)
		v->piece = w->piece;
	inside(o, v);
}

/* The guest's word of the piece that came last; maybe before all hosts have said that they have it (piece_came()). */
static void piece_word(struct growths *g, uint32_t status)
{
	bool timed = loop_timer_armed(&g->due); // all hosts have it

	if (status == OST_IN_PROGRESS)
		return;
	if (status == OST_SUCCESS) {
		stop_waiting(g);
		if (timed)
			next_piece(&g->op->o);
	} else if (timed) {
		refuses(g, status);
	} else {
		g->refused = status;
	}
}

/* ---- the whole ---- */

static void grown(struct ops_op *o, const char *error)
{
	struct growths *g = of(o)->g;

	(void)error;
	stop_waiting(g);
	g->op = NULL;
}

static const struct ops_step grow_steps[] = {{make, NULL}, {take_vcpus, NULL}, {next_piece, NULL}, {0}};
static const struct ops_kind grow_kind = {
	.name = "grow", .cls = OP_FREE, .ms = GROW_MS + OP_TURN_MS, .steps = grow_steps, .finish = grown};

static int refused(int r, char *why, size_t cap)
{
	snprintf(why, cap, "%s",
		 r == -ESHUTDOWN ? "the guest does not run"
		 : r == -ENOSPC  ? "too many commands are under way"
				 : strerror(-r));
	return r;
}

int growths_grow(struct growths *g, const struct grow_wish *wish, ops_done done, void *ctx, char *why, size_t cap)
{
	struct grow_wish w = *wish;
	int r = grow_node(g->desc, wish, &w.node, why, cap);

	if (r)
		return r;
	if (members_cordoned(g->ops->members, wish->host)) {
		snprintf(why, cap, "host %u is leaving: it gives no more", wish->host);
		return -EBUSY;
	}
	if (g->op) {
		snprintf(why, cap, "the guest is growing already: one such command at a time");
		return -EBUSY;
	}
	if (wish->memory_bytes && g->ops->state == OPS_PAUSED) {
		snprintf(why, cap, "the guest is stopped: it takes no memory (pando qmp NAME cont)");
		return -EBUSY;
	}
	struct grow_op *o = (struct grow_op *)ops_op_new(g->ops, &grow_kind, sizeof(*o), done, ctx);

	if (o) {
		o->g = g;
		o->left = w;
	}
	r = ops_op_add(o ? &o->o : NULL);
	if (r)
		return refused(r, why, cap);
	g->op = o;
	g->result = (struct grow_result){.node = w.node};
	return 0;
}

int growths_give(void *growths, host_id h, uint32_t cpus, uint64_t memory_bytes, ops_done done, void *ctx, char *why,
		 size_t cap)
{
	const struct grow_wish w = {
		.host = h, .cpus = cpus, .memory_bytes = memory_bytes, .node = GROW_ANY_NODE, .vcpu = GROW_ANY_VCPU};

	return growths_grow(growths, &w, done, ctx, why, cap);
}

struct grow_result growths_result(const struct growths *g)
{
	return g->result;
}

/* ---- vCPUs that leave ---- */

struct ask_op {
	struct ops_op o;
	struct growths *g;
	uint32_t vcpu;
	bool first; // nobody had asked for it
};

/* From its turn on: a reset before it makes another guest of it. */
static void ask(struct ops_op *o)
{
	struct ask_op *w = (struct ask_op *)o;

	w->first = !w->g->asked[w->vcpu];
	w->g->asked[w->vcpu] = true;
	ops_ask(o, host_bit(0), VERB_GROWTH_ASK,
		json_pack("{s:b,s:I}", "memory", 0, "index", (json_int_t)((struct ask_op *)o)->vcpu), ops_answered);
}

static void asked(struct ops_op *o, const char *error)
{
	struct ask_op *w = (struct ask_op *)o;

	if (error && w->first)
		w->g->asked[w->vcpu] = false;
}

static const struct ops_step ask_steps[] = {{ask, NULL}, {0}};
/* Not beside a reset, which forgets what was asked. */
static const struct ops_kind ask_kind = {
	.name = "shrink", .cls = OP_EXCLUSIVE, .ms = 10000, .steps = ask_steps, .finish = asked};

int growths_remove_vcpu(struct growths *g, uint32_t vcpu, ops_done done, void *ctx, char *why, size_t cap)
{
	if (!desc_vcpu_present(g->desc, vcpu)) {
		snprintf(why, cap, "there is no vCPU %u", vcpu);
		return -ENOENT;
	}
	if (!vcpu || !g->desc->room) {
		snprintf(why, cap,
			 vcpu ? "the guest was started without room, so none of its vCPUs can leave"
			      : "vCPU 0 booted the guest, and stays");
		return -EPERM;
	}
	struct ask_op *w = (struct ask_op *)ops_op_new(g->ops, &ask_kind, sizeof(*w), done, ctx);

	if (w) {
		w->g = g;
		w->vcpu = vcpu;
	}
	int r = ops_op_add(w ? &w->o : NULL);

	return r ? refused(r, why, cap) : 0;
}

static void vcpu_ejected(struct growths *g, uint32_t vcpu)
{
	struct version_op *w = version_new(g, &gone_kind, NULL, NULL);

	g->asked[vcpu] = false;
	if (w) {
		w->gone = vcpu;
		w->life = g->life;
	}
	if (ops_op_add(w ? &w->o : NULL))
		log_warn("vCPU %u: the guest has given it up, and it cannot be taken away", vcpu);
}

void growths_settle(struct growths *g)
{
	if (!g)
		return;
	g->life++;
	memset(g->asked, 0, sizeof(g->asked));
}

/* ---- what the guest says ---- */

static void tell_word(struct growths *g, bool memory, json_int_t index, json_int_t event, json_int_t status)
{
	char slot[16];

	snprintf(slot, sizeof(slot), "%lld", (long long)(index - memory));
	ops_tell(g->ops, "ACPI_DEVICE_OST",
		 json_pack("{s:{s:s,s:s,s:I,s:I}}", "info", "slot", slot, "slot-type", memory ? "DIMM" : "CPU",
			   "source", event, "status", status));
}

void growths_on_said(struct growths *g, host_id from, const json_t *data)
{
	bool memory = json_is_true(json_object_get(data, "memory"));
	bool ejected = json_is_true(json_object_get(data, "ejected"));
	json_int_t index = json_integer_value(json_object_get(data, "index"));
	json_int_t event = json_integer_value(json_object_get(data, "event"));
	json_int_t status = json_integer_value(json_object_get(data, "status"));
	json_int_t most = memory ? DESC_MEMORY_SLOTS : (json_int_t)desc_vcpus(g->desc) - 1;

	if (from || index < memory || index > most || event < 0 || event > UINT32_MAX || status < 0 ||
	    status > UINT32_MAX || (ejected && (memory || !g->asked[index]))) {
		log_warn("host %u told what the guest says of %s %lld, which cannot be", from,
			 memory ? "the memory in slot" : "vCPU", (long long)index);
		return;
	}
	if (ejected) {
		vcpu_ejected(g, (uint32_t)index);
		return;
	}
	tell_word(g, memory, index, event, status);
	if (memory && g->waits == index && event == OST_CHECK)
		piece_word(g, (uint32_t)status);
}

/* ---- ---- */

struct growths *growths_create(struct ops *ops, struct machine_desc *desc)
{
	struct growths *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	g->ops = ops;
	g->desc = desc;
	ops->growths = g;
	g->due = (struct loop_timer){.fn = word_due, .arg = g};
	return g;
}

void growths_destroy(struct growths *g)
{
	free(g);
}
