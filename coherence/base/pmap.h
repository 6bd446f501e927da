// SPDX-License-Identifier: Apache-2.0
// A small fixed-capacity map from a page to the index of a pool entry: open addressing, no
// allocation.
#ifndef COHERENCE_BASE_PMAP_H
#define COHERENCE_BASE_PMAP_H

#include "coherence/base/types.h"

#define PMAP_NONE UINT32_MAX

struct pmap_slot {
	page_idx page;
	uint32_t idx_plus_1; // 0: empty
};

struct pmap {
	struct pmap_slot *slots; // caller's zero-filled memory
	uint32_t mask;           // slots - 1; slots is a power of two, at least twice the entries
};

/* Slots needed to hold entries entries. */
uint32_t pmap_slots(uint32_t entries);
/* The index stored for page, or PMAP_NONE. */
uint32_t pmap_get(const struct pmap *m, page_idx page);
/* Stores idx for page, which must not be in the map. */
void pmap_put(struct pmap *m, page_idx page, uint32_t idx);
/* Removes page if it is there. */
void pmap_del(struct pmap *m, page_idx page);

#endif
