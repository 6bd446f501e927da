// SPDX-License-Identifier: Apache-2.0
// A bus on each of two hosts, and a disk on the first one's with a driver in the test.
#ifndef TESTS_UNIT_MACHINE_TWO_BUSES_H
#define TESTS_UNIT_MACHINE_TWO_BUSES_H

#include "tests/unit/machine/two_machines.h"

extern "C" {
#include "coherence/base/bytes.h"
#include "vmm/pci/windows.h"
#include "vmm/virtio/transport.h"
void board_reset(struct machine *m); // machine_priv.h
}

struct Pci : TwoMachines {
	void SetUp() override
	{
		TwoMachines::SetUp();
		if (IsSkipped())
			return;
		for (uint32_t host : {1u, 0u})
			ASSERT_LE(0, desc_add_card(&desc, CARD_RNG, host, host ? 3 : 0, nullptr, why, sizeof(why)))
				<< why;
	}
	// As a vCPU of the other host has it of host i.
	uint32_t ecam(host_id i, uint32_t bus, uint32_t slot, uint32_t reg, unsigned size = 4)
	{
		return (uint32_t)io(i, PCI_ECAM + (bus << 20 | slot << 15 | reg), false, 0, size, MACHINE_SPACE_MMIO);
	}
	uint32_t ports(uint32_t bus, uint32_t slot, uint32_t reg, unsigned size = 4)
	{
		io(0, 0xcf8, true, 0x80000000u | bus << 16 | slot << 11 | (reg & 0xfc), 4);
		return (uint32_t)io(0, 0xcfc + reg % 4, false, 0, size);
	}
	bool forwarded(host_id i, unsigned n)
	{
		std::string all = stats_of(h[i].m);
		return all.find("\"forwarded\":" + std::to_string(n)) != std::string::npos;
	}
};

/* A disk on host 0, which its vCPUs have not to run for. */
struct DiskOnBus : Pci {
	char path[32] = "/tmp/pando-pcibus-XXXXXX";
	uint64_t bar = 0;

	virtual void fill(int)
	{
	}
	// Before the driver is ready: interrupts of queue 0.
	virtual void interrupts()
	{
	}

	void SetUp() override
	{
		TwoMachines::SetUp();
		if (IsSkipped())
			return;
#ifdef __SANITIZE_THREAD__
		GTEST_SKIP()
			<< "the driver's stores here are plain ones, which the card reads as it may: races for TSan";
#endif
		int fd = mkstemp(path);
		ASSERT_EQ(0, ftruncate(fd, 1 << 20));
		fill(fd);
		close(fd);
		std::string config = std::string("{\"path\":\"") + path + "\"}";
		ASSERT_LE(0, desc_add_card(&desc, CARD_BLK, 0, 1, config.c_str(), why, sizeof(why))) << why;
		create();
	}
	void TearDown() override
	{
		Pci::TearDown();
		unlink(path);
	}
	void mmio(uint64_t addr, unsigned size, uint64_t v)
	{
		io(0, addr, true, v, size, MACHINE_SPACE_MMIO);
	}
	void put(uint64_t gpa, uint64_t v, unsigned n)
	{
		put_le(ram.base + gpa, v, n);
	}
	// Queue 0 at 0x11000, 0x12000 and 0x13000, and n reads in it of 8 KiB each.
	void begin(unsigned n)
	{
		memset(ram.base + 0x10000, 0, 0x10000);
		mmio(PCI_ECAM + (1 << 15 | 4), 2, 6);
		bar = (ecam(0, 0, 1, 0x10) & ~15u) | (uint64_t)ecam(0, 0, 1, 0x14) << 32;
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
	bool ended(unsigned n)
	{
		for (unsigned i = 0; i < 2000 && get_le(ram.base + 0x13002, 2) < n; i++)
			usleep(10000);
		return get_le(ram.base + 0x13002, 2) == n;
	}
};

#endif
