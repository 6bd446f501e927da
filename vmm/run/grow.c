// SPDX-License-Identifier: Apache-2.0
#include "vmm/run/grow_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/log.h"
#include "vmm/run/members.h"

#define GROW_MS 3600000u // memory comes in pieces, and the guest takes its time

static struct grow_op *of(struct ops_op *o)
{
	return (struct grow_op *)o;
}

/* ---- vCPUs ---- */

/* A step that is an operation by itself. */
static void inside(struct ops_op *o, struct version_op *w)
{
	int r = !w ? -ENOMEM : !op_left_ms(&o->op, 1) ? -ETIME : op_add_inside(&o->op, &w->o.op);

	if (!r)
		return;
	free(w);
	ops_step_over(o, r == -ESHUTDOWN ? "the guest is over" : r == -ETIME ? "grow: its time is over" : "no memory");
}

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
	struct version_op *v = grow_version(w->g, GROW_VCPUS, vcpus_came, o);

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
		g->result.slot = w->piece.slot;
	}
	if (error || w->left.one) {
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
	uint32_t slot = w->left.slot ? w->left.slot : desc_free_memory_slot(g->desc);

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
	uint64_t gap = desc_free_pages(g->desc, w->left.node, &w->piece.first);
	if (w->left.one)
		w->piece.pages = w->left.memory_bytes >> PAGE_SHIFT;
	else if (w->piece.pages > gap)
		w->piece.pages = gap;
	g->waits = slot;
	g->refused = 0;
	struct version_op *v = grow_version(g, GROW_MEMORY, piece_came, o);

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

int grow_refused(int r, char *why, size_t cap)
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
		return grow_refused(r, why, cap);
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

/* ---- what the guest says ---- */

static void tell_word(struct growths *g, bool memory, json_int_t index, json_int_t event, json_int_t status)
{
	char slot[16];

	snprintf(slot, sizeof(slot), "%lld", (long long)(index - memory));
	ops_tell(g->ops, "ACPI_DEVICE_OST",
		 json_pack("{s:{s:s,s:s,s:I,s:I}}", "info", "slot", slot, "slot-type", memory ? "DIMM" : "CPU",
			   "source", event, "status", status));
}

static bool was_asked(const struct growths *g, bool memory, json_int_t index)
{
	return memory ? g->memory[index].asked : g->asked[index];
}

void growths_on_said(struct growths *g, host_id from, const json_t *data)
{
	bool memory = json_is_true(json_object_get(data, "memory"));
	bool ejected = json_is_true(json_object_get(data, "ejected"));
	json_int_t index = json_integer_value(json_object_get(data, "index"));
	json_int_t event = json_integer_value(json_object_get(data, "event"));
	json_int_t status = json_integer_value(json_object_get(data, "status"));
	json_int_t most = memory ? DESC_MEMORY_SLOTS : (json_int_t)desc_vcpus(g->desc) - 1;

	if (from != g->desc->board || index < memory || index > most || event < 0 || event > UINT32_MAX || status < 0 ||
	    status > UINT32_MAX || (ejected && !was_asked(g, memory, index))) {
		log_warn("host %u told what the guest says of %s %lld, which cannot be", from,
			 memory ? "the memory in slot" : "vCPU", (long long)index);
		return;
	}
	if (ejected) {
		grow_ejected(g, memory, (uint32_t)index);
		return;
	}
	tell_word(g, memory, index, event, status);
	if (memory && g->waits == index && event == OST_CHECK)
		piece_word(g, (uint32_t)status);
	else if (memory && (event == OST_EJECT || event == OST_EJECT_OSPM))
		grow_shrink_word(g, (uint32_t)index, (uint32_t)status);
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
	grow_shrink_init(g);
	return g;
}

void growths_destroy(struct growths *g)
{
	free(g);
}
