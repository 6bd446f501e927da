// SPDX-License-Identifier: Apache-2.0
/*
 * One PCI bus of a host as a device of the board, with the cards that the description has on it. All of the above of
 * card.h is carried out here: registers under the board's lock of the device, everything else on the device thread.
 */
#ifndef VMM_CARD_BUS_H
#define VMM_CARD_BUS_H

#include "vmm/card/card.h"
#include "vmm/dev/device.h"
#include "vmm/pci/root.h"

/* At the end of the guest a card has so long, then it is closed with what it has. Hosts and pando run wait for 3 s. */
#define CARD_BUS_DRAIN_S 1u

/* Ranges of the device: every bus has the first two, the ports have only bus 0. */
enum { CARD_BUS_ECAM, CARD_BUS_WINDOW, CARD_BUS_ADDRESS, CARD_BUS_DATA, CARD_BUS_RANGES };

struct card_bus;

/* A bus as the board has it: the device of its kind, on whichever host. Its ops are card_bus_ops. */
struct card_bus_kind {
	struct device_kind kind;
	uint8_t bus;
	const struct pci_presence *present;
	/* On other hosts than its own: a write to its window was a notification for a queue that is served there. NULL:
	 * none is. */
	bool (*kick)(void *ctx, uint8_t bus, uint64_t address);
	void *kick_ctx;
};
/* Puts it together. state: NULL, where the bus is on another host. w and present must outlive it. */
void card_bus_describe(struct card_bus_kind *k, const struct pci_windows *w, uint8_t bus,
		       const struct pci_presence *present, struct card_bus *state);

/*
 * Makes bus number of d, and opens its cards. w and host must outlive it. May block. 0, or a negative errno with a
 * sentence that names the card.
 */
int card_bus_create(struct card_bus **out, const struct machine_desc *d, uint8_t number, const struct pci_windows *w,
		    const struct card_host *host, char *why, size_t why_cap);
/* Its state is a struct card_bus. */
extern const struct device_ops card_bus_ops;

/*
 * Cards that come and go while the bus is in use (bus_plug.c). Opens a card that is on this bus and in no slot yet: to
 * be given to card_bus_attach(), or to card_bus_discard(). Any thread; may block. 0, or a negative errno with a
 * sentence; then it has left nothing behind.
 */
int card_bus_open(struct card_bus *b, const struct desc_device *dev, struct card **out, char *why, size_t why_cap);
void card_bus_discard(struct card *c); // may block
/* It is in its slot when this returns, and the driver finds it. Any thread but under the lock. 0 or -EEXIST: taken. */
int card_bus_attach(struct card_bus *b, struct card *c);
/*
 * The card of that id is in no slot any more when this returns: accesses to it read as ones. What is under way ends, as
 * in a reset by its driver; then it is closed, and gone(ctx) called, on any thread, at the latest by
 * card_bus_destroy(). Any thread but under the lock. 0; -ENOENT: there is no such card; -EBUSY: it is leaving already.
 * Then gone is not called.
 */
int card_bus_detach(struct card_bus *b, uint32_t id, void (*gone)(void *ctx), void *ctx);

/* On the device thread: what host->wake() asks for. True: there is more to do, after others had their turn. */
bool card_bus_work(struct card_bus *b);
/*
 * On the device thread, in each round of its loop, after the pollers of all cards: whoever waits for a drain hears of
 * its end, and a card that leaves of the end of what was under way. card_bus_begun(): how many cards have put pollers
 * there, ever.
 */
void card_bus_turn(struct card_bus *b);
unsigned card_bus_begun(const struct card_bus *b);

/*
 * What another host says of a card here, on the device thread: a word about a queue, a piece of a request to a disk.
 * 0, or -EPROTO: it cannot be, and the host is no member any more.
 */
int card_bus_word(struct card_bus *b, host_id from, unsigned slot, const struct card_word *w);
int card_bus_ask(struct card_bus *b, host_id from, unsigned slot, const struct block_ask *a);
/* A vCPU is on another host now: queues follow. Any thread. */
void card_bus_vcpus_moved(struct card_bus *b);

/*
 * For good: nothing is begun any more, and what is under way has CARD_BUS_DRAIN_S seconds to end. Not on the device
 * thread, which still runs.
 */
void card_bus_stop(struct card_bus *b);
void card_bus_destroy(struct card_bus *b); // the device thread has ended; NULL: nothing

/* MSIs that mean no interrupt. Any thread. */
uint64_t card_bus_lost(const struct card_bus *b);
/* Calls fn for each card, in the order of slots. Any thread. */
void card_bus_each(struct card_bus *b, void (*fn)(void *ctx, const struct card *c), void *ctx);

#endif
