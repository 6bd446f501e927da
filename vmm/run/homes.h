// SPDX-License-Identifier: Apache-2.0
/*
 * Homes of memory that move between hosts while the guest uses it, over all hosts (docs/PROTOCOL.md, "Homes that
 * move"). A run of granules at a time: all hosts prepare, the two ends go, all commit, all finish; each run is an
 * operation of the queue, of the class of moves, so others have their turn between two of them. With its last step the
 * description says so on all hosts, as a next version. What the guest gives up meanwhile is left out.
 *
 * One thread, the run process' one. Nothing blocks.
 */
#ifndef VMM_RUN_HOMES_H
#define VMM_RUN_HOMES_H

#include "vmm/run/ops.h"

#define HOMES_PIECES_MAX (DESC_RANGES_MAX + HOSTS_MAX)
#define HOMES_RUN_PAGES  8192u // of one run: 32 MiB; at most 64 granules (vmm/span/homes.h)

/* Pages of whole granules whose home is one host, and is to be another one. */
struct homes_piece {
	page_idx first;
	uint64_t pages;
	host_id from, to;
};

struct homes;

/* ops and desc, which it changes, must outlive it. NULL: no memory. */
struct homes *homes_create(struct ops *ops, struct machine_desc *desc);
void homes_destroy(struct homes *h); // after ops_destroy(); NULL: nothing

/* moved, total: pages. After each run. */
typedef void (*homes_progress)(void *ctx, uint64_t moved, uint64_t total);
/*
 * All pieces, in order. done: NULL, "stopped" after homes_stop(), or what failed: homes that had moved by then stay
 * where they are. It is never called from inside. 0, -EBUSY (some move already, or the host is leaving), -EINVAL (no
 * pieces, or one of them is not whole granules of memory with that home; or the same host), -ENOSPC (memory would be in
 * too many pieces) or as ops_stop(); then with a sentence.
 */
int homes_move(struct homes *h, const struct homes_piece *pieces, unsigned n, homes_progress progress, ops_done done,
	       void *ctx, char *why, size_t why_cap);
void homes_stop(struct homes *h); // at the next run; none moves: nothing
bool homes_busy(const struct homes *h);

/*
 * How what is homed on host from is to be spread over others, which have room for so many pages each: in proportion to
 * it, in whole granules, each one's part in as few pieces as can be. Returns how many pieces (0: nothing is homed
 * there), or -ENOSPC with a sentence that names what is short. out: HOMES_PIECES_MAX. Pure.
 */
int homes_spread(const struct machine_desc *d, host_id from, const uint64_t room[HOSTS_MAX], struct homes_piece *out,
		 char *why, size_t why_cap);
/*
 * The first pages whose home is host from, at most so many. Returns how many pieces (0: there is none). out:
 * HOMES_PIECES_MAX. Pure.
 */
unsigned homes_first(const struct machine_desc *d, host_id from, host_id to, uint64_t pages, struct homes_piece *out);

#endif
