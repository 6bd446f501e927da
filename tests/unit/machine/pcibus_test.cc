// SPDX-License-Identifier: Apache-2.0
// A bus on each of two hosts: found by both ways from both, empty slots answered by who is asked, cards served where
// they are.
#include "tests/unit/machine/two_buses.h"

namespace
{
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
	EXPECT_TRUE(ended(16));
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
