// SPDX-License-Identifier: Apache-2.0
/* Between pcibus*.c only. */
#ifndef VMM_MACHINE_PCIBUS_PRIV_H
#define VMM_MACHINE_PCIBUS_PRIV_H

#include "vmm/card/bus.h"
#include "vmm/machine/board.h"
#include "vmm/machine/devio.h"
#include "vmm/machine/fronts.h"
#include "vmm/machine/guest_mem.h"
#include "vmm/machine/pcibus.h"
#include "vmm/machine/slots.h"

struct pcibus {
	struct machine *m;
	struct pci_windows windows;
	struct pci_presence present;
	struct card_bus_kind kinds[HOSTS_MAX]; // by bus
	struct guest_mem mem;
	struct card_host host;
	struct devio *devio;
	struct fronts fronts;
	struct card_bus *bus; // NULL: this host has none
	struct device *d;     // ... as the board has it
	struct slots *slots;
	struct card *opened[DESC_SLOTS]; // by slot: cards that are in none yet
	pthread_mutex_t opened_lock;
	struct loop_task work;
	struct loop_poller turn;
	unsigned begun; // cards, when it was put there
};

/* pcibus.c: which slots of all buses the description fills. */
void pcibus_find_present(struct pcibus *p);
/* pcibus_console.c: what the console has of the machine. */
void pcibus_show(void *card_host_ctx, const uint8_t *bytes, uint32_t n);
uint32_t pcibus_take_typed(void *card_host_ctx, uint8_t *to, uint32_t cap);
/* pcibus_plug.c: cards that never got into their slots are closed. */
void pcibus_discard_opened(struct pcibus *p);

#endif
