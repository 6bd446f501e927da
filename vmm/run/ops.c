// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/log.h"
#include "vmm/run/ops_priv.h"

static void begin_next(struct ops *v);
static void on_turn(void *arg);

const char *ops_state_name(enum ops_state s)
{
	static const char *const names[OPS_STATES] = {"prelaunch", "running",  "paused",
						      "save-vm",   "shutdown", "internal-error"};

	return s < OPS_STATES ? names[s] : "?";
}

enum ops_state ops_state(const struct ops *v)
{
	return v->state;
}

enum ops_reason ops_reason(const struct ops *v)
{
	return v->reason;
}

struct ops *ops_create(struct calls *calls, const struct machine_desc *desc)
{
	struct ops *v = calloc(1, sizeof(*v));

	if (v) {
		v->calls = calls;
		v->desc = desc;
		v->turn = (struct loop_task){.fn = on_turn, .arg = v};
	}
	return v;
}

void ops_set_mover(struct ops *v, struct mover *m)
{
	v->mover = m;
}

struct mover *ops_mover(const struct ops *v)
{
	return v->mover;
}

static void fail_all(struct ops *v, const char *why)
{
	while (v->queue_n) {
		struct ops_op op = v->queue[--v->queue_n];

		if (op.done)
			op.done(op.ctx, why);
		free(op.path);
	}
}

void ops_destroy(struct ops *v)
{
	if (!v)
		return;
	loop_uncall(link_loop(v->calls->link), &v->turn);
	fail_all(v, "the guest is over");
	free(v);
}

int ops_listen(struct ops *v, ops_listener fn, void *ctx)
{
	if (v->listeners_n == OPS_LISTENERS_MAX)
		return -ENOSPC;
	v->listeners[v->listeners_n].fn = fn;
	v->listeners[v->listeners_n++].ctx = ctx;
	return 0;
}

void ops_set_broken(struct ops *v, ops_broken fn, void *ctx)
{
	v->broken = fn;
	v->broken_ctx = ctx;
}

void ops_tell(struct ops *v, const char *event, json_t *data)
{
	for (unsigned i = 0; i < v->listeners_n; i++)
		v->listeners[i].fn(v->listeners[i].ctx, event, data);
	json_decref(data);
}

void ops_set(struct ops *v, enum ops_state s, enum ops_reason r)
{
	if (v->state >= OPS_SHUTDOWN)
		return; // it stays over
	v->state = s;
	v->reason = r;
}

const char *ops_error(struct ops *v, const struct call_answer *answers, unsigned n)
{
	const struct call_answer *e = call_first_error(answers, n);

	if (!e)
		return NULL;
	snprintf(v->error, sizeof(v->error), "host %u: %s", e->host, e->error);
	return v->error;
}

void ops_ask(struct ops *v, host_set to, enum verb verb, json_t *args, unsigned timeout_ms, call_done done,
	     ops_then then)
{
	int r = v->state >= OPS_SHUTDOWN ? -ESHUTDOWN : calls_start(v->calls, to, verb, args, timeout_ms, done, v);

	json_decref(args);
	if (!r)
		return;
	snprintf(v->error, sizeof(v->error), "the hosts cannot be asked to '%s': %s", verb_name(verb), strerror(-r));
	then(v, v->error);
}

/* ---- commands one after the other ---- */

void ops_finish(struct ops *v, const char *error)
{
	struct ops_op op = v->queue[0];

	if (!v->busy)
		return;
	v->busy = v->resetting = false;
	memmove(v->queue, v->queue + 1, --v->queue_n * sizeof(v->queue[0]));
	if (v->holds) {
		v->holds = false;
		mover_release(v->mover);
	}
	if (op.done)
		op.done(op.ctx, error);
	free(op.path);
	begin_next(v);
}

/* The command under way left the machine as nobody asked for, some of its vCPUs or hosts here and some there. */
static void finish_broken(struct ops *v, const char *what, const char *error)
{
	char text[DESC_REPORT_MAX + 64];

	snprintf(text, sizeof(text), "%s: %s", what, error);
	ops_finish(v, error);
	if (v->broken)
		v->broken(v->broken_ctx, text);
}

static void stopped(struct ops *v, const char *error)
{
	if (!error) {
		ops_set(v, OPS_PAUSED, OPS_USER);
		ops_tell(v, "STOP", NULL);
	}
	ops_finish(v, error);
}

static void gone_on(struct ops *v, const char *error)
{
	if (!error) {
		ops_set(v, OPS_RUNNING, OPS_UNPAUSED);
		ops_tell(v, "RESUME", NULL);
	}
	ops_finish(v, error);
}

/* ---- reset ---- */

static void restarted(struct ops *v, const char *error)
{
	bool guest = v->queue[0].kind == OPS_OP_GUEST_RESET;

	if (error) {
		finish_broken(v, "the guest could not be reset", error);
		return;
	}
	if (v->again)
		ops_set(v, OPS_RUNNING, OPS_RESTARTED);
	ops_tell(
		v, "RESET",
		json_pack("{s:b,s:s}", "guest", (int)guest, "reason", guest ? "guest-reset" : "host-qmp-system-reset"));
	ops_finish(v, NULL);
}

