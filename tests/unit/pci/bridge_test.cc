// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cerrno>
#include <vector>

extern "C" {
#include "vmm/pci/bridge.h"
}

/* A function that records how it was reached. */
struct Probe {
	struct Access {
		unsigned offset, size;
		uint32_t value;
		bool operator==(const Access &o) const
		{
			return offset == o.offset && size == o.size && value == o.value;
		}
	};
	std::vector<Access> writes, reads;
	pci_config config = {};
};

static uint32_t probe_read(void *owner, unsigned offset, unsigned size)
{
	uint32_t v = 0;
	((Probe *)owner)->reads.push_back({offset, size, 0});
	for (unsigned i = 0; i < size; i++)
		v |= (uint32_t)((offset + i) & 0x7f) << (8 * i);
	return v;
}

static void probe_write(void *owner, unsigned offset, unsigned size, uint32_t value)
{
	((Probe *)owner)->writes.push_back({offset, size, value});
}

static const pci_slot_ops probe_ops = {probe_read, probe_write, nullptr, nullptr};

struct Bridge : ::testing::Test {
	pci_bus b = {};
	Probe p;
	Bridge()
	{
		b.number = 5;
		EXPECT_EQ(0, pci_bus_add(&b, 3, &probe_ops, &p, &p.config));
	}
	static pci_address at(unsigned reg, unsigned bus = 5, unsigned slot = 3, unsigned function = 0)
	{
		pci_address a;
		a.bus = (uint8_t)bus;
		a.slot = (uint8_t)slot;
		a.function = (uint8_t)function;
		a.reg = (uint16_t)reg;
		return a;
	}
};

TEST_F(Bridge, Ecam)
{
	pci_address a = pci_ecam_decode(63ull << 20 | 31 << 15 | 7 << 12 | 0xabc);
	EXPECT_EQ(63, a.bus);
	EXPECT_EQ(31, a.slot);
	EXPECT_EQ(7, a.function);
	EXPECT_EQ(0xabc, a.reg);
	EXPECT_EQ(1ull << 20, PCI_ECAM_BUS_BYTES);
}

TEST_F(Bridge, Ports)
{
	pci_address a;
	EXPECT_FALSE(pci_ports_decode(0x7fffffff, 0, &a));
	EXPECT_FALSE(pci_ports_decode(0x80000000, 4, &a));
	ASSERT_TRUE(pci_ports_decode(0x80051a40, 3, &a));
	EXPECT_EQ(5, a.bus);
	EXPECT_EQ(3, a.slot);
	EXPECT_EQ(2, a.function);
	EXPECT_EQ(0x43, a.reg);
	ASSERT_TRUE(pci_ports_decode(0xff000003, 0, &a)); // reserved bits mean nothing
	EXPECT_EQ(0, a.bus);
	EXPECT_EQ(0, a.reg);
	/* Both ways to a register are one. */
	for (unsigned reg = 0; reg < 256; reg++) {
		pci_address e = pci_ecam_decode(5ull << 20 | 3 << 15 | reg);
		ASSERT_TRUE(pci_ports_decode(0x80051800 | (reg & 0xfc), reg & 3, &a));
		EXPECT_TRUE(a.bus == e.bus && a.slot == e.slot && a.function == e.function && a.reg == e.reg);
	}
}

TEST_F(Bridge, AbsentReadsAsOnes)
{
	for (unsigned size : {1u, 2u, 4u, 8u}) {
		uint64_t ones = size == 8 ? UINT64_MAX : (1ull << 8 * size) - 1;
		EXPECT_EQ(ones, pci_bus_read(&b, at(0, 5, 2), size));
		EXPECT_EQ(ones, pci_bus_read(&b, at(0, 5, 3, 1), size));
		EXPECT_EQ(ones, pci_bus_read(&b, at(0, 4), size));
		pci_bus_write(&b, at(0, 5, 2), size, 0);
		pci_bus_write(&b, at(0, 5, 3, 7), size, 0);
		pci_bus_write(&b, at(0, 6), size, 0);
	}
	EXPECT_TRUE(p.writes.empty() && p.reads.empty());
	pci_presence all = {};
	all.slots[5] = pci_bus_slots(&b);
	EXPECT_EQ(8u, all.slots[5]);
	for (unsigned bus = 0; bus < 256; bus++)
		for (unsigned slot = 0; slot < 32; slot++)
			for (unsigned f = 0; f < 8; f++)
				EXPECT_EQ(bus == 5 && slot == 3 && f == 0, pci_present(&all, at(0, bus, slot, f)));
}

