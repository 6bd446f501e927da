// SPDX-License-Identifier: Apache-2.0
// QMP commands that act on the machine.
#include <stdlib.h>
#include <string.h>

#include "vmm/monitor/monitor_priv.h"

static void on_done(void *ctx, const char *error)
{
	if (error)
		qmp_error(ctx, "%s", error);
	else
		qmp_return_empty(ctx);
}

static void start(void *ctx, struct qmp_call *call, int (*verb)(struct ops *v, ops_done done, void *ctx))
{
	int e = verb(((struct monitor *)ctx)->r->ops, on_done, call);

	if (e)
		monitor_refuse(call, e);
}

#define VERB(name, verb)                                                       \
	static void name(void *ctx, struct qmp_call *call, const json_t *args) \
	{                                                                      \
		(void)args;                                                    \
		start(ctx, call, verb);                                        \
	}
VERB(stop, ops_stop)
VERB(cont, ops_cont)
VERB(system_reset, ops_reset)
VERB(system_powerdown, ops_powerdown)
VERB(inject_nmi, ops_nmi)

static void system_wakeup(void *ctx, struct qmp_call *call, const json_t *args)
{
	(void)ctx, (void)args;
	qmp_error(call, "Unable to wake up: guest is not in suspended state"); // there is no S3
}

static void quit(void *ctx, struct qmp_call *call, const json_t *args)
{
	(void)args;
	run_quit(((struct monitor *)ctx)->r);
	qmp_return_empty(call);
}

static bool dump_arguments(struct qmp_call *call, const json_t *args, struct ops_dump *what)
{
	const char *protocol = json_string_value(json_object_get(args, "protocol"));
	const json_t *begin = json_object_get(args, "begin"), *length = json_object_get(args, "length");

	if (json_is_true(json_object_get(args, "paging")))
		qmp_error(
			call,
			"Parameter 'paging' does not accept value 'true': memory is written by guest-physical address");
	else if (strncmp(protocol, "file:", 5) || !protocol[5])
		qmp_error(call, "Parameter 'protocol' expects 'file:PATH', not '%.200s'", protocol);
	else if (!begin != !length)
		qmp_error(call, "Parameter '%s' is missing", begin ? "length" : "begin");
	else if (begin && (json_integer_value(begin) < 0 || json_integer_value(length) <= 0))
		qmp_error(call, "Parameter 'begin' expects an address, 'length' more than 0 bytes");
	else {
		*what = (struct ops_dump){.path = protocol + 5,
					  .ranged = begin != NULL,
					  .begin = (uint64_t)json_integer_value(begin),
					  .length = (uint64_t)json_integer_value(length)};
		return true;
	}
	return false;
}

static void detached_done(void *ctx, const char *error)
{
	(void)ctx, (void)error; // the event DUMP_COMPLETED says it
}

static void dump_guest_memory(void *ctx, struct qmp_call *call, const json_t *args)
{
	struct ops *v = ((struct monitor *)ctx)->r->ops;
	bool detach = json_is_true(json_object_get(args, "detach"));
	struct ops_dump what;

	if (!dump_arguments(call, args, &what))
		return;
	int e = ops_dump(v, &what, detach ? detached_done : on_done, detach ? NULL : (void *)call);
	if (e)
		monitor_refuse(call, e);
	else if (detach)
		qmp_return_empty(call);
}

const struct qmp_command monitor_machine[] = {
	{"stop", stop},
	{"cont", cont},
	{"system_reset", system_reset},
	{"system_powerdown", system_powerdown},
	{"system_wakeup", system_wakeup},
	{"inject-nmi", inject_nmi},
	{"quit", quit},
	{"dump-guest-memory", dump_guest_memory},
	{0},
};
