// SPDX-License-Identifier: Apache-2.0
// x-pando-move-homes: the homes of memory go from one host to another.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "coherence/base/refuse.h"
#include "vmm/monitor/monitor_priv.h"

#define NOTHING "host %lld is the home of nothing that could move"

struct wanted {
	struct monitor *m;
	struct qmp_call *call;
	uint64_t moved; // pages
};

static void on_progress(void *ctx, uint64_t moved, uint64_t total)
{
	struct wanted *w = ctx;

	(void)total;
	w->moved = moved;
}

static void on_done(void *ctx, const char *error)
{
	struct wanted *w = ctx;

	if (error)
		qmp_error(w->call, "%s", error);
	else
		qmp_return(w->call, json_pack("{s:I}", "bytes", (json_int_t)(w->moved << PAGE_SHIFT)));
	free(w);
}

static bool is_host(struct monitor *m, struct qmp_call *call, json_int_t h)
{
	if (h >= 0 && h < HOSTS_MAX && desc_is_member(&m->r->desc, (uint32_t)h))
		return true;
	qmp_error(call, "there is no host %lld", (long long)h);
	return false;
}

static void move_homes(void *ctx, struct qmp_call *call, const json_t *args)
{
	struct monitor *m = ctx;
	json_int_t from = monitor_int(args, "from"), to = monitor_int(args, "to");
	const json_t *bytes = json_object_get(args, "bytes");
	uint64_t pages = bytes ? (uint64_t)json_integer_value(bytes) >> PAGE_SHIFT : UINT64_MAX;
	struct homes_piece *pieces;
	char why[DESC_REPORT_MAX];

	if (!is_host(m, call, from) || !is_host(m, call, to))
		return;
	if (bytes && (json_integer_value(bytes) <= 0 || (uint64_t)json_integer_value(bytes) % DESC_GRANULE)) {
		qmp_error(call, "bytes is %lld: a multiple of 2 MiB is needed", (long long)json_integer_value(bytes));
		return;
	}
	struct wanted *w = malloc(sizeof(*w));
	int r = -ENOMEM;

	pieces = calloc(HOMES_PIECES_MAX, sizeof(*pieces));
	if (w && pieces) {
		*w = (struct wanted){.m = m, .call = call};
		unsigned n = homes_first(&m->r->desc, (host_id)from, (host_id)to, pages, pieces);
		r = n ? homes_move(m->r->homes, pieces, n, on_progress, on_done, w, why, sizeof(why))
		      : refuse_with(why, sizeof(why), -EINVAL, NOTHING, (long long)from);
	}
	free(pieces);
	if (!r)
		return;
	free(w);
	qmp_error(call, "%s", r == -ENOMEM ? "no memory" : why);
}

const struct qmp_command monitor_homes[] = {{"x-pando-move-homes", move_homes}, {0}};
