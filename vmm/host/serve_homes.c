// SPDX-License-Identifier: Apache-2.0
// Homes of pages that move between hosts: this host's part. The order over the hosts is vmm/run/homes.c's.
#include "vmm/host/guest_priv.h"
#include "vmm/host/serve.h"
#include "vmm/span/homes.h"

void serve_homes_prepare(struct guest *g, uint64_t call, json_t *args)
{
	uint64_t from = serve_u64(args, "from"), to = serve_u64(args, "to");
	char why[DESC_REPORT_MAX];

	if (!serve_has_machine(g, call))
		return;
	if (from >= HOSTS_MAX || to >= HOSTS_MAX) {
		serve_return_error(g, call, "there is no such host");
		return;
	}
	struct span_homes_run run = {.first = serve_u64(args, "first"),
				     .pages = serve_u64(args, "pages"),
				     .from = (host_id)from,
				     .to = (host_id)to};

	int r = run.to == g->self ? serve_judge_memory(g, span_homed(g->span), run.pages, why, sizeof(why)) : 0;

	serve_result(g, call, r ? r : span_homes_prepare(g->span, &run, why, sizeof(why)), why);
}

static void went(void *ctx)
{
	struct guest *g = ctx;
	uint64_t call = g->homes_call;

	g->homes_call = 0;
	serve_return_json(g, call, json_object());
}

void serve_homes_go(struct guest *g, uint64_t call, json_t *args)
{
	char why[DESC_REPORT_MAX];

	if (!serve_has_machine(g, call))
		return;
	if (g->homes_call) {
		serve_return_error(g, call, "host %u: homes are moving already", g->self);
		return;
	}
	g->homes_call = call;
	if (!span_homes_go(g->span, serve_u64(args, "first"), went, g, why, sizeof(why)))
		return;
	g->homes_call = 0;
	serve_return_error(g, call, "%s", why);
}

void serve_homes_commit(struct guest *g, uint64_t call, json_t *args)
{
	char why[DESC_REPORT_MAX];

	if (serve_has_machine(g, call))
		serve_result(g, call, span_homes_commit(g->span, serve_u64(args, "first"), why, sizeof(why)), why);
}

/* Nobody has a turn between the two, so who joins is told where homes are. */
void serve_homes_finish(struct guest *g, uint64_t call, json_t *args)
{
	uint64_t version = serve_u64(args, "version"), to = serve_u64(args, "to");
	char why[DESC_REPORT_MAX];

	if (!serve_has_machine(g, call))
		return;
	int r = span_homes_finish(g->span, serve_u64(args, "first"), why, sizeof(why));

	if (r) {
		serve_result(g, call, r, why);
		return;
	}
	struct machine_desc *next = guest_next_desc(g);

	if (desc_rehome(next, serve_u64(args, "first"), serve_u64(args, "pages"),
			to < HOSTS_MAX ? (uint32_t)to : HOST_NONE, why, sizeof(why)))
		serve_return_error(g, call, "%s", why);
	else
		guest_follow_desc(g, call, next, version);
}

/* One that was never prepared here is nothing to call off. */
void serve_homes_cancel(struct guest *g, uint64_t call, json_t *args)
{
	char why[DESC_REPORT_MAX];

	(void)args;
	if (serve_has_machine(g, call))
		serve_result(g, call, span_homes_cancel(g->span, why, sizeof(why)), why);
}
