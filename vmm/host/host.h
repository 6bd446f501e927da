// SPDX-License-Identifier: Apache-2.0
/*
 * `pando host`: one host's monitor. It offers vCPUs and memory, waits for a `pando run` that knows the cluster key,
 * takes its part in one guest, and then waits for the next.
 */
#ifndef VMM_HOST_HOST_H
#define VMM_HOST_HOST_H

#include "net/dpdk_spec.h"
#include "net/session.h"
#include "vmm/box/box.h"
#include "vmm/check/facts.h"

struct host_options {
	int listen_fd; // listening socket, owned from now on
	struct session_key key;
	uint32_t vcpus;
	uint64_t memory_bytes;
	uint32_t spin_us;             // busy-poll this long before sleeping
	bool once;                    // leave after the first guest
	bool overcommit;              // take a guest that this machine cannot hold whole
	struct check_identity is;     // what others are told of this host
	const struct dpdk_spec *dpdk; // ports for pages and messages between hosts; NULL: TCP
	enum box_level seal;          // the sandbox of the process that runs a guest
	const char *disks; // it gets those in this folder only, by realpath(); NULL: all that the user may open
};

/* Serves until SIGINT or SIGTERM (or one guest). Returns the exit status for the shell. */
int host_serve(const struct host_options *opt);

#endif
