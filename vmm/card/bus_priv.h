// SPDX-License-Identifier: Apache-2.0
/* Between bus*.c only. */
#ifndef VMM_CARD_BUS_PRIV_H
#define VMM_CARD_BUS_PRIV_H

#include <pthread.h>
#include <stdatomic.h>

#include "vmm/card/bus.h"

/* Of all cards, from who waits for it to the device thread and back. */
enum drain { DRAIN_NONE, DRAIN_ASKED, DRAIN_BEGUN, DRAIN_DONE };

/* The end of a card that is closed but for what takes long. */
struct card_end {
	struct card_end *next;
	pthread_t thread;
	struct block_rest rest;
	void (*gone)(void *ctx); // may be NULL
	void *gone_ctx;
	_Atomic bool over; // the thread is joined at once
};

struct card_bus {
	const struct card_host *host;
	const struct pci_windows *windows;
	struct pci_root root; // under the lock, as the registers of all cards
	/* By slot. Put there and taken away under the lock, the latter by the device thread alone, which may look
	 * without. */
	struct card *_Atomic cards[DESC_SLOTS];
	_Atomic bool unsent;        // an access has unmasked more messages than it could send
	_Atomic bool moved;         // a vCPU has
	struct card_read *reads;    // under the lock: registers that are read later
	_Atomic bool reading;       // there are some
	unsigned begun;             // cards that have, on the device thread
	struct card_end *ends_now;  // ... and those that end on threads of their own
	uint64_t lost;              // messages that no APIC understands
	pthread_mutex_t waits_lock; // over, and changes of drain; innermost
	pthread_cond_t waits;
	_Atomic int drain; // enum drain
	bool over;         // nobody waits for a drain any more
	_Atomic bool ends; // the drain is the last one: other hosts may be gone
};

/* bus.c: what a message means; false, and counted: nothing. */
bool card_bus_decode(struct card_bus *b, const struct msix_message *m, struct apic_msg *out);

/*
 * bus_work.c: nothing is begun any more until the bus is reset; returns when nothing is under way. seconds: or after
 * so long (0: never), then false. Not on the device thread.
 */
bool card_bus_drain(struct card_bus *b, unsigned seconds);

/*
 * bus_reads.c: reads of registers that have to wait until queues on other hosts agree with them (owners_settled()).
 * card_bus_reads(): carries out those that need not wait any more, or all of them. No lock held.
 */
bool card_bus_read_waits(struct card_bus *b, const struct device_access *a); // with the lock. True: it was taken
void card_bus_reads(struct card_bus *b, bool all);
/* bus.c: an access to what is here, with the lock. */
void card_bus_access(struct card_bus *b, struct device_access *a);

/* bus_cards.c: the card closes what it has, and is freed; who waits for that hears of it. */
void card_bus_close(struct card *c);
/* The same on the device thread, which does not wait for what takes long. */
void card_bus_close_beside(struct card *c);
/* All of those have ended. After the device thread's end. */
void card_bus_ends_wait(struct card_bus *b);

/* bus_plug.c, device thread: a card that is to go gets on with that; c may be no more afterwards. */
void card_bus_leave(struct card_bus *b, struct card *c);

#endif
