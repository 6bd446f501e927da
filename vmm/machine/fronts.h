// SPDX-License-Identifier: Apache-2.0
/*
 * Cards and other hosts: messages between the cards here and the front halves of their queues there, and the other way
 * round; and the front halves here. A front half is made when its card's host gives this one a queue.
 */
#ifndef VMM_MACHINE_FRONTS_H
#define VMM_MACHINE_FRONTS_H

#include "vmm/card/bus.h"
#include "vmm/card/front.h"
#include "vmm/machine/card_mail.h"
#include "vmm/machine/machine_priv.h"

struct fronts {
	struct machine *m;
	const struct card_host *host;
	struct card_bus *bus; // the cards here; NULL: there is no bus
	struct card_mail mail;
	struct front *of[HOSTS_MAX][DESC_SLOTS]; // by bus and slot; atomic, written by the device thread
	unsigned hosts;                          // atomic: those of higher numbers have none
	pthread_rwlock_t of_lock;                // vCPUs are in one of them; written when one goes
	bool follow;                             // atomic: cards may have gone
	unsigned disks[HOSTS_MAX];               // of each host, in the description. Span thread
	uint64_t gone_requests;                  // of those that have gone; under the lock
	bool plain;                              // all queues are served by the hosts of their cards
};

/* What cards and front halves say to other hosts, by peer.card(). */
extern const struct card_far fronts_far;
struct fronts *fronts_of(void *card_host_ctx); // pcibus.c

void fronts_init(struct fronts *f, struct machine *m, const struct card_host *host);
void fronts_close(struct fronts *f); // the device thread has ended

/* Device thread: what has come, and a round of each front half. True: there is more to do. */
bool fronts_work(struct fronts *f);
/* A write of a vCPU here to this address, which is in the window of the bus. True: it was a notification for a queue
 * here, and the device thread is to be woken. */
bool fronts_kick(struct fronts *f, unsigned bus, uint64_t address);
/* The machine has another description: front halves of cards that it has no more go. Span thread; the device thread
 * is to be woken. */
void fronts_follow(struct fronts *f);
/* machine_card_in(), but for waking the device thread. Span thread. */
int fronts_in(struct fronts *f, host_id from, const struct msg *m);

/* Requests that front halves here have taken from rings. Any thread. */
uint64_t fronts_requests(struct fronts *f);

#endif
