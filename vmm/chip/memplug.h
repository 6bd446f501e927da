// SPDX-License-Identifier: Apache-2.0
/*
 * Memory that comes and goes while the guest runs: the register block that ACPI's methods use (acpi/dsdt_memory.c),
 * with the layout and meaning of QEMU's (docs/specs/acpi_mem_hotplug.rst). A slot has one piece of memory, or none.
 * Pure; the owner holds a lock around each call.
 *
 *   read                                   written
 *    0, 4   address, low                    0, 4   selector of the slot
 *    4, 4   address, high                   4, 4   _OST event
 *    8, 4   bytes, low                      8, 4   _OST status
 *   12, 4   bytes, high
 *   16, 4   proximity domain
 *   20, 1   flags                          20, 1   INSERT, REMOVE end the event; EJECT gives it up
 *
 * The interrupt is the level of a line: high while any slot has an event.
 */
#ifndef VMM_CHIP_MEMPLUG_H
#define VMM_CHIP_MEMPLUG_H

#include "coherence/base/fields.h"
#include "vmm/chip/plug_fx.h"

#define MEMPLUG_SLOTS 64u

#define MEMPLUG_SELECTOR 0u // and address
#define MEMPLUG_EVENT    4u
#define MEMPLUG_STATUS   8u // and bytes
#define MEMPLUG_DOMAIN   16u
#define MEMPLUG_FLAGS    20u
#define MEMPLUG_BYTES    24u

#define MEMPLUG_ENABLED 1u // of the flags
#define MEMPLUG_INSERT  2u
#define MEMPLUG_REMOVE  4u
#define MEMPLUG_EJECT   8u

struct memplug_slot {
	uint64_t address, bytes;
	uint32_t domain;
	uint8_t flags; // ENABLED, INSERT, REMOVE; EJECT: the guest was asked and has not given it up
	uint8_t words; // of PLUG_WORDS that are left
};

struct memplug {
	uint32_t selector, ost_event;
	struct memplug_slot slots[MEMPLUG_SLOTS];
};

/* Reset of the machine: what is there stays, and nothing is asked of the guest. All zeroes is a power-on state too. */
void memplug_reset(struct memplug *p);

/* Memory has come to that slot, and told: the guest is told. A slot that is beyond the last one: nothing. */
void memplug_add(struct memplug *p, unsigned slot, uint64_t address, uint64_t bytes, uint32_t domain, bool told);
int memplug_ask(struct memplug *p, unsigned slot); // the guest is to give it up. 0, or -ENOENT: it is empty
void memplug_remove(struct memplug *p, unsigned slot);
/* Is something in it? */
bool memplug_filled(const struct memplug *p, unsigned slot);

uint32_t memplug_read(const struct memplug *p, unsigned offset, unsigned size);
/* fx: what the guest says with it. An eject of what nobody asked for is nothing. */
void memplug_write(struct memplug *p, unsigned offset, unsigned size, uint32_t value, struct plug_fx *fx);

bool memplug_line(const struct memplug *p);

void memplug_fields(struct fields *f, struct memplug *p);

#endif
