// SPDX-License-Identifier: Apache-2.0
// A bus on each of two hosts, and a disk on the first one's with a driver in the test.
#ifndef TESTS_UNIT_MACHINE_TWO_BUSES_H
#define TESTS_UNIT_MACHINE_TWO_BUSES_H

#include "tests/unit/machine/disk_driver.h"

extern "C" {
#include "vmm/pci/windows.h"
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
struct DiskOnBus : DiskDriver<Pci> {
	char path[32] = "/tmp/pando-pcibus-XXXXXX";

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
	// Queue 0 of the disk, and n reads in it of 8 KiB each.
	void begin(unsigned n)
	{
		DiskDriver::begin(1, n, [this] { interrupts(); });
	}
	bool ended(unsigned n)
	{
		for (unsigned i = 0; i < 2000 && used() < n; i++)
			usleep(10000);
		return used() == n;
	}
};

#endif
