// SPDX-License-Identifier: Apache-2.0
// Hosts of `pando run --local N`: child processes of this one, each a complete `pando host`.
#ifndef VMM_RUN_LOCAL_H
#define VMM_RUN_LOCAL_H

#include <stdbool.h>
#include <sys/types.h>

#include "net/session.h"
#include "vmm/conf/machine_desc.h"

struct local_hosts {
	unsigned n;
	pid_t pids[HOSTS_MAX]; // 0: reaped
	char addresses[HOSTS_MAX][DESC_ADDRESS_MAX];
	char dir[32]; // of the memif sockets, removed at the end; empty: none
};

struct local_options {
	unsigned hosts;
	uint32_t vcpus;        // each offers
	uint64_t memory_bytes; // each offers
	uint32_t spin_us;
	bool verbose;
	bool overcommit;  // they take more than this machine has
	bool netns;       // each in a network namespace of its own
	const char *link; // "uring", or "dpdk:" and a short form or a whole option
};

/* Starts them on loopback, sealed or plain as the key says. Returns 0 or a negative errno; those already started are
 * ended again. */
int local_start(struct local_hosts *l, const struct local_options *opt, const struct session_key *key);

/*
 * Whether the process of host h has ended or ends within patience_ms; text: with which status or by which signal.
 */
bool local_ended(const struct local_hosts *l, unsigned h, unsigned patience_ms, char *text, size_t cap);

/* Waits up to grace_ms for them to leave by themselves, then ends those that have not. */
void local_end(struct local_hosts *l, unsigned grace_ms);

#endif
