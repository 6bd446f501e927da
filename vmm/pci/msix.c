// SPDX-License-Identifier: Apache-2.0
#include "vmm/pci/msix.h"

#include "coherence/base/bytes.h"
#include "coherence/base/check.h"

#define CONTROL_ENABLE   0x8000u
#define CONTROL_MASK_ALL 0x4000u
#define ENTRY_MASKED     1u // the only bit of an entry's control word

void msix_reset(struct msix *m)
{
	m->on = m->open = false;
	memset(m->pending, 0, sizeof(m->pending));
	for (unsigned i = 0; i < MSIX_VECTORS_MAX; i++)
		m->entry[i] = (struct msix_entry){.masked = true};
}

void msix_init(struct msix *m, struct pci_config *c, uint16_t vectors, unsigned bar, uint32_t table, uint32_t pba)
{
	uint8_t body[10], writable[10] = {0};

	PD_CHECK(vectors && vectors <= MSIX_VECTORS_MAX && bar < PCI_BARS && !(table & 7) && !(pba & 7));
	memset(m, 0, sizeof(*m));
	m->vectors = vectors;
	put_le(body, vectors - 1u, 2);
	put_le(body + 2, table | bar, 4);
	put_le(body + 6, pba | bar, 4);
	put_le(writable, CONTROL_ENABLE | CONTROL_MASK_ALL, 2);
	m->cap = (uint8_t)pci_config_add_cap(c, PCI_CAP_MSIX, body, writable, sizeof(body));
	msix_reset(m);
}

void msix_configured(struct msix *m, const struct pci_config *c)
{
	uint32_t control = pci_config_read(c, m->cap + 2u, 2);

	m->on = control & CONTROL_ENABLE;
	m->open = m->on && !(control & CONTROL_MASK_ALL) && pci_config_is_master(c);
	if (!m->on) // what was pending belongs to whoever used it before
		memset(m->pending, 0, sizeof(m->pending));
}

static uint32_t table_word(const struct msix *m, uint32_t word)
{
	if (word / 4 >= m->vectors)
		return 0;
	const struct msix_entry *e = &m->entry[word / 4];

	switch (word % 4) {
	case 0:
		return (uint32_t)e->address;
	case 1:
		return (uint32_t)(e->address >> 32);
	case 2:
		return e->data;
	default:
		return e->masked ? ENTRY_MASKED : 0;
	}
}

uint64_t msix_table_read(const struct msix *m, uint32_t offset, unsigned size)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < size; i++) {
		uint32_t at = offset + i;

		value |= (uint64_t)(table_word(m, at / 4) >> (8 * (at % 4)) & 0xff) << (8 * i);
	}
	return value;
}

static void set_table_word(struct msix *m, uint32_t word, uint32_t value)
{
	if (word / 4 >= m->vectors)
		return;
	struct msix_entry *e = &m->entry[word / 4];

	switch (word % 4) {
	case 0:
		e->address = (e->address & ~(uint64_t)UINT32_MAX) | (value & ~3u); // bits 1:0 read 0
		break;
	case 1:
		e->address = (e->address & UINT32_MAX) | (uint64_t)value << 32;
		break;
	case 2:
		e->data = value;
		break;
	default:
		e->masked = value & ENTRY_MASKED;
		break;
	}
}

void msix_table_write(struct msix *m, uint32_t offset, unsigned size, uint64_t value)
{
	if ((size != 4 && size != 8) || offset % size)
		return;
	for (unsigned i = 0; i < size / 4; i++)
		set_table_word(m, offset / 4 + i, (uint32_t)(value >> (32 * i)));
}

uint64_t msix_pba_read(const struct msix *m, uint32_t offset, unsigned size)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < size; i++) {
		uint32_t at = offset + i;

		if (at < MSIX_PBA_BYTES)
			value |= (m->pending[at / 8] >> (8 * (at % 8)) & 0xff) << (8 * i);
	}
	return value;
}

static struct msix_message message(const struct msix *m, unsigned vector)
{
	return (struct msix_message){
		.address = m->entry[vector].address, .data = m->entry[vector].data, .vector = (uint16_t)vector};
}

bool msix_raise(struct msix *m, uint16_t vector, struct msix_message *out)
{
	if (!m->on || vector >= m->vectors) {
		m->dropped++;
		return false;
	}
	if (m->open && !m->entry[vector].masked) {
		*out = message(m, vector);
		return true;
	}
	m->pending[vector / 64] |= 1ull << (vector % 64);
	return false;
}

bool msix_take(struct msix *m, struct msix_message *out)
{
	if (!m->open)
		return false;
	for (unsigned w = 0; w < MSIX_VECTORS_MAX / 64; w++)
		for (uint64_t left = m->pending[w]; left; left &= left - 1) {
			unsigned vector = w * 64 + (unsigned)__builtin_ctzll(left);

			if (m->entry[vector].masked)
				continue;
			m->pending[w] &= ~(1ull << (vector % 64));
			*out = message(m, vector);
			return true;
		}
	return false;
}

void msix_fields(struct fields *f, struct msix *m)
{
	for (unsigned i = 0; i < m->vectors; i++) {
		struct msix_entry *e = &m->entry[i];
		uint8_t masked = e->masked;

		FIELD(f, e->address);
		FIELD(f, e->data);
		FIELD(f, masked);
		e->masked = masked;
		f->bad |= masked > 1 || (e->address & 3);
	}
	for (unsigned w = 0; w < MSIX_VECTORS_MAX / 64; w++) {
		FIELD(f, m->pending[w]);
		unsigned first = w * 64, have = m->vectors > first ? m->vectors - first : 0;

		f->bad |= have < 64 && m->pending[w] >> have;
	}
}
