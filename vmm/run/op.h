// SPDX-License-Identifier: Apache-2.0
/*
 * One queue for all that is done to a guest over its hosts. An operation says by its class what it cannot run beside;
 * in that, the order asked is kept, so none waits for ever: it overtakes those only that it may run beside. It is a
 * readers-writer lock whose readers are several kinds, and a place in the queue is what one holds while one waits.
 *
 *                 EXCLUSIVE  STILL  MOVE  TRACE  FREE
 *   EXCLUSIVE     waits      -      waits -      -
 *   STILL         -          -      waits -      -
 *   MOVE          waits      waits  waits -      -      versions of the placement follow one another
 *   TRACE         -          -      -     waits  -
 *
 * One thread owns the queue and all in it, the run process' one. Nothing blocks.
 */
#ifndef VMM_RUN_OP_H
#define VMM_RUN_OP_H

#include "net/loop.h"
#include "vmm/conf/machine_desc.h"

enum op_class {
	OP_EXCLUSIVE, // changes the whole machine: stop, cont, reset, dump, which devices and hosts it has
	OP_STILL,     // needs each vCPU to be on a host meanwhile: NMI, registers
	OP_MOVE,      // takes a vCPU to another host
	OP_TRACE,     // recording; what vCPUs do is all the same to it
	OP_FREE,      // needs no turn
	OP_CLASSES
};

#define OP_ALL     ((1u << OP_CLASSES) - 1)
#define OP_ROOM    64u     // of one class in the queue, those under way included
#define OP_TURN_MS 600000u // for it to have its turn

struct op_queue;

struct op {
	/* Its owner's, set before it is added; the rest zeroes. */
	char name[48]; // "stop", "move of vCPU 3": what is said of it begins with this
	enum op_class cls;
	uint64_t ms; // from its begin until it has ended
	/* Its turn has come: from the loop, never from inside op_add(). */
	void (*begin)(struct op *op);
	/* It is over and out of the queue, and may be freed. error: NULL or op->error. From inside op_end(). */
	void (*over)(struct op *op, const char *error);

	char error[DESC_REPORT_MAX]; // op_say(); empty: none

	/* The queue's. */
	struct op_queue *q;
	struct op *next, *parent;
	bool under_way;
	uint64_t deadline_ns; // once it is under way
	struct loop_timer turn_due;
};

struct op_queue {
	struct loop *loop;
	struct op *first;
	unsigned n[OP_CLASSES];
	unsigned served; // classes that have their turn, a bit each; the others wait, or
	bool over;       // are told that the guest is over
	struct loop_task turn;
};

/* served: bits of enum op_class. The loop must outlive it. */
void op_queue_init(struct op_queue *q, struct loop *loop, unsigned served);
/* From now on these classes have their turn; over: those of others that wait end. From the loop. */
void op_queue_serve(struct op_queue *q, unsigned served, bool over);
/* All end, with "the guest is over" unless they know better: their calls have been cancelled. Their over() run inside.
 */
void op_queue_empty(struct op_queue *q);

/* Returns 0, or -ENOSPC (OP_ROOM of that class are there), or -ESHUTDOWN (the guest is over); then nothing is called.
 */
int op_add(struct op_queue *q, struct op *op);
/*
 * A step of parent, which is under way, and an operation of its own: it comes before all that wait, and neither parent
 * nor what that is a step of stands in its way, nor does what waits for one of these, a later step of another maybe. It
 * has no more time than parent has left, and always room. 0 or -ESHUTDOWN.
 */
int op_add_inside(struct op *parent, struct op *op);
/* The operation is over, with op->error if there is one. */
void op_end(struct op *op);

/* The first reason counts; further ones are forgotten. */
void op_say(struct op *op, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Of an operation under way; 0: its time is over. At most ms. */
unsigned op_left_ms(const struct op *op, unsigned ms);
/* It has ms from now on: for undoing, for what has grown, for what must be done in any case. */
void op_more_time(struct op *op, uint64_t ms);

#endif
