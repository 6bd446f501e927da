// SPDX-License-Identifier: Apache-2.0
// One frame as text, for scripts and for those without a terminal.
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "net/now.h"
#include "vmm/top/top.h"

static struct sample *fetch(const struct top_source *source)
{
	const char *why = "it says nothing";
	json_t *doc = NULL;
	struct pollfd p = {.fd = source->fd, .events = POLLIN};
	int r = 0;

	source->ask(source->ctx);
	while (r == 0 && poll(&p, 1, TOP_ANSWER_MS) > 0)
		r = source->take(source->ctx, &doc, &why);
	struct sample *s = r > 0 ? sample_parse(doc, now_ns()) : NULL;
	if (!s)
		fprintf(stderr, "pando: %s\n", r > 0 ? "the answer is no status document" : why);
	json_decref(doc);
	return s;
}

int top_once(const struct top_source *source, struct screen *o, int rows, int cols)
{
	struct timespec wait = {.tv_sec = (time_t)o->interval_s,
				.tv_nsec = (long)((o->interval_s - (double)(time_t)o->interval_s) * 1e9)};
	struct sample *before = fetch(source), *now = NULL;
	struct grid g = {0};
	char *text = NULL;

	if (before) {
		nanosleep(&wait, NULL);
		now = fetch(source);
	}
	if (now && grid_init(&g, rows, cols) == 0) {
		screen_draw(&g, o, before, now);
		text = grid_to_text(&g);
	}
	if (text)
		fputs(text, stdout);
	free(text);
	grid_free(&g);
	sample_free(before);
	sample_free(now);
	return text ? 0 : 1;
}
