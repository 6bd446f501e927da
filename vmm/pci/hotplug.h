// SPDX-License-Identifier: Apache-2.0
/*
 * Cards that come and go while the guest runs: the registers that ACPI's methods use (acpi/dsdt_hotplug.c). The guest
 * is interrupted, asks for the buses one after the other, and is told once of each slot: it looks at those that are
 * filled, and gives up those whose card somebody wants, which it does in its own time, or not at all. The interrupt is
 * the level of a line: what comes while nobody listens yet is heard by who listens later. Pure; the owner holds a lock
 * around each call.
 *
 * Four registers of 32 bits; bit n stands for slot n of the bus that was selected.
 */
#ifndef VMM_PCI_HOTPLUG_H
#define VMM_PCI_HOTPLUG_H

#include "coherence/base/fields.h"
#include "coherence/base/types.h"

#define HOTPLUG_CAME   0u  // read: slots that were filled since this was read
#define HOTPLUG_WANTED 4u  // read: slots that are to be given up, asked for since this was read
#define HOTPLUG_EJECT  8u  // read: slots that may be given up. Written: this slot is free, one bit
#define HOTPLUG_BUS    12u // the bus that the others are of
#define HOTPLUG_BYTES  16u

struct hotplug {
	uint32_t bus;
	uint32_t came[HOSTS_MAX], wanted[HOSTS_MAX]; // the guest has not read them yet
	uint32_t filled[HOSTS_MAX];                  // slots with a card
	uint32_t asked[HOSTS_MAX];                   // to be given up; not ejected yet
};

/* filled[bus]: cards that are there. As after power-on: nothing is asked of the guest. */
void hotplug_reset(struct hotplug *h, const uint32_t *filled);

/* A card has come to this slot: it answers accesses already. */
void hotplug_add(struct hotplug *h, unsigned bus, unsigned slot);
/* The guest is to give it up. 0, or -ENOENT (no card there). Asked again, the guest is told again. */
int hotplug_ask(struct hotplug *h, unsigned bus, unsigned slot);
/* The card is gone, whether the guest was asked or not. */
void hotplug_remove(struct hotplug *h, unsigned bus, unsigned slot);

/* Aligned accesses of 4 bytes; others read as ones and drop writes. A read may clear what it gives. */
uint32_t hotplug_read(struct hotplug *h, unsigned offset, unsigned size);
/* True: the guest gives up this slot of a bus. Only what was asked for: a card is not the guest's to throw out. */
bool hotplug_write(struct hotplug *h, unsigned offset, unsigned size, uint32_t value, unsigned *bus, unsigned *slot);

/* The level of the interrupt: the guest has something to read. */
bool hotplug_line(const struct hotplug *h);

void hotplug_fields(struct fields *f, struct hotplug *h);

#endif
