// SPDX-License-Identifier: Apache-2.0
// A bus on each of two hosts: found by both ways from both, empty slots answered by who is asked, cards served where
// they are.
#include "tests/unit/machine/two_machines.h"

extern "C" {
#include "coherence/base/bytes.h"
#include "vmm/pci/windows.h"
#include "vmm/virtio/transport.h"
void board_reset(struct machine *m); // machine_priv.h
}

namespace
{
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

TEST_F(Pci, PortsAndEcamSayTheSameOfAllBuses)
{
	create();
	for (uint32_t bus = 0; bus < 2; bus++)
		for (uint32_t slot = 0; slot < 5; slot++)
			for (uint32_t reg = 0; reg < 64; reg += 4)
				EXPECT_EQ(ecam((host_id)bus, bus, slot, reg), ports(bus, slot, reg))
					<< bus << slot << reg;
	EXPECT_EQ(0x10441af4u, ports(1, 3, 0));
	EXPECT_EQ(0x1044u, ports(1, 3, 2, 2));
	EXPECT_EQ(0x10u, ports(1, 3, 3, 1));
	EXPECT_EQ(0x10441af4u, ports(0, 1, 0));
	EXPECT_EQ(0x00081b36u, ports(0, 0, 0));
	io(0, 0xcf8, true, 0x80011804u, 4);
	io(0, 0xcfc, true, 6, 2); // a write by the ports
	EXPECT_EQ(6u, ecam(1, 1, 3, 4, 2));
}

TEST_F(Pci, OnlyWhatIsThereIsAskedForElsewhere)
{
	create();
	EXPECT_EQ(~0u, ports(1, 4, 0));
	EXPECT_EQ(~0u, ports(1, 0, 0)); // the host bridge is bus 0's
	EXPECT_EQ(~0u, ports(2, 3, 0));
	EXPECT_TRUE(forwarded(0, 0)) << stats_of(h[0].m);
	EXPECT_EQ(~0u, (uint32_t)io(0, 0xcff, false, 0, 4)); // over the end
	EXPECT_TRUE(forwarded(0, 0));
	ports(1, 3, 0);
	EXPECT_TRUE(forwarded(0, 1)) << stats_of(h[0].m);
	EXPECT_EQ(~0u, ecam(0, 1, 3, 0)) << "no third host is asked";
}

TEST_F(Pci, EachBusHasItsWindow)
{
	pci_windows w;
	create();
	ASSERT_EQ(0, pci_windows_lay_out(&desc, &w, why, sizeof(why)));
	for (uint32_t bus = 0; bus < 2; bus++) {
		uint32_t slot = bus ? 3 : 1;
		io((host_id)bus, PCI_ECAM + (bus << 20 | slot << 15 | 4), true, 6, 2, MACHINE_SPACE_MMIO);
		uint64_t bar = (ecam((host_id)bus, bus, slot, 0x10) & ~15u) |
			       (uint64_t)ecam((host_id)bus, bus, slot, 0x14) << 32;
		EXPECT_EQ((int)bus, pci_window_bus(&w, bar));
		EXPECT_EQ(1u, io((host_id)bus, bar + 0x12, false, 0, 2, MACHINE_SPACE_MMIO)); // queues
	}
}
/* A disk on host 0, which its vCPUs have not to run for. */
struct DiskOnBus : Pci {
	char path[32] = "/tmp/pando-pcibus-XXXXXX";
	uint64_t bar = 0;

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

/* It waits for them, and whatever they have to say is said before it. */
TEST_F(DiskOnBus, AResetWithRequestsUnderWay)
{
	for (unsigned round = 0; round < 40; round++) {
		begin(16);
		board_reset(h[0].m);
		EXPECT_EQ(0u, ecam(0, 0, 1, 4, 2));
		EXPECT_EQ(0u, get_le(ram.base + 0x13002, 2) % 16) << "all that were taken, or none";
	}
	begin(16);
	for (unsigned i = 0; i < 2000 && get_le(ram.base + 0x13002, 2) < 16; i++)
		usleep(10000);
	EXPECT_EQ(16u, get_le(ram.base + 0x13002, 2));
}

/* Cards are closed while there is their lock, and requests that are under way then end as they can. */
TEST_F(DiskOnBus, TheEndWithRequestsUnderWay)
{
	begin(16);
	machine_stop(h[0].m);
	machine_destroy(h[0].m);
	h[0].m = nullptr;
}
} // namespace