static void on_reset(void *ctx, const struct call_answer *answers, unsigned n)
{
	struct ops *v = ctx;
	const char *error = ops_error(v, answers, n);

	if (!error && v->again)
		ops_go(v, restarted);
	else
		restarted(v, error);
}

static void not_reset(struct ops *v, const char *error)
{
	if (error)
		finish_broken(v, "the guest could not be reset", v->cause);
	else
		ops_finish(v, v->cause);
}

/* No host has begun to reset anything: a machine that ran goes on. */
static void undo_reset(struct ops *v, const char *error)
{
	snprintf(v->cause, sizeof(v->cause), "%s", error);
	v->resetting = false;
	if (v->again)
		ops_go(v, not_reset);
	else
		ops_finish(v, v->cause);
}

static void came_home(void *ctx, const struct mover_result *result, const char *error)
{
	struct ops *v = ctx;

	(void)result;
	if (error)
		undo_reset(v, error);
	else
		ops_ask(v, desc_all_hosts(v->desc), VERB_RESET, NULL, OPS_RESET_MS, on_reset, undo_reset);
}

/* Host 0 has the kernel, and sets vCPU 0 before it: should that have moved away, it comes home first. */
static void reset_halted(struct ops *v, const char *error)
{
	bool away = v->mover && mover_host(v->mover, 0) != HOST_NONE && mover_host(v->mover, 0) != 0;

	if (error) { // it runs
		ops_finish(v, error);
		return;
	}
	v->resetting = true;
	if (!away)
		came_home(v, NULL, NULL);
	else if (mover_move_held(v->mover, 0, 0, came_home, v))
		undo_reset(v, "vCPU 0 cannot come home");
}

/* ---- dump ---- */

static void dump_over(struct ops *v, const char *error)
{
	if (v->again && error) {
		finish_broken(v, "the guest could not go on after a dump of its memory", error);
		return;
	}
	if (v->again) {
		ops_set(v, OPS_RUNNING, OPS_UNPAUSED);
		ops_tell(v, "RESUME", NULL);
	} else {
		ops_set(v, OPS_PAUSED, OPS_USER);
	}
	ops_finish(v, v->dump_state == OPS_DUMP_FAILED ? v->cause : NULL);
}

static void dumped(struct ops *v, const char *error)
{
	json_t *result = json_pack("{s:I,s:I,s:s}", "total", (json_int_t)v->to_dump, "completed", (json_int_t)v->dumped,
				   "status", error ? "failed" : "completed");
	json_t *data = json_pack("{s:o}", "result", result);

	v->dump_state = error ? OPS_DUMP_FAILED : OPS_DUMP_COMPLETED;
	if (error)
		snprintf(v->cause, sizeof(v->cause), "%s", error);
	if (error)
		json_object_set_new(data, "error", json_string(error));
	ops_tell(v, "DUMP_COMPLETED", data);
	if (v->again)
		ops_go(v, dump_over);
	else
		dump_over(v, NULL);
}

static void dump_halted(struct ops *v, const char *error)
{
	if (error) {
		v->dump_state = OPS_DUMP_FAILED;
		ops_finish(v, error);
		return;
	}
	if (v->again)
		ops_tell(v, "STOP", NULL);
	ops_set(v, OPS_SAVING, OPS_DUMP);
	ops_dump_begin(v, &v->queue[0], dumped);
}

/* ---- the queue ---- */

static void begin(struct ops *v, const struct ops_op *op)
{
	static const ops_then halted[] = {
		[OPS_OP_RESET] = reset_halted, [OPS_OP_GUEST_RESET] = reset_halted, [OPS_OP_DUMP] = dump_halted};
	bool runs = v->state == OPS_RUNNING;

	v->again = runs;
	switch (op->kind) {
	case OPS_OP_STOP:
		if (runs)
			ops_halt(v, stopped);
		else
			ops_finish(v, NULL);
		break;
	case OPS_OP_CONT:
		if (runs)
			ops_finish(v, NULL);
		else
			ops_go(v, gone_on);
		break;
	default:
		if (runs)
			ops_halt(v, halted[op->kind]);
		else
			halted[op->kind](v, NULL);
	}
}

/* No vCPU is on its way between two hosts, and none will be until the command is done. */
static void moves_held(void *ctx)
{
	struct ops *v = ctx;

	v->holds = v->mover != NULL;
	if (v->state >= OPS_SHUTDOWN)
		ops_finish(v, "the guest is over");
	else
		begin(v, &v->queue[0]);
}

static void on_turn(void *arg)
{
	struct ops *v = arg;

	v->hold = (struct mover_hold){.then = moves_held, .ctx = v};
	if (!v->mover || mover_hold(v->mover, &v->hold))
		moves_held(v);
}

