// SPDX-License-Identifier: Apache-2.0
// `pando top`: the full-screen loop, and one frame as text.
#ifndef VMM_TOP_TOP_H
#define VMM_TOP_TOP_H

#include "vmm/top/screen.h"

/*
 * Where status documents come from. ask() wants one and returns at once; when fd is readable take() gives the outcome:
 * 1 and *document (the caller's), 0 (none yet), or -1 and a sentence in *why that is valid until the next call.
 */
struct top_source {
	void *ctx;
	int fd;
	void (*ask)(void *ctx);
	int (*take)(void *ctx, json_t **document, const char **why);
};

#define TOP_ANSWER_MS 10000 // a source that says nothing for so long is asked anew

/* Until the user leaves. Returns an exit status; 1 after an error message (no terminal). */
int top_run(const struct top_source *source, struct screen *o);

/* Prints one frame made of two samples that lie an interval apart. Returns an exit status. */
int top_once(const struct top_source *source, struct screen *o, int rows, int cols);

#endif
