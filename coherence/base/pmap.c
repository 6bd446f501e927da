// SPDX-License-Identifier: Apache-2.0
#include "coherence/base/pmap.h"

static uint32_t ideal(const struct pmap *m, page_idx page)
{
	return (uint32_t)((page * 0x9e3779b97f4a7c15ull) >> 32) & m->mask;
}

uint32_t pmap_slots(uint32_t entries)
{
	uint32_t n = 2;

	while (n < 2 * entries)
		n *= 2;
	return n;
}

uint32_t pmap_get(const struct pmap *m, page_idx page)
{
	for (uint32_t i = ideal(m, page); m->slots[i].idx_plus_1; i = (i + 1) & m->mask)
		if (m->slots[i].page == page)
			return m->slots[i].idx_plus_1 - 1;
	return PMAP_NONE;
}

void pmap_put(struct pmap *m, page_idx page, uint32_t idx)
{
	uint32_t i = ideal(m, page);

	while (m->slots[i].idx_plus_1)
		i = (i + 1) & m->mask;
	m->slots[i] = (struct pmap_slot){.page = page, .idx_plus_1 = idx + 1};
}

void pmap_del(struct pmap *m, page_idx page)
{
	uint32_t i = ideal(m, page);

	while (m->slots[i].idx_plus_1 && m->slots[i].page != page)
		i = (i + 1) & m->mask;
	if (!m->slots[i].idx_plus_1)
		return;
	// Close the gap: an entry may move back if its ideal slot does not lie after the gap.
	for (uint32_t j = (i + 1) & m->mask; m->slots[j].idx_plus_1; j = (j + 1) & m->mask) {
		uint32_t want = ideal(m, m->slots[j].page);
		if (((j - want) & m->mask) >= ((j - i) & m->mask)) {
			m->slots[i] = m->slots[j];
			i = j;
		}
	}
	m->slots[i] = (struct pmap_slot){0};
}
