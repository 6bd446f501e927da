// SPDX-License-Identifier: Apache-2.0
// A driver of one queue of a disk on host 0, which its vCPUs have not to run for.
#ifndef TESTS_UNIT_MACHINE_DISK_DRIVER_H
#define TESTS_UNIT_MACHINE_DISK_DRIVER_H

#include "tests/unit/machine/two_machines.h"

extern "C" {
#include "coherence/base/bytes.h"
#include "vmm/pci/windows.h"
#include "vmm/virtio/transport.h"
}

template <typename Of> struct DiskDriver : Of {
	uint64_t bar = 0;

	void mmio(uint64_t addr, unsigned size, uint64_t v)
	{
		this->io(0, addr, true, v, size, MACHINE_SPACE_MMIO);
	}
	uint64_t config(uint32_t slot, uint32_t reg)
	{
		return (uint32_t)this->io(0, PCI_ECAM + (slot << 15 | reg), false, 0, 4, MACHINE_SPACE_MMIO);
	}
	void put(uint64_t gpa, uint64_t v, unsigned n)
	{
		put_le(this->ram.base + gpa, v, n);
	}
	uint64_t used()
	{
		return get_le(this->ram.base + 0x13002, 2);
	}
	// Queue 0 at 0x11000, 0x12000 and 0x13000, and n reads in it of 8 KiB each. interrupts: before the driver is
	// ready.
	template <typename F> void begin(uint32_t slot, unsigned n, F interrupts)
	{
		memset(this->ram.base + 0x10000, 0, 0x10000);
		mmio(PCI_ECAM + (slot << 15 | 4), 2, 6);
		bar = (config(slot, 0x10) & ~15u) | config(slot, 0x14) << 32;
		mmio(bar + 0x14, 1, 3);
		mmio(bar + 8, 4, 1);
		mmio(bar + 12, 4, 1);
		mmio(bar + 0x14, 1, 11);
		mmio(bar + 0x20, 8, 0x11000);
		mmio(bar + 0x28, 8, 0x12000);
		mmio(bar + 0x30, 8, 0x13000);
		mmio(bar + 0x1c, 2, 1);
		interrupts();
		mmio(bar + 0x14, 1, 15);
		for (unsigned i = 0; i < n; i++) {
			const uint64_t part[3][3] = {
				{0x14000, 16, 1}, {0x20000 + i * 0x2000, 0x2000, 3}, {0x15000 + i, 1, 2}};
			for (unsigned d = 0; d < 3; d++) {
				uint64_t at = 0x11000 + 16 * (3 * i + d);
				put(at, part[d][0], 8);
				put(at + 8, part[d][1], 4);
				put(at + 12, part[d][2], 2);
				put(at + 14, 3 * i + d + 1, 2);
			}
			put(0x12004 + 2 * i, 3 * i, 2);
		}
		put(0x12002, n, 2);
		mmio(bar + VIRTIO_AT_NOTIFY, 2, 0);
	}
};

#endif
