// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>

#include "vmm/cli/cli.h"
#include "vmm/cli/fetch.h"
#include "vmm/top/top.h"

struct asking {
	struct fetch fetch;
	char why[512];
};

static void ask(void *ctx)
{
	fetch_ask(&((struct asking *)ctx)->fetch);
}

static int take(void *ctx, json_t **document, const char **why)
{
	struct asking *a = ctx;

	*why = a->why;
	return fetch_take(&a->fetch, document, a->why, sizeof(a->why));
}

static int usage(FILE *out, const struct cli_option *table)
{
	fprintf(out,
		"Usage: pando top [NAME] [OPTION ...]\n\nShows live what the guest that 'pando run --name NAME' runs "
		"does (default: pando): hosts, vCPUs,\nmemory, links, hot pages. Keys are explained on the "
		"screen.\n\n");
	cli_print_options(table);
	return out == stdout ? 0 : 2;
}

int cli_top(int argc, char **argv)
{
	uint64_t interval = 1, view = 1, rows = 24, cols = 80;
	bool once = false;
	const struct cli_option table[] = {
		{"interval", "S", "seconds between two samples (default 1)", CLI_COUNT, &interval, 1, 3600},
		{"view", "N", "start with view N: overview, hosts, vCPUs, memory map, hot pages, devices", CLI_COUNT,
		 &view, 1, SCREEN_VIEWS},
		{"once", NULL, "print one frame as text, and leave", CLI_FLAG, &once, 0, 0},
		{"rows", "N", "height of that frame (default 24)", CLI_COUNT, &rows, SCREEN_ROWS_MIN, GRID_SIDE_MAX},
		{"cols", "N", "width of that frame (default 80)", CLI_COUNT, &cols, SCREEN_COLS_MIN, GRID_SIDE_MAX},
		{0},
	};
	int left = cli_parse(argc, argv, table);
	struct asking a;
	struct top_source source = {.ctx = &a, .ask = ask, .take = take};

	if (left == -2 || left > 1)
		return usage(left == -2 ? stdout : stderr, table);
	if (left < 0)
		return 2;
	struct screen o = {.view = (enum screen_view)(view - 1), .interval_s = (double)interval};
	int e = fetch_start(&a.fetch, left ? argv[1] : "pando");
	if (e) {
		fprintf(stderr, "pando: cannot start: %s\n", strerror(-e));
		return 1;
	}
	source.fd = a.fetch.fd;
	int status = once ? top_once(&source, &o, (int)rows, (int)cols) : top_run(&source, &o);
	fetch_stop(&a.fetch);
	return status;
}
