// SPDX-License-Identifier: Apache-2.0
// Inside of the distribution layer, for its own files.
#ifndef VMM_DIST_DIST_PRIV_H
#define VMM_DIST_DIST_PRIV_H

#include "vmm/dist/dist.h"
#include "vmm/dist/iofwd.h"
#include "vmm/dist/outbox.h"
#include "vmm/dist/pager.h"
#include "vmm/dist/peers.h"

struct dist {
	const struct machine_desc *desc;
	host_id self;
	struct link *link;
	struct machine *machine;
	struct dist_handler handler;
	struct pager pager;
	bool paging;   // several hosts: the pager is open
	bool released; // userfaultfd is closed
	bool failure_told;
	struct peers peers;
	struct iofwd iofwd;
	struct outbox outbox;
	uint64_t irqs_in, io_served, bad_msgs; // dist thread
	uint64_t irqs_out;                     // atomic
};

void dist_check_pager(struct dist *d);

#endif
