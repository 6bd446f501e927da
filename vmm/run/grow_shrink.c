// SPDX-License-Identifier: Apache-2.0
/*
 * vCPUs and memory that the guest is asked to give up. It does so in its own time, or refuses, or says nothing for ever
 * (taking memory out of use may wait without end in a guest, and keeps it from all that comes after it): nothing else
 * waits for it, and who asked waits no longer than was said.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "net/link.h"
#include "net/log.h"
#include "vmm/run/grow_priv.h"

struct ask_op {
	struct ops_op o;
	struct growths *g;
	bool memory;
	uint32_t index;
	bool first; // nobody had asked for it
};

static struct ask_op *of(struct ops_op *o)
{
	return (struct ask_op *)o;
}

static void set_asked(struct ask_op *w, bool asked)
{
	if (w->memory)
		w->g->memory[w->index].asked = asked;
	else
		w->g->asked[w->index] = asked;
}

/* From its turn on: a reset before it makes another guest of it. */
static void ask(struct ops_op *o)
{
	struct ask_op *w = of(o);

	w->first = w->memory ? !w->g->memory[w->index].asked : !w->g->asked[w->index];
	set_asked(w, true);
	ops_ask(o, host_bit((host_id)o->v->desc->board), VERB_GROWTH_ASK,
		json_pack("{s:b,s:I}", "memory", (int)w->memory, "index", (json_int_t)w->index), ops_answered);
}

static void asked(struct ops_op *o, const char *error)
{
	if (error && of(o)->first)
		set_asked(of(o), false);
}

static const struct ops_step ask_steps[] = {{ask, NULL}, {0}};
/* Not beside a reset, which forgets what was asked. */
static const struct ops_kind ask_kind = {
	.name = "shrink", .cls = OP_EXCLUSIVE, .ms = 10000, .steps = ask_steps, .finish = asked};

static int add(struct growths *g, bool memory, uint32_t index, ops_done done, void *ctx, char *why, size_t cap)
{
	struct ask_op *w = (struct ask_op *)ops_op_new(g->ops, &ask_kind, sizeof(*w), done, ctx);

	if (w) {
		w->g = g;
		w->memory = memory;
		w->index = index;
	}
	int r = ops_op_add(w ? &w->o : NULL);

	return r ? grow_refused(r, why, cap) : 0;
}

/* ---- vCPUs ---- */

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
	return add(g, false, vcpu, done, ctx, why, cap);
}

/* ---- memory ---- */

static uint64_t mib(const struct growths *g, uint32_t slot)
{
	return desc_slot_pages(g->desc, slot) << PAGE_SHIFT >> 20;
}

/* Whoever waits for this one is told. */
static void answer(struct grow_asked *m, const char *error)
{
	ops_done done = m->done;

	loop_timer_stop(&m->due);
	m->done = NULL;
	if (done)
		done(m->ctx, error);
}

static uint32_t slot_of(const struct grow_asked *m)
{
	return (uint32_t)(m - m->g->memory);
}

static void due(void *arg)
{
	struct grow_asked *m = arg;
	char text[DESC_REPORT_MAX];

	snprintf(text, sizeof(text),
		 "the guest %s the %llu MiB in slot %u within %llu s: it may still give them up, and is not waited for",
		 m->g->ops->state == OPS_PAUSED ? "is stopped, and has not given up" : "has not given up",
		 (unsigned long long)mib(m->g, slot_of(m)), slot_of(m) - 1, (unsigned long long)(m->ms / 1000));
	answer(m, text);
}

/* The guest has its time from when it was asked on. */
static void on_asked(void *ctx, const char *error)
{
	struct grow_asked *m = ctx;

	if (error || !m->ms)
		answer(m, error);
	else if (m->done) // else its word was faster
		loop_timer_in(link_loop(m->g->ops->calls->link), &m->due, ops_ms(m->g->ops, m->ms) * 1000000ull);
}

