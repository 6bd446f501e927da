// SPDX-License-Identifier: Apache-2.0
/*
 * This host's part of the status document. The span thread copies its numbers, which is short; the JSON, which is not,
 * is made on the worker, so that no page waits for it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmm/check/show.h"
#include "vmm/host/guest_priv.h"
#include "vmm/host/serve.h"

struct question {
	uint64_t call;
	struct status_host *numbers;
	bool has_life; // the host of the board knows whether the guest shows a sign of it
	struct life life;
	char *text; // once it is made; NULL: no memory
};

static int64_t vcpus_here(const struct guest *g)
{
	return g->machine ? serve_vcpus_on(g, g->self) : desc_host_vcpus(&g->desc, g->self);
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
	if (o && q->has_life)
		json_object_set_new(o, "life", guest_life_json(&q->life));
	q->text = o ? json_dumps(o, JSON_COMPACT) : NULL;
	json_decref(o);
}

static void answer(struct guest *g, void *arg, bool cancelled)
{
	struct question *q = arg;

	if (cancelled) // the guest has ended: nothing waits for this thread any more
		make_text(g, q);
	if (q->text)
		serve_return_text(g, q->call, q->text, strlen(q->text));
	else
		serve_return_error(g, q->call, "no memory for the status");
	status_host_free(q->numbers);
	free(q->text);
	free(q);
}

void serve_status(struct guest *g, uint64_t call, json_t *args)
{
	struct question *q = calloc(1, sizeof(*q));
	struct status_host *numbers = status_host_new();

	(void)args;
	if (!q || !numbers || fill(g, numbers)) {
		serve_return_error(g, call, "no memory for the status");
		status_host_free(numbers);
		free(q);
		return;
	}
	*q = (struct question){.call = call,
			       .numbers = numbers,
			       .has_life = g->life_begun && g->desc.board == g->self,
			       .life = g->life};
	/* Without a worker, or with one that has too much to do, an answer that costs pages their turn is better than
	 * none. */
	if (guest_work(g, make_text, answer, q))
		answer(g, q, true);
}

void serve_identity(struct guest *g, uint64_t call, json_t *args)
{
	(void)args;
	serve_return_json(g, call, check_identity_json(&g->opt->is));
}
