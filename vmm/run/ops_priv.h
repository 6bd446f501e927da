// SPDX-License-Identifier: Apache-2.0
// Between ops.c, ops_now.c, ops_pause.c and ops_dump.c only.
#ifndef VMM_RUN_OPS_PRIV_H
#define VMM_RUN_OPS_PRIV_H

#include "vmm/run/mover.h"
#include "vmm/run/ops.h"

#define OPS_PAUSE_MS 60000u // for all vCPUs to leave the guest: one may wait for a page that moves slowly
#define OPS_CALL_MS  10000u
#define OPS_RESET_MS 120000u // loading a kernel and an initrd into memory of all hosts

enum ops_kind { OPS_OP_STOP, OPS_OP_CONT, OPS_OP_RESET, OPS_OP_GUEST_RESET, OPS_OP_DUMP };

/* A command that waits, or the one under way. */
struct ops_op {
	enum ops_kind kind;
	ops_done done;
	void *ctx;
	char *path; // a dump's; owned
	struct ops_dump dump;
};

struct dump;

/* The next step of the command under way; error: NULL or what went wrong. */
typedef void (*ops_then)(struct ops *v, const char *error);

struct ops {
	struct calls *calls;
	const struct machine_desc *desc;
	struct mover *mover;
	enum ops_state state;
	enum ops_reason reason;
	struct {
		ops_listener fn;
		void *ctx;
	} listeners[OPS_LISTENERS_MAX];
	unsigned listeners_n;

	struct ops_op queue[OPS_QUEUE_MAX]; // the first is under way if busy
	unsigned queue_n;
	bool busy;
	struct loop_task turn;  // the first may begin: never from inside the function that asked
	struct mover_hold hold; // of the command under way: no vCPU moves meanwhile
	bool holds;
	bool resetting; // the command under way is a reset, and no vCPU runs any more
	bool again;     // the command under way stopped a running machine and lets it go on
	char error[DESC_REPORT_MAX];
	char cause[DESC_REPORT_MAX]; // of the command under way: what is being undone
	ops_broken broken;
	void *broken_ctx;

	ops_then then;       // ops_pause.c
	uint64_t paused_tsc; // cluster clock where the guest's stands
	bool adjustable;     // every host can hold the guest's clock
	bool warned;         // ... and if not, it was said
	unsigned settling;   // looks at messages that are still on their way
	struct dump *dump;   // ops_dump.c
	enum ops_dump_state dump_state;
	uint64_t dumped, to_dump;
};

/* ops.c */
void ops_tell(struct ops *v, const char *event, json_t *data); // data is consumed; may be NULL
void ops_set(struct ops *v, enum ops_state s, enum ops_reason r);
void ops_finish(struct ops *v, const char *error); // of the command under way
/* Starts a call; if it can't be, then(v, error) runs at once. */
void ops_ask(struct ops *v, host_set to, enum verb verb, json_t *args, unsigned timeout_ms, call_done done,
	     ops_then then);
/* "host 1: text" for the first error of answers, or NULL. Good until the next one. */
const char *ops_error(struct ops *v, const struct call_answer *answers, unsigned n);

#define OPS_LACKS_VCPUS "the hosts did not tell the registers of every vCPU"
/* ops_now.c: the answers to "registers" in order of the vCPUs: the hosts answer in theirs, and vCPUs move. New
 * reference. */
json_t *ops_by_vcpu(const struct ops *v, const struct call_answer *answers, unsigned n);

/* ops_pause.c: all vCPUs out and the clock held; and the other way. */
void ops_halt(struct ops *v, ops_then then);
void ops_go(struct ops *v, ops_then then);

/* ops_dump.c: the machine is paused. then runs when the file is whole or has been removed. */
void ops_dump_begin(struct ops *v, const struct ops_op *op, ops_then then);

#endif
