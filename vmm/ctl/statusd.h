// SPDX-License-Identifier: Apache-2.0
/*
 * The status of the whole machine, asked of all hosts and put together as one JSON document: what QMP, metrics, traces
 * and the last status are made from. Runs on the owner's link thread.
 */
#ifndef VMM_CTL_STATUSD_H
#define VMM_CTL_STATUSD_H

#include <jansson.h>

#include "net/link.h"
#include "vmm/conf/machine_desc.h"

#define STATUSD_WAIT_NS      3000000000u // for the hosts' answers
#define STATUSD_REQUESTS_MAX 16u         // of this process, at once

/* document is borrowed; NULL when the guest ended before the hosts answered. */
typedef void (*statusd_done)(void *ctx, const json_t *document);

struct statusd {
	struct link *link;
	const struct machine_desc *desc;
	struct {
		statusd_done done;
		void *ctx;
	} requests[STATUSD_REQUESTS_MAX]; // of this process
	unsigned requests_n;
	uint64_t request; // number of the running request, 0: none
	uint64_t last_request, deadline_ns, started_ns;
	host_set missing;
	json_t *hosts; // answers so far, by host
	json_t *last;  // the last whole document
};

void statusd_start(struct statusd *s, struct link *l, const struct machine_desc *desc);
void statusd_stop(struct statusd *s); // requests under way get NULL
void statusd_ask(struct statusd *s);  // asks the hosts, for the record
/*
 * Asks the hosts and gives the document to done, once, at most STATUSD_WAIT_NS later and never from inside this call.
 * Requests that overlap share one question. Returns 0, -ENOSPC, -ENOTCONN (not started).
 */
int statusd_request(struct statusd *s, statusd_done done, void *ctx);
void statusd_on_status(struct statusd *s, host_id from, const struct msg *m);
void statusd_tick(struct statusd *s);

#endif
