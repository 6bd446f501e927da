// SPDX-License-Identifier: Apache-2.0
/* PCI as this host has it: its bus with the cards in it, and what stands for the buses of other hosts. */
#ifndef VMM_MACHINE_PCIBUS_H
#define VMM_MACHINE_PCIBUS_H

#include "vmm/machine/machine_priv.h"
#include "vmm/pci/windows.h"

/* Opens the cards here, and starts the device thread. After board_create(). 0, or a negative errno with a sentence; no
 * PCI in the description: nothing, and 0. */
int pcibus_create(struct machine *m, char *why, size_t why_cap);
void pcibus_stop(struct machine *m);    // cards end what is under way, or have to give up; the device thread ends
void pcibus_close(struct machine *m);   // ... and closes the cards. After board_stop(): the board has their lock
void pcibus_destroy(struct machine *m); // the rest, of which the board has pointers: after board_destroy()

/* MSIs of cards here that mean no interrupt. Any thread. */
uint64_t pcibus_lost(const struct machine *m);

/* A vCPU is on another host, or there are more of them: queues of cards here follow. Any thread. */
void pcibus_vcpus_moved(struct machine *m);
/* Requests that were taken here from queues of disks of other hosts. Any thread. */
uint64_t pcibus_fronts_requests(const struct machine *m);

/* What is on the disk of that id here, while the machine is; NULL: there is none. Any thread. */
struct block;
struct block *pcibus_disk(struct machine *m, uint32_t id);
/* For good: who waits for a disk here (block_read_wait()) waits no longer. Any thread. */
void pcibus_cancel_reads(struct machine *m);

/* The machine has another description: front halves and slots of cards that it has no more are gone. Span thread. */
void pcibus_follow(struct machine *m);

/* Something was typed at the virtio console. Any thread. */
void pcibus_typed(struct machine *m);

/* Where PCI is, for the firmware tables; NULL: there is none. */
const struct pci_windows *pcibus_windows(const struct machine *m);

#endif
