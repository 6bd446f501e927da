// SPDX-License-Identifier: Apache-2.0
#include "vmm/monitor/monitor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/log.h"
#include "vmm/monitor/monitor_priv.h"
#include "vmm/qmp/runtime.h"

#define LAST_WORDS_MS 200u // for clients to take what is queued at the end

static void on_event(void *ctx, const char *event, const json_t *data)
{
	struct monitor *m = ctx;
	json_t *told = monitor_device_event(m, event, data);

	qmp_event(m->q, event, told);
	json_decref(told);
}

/* A port that the system chose is known to nobody else: it is told also where progress is not. */
static void tell_port(const struct qmp *q, const char *where)
{
	const char *colon = strrchr(where, ':');

	if (colon && qmp_port(q) && strtoul(colon + 1, NULL, 10) == 0)
		fprintf(stderr, "pando: QMP at %.*s:%u\n", (int)(colon - where), where, qmp_port(q));
}

static int listen_everywhere(struct monitor *m, char *why, size_t cap)
{
	const struct run_options *o = m->r->opt;
	char path[QMP_PATH_MAX];
	int e = runtime_qmp_path(o->desc.name, path, sizeof(path), why, cap);

	if (!e)
		e = runtime_make_folder(why, cap);
	if (e == -ENAMETOOLONG || e == -EPERM)
		return e; // whoever looks for the guest would look there, and find another's answers or none
	if (!e)
		e = qmp_listen(m->q, path, why, cap);
	/* Another guest of that name: this one can be reached where its owner asked for, if anywhere. */
	if (e)
		log_warn("no QMP monitor at the usual place: %s", why);
	e = 0;
	for (unsigned i = 0; !e && i < o->qmp_n; i++) {
		e = qmp_listen(m->q, o->qmp[i], why, cap);
		if (!e)
			tell_port(m->q, o->qmp[i]);
	}
	return e;
}

const struct qmp_command *const monitor_tables[] = {
	monitor_queries, monitor_machine, monitor_devices, monitor_plug,  monitor_pando,
	monitor_move,    monitor_members, monitor_homes,   monitor_drain, monitor_grow,
	monitor_dimms,   monitor_trace,   monitor_domain,  monitor_hmp,   NULL,
};

int monitor_start(struct monitor **out, struct run *r, char *why, size_t why_cap)
{
	struct monitor *m = calloc(1, sizeof(*m));

	if (!m) {
		snprintf(why, why_cap, "no memory for the QMP monitor");
		return -ENOMEM;
	}
	m->r = r;
	int e = qmp_create(&m->q, r->loop, why, why_cap);
	for (unsigned i = 0; !e && monitor_tables[i]; i++)
		e = qmp_add_commands(m->q, monitor_tables[i], m, why, why_cap);
	if (!e)
		e = listen_everywhere(m, why, why_cap);
	if (!e) { // the last: nobody stops listening
		e = ops_listen(r->ops, on_event, m);
		if (e)
			snprintf(why, why_cap, "the QMP monitor cannot be told of events: %s", strerror(-e));
	}
	if (e) {
		qmp_destroy(m->q);
		free(m);
		return e;
	}
	monitor_drain_begin(m);
	*out = m;
	return 0;
}

void monitor_stop(struct monitor *m)
{
	if (!m)
		return;
	qmp_drain(m->q, LAST_WORDS_MS);
	qmp_destroy(m->q);
	backs_free(&m->backs);
	free(m);
}

void monitor_host_lost(struct monitor *m, unsigned host, const char *reason)
{
	if (!m)
		return;
	json_t *data = json_pack("{s:i,s:s,s:s}", "host", (int)host, "address", m->r->desc.hosts[host].address,
				 "reason", reason);
	qmp_event(m->q, "X_PANDO_HOST_LOST", data);
	json_decref(data);
}

void monitor_warning(struct monitor *m, const char *name, const char *text, const char *remedy)
{
	if (!m)
		return;
	json_t *data = json_pack("{s:s,s:s,s:s}", "warning", name, "text", text, "remedy", remedy);
	qmp_event(m->q, "X_PANDO_WARNING", data);
	json_decref(data);
}

void monitor_refuse(struct qmp_call *call, int error)
{
	switch (-error) {
	case ESHUTDOWN:
		qmp_error(call, "the guest does not run");
		break;
	case ENOSPC:
		qmp_error(call, "too many commands are under way");
		break;
	default:
		qmp_error(call, "%s", strerror(-error));
	}
}

static void on_answers(void *ctx, const json_t *answers, const char *error)
{
	if (error)
		qmp_error(ctx, "%s", error);
	else
		qmp_return(ctx, json_incref((json_t *)answers));
}

void monitor_ask_hosts(struct monitor *m, struct qmp_call *call, enum verb verb, json_t *args, enum op_class cls)
{
	int e = ops_ask_all(m->r->ops, verb, args, cls, on_answers, call);

	if (e)
		monitor_refuse(call, e);
}

struct question {
	struct monitor *m;
	struct qmp_call *call;
	void (*fn)(struct monitor *m, struct qmp_call *call, const json_t *document);
};

static void on_document(void *ctx, const json_t *document)
{
	struct question *q = ctx;

	if (document)
		q->fn(q->m, q->call, document);
	else
		qmp_error(q->call, "the guest ended before its hosts answered");
	free(q);
}

void monitor_with_status(struct monitor *m, struct qmp_call *call,
			 void (*fn)(struct monitor *m, struct qmp_call *call, const json_t *document))
{
	struct question *q = malloc(sizeof(*q));
	int e = q ? 0 : -ENOMEM;

	if (q) {
		*q = (struct question){.m = m, .call = call, .fn = fn};
		e = run_status_request(&m->r->status, on_document, q);
	}
	if (e) {
		free(q);
		qmp_error(call, "the hosts cannot be asked: %s", strerror(-e));
	}
}

json_t *monitor_vcpus(const json_t *document)
{
	json_t *out = json_array(), *host, *vcpu;
	size_t i, k;

	json_array_foreach(json_object_get(document, "hosts"), i, host)
	{
		json_array_foreach(json_object_get(json_object_get(host, "machine"), "vcpus"), k, vcpu)
		{
			json_t *copy = json_copy(vcpu);
			size_t at = 0;

			json_object_set(copy, "host", json_object_get(host, "host"));
			while (at < json_array_size(out) &&
			       monitor_int(json_array_get(out, at), "vcpu") < monitor_int(vcpu, "vcpu"))
				at++;
			json_array_insert_new(out, at, copy);
		}
	}
	return out;
}