int growths_remove_memory(struct growths *g, uint32_t slot, uint64_t ms, ops_done done, void *ctx, char *why,
			  size_t cap)
{
	struct grow_asked *m = slot <= DESC_MEMORY_SLOTS ? &g->memory[slot] : NULL;

	if (!m || !desc_slot(g->desc, slot)) {
		snprintf(why, cap, "there is no memory in slot %lld: query-memory-devices has those that came later",
			 (long long)slot - 1);
		return -ENOENT;
	}
	if (m->done) {
		snprintf(why, cap, "the guest has been asked for the memory in slot %u, and its word is waited for",
			 slot - 1);
		return -EBUSY;
	}
	int r = add(g, true, slot, on_asked, m, why, cap);

	if (r)
		return r;
	m->ms = ms;
	m->done = done;
	m->ctx = ctx;
	return 0;
}

static const char *meaning(uint32_t status)
{
	switch (status) {
	case 0x80:
		return "it does not support that";
	case 0x81:
		return "it is in use";
	case 0x82:
		return "it is busy";
	case 0x83:
		return "something that depends on it is busy";
	default:
		return "it has failed";
	}
}

void grow_shrink_word(struct growths *g, uint32_t slot, uint32_t status)
{
	char text[DESC_REPORT_MAX];

	if (status == OST_SUCCESS || status == OST_EJECT_PROGRESS || !g->memory[slot].asked)
		return;
	snprintf(text, sizeof(text), "the guest keeps the %llu MiB in slot %u: its code for that is %#x (%s)",
		 (unsigned long long)mib(g, slot), slot - 1, status, meaning(status));
	ops_tell(g->ops, "DEVICE_UNPLUG_GUEST_ERROR", json_pack("{s:I}", "slot", (json_int_t)slot));
	answer(&g->memory[slot], text);
}

void grow_memory_gone(struct growths *g, uint32_t slot, const char *error)
{
	if (!error)
		ops_tell(g->ops, "DEVICE_DELETED", json_pack("{s:I}", "slot", (json_int_t)slot));
	answer(&g->memory[slot], error);
}

/* ---- what it has given up ---- */

static void memory_ejected(struct growths *g, uint32_t slot)
{
	struct version_op *w = grow_version(g, GROW_MEMORY_GONE, NULL, NULL);

	g->memory[slot].asked = false;
	if (w) {
		desc_slot_whole(g->desc, slot, &w->piece);
		w->piece.slot = slot;
	}
	if (ops_op_add(w ? &w->o : NULL))
		log_warn("slot %u: the guest has given up its memory, which cannot be taken away", slot - 1);
}

static void vcpu_ejected(struct growths *g, uint32_t vcpu)
{
	struct version_op *w = grow_version(g, GROW_VCPU_GONE, NULL, NULL);

	g->asked[vcpu] = false;
	if (w)
		w->gone = vcpu;
	if (ops_op_add(w ? &w->o : NULL))
		log_warn("vCPU %u: the guest has given it up, and it cannot be taken away", vcpu);
}

void grow_ejected(struct growths *g, bool memory, uint32_t index)
{
	if (memory)
		memory_ejected(g, index);
	else
		vcpu_ejected(g, index);
}

void growths_settle(struct growths *g)
{
	if (!g)
		return;
	g->life++;
	memset(g->asked, 0, sizeof(g->asked));
	for (uint32_t slot = 1; slot <= DESC_MEMORY_SLOTS; slot++) {
		g->memory[slot].asked = false;
		answer(&g->memory[slot], "the guest was reset, and has it again");
	}
}

void grow_shrink_init(struct growths *g)
{
	for (uint32_t slot = 0; slot <= DESC_MEMORY_SLOTS; slot++) {
		g->memory[slot].g = g;
		g->memory[slot].due = (struct loop_timer){.fn = due, .arg = &g->memory[slot]};
	}
}

void growths_over(struct growths *g)
{
	for (uint32_t slot = 1; g && slot <= DESC_MEMORY_SLOTS; slot++)
		answer(&g->memory[slot], "the guest is over");
}
