// SPDX-License-Identifier: Apache-2.0
/*
 * The status socket of `pando run`: a client connects and gets one JSON document about the whole machine. The socket's
 * file permission (0600, in a 0700 folder) is who may ask. Runs on the owner's link thread.
 */
#ifndef VMM_CTL_STATUSD_H
#define VMM_CTL_STATUSD_H

#include <jansson.h>

#include "net/link.h"
#include "vmm/conf/machine_desc.h"

#define STATUSD_CLIENTS_MAX 8u
#define STATUSD_WAIT_NS 3000000000u // for the hosts' answers
#define STATUSD_PATH_MAX 108u       // sun_path
#define STATUSD_REQUESTS_MAX 16u    // of this process, at once

/* document is borrowed; NULL when the guest ended before the hosts answered. */
typedef void (*statusd_done)(void *ctx, const json_t *document);

struct statusd {
	int fd;
	char path[STATUSD_PATH_MAX];
	struct link *link;
	const struct machine_desc *desc;
	int clients[STATUSD_CLIENTS_MAX];
	unsigned clients_n;
	struct {
		statusd_done done;
		void *ctx;
	} requests[STATUSD_REQUESTS_MAX]; // of this process
	unsigned requests_n;
	uint64_t request; // number of the running request, 0: none
	uint64_t last_request, deadline_ns, started_ns;
	host_set missing;
	json_t *hosts;       // answers so far, by host
	json_t *last;        // the last whole document
};

/* Where the socket of the guest called name is. Returns 0 or -ENAMETOOLONG. */
int statusd_path(const char *name, char *path, size_t cap);

int statusd_start(struct statusd *s, struct link *l, const struct machine_desc *desc);
void statusd_stop(struct statusd *s); // removes the socket; requests under way get NULL
void statusd_ask(struct statusd *s);  // asks the hosts, for the record
/*
 * Asks the hosts and gives the document to done, once, at most STATUSD_WAIT_NS later and never from inside this call.
 * Requests that overlap share one question. Returns 0, -ENOSPC, -ENOTCONN (not started).
 */
int statusd_request(struct statusd *s, statusd_done done, void *ctx);
void statusd_on_status(struct statusd *s, host_id from, const struct msg *m);
void statusd_tick(struct statusd *s);

#endif
