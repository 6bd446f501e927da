// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/conf/sample.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <string>

extern "C" {
#include "vmm/mem/layout.h"
#include "vmm/pci/windows.h"
}

/* With a bus on each host. */
static int lay_out(machine_desc d, unsigned bits, pci_windows *w, std::string *said = nullptr)
{
	char why[256] = "";
	d.pci_buses = d.hosts_n;
	d.address_bits = bits;
	int r = pci_windows_lay_out(&d, w, why, sizeof(why));
	EXPECT_EQ(r != 0, why[0] != 0);
	if (said)
		*said = why;
	return r;
}

TEST(Windows, EcamCoversTheBusesThatExist)
{
	for (unsigned hosts : {1u, 2u, 64u}) {
		pci_windows w;
		ASSERT_EQ(0, lay_out(sample_desc(hosts), 39, &w));
		EXPECT_EQ(hosts, w.buses);
		EXPECT_EQ(hosts * PCI_ECAM_BUS_BYTES, w.ecam_bytes);
		EXPECT_GE(PCI_ECAM, LAYOUT_LOW_END);
		EXPECT_LE(PCI_ECAM + w.ecam_bytes, LAYOUT_IOAPIC);
	}
}

TEST(Windows, EachBusHasItsShareOfTheUpperHalf)
{
	for (unsigned bits = DESC_ADDRESS_BITS_MIN; bits <= DESC_ADDRESS_BITS_MAX; bits++) {
		unsigned used = bits < PCI_ADDRESS_BITS_MAX ? bits : PCI_ADDRESS_BITS_MAX;
		pci_windows w;
		ASSERT_EQ(0, lay_out(sample_desc(64, 1, 64), bits, &w));
		EXPECT_EQ(1ull << (used - 1), w.first);
		EXPECT_EQ(1ull << used, w.first + 64 * w.bus_bytes);
		for (unsigned b = 0; b < 64; b++) {
			uint64_t at = pci_window_of(&w, b);
			EXPECT_EQ(0u, at % w.bus_bytes);
			EXPECT_EQ((int)b, pci_window_bus(&w, at));
			EXPECT_EQ((int)b, pci_window_bus(&w, at + w.bus_bytes - 1));
		}
		EXPECT_EQ(-1, pci_window_bus(&w, w.first - 1));
		EXPECT_EQ(-1, pci_window_bus(&w, 1ull << used));
		EXPECT_EQ(-1, pci_window_bus(&w, UINT64_MAX));
	}
	pci_windows two;
	ASSERT_EQ(0, lay_out(sample_desc(2), 40, &two));
	EXPECT_EQ(-1, pci_window_bus(&two, pci_window_of(&two, 2))); // no such host
}

TEST(Windows, MemoryAndRoomForMoreStayBelow)
{
	pci_windows w;
	std::string said;
	/* 32 GiB, of which one lies behind the hole. */
	EXPECT_EQ(0, lay_out(sample_desc(1, 1, 31 << 10), 36, &w));
	EXPECT_EQ(-EINVAL, lay_out(sample_desc(1, 1, (31 << 10) + 2), 36, &w, &said));
	EXPECT_NE(std::string::npos, said.find("0x800200000")) << said;
	machine_desc d = sample_desc(1, 1, 1024);
	desc_room room = {};
	room.memory_max = 64ull << 30;
	ASSERT_EQ("", sample_layout(&d, {1}, {1024}, room));
	EXPECT_EQ(-EINVAL, lay_out(d, 36, &w));
	EXPECT_EQ(0, lay_out(d, 40, &w));
}

TEST(Windows, BarsAreNaturallyAlignedAndInTheirSlot)
{
	pci_windows w;
	ASSERT_EQ(0, lay_out(sample_desc(2), DESC_ADDRESS_BITS_MIN, &w));
	uint64_t room = w.bus_bytes / PCI_SLOTS;
	const uint64_t bytes[][PCI_BARS] = {
		{0x4000, 0, 0, 0, 0, 0},
		{0x10, 0, 0x1000, 0, 0x10, 0},
		{0, 0, 0x100000, 0, 0x800000, 0},
		{room / 2, 0, room / 4, 0, room / 4, 0},
		{room, 0, 0, 0, 0, 0},
	};
	for (unsigned bus = 0; bus < 2; bus++)
		for (unsigned slot : {0u, 7u, 31u})
			for (auto &b : bytes) {
				uint64_t at[PCI_BARS], first = pci_window_of(&w, bus) + slot * room;
				ASSERT_EQ(0, pci_window_assign(&w, bus, slot, b, at));
				for (unsigned i = 0; i < PCI_BARS; i++) {
					if (!b[i]) {
						EXPECT_EQ(0u, at[i]);
						continue;
					}
					EXPECT_EQ(0u, at[i] % b[i]);
					EXPECT_GE(at[i], first);
					EXPECT_LE(at[i] + b[i], first + room);
					for (unsigned j = 0; j < i; j++)
						EXPECT_TRUE(!b[j] || at[i] + b[i] <= at[j] || at[j] + b[j] <= at[i]);
				}
			}
	uint64_t at[PCI_BARS];
	const uint64_t much[PCI_BARS] = {room, 0, 0x10, 0, 0, 0}, huge[PCI_BARS] = {1ull << 63, 0, 0, 0, 0, 0};
	EXPECT_EQ(-ENOSPC, pci_window_assign(&w, 0, 1, much, at));
	EXPECT_EQ(-ENOSPC, pci_window_assign(&w, 0, 1, huge, at));
}
