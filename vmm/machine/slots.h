// SPDX-License-Identifier: Apache-2.0
/*
 * The registers by which the guest hears that slots are filled and are to be emptied (pci/hotplug.h), as a device of
 * the board: one for all buses, on the host of bus 0; others forward to it.
 */
#ifndef VMM_MACHINE_SLOTS_H
#define VMM_MACHINE_SLOTS_H

#include "vmm/machine/machine_priv.h"
#include "vmm/pci/bridge.h"

struct slots;

/* present: what is filled at the start. 0 or a negative errno. */
int slots_create(struct slots **out, struct machine *m, const struct pci_presence *present);
void slots_destroy(struct slots *s); // the board has ended; NULL: nothing
/* Other slots are filled now: those that are so no more are empty, and with told the guest is told of those that are
 * new. Span thread; on other hosts nothing. */
void slots_follow(struct slots *s, const struct pci_presence *present, bool told);
/* The guest is to give one up. Span thread. 0; -ENOENT: it is empty; -ENODEV: the registers are on another host. */
int slots_ask(struct slots *s, unsigned bus, unsigned slot);

#endif
