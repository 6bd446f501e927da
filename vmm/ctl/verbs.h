// SPDX-License-Identifier: Apache-2.0
/*
 * What can be done to the whole running machine, over all its hosts: stop, go on, reset, power button, NMI, registers,
 * memory dump. This is the side of `pando run`; each step is a call to the hosts (vmm/ctl/verbs_machine.c has their
 * side). Everything runs on the run process' one thread and nothing blocks: a function starts the work, its done is
 * called later (never from inside the function), with NULL or with a sentence that says what failed.
 *
 * stop, cont, reset and dump are carried out one after the other, in the order asked; the others at once. A vCPU that
 * is on its way to another host arrives first, and none leaves meanwhile (but for the power button, which asks no vCPU
 * anything).
 */
#ifndef VMM_CTL_VERBS_H
#define VMM_CTL_VERBS_H

#include "vmm/ctl/call.h"

/* In the words of QMP's RunState. */
enum verbs_state {
	VERBS_PRELAUNCH, // not started yet
	VERBS_RUNNING,
	VERBS_PAUSED,
	VERBS_SAVING,   // stopped for a dump of its memory; it goes on by itself
	VERBS_SHUTDOWN, // over
	VERBS_FAILED,   // over, and not as the guest wished
	VERBS_STATES
};

/* Why it is in that state; libvirt has the same distinctions. */
enum verbs_reason {
	VERBS_NO_REASON,
	VERBS_BOOTED,     // running since its start
	VERBS_UNPAUSED,   // running: was told to go on
	VERBS_RESTARTED,  // running: was reset
	VERBS_USER,       // paused: was told to
	VERBS_DUMP,       // paused or saving: its memory is being dumped
	VERBS_POWEROFF,   // over: powered itself off
	VERBS_RESET,      // over: asked for a reset, which --no-reboot makes its end
	VERBS_DESTROYED,  // over: was told to quit
	VERBS_CRASHED,    // failed: triple fault, KVM error
	VERBS_LOST_HOST,  // failed
	VERBS_HOST_ERROR, // failed: a host could not do something
	VERBS_REASONS
};

typedef void (*verbs_done)(void *ctx, const char *error);
typedef void (*verbs_registers_done)(void *ctx, const json_t *vcpus, const char *error);
/*
 * Events with QMP's names and data (borrowed; may be NULL): STOP, RESUME, RESET, POWERDOWN, SHUTDOWN, GUEST_PANICKED,
 * GUEST_CRASHLOADED, DUMP_COMPLETED. A command's event comes before its done.
 */
typedef void (*verbs_listener)(void *ctx, const char *event, const json_t *data);

#define VERBS_QUEUE_MAX     16u // commands that wait for their turn
#define VERBS_LISTENERS_MAX 4u

struct verbs;

/* calls and desc must outlive it. NULL: no memory. */
struct verbs *verbs_create(struct calls *calls, const struct machine_desc *desc);
void verbs_destroy(struct verbs *v); // after calls_cancel(): every done has been called by then
/* Who moves vCPUs; may be NULL. Not owned. */
struct mover;
void verbs_set_mover(struct verbs *v, struct mover *m);
struct mover *verbs_mover(const struct verbs *v);
int verbs_listen(struct verbs *v, verbs_listener fn, void *ctx); // -ENOSPC

enum verbs_state verbs_state(const struct verbs *v);
enum verbs_reason verbs_reason(const struct verbs *v);
const char *verbs_state_name(enum verbs_state s); // "running": QMP's word

/* All return 0, or -ENOSPC (too much under way), -ENOMEM, -EINVAL, -ESHUTDOWN (the guest is not there); then done is
 * not called. */

/* All vCPUs of all hosts stop, and the guest's clock stands still. Stopped already: nothing happens, no event. */
int verbs_stop(struct verbs *v, verbs_done done, void *ctx);
int verbs_cont(struct verbs *v, verbs_done done, void *ctx);
/* RAM keeps its contents but for what the loader puts there; a stopped machine stays stopped. */
int verbs_reset(struct verbs *v, verbs_done done, void *ctx);
int verbs_powerdown(struct verbs *v, verbs_done done, void *ctx);
int verbs_nmi(struct verbs *v, verbs_done done, void *ctx); // a pulse on LINT1 of every local APIC

#define VERBS_ALL_VCPUS (-1)
/*
 * vcpu: an index, or VERBS_ALL_VCPUS. done gets an array, in order of the vCPUs: {"vcpu", "host", "state", "rip", ...},
 * every register an integer (64 bits as a signed number), segments {"selector","base","limit","flags"}.
 */
int verbs_registers(struct verbs *v, int vcpu, verbs_registers_done done, void *ctx);
/* One element of it as text for a person; malloc'd. */
char *verbs_registers_text(const json_t *vcpu);

/* An ELF core of guest memory in a local file, which appears under its name only when it is whole. */
struct verbs_dump {
	const char *path; // borrowed for the call
	bool ranged;      // only [begin, begin + length) of the guest's addresses
	uint64_t begin, length;
};
int verbs_dump(struct verbs *v, const struct verbs_dump *what, verbs_done done, void *ctx);
enum verbs_dump_state { VERBS_DUMP_NONE, VERBS_DUMP_ACTIVE, VERBS_DUMP_COMPLETED, VERBS_DUMP_FAILED };
/* Of the running or the last dump; in bytes of guest memory. */
enum verbs_dump_state verbs_dump_status(const struct verbs *v, uint64_t *completed, uint64_t *total);

/* ---- for the run process itself ---- */

void verbs_started(struct verbs *v);                                 // the vCPUs run
void verbs_guest_reset(struct verbs *v, verbs_done done, void *ctx); // the guest asked for it: its vCPUs have stopped
void verbs_over(struct verbs *v, enum verbs_reason why);             // SHUTDOWN event; commands that wait fail
void verbs_on_event(struct verbs *v, host_id from, const char *name, const json_t *data);

#endif
