// SPDX-License-Identifier: Apache-2.0
// Between verbs.c, verbs_pause.c and verbs_dump.c only.
#ifndef VMM_CTL_VERBS_PRIV_H
#define VMM_CTL_VERBS_PRIV_H

#include "vmm/ctl/move.h"
#include "vmm/ctl/verbs.h"

#define VERBS_PAUSE_MS 60000u // for all vCPUs to leave the guest: one may wait for a page that moves slowly
#define VERBS_CALL_MS  10000u
#define VERBS_RESET_MS 120000u // loading a kernel and an initrd into memory of all hosts

enum verbs_kind { VERBS_OP_STOP, VERBS_OP_CONT, VERBS_OP_RESET, VERBS_OP_GUEST_RESET, VERBS_OP_DUMP };

/* A command that waits, or the one under way. */
struct verbs_op {
	enum verbs_kind kind;
	verbs_done done;
	void *ctx;
	char *path; // a dump's; owned
	struct verbs_dump dump;
};

struct dump;

/* The next step of the command under way; error: NULL or what went wrong. */
typedef void (*verbs_then)(struct verbs *v, const char *error);

struct verbs {
	struct calls *calls;
	const struct machine_desc *desc;
	struct mover *mover;
	enum verbs_state state;
	enum verbs_reason reason;
	struct {
		verbs_listener fn;
		void *ctx;
	} listeners[VERBS_LISTENERS_MAX];
	unsigned listeners_n;

	struct verbs_op queue[VERBS_QUEUE_MAX]; // the first is under way if busy
	unsigned queue_n;
	bool busy;
	struct mover_hold hold; // of the command under way: no vCPU moves meanwhile
	bool holds;
	bool again; // the command under way stopped a running machine and lets it go on
	char error[DESC_REPORT_MAX];

	verbs_then then;     // verbs_pause.c
	uint64_t paused_tsc; // cluster clock where the guest's stands
	bool adjustable;     // every host can hold the guest's clock
	bool warned;         // ... and if not, it was said
	unsigned settling;   // looks at messages that are still on their way
	struct dump *dump;   // verbs_dump.c
	enum verbs_dump_state dump_state;
	uint64_t dumped, to_dump;
};

/* verbs.c */
void verbs_tell(struct verbs *v, const char *event, json_t *data); // data is consumed; may be NULL
void verbs_set(struct verbs *v, enum verbs_state s, enum verbs_reason r);
void verbs_finish(struct verbs *v, const char *error); // of the command under way
/* Starts a call; if it can't be, then(v, error) runs at once. */
void verbs_ask(struct verbs *v, host_set to, const char *verb, json_t *args, unsigned timeout_ms, call_done done,
	       verbs_then then);
/* "host 1: text" for the first error of answers, or NULL. Good until the next one. */
const char *verbs_error(struct verbs *v, const struct call_answer *answers, unsigned n);

/* The answers to "registers" in order of the vCPUs: the hosts answer in theirs, and vCPUs move. New reference. */
json_t *verbs_by_vcpu(const struct verbs *v, const struct call_answer *answers, unsigned n);

/* verbs_pause.c: all vCPUs out and the clock held; and the other way. */
void verbs_halt(struct verbs *v, verbs_then then);
void verbs_go(struct verbs *v, verbs_then then);

/* verbs_dump.c: the machine is paused. then runs when the file is whole or has been removed. */
void verbs_dump_begin(struct verbs *v, const struct verbs_op *op, verbs_then then);

#endif
