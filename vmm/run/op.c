// SPDX-License-Identifier: Apache-2.0
#include "vmm/run/op.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "net/log.h"
#include "net/now.h"

#define BIT(cls) (1u << (cls))

static const unsigned waits_for[OP_CLASSES] = {
	[OP_EXCLUSIVE] = BIT(OP_EXCLUSIVE) | BIT(OP_MOVE),
	[OP_STILL] = BIT(OP_MOVE),
	[OP_MOVE] = BIT(OP_EXCLUSIVE) | BIT(OP_STILL) | BIT(OP_MOVE),
	[OP_TRACE] = BIT(OP_TRACE),
};

void op_say(struct op *op, const char *fmt, ...)
{
	va_list ap;

	if (op->error[0])
		return;
	va_start(ap, fmt);
	vsnprintf(op->error, sizeof(op->error), fmt, ap);
	va_end(ap);
}

unsigned op_left_ms(const struct op *op, unsigned ms)
{
	uint64_t now = now_ns(), left = op->deadline_ns > now ? (op->deadline_ns - now + 999999) / 1000000 : 0;

	return left < ms ? (unsigned)left : ms;
}

void op_more_time(struct op *op, uint64_t ms)
{
	op->deadline_ns = now_ns() + ms * 1000000;
}

/* One is a step of the other, or of one of its steps. */
static bool is_above(const struct op *o, const struct op *op)
{
	for (op = op->parent; op && op != o;)
		op = op->parent;
	return op;
}

/* It waits for what op is a step of, and so for op: op cannot wait for it. */
static bool waits_for_its_end(const struct op *o, const struct op *op)
{
	for (const struct op *x = op->q->first; x && !o->under_way; x = x->next)
		if (x->under_way && is_above(x, op) && !is_above(x, o) && waits_for[o->cls] & BIT(x->cls))
			return true;
	return false;
}

/* Who is in its way: under way, or before it in the queue. NULL: nobody. */
static const struct op *in_the_way(const struct op *op)
{
	bool before = true;

	for (const struct op *o = op->q->first; o; o = o->next) {
		if (o == op)
			before = false;
		else if (!is_above(o, op) && (before || o->under_way) && waits_for[op->cls] & BIT(o->cls) &&
			 !waits_for_its_end(o, op))
			return o;
	}
	return NULL;
}

static void begin(struct op *op)
{
	uint64_t ms = op->ms;

	loop_timer_stop(&op->turn_due);
	if (op->parent)
		ms = op_left_ms(op->parent, ms < UINT32_MAX ? (unsigned)ms : UINT32_MAX);
	op->under_way = true;
	op_more_time(op, ms);
	log_debug("operation %s: begins", op->name);
	op->begin(op);
}

/* The first that has anything to do now. What it does may change the queue. */
static struct op *first_due(struct op_queue *q)
{
	for (struct op *o = q->first; o; o = o->next)
		if (!o->under_way && (q->served & BIT(o->cls) ? !in_the_way(o) : q->over))
			return o;
	return NULL;
}

static void on_turn(void *arg)
{
	struct op_queue *q = arg;
	struct op *op;

	while ((op = first_due(q))) {
		if (q->served & BIT(op->cls)) {
			begin(op);
		} else {
			op_say(op, "the guest is over");
			op_end(op);
		}
	}
}

static void on_turn_due(void *arg)
{
	struct op *op = arg;
	const struct op *other = in_the_way(op);

	op_say(op, "%s: it did not have its turn in time: %s %s", op->name, other ? other->name : "the guest",
	       other && !other->under_way ? "waits before it" : "is under way");
	op_end(op);
}

static int add(struct op_queue *q, struct op **at, struct op *op)
{
	if (q->over && !(q->served & BIT(op->cls)))
		return -ESHUTDOWN;
	if (q->n[op->cls] >= OP_ROOM && !op->parent)
		return -ENOSPC;
	q->n[op->cls]++;
	op->q = q;
	op->next = *at;
	*at = op;
	op->turn_due = (struct loop_timer){.fn = on_turn_due, .arg = op};
	loop_timer_in(q->loop, &op->turn_due,
		      (op->parent ? op_left_ms(op->parent, OP_TURN_MS) : OP_TURN_MS) * 1000000ull);
	loop_call(q->loop, &q->turn);
	return 0;
}

int op_add(struct op_queue *q, struct op *op)
{
	struct op **at = &q->first;

	while (*at)
		at = &(*at)->next;
	return add(q, at, op);
}

int op_add_inside(struct op *parent, struct op *op)
{
	op->parent = parent;
	return add(parent->q, &parent->q->first, op);
}

void op_end(struct op *op)
{
	struct op_queue *q = op->q;
	struct op **at = &q->first;

	while (*at != op)
		at = &(*at)->next;
	*at = op->next;
	q->n[op->cls]--;
	loop_timer_stop(&op->turn_due);
	log_debug("operation %s: over%s%s", op->name, op->error[0] ? ": " : "", op->error);
	if (q->first)
		loop_call(q->loop, &q->turn);
	op->over(op, op->error[0] ? op->error : NULL);
}

void op_queue_init(struct op_queue *q, struct loop *loop, unsigned served)
{
	*q = (struct op_queue){.loop = loop, .served = served};
	q->turn = (struct loop_task){.fn = on_turn, .arg = q};
}

void op_queue_serve(struct op_queue *q, unsigned served, bool over)
{
	q->served = served;
	q->over = over;
	loop_call(q->loop, &q->turn);
}

void op_queue_empty(struct op_queue *q)
{
	q->served = 0;
	q->over = true;
	while (q->first) { // a step of another comes before that
		op_say(q->first, "the guest is over");
		op_end(q->first);
	}
	loop_uncall(q->loop, &q->turn);
}
