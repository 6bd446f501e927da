// SPDX-License-Identifier: Apache-2.0
/*
 * A host is emptied and leaves, while the guest runs and knows nothing of it: if it has the board that goes to another
 * host (board.h); its vCPUs move to hosts that have offered
 * more than they have, then the homes of memory that it has, spread by what the others have left; then it keeps no
 * page, and what it owned goes by eviction; when nothing is there any more, which is asked of all hosts, it leaves
 * (members.h). One host at a time. Until it leaves it can be called off, at the next vCPU or run of memory: what has
 * moved stays where it is.
 *
 * One thread, the run process' one. Nothing blocks.
 */
#ifndef VMM_RUN_DRAIN_H
#define VMM_RUN_DRAIN_H

#include "vmm/run/board.h"
#include "vmm/run/homes.h"
#include "vmm/run/members.h"
#include "vmm/run/mover.h"

enum drain_phase { DRAIN_NONE, DRAIN_BOARD, DRAIN_VCPUS, DRAIN_HOMES, DRAIN_PAGES, DRAIN_LEAVING, DRAIN_PHASES };
const char *drain_phase_name(enum drain_phase p); // "none", "board", "vcpus", "homes", "pages", "leaving"

struct drain_status {
	host_id host;
	enum drain_phase phase;
	uint32_t vcpus_left;
	uint64_t homes_moved, homes_total, pages_left; // pages; the last known once it keeps none
};

struct drain;

/* What it needs; all must outlive it. offers: by host, of hosts that are members. */
struct drain_parts {
	struct ops *ops;
	const struct machine_desc *desc;
	struct homes *homes;
	struct members *members;
	const struct place_offer *offers;
	struct boards *boards;
};
struct drain *drain_create(const struct drain_parts *parts); // NULL: no memory
void drain_destroy(struct drain *d);                         // after ops_destroy(); NULL: nothing

/* How a device is called by the sentence that refuses; without it by its kind and number. fn and ctx outlive it. */
typedef void (*drain_name)(void *ctx, const struct desc_device *dev, char *name, size_t cap);
void drain_set_names(struct drain *d, drain_name fn, void *ctx);

/*
 * done: NULL once the host has left; "called off", or what failed. 0, or a negative errno with a sentence that names
 * what is short or in the way: -ENOENT, -EBUSY (it has devices; another is drained; the board, which it has, can go
 * nowhere), -ENOSPC; then done is not called. Events: X_PANDO_DRAIN at each phase and each tenth of the memory.
 */
int drain_start(struct drain *d, host_id host, ops_done done, void *ctx, char *why, size_t why_cap);
int drain_stop(struct drain *d); // 0; -ENOENT: none is drained; -EBUSY: it leaves already
struct drain_status drain_status(const struct drain *d);

#endif
