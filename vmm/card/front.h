// SPDX-License-Identifier: Apache-2.0
/*
 * The front half of a disk of another host: the queues of it that are served here, their requests asked of that host.
 * Who makes it brings what that host says, and sends what is said to it (struct card_far). On the device thread, but
 * for front_kick() and front_requests().
 */
#ifndef VMM_CARD_FRONT_H
#define VMM_CARD_FRONT_H

#include "vmm/block/ask.h"
#include "vmm/card/card.h"

struct front;

/*
 * For card id of host owner, whose configuration is this text; host must outlive it. 0, -ENOMEM, or -EINVAL: the
 * configuration is none of a disk.
 */
int front_create(struct front **out, const struct card_host *host, host_id owner, uint32_t id, const char *config);
/* No requests come any more; NULL: nothing. */
void front_destroy(struct front *f);

uint32_t front_card(const struct front *f); // its id
/* What its owner says. 0, or -EPROTO: it cannot be; the owner is no member any more. */
int front_word(struct front *f, const struct card_word *w);
int front_answer(struct front *f, const struct block_answer *a);

/* A round, after any of the above and front_kick(). True: there is more to do, after others had their turn. */
bool front_work(struct front *f);

/*
 * A vCPU here writes to this address of the guest. True: that was a notification for a queue that is here; the device
 * thread is to call front_work(). False: the owner is to have the access.
 */
bool front_kick(struct front *f, uint64_t address);

/* Requests that were taken from rings here so far. Any thread. */
uint64_t front_requests(const struct front *f);

#endif