static void begin_next(struct ops *v)
{
	if (v->busy || !v->queue_n)
		return;
	v->busy = true;
	loop_call(link_loop(v->calls->link), &v->turn);
}

static int add(struct ops *v, struct ops_op op)
{
	bool early = v->state == OPS_PRELAUNCH && op.kind == OPS_OP_GUEST_RESET;

	if ((v->state == OPS_PRELAUNCH && !early) || v->state >= OPS_SHUTDOWN)
		return -ESHUTDOWN;
	if (v->queue_n == OPS_QUEUE_MAX)
		return -ENOSPC;
	v->queue[v->queue_n++] = op;
	if (!early)
		begin_next(v);
	return 0;
}

int ops_stop(struct ops *v, ops_done done, void *ctx)
{
	return add(v, (struct ops_op){.kind = OPS_OP_STOP, .done = done, .ctx = ctx});
}

int ops_cont(struct ops *v, ops_done done, void *ctx)
{
	return add(v, (struct ops_op){.kind = OPS_OP_CONT, .done = done, .ctx = ctx});
}

int ops_reset(struct ops *v, ops_done done, void *ctx)
{
	return add(v, (struct ops_op){.kind = OPS_OP_RESET, .done = done, .ctx = ctx});
}

/*
 * vCPUs of several hosts may reset the machine at the same time, and each host tells: before its vCPUs have left the
 * guest. So one reset answers all that came before the machine stood still.
 */
static bool reset_is_due(const struct ops *v)
{
	for (unsigned i = 0; i < v->queue_n; i++)
		if ((v->queue[i].kind == OPS_OP_RESET || v->queue[i].kind == OPS_OP_GUEST_RESET) &&
		    (i || !v->resetting))
			return true;
	return false;
}

bool ops_guest_reset(struct ops *v, ops_done done, void *ctx)
{
	if (reset_is_due(v))
		return false;
	if (add(v, (struct ops_op){.kind = OPS_OP_GUEST_RESET, .done = done, .ctx = ctx}) && done)
		done(ctx, "too many commands wait");
	return true;
}

int ops_dump(struct ops *v, const struct ops_dump *what, ops_done done, void *ctx)
{
	struct ops_op op = {.kind = OPS_OP_DUMP, .done = done, .ctx = ctx, .dump = *what};

	if (!what->path || !*what->path || (what->ranged && !what->length))
		return -EINVAL;
	op.path = strdup(what->path);
	if (!op.path)
		return -ENOMEM;
	op.dump.path = op.path;
	int r = add(v, op);

	if (r) {
		free(op.path);
		return r;
	}
	if (v->dump_state != OPS_DUMP_ACTIVE) {
		v->dump_state = OPS_DUMP_ACTIVE;
		v->dumped = v->to_dump = 0;
	}
	return 0;
}

enum ops_dump_state ops_dump_status(const struct ops *v, uint64_t *completed, uint64_t *total)
{
	*completed = v->dumped;
	*total = v->to_dump;
	return v->dump_state;
}

/* ---- what the run process reports ---- */

void ops_started(struct ops *v)
{
	ops_set(v, OPS_RUNNING, OPS_BOOTED);
	begin_next(v); // the first host to run may have asked for a reset while the last one started
}

static const char *shutdown_reason(enum ops_reason why)
{
	return why == OPS_POWEROFF    ? "guest-shutdown"
	       : why == OPS_RESET     ? "guest-reset"
	       : why == OPS_DESTROYED ? "host-qmp-quit"
	       : why == OPS_CRASHED   ? "guest-panic"
				      : "host-error";
}

void ops_over(struct ops *v, enum ops_reason why)
{
	bool guest = why == OPS_POWEROFF || why == OPS_RESET || why == OPS_CRASHED;
	bool good = guest ? why != OPS_CRASHED : why == OPS_DESTROYED;

	if (v->state >= OPS_SHUTDOWN)
		return;
	ops_set(v, good ? OPS_SHUTDOWN : OPS_FAILED, why);
	ops_tell(v, "SHUTDOWN", json_pack("{s:b,s:s}", "guest", (int)guest, "reason", shutdown_reason(why)));
}

void ops_on_event(struct ops *v, host_id from, const char *name, const json_t *data)
{
	(void)from;
	if (strcmp(name, "GUEST_SILENT") == 0)
		ops_tell(v, "X_PANDO_GUEST_SILENT",
			 json_pack("{s:I,s:I,s:I,s:b}", "vcpu", json_integer_value(json_object_get(data, "vcpu")),
				   "rip", json_integer_value(json_object_get(data, "rip")), "seconds",
				   json_integer_value(json_object_get(data, "seconds")), "halted",
				   json_is_true(json_object_get(data, "halted"))));
	if (strcmp(name, "GUEST_PANICKED") == 0 || strcmp(name, "GUEST_CRASHLOADED") == 0)
		ops_tell(v, name, json_pack("{s:s}", "action", "run"));
}
