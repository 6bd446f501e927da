// SPDX-License-Identifier: Apache-2.0
#include "vmm/dev/absent.h"

const struct absent_range absent_pc_ports[] = {
	{0x0000, 0x001f, "DMA controller"},
	{0x0020, 0x0021, "interrupt controller"},
	{0x002e, 0x002f, "Super I/O"},
	{0x004e, 0x004f, "Super I/O"},
	{0x0060, 0x0063, "keyboard controller"},
	{0x0080, 0x008f, "POST code and DMA pages"},
	{0x00b2, 0x00b3, "power management (SMI)"},
	{0x00c0, 0x00df, "second DMA controller"},
	{0x00e9, 0x00e9, "debug console"},
	{0x00f0, 0x00ff, "coprocessor"},
	{0x0170, 0x0177, "second IDE"},
	{0x01f0, 0x01f7, "IDE"},
	{0x0200, 0x0207, "game port"},
	{0x0220, 0x022f, "sound card"},
	{0x0278, 0x027f, "second parallel port"},
	{0x02e8, 0x02ef, "fourth serial port"},
	{0x02f8, 0x02ff, "second serial port"},
	{0x0376, 0x0376, "second IDE"},
	{0x0378, 0x037f, "parallel port"},
	{0x03b0, 0x03bb, "monochrome adapter"},
	{0x03bc, 0x03bf, "third parallel port"},
	{0x03c0, 0x03df, "VGA"},
	{0x03e8, 0x03ef, "third serial port"},
	{0x03f0, 0x03f5, "floppy"},
	{0x03f6, 0x03f6, "IDE"},
	{0x03f7, 0x03f7, "floppy"},
	{0x0402, 0x0402, "debug console"},
	{0x0510, 0x051b, "firmware configuration"},
	{0x0cf8, 0x0cff, "PCI configuration"},
	{0x5658, 0x5659, "VMware's port"},
};
const unsigned absent_pc_ports_n = sizeof(absent_pc_ports) / sizeof(*absent_pc_ports);

const struct absent_range absent_pc_memory[] = {
	{0xa0000, 0xaffff, "VGA graphics memory"}, {0xb0000, 0xb7fff, "monochrome text memory"},
	{0xb8000, 0xbffff, "VGA text memory"},     {0xfec00000, 0xfec00fff, "I/O APIC"},
	{0xfed00000, 0xfed03fff, "HPET"},          {0xfed1c000, 0xfed1ffff, "chipset registers"},
	{0xfed40000, 0xfed44fff, "TPM"},           {0xfed90000, 0xfed93fff, "IOMMU"},
	{0xfee00000, 0xfee00fff, "local APIC"},    {0xfff00000, 0xffffffff, "firmware"},
};
const unsigned absent_pc_memory_n = sizeof(absent_pc_memory) / sizeof(*absent_pc_memory);

static bool first_of(uint64_t *counter)
{
	return __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED) == 0;
}

/* The place of the block with this first address, perhaps a new one; NULL when all are taken. */
static uint64_t *other(struct absent *a, uint64_t first)
{
	for (unsigned i = 0; i < ABSENT_OTHER_MAX; i++) {
		uint64_t free = 0;

		if (__atomic_compare_exchange_n(&a->other[i], &free, first + 1, false, __ATOMIC_RELAXED,
						__ATOMIC_RELAXED) ||
		    free == first + 1)
			return &a->other_touched[i];
	}
	return NULL;
}

bool absent_touch(struct absent *a, uint64_t addr, struct absent_range *what)
{
	uint64_t block = a->block ? a->block : 1, first = addr & ~(block - 1);

	for (unsigned i = 0; i < a->known_n; i++)
		if (addr >= a->known[i].first && addr <= a->known[i].last) {
			*what = a->known[i];
			return first_of(&a->touched[i]);
		}
	uint64_t *counter = other(a, first);

	*what = counter ? (struct absent_range){.first = first, .last = first + (block - 1)}
			: (struct absent_range){.first = 1};
	return first_of(counter ? counter : &a->rest);
}
