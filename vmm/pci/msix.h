// SPDX-License-Identifier: Apache-2.0
/*
 * MSI-X of one function (PCI Local Bus 3.0, 6.8.2): its capability, the table of vectors, the pending bits. Pure; the
 * owner holds a lock around each call.
 *
 * A vector that is raised while it, or the function, is masked stays pending and is sent when the mask goes. The owner
 * asks msix_take() for what is to be sent after each call that may have unmasked something.
 */
#ifndef VMM_PCI_MSIX_H
#define VMM_PCI_MSIX_H

#include "vmm/pci/config.h"

#define MSIX_VECTORS_MAX 256u // the table is a page at most
#define MSIX_ENTRY_BYTES 16u
#define MSIX_TABLE_BYTES (MSIX_VECTORS_MAX * MSIX_ENTRY_BYTES)
#define MSIX_PBA_BYTES   (MSIX_VECTORS_MAX / 8)

struct msix_entry {
	uint64_t address;
	uint32_t data;
	bool masked;
};

struct msix {
	uint16_t vectors;
	uint8_t cap; // offset of the capability
	bool on;     // the guest enabled it
	bool open;   // ... and has not masked all of it, and the function may write to memory
	struct msix_entry entry[MSIX_VECTORS_MAX];
	uint64_t pending[MSIX_VECTORS_MAX / 64];
	uint64_t dropped; // raised while it was off, or without such a vector
};

/* A message to send: chip/icr.h has msi_decode(). */
struct msix_message {
	uint64_t address;
	uint32_t data;
	uint16_t vector; // which it was
};

/* vectors: 1 to MSIX_VECTORS_MAX. Adds the capability to c: table and pending bits at these offsets in a BAR. */
void msix_init(struct msix *m, struct pci_config *c, uint16_t vectors, unsigned bar, uint32_t table, uint32_t pba);
void msix_reset(struct msix *m); // as after power-on; the capability's bits are the configuration's

/* The configuration was written, or is as after a reset: looks at the control word, and at whether c is a master. */
void msix_configured(struct msix *m, const struct pci_config *c);

/*
 * The table, at an offset in it. size is 1 to 8; reads give any bytes, writes only do something as whole aligned words
 * of 4 or 8 bytes (6.8.2: others are undefined).
 */
uint64_t msix_table_read(const struct msix *m, uint32_t offset, unsigned size);
void msix_table_write(struct msix *m, uint32_t offset, unsigned size, uint64_t value);
/* The pending bits; they are read-only. */
uint64_t msix_pba_read(const struct msix *m, uint32_t offset, unsigned size);

/* This vector would be sent if it were raised. */
static inline bool msix_entry_open(const struct msix *m, uint16_t vector)
{
	return m->open && vector < m->vectors && !m->entry[vector].masked;
}

/* The device wants this interrupt. True: send *out now. */
bool msix_raise(struct msix *m, uint16_t vector, struct msix_message *out);
/* Takes a pending vector that nothing masks any more. False: there is none. */
bool msix_take(struct msix *m, struct msix_message *out);

/* Writes or reads all but the control word, which is the configuration's: call msix_configured() afterwards. */
void msix_fields(struct fields *f, struct msix *m);

#endif
