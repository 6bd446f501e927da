// SPDX-License-Identifier: Apache-2.0
// A vCPU as x86 orders it: loads in order, stores in order through a store buffer, loads see own
// stores, locked operations and fences empty the buffer first.
#include <string.h>

#include "tests/sim/sim.h"

static bool drain_one(struct sim *s, struct cpu *c)
{
	struct access a = {.page = c->sb[0].page, .word = c->sb[0].word, .write = true, .value = c->sb[0].value};

	if (sim_touch(s, c, &a) == TOUCH_FAULT)
		return false;
	memmove(&c->sb[0], &c->sb[1], --c->sb_n * sizeof(c->sb[0]));
	return true;
}

static bool forwarded(const struct cpu *c, const struct op *o, uint64_t *value)
{
	for (unsigned i = c->sb_n; i--;)
		if (c->sb[i].page == o->page && c->sb[i].word == o->word) {
			*value = c->sb[i].value;
			return true;
		}
	return false;
}

static bool needs_empty_buffer(const struct cpu *c, const struct op *o)
{
	return o->kind == OP_FENCE || o->kind == OP_XCHG || o->kind == OP_ADD || o->kind == OP_END ||
	       (o->kind == OP_STORE && c->sb_n == SB_MAX);
}

/* Returns whether the operation is done. */
static bool perform(struct sim *s, struct cpu *c, const struct op *o)
{
	struct access a = {.page = o->page, .word = o->word, .value = o->value};

	switch (o->kind) {
	case OP_LOAD:
		if (!forwarded(c, o, &a.value) && sim_touch(s, c, &a) == TOUCH_FAULT)
			return false;
		c->reg[o->reg] = a.value;
		return true;
	case OP_STORE:
		c->sb[c->sb_n++] = (struct store){o->page, o->word, o->value};
		return true;
	case OP_XCHG:
	case OP_ADD:
		a.write = true;
		a.add = o->kind == OP_ADD;
		if (sim_touch(s, c, &a) == TOUCH_FAULT)
			return false;
		c->reg[o->reg] = a.value;
		return true;
	case OP_END:
		c->done = true;
		return true;
	case OP_FENCE:
	case OP_PAUSE:
		return true;
	}
	return true;
}

uint64_t cpu_step(struct sim *s, struct cpu *c)
{
	if (!c->have_op) {
		c->op = c->program(c);
		c->have_op = true;
	}
	bool must = c->sb_n && needs_empty_buffer(c, &c->op);
	// A blocked drain is tried again first: the buffer keeps its order.
	if (c->sb_n && (must || c->faulted || sim_random(s, 3) == 0)) {
		if (!drain_one(s, c))
			return 0;
	} else if (perform(s, c, &c->op)) {
		c->have_op = false;
	} else {
		return 0;
	}
	if (c->done)
		return 0;
	return c->op.kind == OP_PAUSE ? 500 + sim_random(s, 4000) : 20 + sim_random(s, 60);
}
