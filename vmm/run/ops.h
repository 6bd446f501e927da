// SPDX-License-Identifier: Apache-2.0
/*
 * What can be done to the whole running machine, over all its hosts: stop, go on, reset, power button, NMI, registers,
 * memory dump. This is the side of `pando run`; each step is a call to the hosts (vmm/host/serve_machine.c has their
 * side). Everything runs on the run process' one thread and nothing blocks: a function puts an operation into the
 * queue, its done is called later (never from inside the function), with NULL or with a sentence that says what failed.
 *
 * op.h says what waits for what. Each operation has a time of its own, from its turn on: then it ends with an error
 * that names it and the host that it waited for, and the next one has its turn.
 */
#ifndef VMM_RUN_OPS_H
#define VMM_RUN_OPS_H

#include "vmm/call/call.h"
#include "vmm/run/op.h"

/* In the words of QMP's RunState. */
enum ops_state {
	OPS_PRELAUNCH, // not started yet
	OPS_RUNNING,
	OPS_PAUSED,
	OPS_SAVING,   // stopped for a dump of its memory; it goes on by itself
	OPS_SHUTDOWN, // over
	OPS_FAILED,   // over, and not as the guest wished
	OPS_STATES
};

/* Why it is in that state; libvirt has the same distinctions. */
enum ops_reason {
	OPS_NO_REASON,
	OPS_BOOTED,     // running since its start
	OPS_UNPAUSED,   // running: was told to go on
	OPS_RESTARTED,  // running: was reset
	OPS_USER,       // paused: was told to
	OPS_DUMP,       // paused or saving: its memory is being dumped
	OPS_POWEROFF,   // over: powered itself off
	OPS_RESET,      // over: asked for a reset, which --no-reboot makes its end
	OPS_DESTROYED,  // over: was told to quit
	OPS_CRASHED,    // failed: KVM cannot go on with it
	OPS_LOST_HOST,  // failed
	OPS_HOST_ERROR, // failed: a host could not do something
	OPS_REASONS
};

typedef void (*ops_done)(void *ctx, const char *error);
/* A command got stuck half-way and cannot be undone: the guest has to be ended, with this text as the reason. */
typedef void (*ops_broken)(void *ctx, const char *text);
/* answers: an array (borrowed), or NULL and then error is a sentence. */
typedef void (*ops_answers)(void *ctx, const json_t *answers, const char *error);
/*
 * Events with QMP's names and data (borrowed; may be NULL): STOP, RESUME, RESET, POWERDOWN, SHUTDOWN, GUEST_PANICKED,
 * GUEST_CRASHLOADED, DUMP_COMPLETED, DEVICE_DELETED, ACPI_DEVICE_OST, X_PANDO_GUEST_SILENT, X_PANDO_STUCK. A command's
 * event comes before its done.
 */
typedef void (*ops_listener)(void *ctx, const char *event, const json_t *data);

#define OPS_LISTENERS_MAX 4u

struct ops;

/* calls and desc must outlive it. NULL: no memory. */
struct ops *ops_create(struct calls *calls, const struct machine_desc *desc);
void ops_destroy(struct ops *v); // after calls_cancel(): every done has been called by then
struct mover;
struct mover *ops_mover(const struct ops *v); // who moves vCPUs (mover.h); NULL: nobody yet
struct plugs;
struct plugs *ops_plugs(const struct ops *v);              // by whom devices come and go (plug.h); NULL: nobody yet
int ops_listen(struct ops *v, ops_listener fn, void *ctx); // -ENOSPC
/* Called after the done of that command, never from inside a function of this file. Once, before anything starts. */
void ops_set_broken(struct ops *v, ops_broken fn, void *ctx);

enum ops_state ops_state(const struct ops *v);
enum ops_reason ops_reason(const struct ops *v);
const char *ops_state_name(enum ops_state s); // "running": QMP's word

/* All return 0, or -ENOSPC (too much under way), -ENOMEM, -EINVAL, -ESHUTDOWN (the guest is not there); then done is
 * not called. */

/* All vCPUs of all hosts stop, and the guest's clock stands still. Stopped already: nothing happens, no event. */
int ops_stop(struct ops *v, ops_done done, void *ctx);
int ops_cont(struct ops *v, ops_done done, void *ctx);
/* RAM keeps its contents but for what the loader puts there; a stopped machine stays stopped. */
int ops_reset(struct ops *v, ops_done done, void *ctx);
int ops_powerdown(struct ops *v, ops_done done, void *ctx);
int ops_nmi(struct ops *v, ops_done done, void *ctx); // a pulse on LINT1 of every local APIC

/*
 * A verb that is an operation by itself: all hosts are asked, and done gets their answers, in order: what each said,
 * which has to be an object, with "host" and "address" before it. args is consumed; NULL: none.
 */
int ops_ask_all(struct ops *v, enum verb verb, json_t *args, enum op_class cls, ops_answers done, void *ctx);

#define OPS_ALL_VCPUS (-1)
/*
 * vcpu: an index, or OPS_ALL_VCPUS. done gets an array, in order of the vCPUs: {"vcpu", "host", "state", "rip", ...},
 * every register an integer (64 bits as a signed number), segments {"selector","base","limit","flags"}.
 */
int ops_registers(struct ops *v, int vcpu, ops_answers done, void *ctx);

/* An ELF core of guest memory in a local file, which appears under its name only when it is whole. */
struct ops_dump {
	const char *path; // borrowed for the call
	bool ranged;      // only [begin, begin + length) of the guest's addresses
	uint64_t begin, length;
};
int ops_dump(struct ops *v, const struct ops_dump *what, ops_done done, void *ctx);
enum ops_dump_state { OPS_DUMP_NONE, OPS_DUMP_ACTIVE, OPS_DUMP_COMPLETED, OPS_DUMP_FAILED };
/* Of the running or the last dump; in bytes of guest memory. */
enum ops_dump_state ops_dump_status(const struct ops *v, uint64_t *completed, uint64_t *total);

/* ---- for the run process itself ---- */

void ops_started(struct ops *v); // the vCPUs run
/* The guest asked for it: its vCPUs have stopped. false, and no done: a reset that is due already answers this one too.
 */
bool ops_guest_reset(struct ops *v, ops_done done, void *ctx);
void ops_over(struct ops *v, enum ops_reason why); // SHUTDOWN event; commands that wait fail
void ops_on_event(struct ops *v, host_id from, const char *name, const json_t *data);

#endif
