// SPDX-License-Identifier: Apache-2.0
/*
 * The status of the whole machine, asked of all hosts and put together as one JSON document: what QMP, metrics, traces
 * and the last status are made from. Runs on the thread of the link's loop.
 */
#ifndef VMM_RUN_STATUS_H
#define VMM_RUN_STATUS_H

#include <jansson.h>

#include "vmm/call/call.h"

#define RUN_STATUS_WAIT_NS      3000000000u // for the hosts' answers
#define RUN_STATUS_REQUESTS_MAX 16u         // of this process, at once

/* document is borrowed; NULL when the guest ended before the hosts answered. */
typedef void (*run_status_done)(void *ctx, const json_t *document);

struct members;

struct run_status {
	struct calls *calls;
	const struct machine_desc *desc;
	const struct members *members; // who joins and is drained; NULL: nobody
	struct {
		run_status_done done;
		void *ctx;
	} requests[RUN_STATUS_REQUESTS_MAX]; // of this process
	unsigned requests_n;
	bool asking; // the hosts are being asked
	uint64_t started_ns;
	struct loop_timer unasked; // they could not be: the document says so
	json_t *hosts;             // answers so far, by host
	json_t *last;              // the last whole document
	json_t *warnings;          // [{"warning", "text", "remedy"}], in every document
};

void run_status_start(struct run_status *s, struct calls *calls, const struct machine_desc *desc); // both outlive it
/* A warning for every document from now on: its name, a sentence, and a command or "". */
void run_status_warn(struct run_status *s, const char *name, const char *text, const char *remedy);
void run_status_stop(struct run_status *s); // requests under way get NULL
void run_status_ask(struct run_status *s);  // asks the hosts, for the record
/*
 * Asks the hosts and gives the document to done, once, at most RUN_STATUS_WAIT_NS later and never from inside this
 * call. Requests that overlap share one question. Returns 0, -ENOSPC, -ENOTCONN (not started).
 */
int run_status_request(struct run_status *s, run_status_done done, void *ctx);
/* Writes the last whole document, and a newline after it. 0, -ENODATA (there is none), or why the file cannot be. */
int run_status_write(const struct run_status *s, const char *path);

#endif