TEST_F(Bridge, EveryAccessGivesItsBytesAndStaysInARegister)
{
	for (unsigned reg = 0; reg < PCI_FUNCTION_BYTES; reg++)
		for (unsigned size = 1; size <= 8; size++) {
			uint64_t want = 0, wrote = 0;
			for (unsigned i = 0; i < size; i++) {
				uint64_t byte = reg + i < PCI_FUNCTION_BYTES ? (reg + i) & 0x7f : 0xff;
				want |= byte << 8 * i;
			}
			p.reads.clear();
			p.writes.clear();
			ASSERT_EQ(want, pci_bus_read(&b, at(reg), size)) << reg << " " << size;
			pci_bus_write(&b, at(reg), size, 0x8877665544332211);
			for (auto &a : p.writes) {
				ASSERT_TRUE(a.size == 1 || a.size == 2 || a.size == 4);
				ASSERT_EQ(a.offset / 4, (a.offset + a.size - 1) / 4);
				ASSERT_TRUE(a.size == 4 || a.value < 1u << 8 * a.size);
				wrote |= (uint64_t)a.value << 8 * (a.offset - reg);
			}
			unsigned in = std::min(size, PCI_FUNCTION_BYTES - reg);
			uint64_t mask = in == 8 ? UINT64_MAX : (1ull << 8 * in) - 1;
			ASSERT_EQ(0x8877665544332211 & mask, wrote);
			ASSERT_EQ(p.reads.size(), p.writes.size());
		}
	p.writes.clear();
	pci_bus_write(&b, at(0x10), 8, 0x1111111122222222); // lower half first: the upper one moves a BAR
	EXPECT_EQ((std::vector<Probe::Access>{{0x10, 4, 0x22222222}, {0x14, 4, 0x11111111}}), p.writes);
}

TEST_F(Bridge, SlotsComeAndGo)
{
	EXPECT_EQ(-EEXIST, pci_bus_add(&b, 3, &probe_ops, &p, &p.config));
	EXPECT_EQ(-EINVAL, pci_bus_add(&b, 32, &probe_ops, &p, &p.config));
	EXPECT_EQ(0, pci_bus_add(&b, 31, &probe_ops, &p, &p.config));
	EXPECT_EQ(1u << 31 | 8, pci_bus_slots(&b));
	pci_bus_remove(&b, 3);
	pci_bus_remove(&b, 99);
	EXPECT_EQ(1u << 31, pci_bus_slots(&b));
	EXPECT_EQ(0xffffu, pci_bus_read(&b, at(0), 2));
}

TEST_F(Bridge, BarsAreFoundAndTheLowestSlotWins)
{
	pci_id id = {};
	pci_config c[2];
	for (auto &x : c) {
		pci_config_init(&x, &id, 1 << 20, 1 << 20);
		pci_config_add_bar(&x, 2, 0x1000, true, 1 << 20);
		pci_config_write(&x, PCI_REG_COMMAND, 2, PCI_COMMAND_MEMORY);
	}
	ASSERT_EQ(0, pci_bus_add(&b, 9, &pci_plain_ops, &c[0], &c[0]));
	ASSERT_EQ(0, pci_bus_add(&b, 4, &pci_plain_ops, &c[1], &c[1]));
	unsigned bar;
	uint64_t offset;
	const pci_slot *s = pci_bus_at(&b, (1 << 20) + 0x123, &bar, &offset);
	ASSERT_NE(nullptr, s);
	EXPECT_EQ(&c[1], s->owner);
	EXPECT_EQ(2u, bar);
	EXPECT_EQ(0x123u, offset);
	EXPECT_EQ(nullptr, pci_bus_at(&b, (1 << 20) + 0x1000, &bar, &offset));
	pci_bus_write(&b, at(PCI_REG_COMMAND, 5, 4), 2, 0);
	EXPECT_EQ(&c[0], pci_bus_at(&b, 1 << 20, &bar, &offset)->owner);
}

TEST_F(Bridge, HostBridge)
{
	pci_config c;
	pci_host_bridge_init(&c);
	ASSERT_EQ(0, pci_bus_add(&b, 0, &pci_plain_ops, &c, &c));
	EXPECT_EQ(0x00081b36u, pci_bus_read(&b, at(0, 5, 0), 4));
	EXPECT_EQ(0x0600u, pci_bus_read(&b, at(10, 5, 0), 2)); // class of a host bridge
	for (unsigned n = 0; n < 6; n++) {
		pci_bus_write(&b, at(0x10 + 4 * n, 5, 0), 4, 0xffffffff);
		EXPECT_EQ(0u, pci_bus_read(&b, at(0x10 + 4 * n, 5, 0), 4));
	}
}
