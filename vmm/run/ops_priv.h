// SPDX-License-Identifier: Apache-2.0
/*
 * Between the files of the operations (ops*.c, mover.c, tracer.c) only.
 *
 * An operation that changes the machine, or asks all hosts, is of a kind: a cls, steps over hosts each with how it is
 * undone, and a word for what cannot be. Its steps run one after the other; the first that fails is undone, then those
 * before it, backwards; and it ends with that first reason.
 */
#ifndef VMM_RUN_OPS_PRIV_H
#define VMM_RUN_OPS_PRIV_H

#include "vmm/run/mover.h"
#include "vmm/run/op.h"
#include "vmm/run/ops.h"

#define OPS_UNDO_MS \
	30000u // for undoing, beyond the time of the operation; also for what must be told to hosts in any case

struct ops_op;

/* Either function ends with ops_step_over(), at once or later. */
struct ops_step {
	void (*run)(struct ops_op *o);
	void (*undo)(struct ops_op *o); // of it, failed or not; NULL: nothing to undo
};

struct ops_kind {
	const char *name;
	enum op_class cls;
	uint64_t ms;                                         // the deadline of it all
	const struct ops_step *steps;                        // ends with NULLs
	void (*finish)(struct ops_op *o, const char *error); // before its end: the state, events; may be NULL
	void (*tell)(struct ops_op *o, const char *error);   // who asked; NULL: its done does
	void (*drop)(struct ops_op *o);                      // what belongs to it beside itself; may be NULL
	const char *stuck; // what is said, with the reason, where undo is ops_no_way_back() or fails
};

/* Larger operations begin with it. */
struct ops_op {
	struct op op; // the first member
	struct ops *v;
	const struct ops_kind *kind;
	ops_done done; // may be NULL
	void *ctx;
	int at; // the step
	bool undoing;
	char said[DESC_REPORT_MAX]; // ops_error()
	enum verb asked;            // the latest
	bool ran;                   // the machine, when the operation began
	uint64_t held;              // of the clock, by the ops_go() under way
	bool halted;                // ops_halt() has come to its end: the clock stands
	unsigned settling;          // looks at messages that are still on their way
	bool guest;                 // a reset: the guest's own
	bool due;                   // ... that has not begun to reset anything: it counts in resets_due
	/* A question that there is no room for among the calls under way: it is tried again. */
	struct {
		host_set to;
		json_t *args; // owned; NULL: none
		call_done done;
		struct loop_timer again;
	} question;
};

struct ops {
	struct calls *calls;
	const struct machine_desc *desc;
	struct op_queue queue;
	struct mover *mover;
	struct plugs *plugs;     // NULL: nothing comes or goes
	struct growths *growths; // NULL: the same of vCPUs and memory
	enum ops_state state;
	enum ops_reason reason;
	struct {
		ops_listener fn;
		void *ctx;
	} listeners[OPS_LISTENERS_MAX];
	unsigned listeners_n;
	ops_broken broken;
	void *broken_ctx;
	unsigned resets_due;
	bool board_goes; // to another host, just now: a press of the button waits

	struct members *members;   // NULL: hosts neither join nor leave
	uint64_t held;             // ticks taken out of the guest's clock in all: what who joins must know
	int64_t left_out, left_in; // messages sent and got by hosts that have left

	uint64_t paused_tsc; // cluster clock where the guest's stands
	bool settled;        // ... and nothing is on its way between hosts
	bool adjustable;     // every host can hold the guest's clock
	bool warned;         // ... and if not, it was said
	enum ops_dump_state dump_state;
	uint64_t dumped, to_dump;
};

/* ops.c */
void ops_tell(struct ops *v, const char *event, json_t *data); // data is consumed; may be NULL
void ops_set(struct ops *v, enum ops_state s, enum ops_reason r);

/* ---- ops_steps.c ---- */

/*
 * Adds an operation of that kind: bytes are those of the structure that begins with struct ops_op, whose other members
 * are zeroes. NULL, and *r says why: as ops_stop().
 */
struct ops_op *ops_op_new(struct ops *v, const struct ops_kind *kind, size_t bytes, ops_done done, void *ctx);
int ops_op_add(struct ops_op *o);
/* What takes so long takes so long where the guest's time is stretched, and all that hosts do with it. */
uint64_t ops_ms(const struct ops *v, uint64_t ms);
void ops_step_over(struct ops_op *o, const char *error); // error: NULL, or borrowed
void ops_no_way_back(struct ops_op *o);                  // an undo: there is none, and the guest has to be ended
/*
 * A question of a step: for as long as the verb's answer is waited for, and no longer than the operation lasts. args is
 * consumed. If it cannot be asked the step is over with an error, at once; but where too many calls are under way it is
 * tried again, since they end.
 */
void ops_ask(struct ops_op *o, host_set to, enum verb verb, json_t *args, call_done done);
void ops_ask_everyone(struct ops_op *o, enum verb verb, json_t *args, call_done done);
/* "host 1: text" for the first error of answers, or NULL. Good until the operation's next one. */
const char *ops_error(struct ops_op *o, const struct call_answer *answers, unsigned n);
/* The done of an ops_ask() whose answers say nothing but whether it went well: the step is over. */
void ops_answered(void *op, const struct call_answer *answers, unsigned n);
/* The same for an operation of any sort; text has DESC_REPORT_MAX bytes. A host that was too late is named with its
 * address, after the operation that waited for it. */
void ops_answer_text(const struct op *op, const struct machine_desc *desc, const struct call_answer *bad, char *text);
/* Adds any operation; the same errors as ops_stop(). */
int ops_add(struct ops *v, struct op *op);

/* ---- ops_ask.c ---- */

#define OPS_LACKS_VCPUS "the hosts did not tell the registers of every vCPU"
/* The answers to VERB_REGISTERS in order of the vCPUs: the hosts answer in theirs, and vCPUs move. New reference. */
json_t *ops_by_vcpu(const struct ops *v, const struct call_answer *answers, unsigned n);

/* ---- ops_pause.c: steps ---- */

/* All vCPUs out and the clock held, if the machine ran; and the other way. */
void ops_halt(struct ops_op *o);
void ops_unhalt(struct ops_op *o); // the undo of ops_halt()
void ops_go(struct ops_op *o);
void ops_go_again(struct ops_op *o); // if it ran

#endif
