// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "net/log.h"
#include "vmm/run/ops_priv.h"

#define OPS_NO_GUEST (1u << OP_TRACE) // what is served before the guest runs, and after

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
		op_queue_init(&v->queue, link_loop(calls->link), OPS_NO_GUEST);
	}
	return v;
}

struct mover *ops_mover(const struct ops *v)
{
	return v->mover;
}

struct plugs *ops_plugs(const struct ops *v)
{
	return v->plugs;
}

void ops_destroy(struct ops *v)
{
	if (!v)
		return;
	op_queue_empty(&v->queue);
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

/* ---- stop and cont ---- */

static void stopped(struct ops_op *o, const char *error)
{
	if (error || !o->ran)
		return; // it stands still already: no news
	ops_set(o->v, OPS_PAUSED, OPS_USER);
	ops_tell(o->v, "STOP", NULL);
}

static const struct ops_step stop_steps[] = {{ops_halt, ops_unhalt}, {0}};
static const struct ops_kind stop_kind = {
	.name = "stop", .cls = OP_EXCLUSIVE, .ms = 90000, .steps = stop_steps, .finish = stopped};

int ops_stop(struct ops *v, ops_done done, void *ctx)
{
	return ops_op_add(ops_op_new(v, &stop_kind, sizeof(struct ops_op), done, ctx));
}

static void go_unless_it_runs(struct ops_op *o)
{
	if (o->ran)
		ops_step_over(o, NULL);
	else
		ops_go(o);
}

static void gone_on(struct ops_op *o, const char *error)
{
	if (error || o->ran)
		return;
	ops_set(o->v, OPS_RUNNING, OPS_UNPAUSED);
	ops_tell(o->v, "RESUME", NULL);
}

static const struct ops_step cont_steps[] = {{go_unless_it_runs, NULL}, {0}};
static const struct ops_kind cont_kind = {
	.name = "cont", .cls = OP_EXCLUSIVE, .ms = 30000, .steps = cont_steps, .finish = gone_on};

int ops_cont(struct ops *v, ops_done done, void *ctx)
{
	return ops_op_add(ops_op_new(v, &cont_kind, sizeof(struct ops_op), done, ctx));
}

/* ---- what the run process reports ---- */

void ops_started(struct ops *v)
{
	ops_set(v, OPS_RUNNING, OPS_BOOTED);
	op_queue_serve(&v->queue, OP_ALL, false); // a host that ran before the last one may have asked for a reset
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
	op_queue_serve(&v->queue, OPS_NO_GUEST, true);
	ops_tell(v, "SHUTDOWN", json_pack("{s:b,s:s}", "guest", (int)guest, "reason", shutdown_reason(why)));
}

void ops_on_event(struct ops *v, host_id from, const char *name, const json_t *data)
{
	if (strcmp(name, "PAGE_STUCK") == 0)
		ops_tell(v, "X_PANDO_STUCK",
			 json_pack("{s:i,s:I,s:I,s:I}", "host", (int)from, "address",
				   json_integer_value(json_object_get(data, "address")), "home",
				   json_integer_value(json_object_get(data, "home")), "milliseconds",
				   json_integer_value(json_object_get(data, "milliseconds"))));
	if (strcmp(name, "GUEST_SILENT") == 0)
		ops_tell(v, "X_PANDO_GUEST_SILENT",
			 json_pack("{s:I,s:I,s:I,s:b}", "vcpu", json_integer_value(json_object_get(data, "vcpu")),
				   "rip", json_integer_value(json_object_get(data, "rip")), "seconds",
				   json_integer_value(json_object_get(data, "seconds")), "halted",
				   json_is_true(json_object_get(data, "halted"))));
	if (strcmp(name, "DEVICE_ERROR") == 0)
		ops_tell(v, "BLOCK_IO_ERROR",
			 json_incref((json_t *)data)); // by the device's number; the monitor has its name
	if (strcmp(name, "DEVICE_LINK") == 0)
		ops_tell(v, "X_PANDO_LINK", json_incref((json_t *)data));
	if (strcmp(name, "GUEST_PANICKED") == 0 || strcmp(name, "GUEST_CRASHLOADED") == 0)
		ops_tell(v, name, json_pack("{s:s}", "action", "run"));
}
