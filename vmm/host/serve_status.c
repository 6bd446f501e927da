// SPDX-License-Identifier: Apache-2.0
/*
 * This host's part of the status document. The span thread copies its numbers, which is short; the JSON, which is not,
 * is made on the worker, so that no page waits for it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/log.h"
#include "vmm/host/guest_priv.h"
#include "vmm/host/serve.h"
#include "vmm/machine/move.h"

struct question {
	uint64_t id;
	struct status_host *numbers;
	json_t *life; // whether the guest shows a sign of it; NULL: nothing to say. Handed on once
	char *text;   // once it is made; NULL: no memory
};

static int64_t vcpus_here(const struct guest *g)
{
	int64_t n = 0;

	if (!g->machine)
		return desc_host_vcpus(&g->desc, g->self);
	for (uint32_t v = 0; v < desc_vcpus(&g->desc); v++)
		n += machine_host_of(g->machine, v) == g->self;
	return n;
}

static int fill(struct guest *g, struct status_host *to)
{
	if (g->span)
		span_status(g->span, to);
#define PROCESS(name, object, key, value, ...) to->v[STATUS_##name] = (int64_t)(value);
#include "vmm/status/status.def"
	snprintf(to->address, sizeof(to->address), "%s", g->desc.hosts[g->self].address);
	return g->machine ? machine_status(g->machine, to) : 0;
}

/* Any thread: it reads what is the question's alone, and names that live as long as the machine. */
static void make_text(struct guest *g, void *arg)
{
	struct question *q = arg;
	json_t *o = status_host_json(q->numbers);

	(void)g;
	if (q->life)
		json_object_set_new(o, "life", q->life);
	q->life = NULL;
	q->text = o ? json_dumps(o, JSON_COMPACT) : NULL;
	json_decref(o);
}

void guest_send_status_text(struct guest *g, uint64_t id, const char *text, size_t n)
{
	struct msg m = {.kind = MSG_CTL_STATUS, .epoch = g->epoch, .u.ctl_status = {.id = id, .total = n}};
	size_t at = 0;
	int r;

	do {
		m.u.ctl_status.offset = at;
		m.blob = (const uint8_t *)text + at;
		m.blob_bytes = (uint32_t)(n - at < SERVE_BYTES_MAX ? n - at : SERVE_BYTES_MAX);
		r = link_send(g->link, GUEST_CONTROL, &m);
		at += m.blob_bytes;
	} while (!r && at < n);
	if (r)
		log_warn("the status (%zu bytes) cannot be sent: %s", n, strerror(-r));
	link_flush(g->link);
}

static void answer(struct guest *g, void *arg, bool cancelled)
{
	struct question *q = arg;

	if (cancelled) // the guest has ended: nothing waits for this thread any more
		make_text(g, q);
	if (!q->text)
		log_warn("no memory for the status");
	guest_send_status_text(g, q->id, q->text ? q->text : "", q->text ? strlen(q->text) : 0);
	status_host_free(q->numbers);
	free(q->text);
	free(q);
}

void guest_send_status(struct guest *g, uint64_t id)
{
	struct question *q = calloc(1, sizeof(*q));
	struct status_host *numbers = status_host_new();

	if (!q || !numbers || fill(g, numbers)) {
		log_warn("no memory for the status");
		guest_send_status_text(g, id, "", 0);
		status_host_free(numbers);
		free(q);
		return;
	}
	*q = (struct question){.id = id, .numbers = numbers, .life = guest_life_json(g)};
	/* Without a worker, or with one that has too much to do, an answer that costs pages their turn is better than
	 * none. */
	if (guest_work(g, make_text, answer, q))
		answer(g, q, true);
}
