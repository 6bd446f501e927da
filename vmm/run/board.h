// SPDX-License-Identifier: Apache-2.0
/*
 * The board moves to another host: what one host does for all of them, the chips that each machine has, the registers
 * by which the guest hears of what comes and goes, and booting it. So any host can be drained and leave.
 *
 * The host that is to have it gets the boot images. Then all vCPUs stop and the clock is held; the one that has it
 * gives its state, the other takes it, all learn the description's next version, all tell the lines of their devices
 * to the interrupt controllers again; and the guest goes on. Until all are told it can be given back.
 *
 * One thread, the run process' one. Nothing blocks.
 */
#ifndef VMM_RUN_BOARD_H
#define VMM_RUN_BOARD_H

#include "vmm/run/ops.h"

struct boards;
struct members;

/* What it needs of its process. */
struct boards_net {
	void *ctx;
	/* Boot images are on their way to that host from now on; bytes: of the kernel and the initrd. False: there are
	 * none, the guest boots from its disk. */
	bool (*send_images)(void *ctx, host_id to, uint64_t bytes[2]);
	int (*images_left)(void *ctx, char *why, size_t why_cap); // 1: not yet; 0: they have; or a negative errno
	void (*stop_images)(void *ctx);                           // no more of them is sent
	void (*hold_keys)(void *ctx, bool hold);                  // nothing is typed to the serial port, or again
	bool (*drained)(void *ctx, host_id h);                    // nothing waits to leave for that host
};

/* ops, members and desc, which it changes, must outlive it. NULL: no memory. */
struct boards *boards_create(struct ops *ops, struct members *members, struct machine_desc *desc,
			     const struct boards_net *net);
void boards_destroy(struct boards *b); // after ops_destroy(); NULL: nothing

/*
 * To that host. 0, or a negative errno with a sentence: -ENOENT: there is none; -EEXIST: it has the board; -EBUSY: it
 * is about to leave, or a chip is elsewhere than the board; and then done is not called. Event: X_PANDO_BOARD_MOVED.
 */
int boards_move(struct boards *b, host_id to, ops_done done, void *ctx, char *why, size_t why_cap);
/* Whether it could move there: 0, or as above. */
int boards_may_move(const struct boards *b, host_id to, char *why, size_t why_cap);

#endif
