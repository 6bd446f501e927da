// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <vector>

extern "C" {
#include "vmm/pci/root.h"
}

static const uint64_t kWindow = 1ull << 39, kPlace = kWindow + 0x10000;

/* A function with a BAR of 64 bytes that is memory. */
struct Function {
	pci_config config;
	uint8_t bytes[64] = {0};
	Function()
	{
		pci_id id = {};
		id.vendor = 0x1af4;
		id.device = 0x1044;
		pci_config_init(&config, &id, kWindow, 1ull << 33);
		pci_config_add_bar(&config, 0, 64, true, kPlace);
	}
	static uint32_t read(void *o, unsigned at, unsigned n)
	{
		return pci_config_read(&((Function *)o)->config, at, n);
	}
	static void write(void *o, unsigned at, unsigned n, uint32_t v)
	{
		pci_config_write(&((Function *)o)->config, at, n, v);
	}
	static uint64_t bar_read(void *o, unsigned bar, uint64_t at, unsigned n)
	{
		EXPECT_EQ(0u, bar);
		EXPECT_LE(at + n, 64u);
		return get_le(((Function *)o)->bytes + at, n);
	}
	static void bar_write(void *o, unsigned bar, uint64_t at, unsigned n, uint64_t v)
	{
		EXPECT_EQ(0u, bar);
		EXPECT_LE(at + n, 64u);
		put_le(((Function *)o)->bytes + at, v, n);
	}
};
static const pci_slot_ops function_ops = {Function::read, Function::write, Function::bar_read, Function::bar_write};

struct Root : ::testing::Test {
	pci_root r;
	Function f;
	pci_windows w = {};
	Root()
	{
		make(0);
	}
	void make(uint8_t bus)
	{
		w.buses = 2;
		w.first = kWindow;
		w.bus_bytes = 1ull << 33;
		pci_root_init(&r, &w, bus);
		EXPECT_EQ(0, pci_bus_add(&r.bus, 3, &function_ops, &f, &f.config));
	}
	uint64_t in(unsigned offset, unsigned n)
	{
		uint64_t v = 0x1234;
		pci_root_ports(&r, false, offset, n, &v);
		return v;
	}
	void out(unsigned offset, unsigned n, uint64_t v)
	{
		pci_root_ports(&r, true, offset, n, &v);
	}
	uint64_t ecam(uint64_t offset, unsigned n)
	{
		uint64_t v = 0x1234;
		pci_root_ecam(&r, false, offset, n, &v);
		return v;
	}
	uint64_t mem(uint64_t addr, unsigned n)
	{
		uint64_t v = 0x1234;
		pci_root_window(&r, false, addr - kWindow, n, &v);
		return v;
	}
	void store(uint64_t addr, unsigned n, uint64_t v)
	{
		pci_root_window(&r, true, addr - kWindow, n, &v);
	}
};

TEST_F(Root, PortsAndEcamAreOneSpace)
{
	out(0, 4, 0x80000000);
	EXPECT_EQ(0x80000000u, in(0, 4)); // how Linux looks for the ports
	EXPECT_EQ(0x00081b36u, in(4, 4));
	out(0, 4, 0x80001800);
	EXPECT_EQ(0x10441af4u, in(4, 4));
	EXPECT_EQ(0x1044u, in(6, 2));
	EXPECT_EQ(0x10u, in(7, 1));
	EXPECT_EQ(0x441au, in(5, 2));
	for (unsigned slot = 0; slot < 32; slot++)
		for (unsigned reg = 0; reg < 256; reg += 4) {
			out(0, 4, 0x80000000 | slot << 11 | reg);
			EXPECT_EQ(ecam(slot << 15 | reg, 4), in(4, 4)) << slot << " " << reg;
		}
	out(0, 4, 0x80001804);
	out(4, 2, PCI_COMMAND_MEMORY);
	EXPECT_EQ(PCI_COMMAND_MEMORY, ecam(3 << 15 | 4, 2));
	uint64_t v = 0;
	pci_root_ecam(&r, true, 3 << 15 | 4, 2, &v);
	EXPECT_EQ(0u, in(4, 2));
}

TEST_F(Root, WhatIsNotTheAddressRegister)
{
	out(0, 4, 0x80001800);
	for (unsigned n : {1u, 2u, 8u})
		out(0, n, 0);
	for (unsigned at = 1; at < 4; at++)
		out(at, 1, 0);
	EXPECT_EQ(0x80001800u, in(0, 4));
	EXPECT_EQ(0xffu, in(0, 1));
	EXPECT_EQ(0xffffu, in(2, 2));
	EXPECT_EQ(0xffffffffu, in(5, 4)); // over the end of the data
	EXPECT_EQ(0xffffu, in(7, 2));
	EXPECT_EQ(0xffu, in(8, 1));
	out(0, 4, 0x7fffffff);
	EXPECT_EQ(0x00fffffcu & 0x7fffffff, in(0, 4));
	EXPECT_EQ(0xffffffffu, in(4, 4)); // off
	out(0, 4, 0x80011800);            // another bus
	EXPECT_EQ(0xffffffffu, in(4, 4));
}

TEST_F(Root, WindowReachesTheBar)
{
	store(kPlace, 4, 0x11223344); // not decoding
	EXPECT_EQ(0xffffffffu, mem(kPlace, 4));
	uint64_t v = PCI_COMMAND_MEMORY;
	pci_root_ecam(&r, true, 3 << 15 | 4, 2, &v);
	EXPECT_EQ(0u, mem(kPlace, 8));
	store(kPlace + 8, 8, 0x8877665544332211);
	EXPECT_EQ(0x8877665544332211u, mem(kPlace + 8, 8));
	EXPECT_EQ(0x5544u, mem(kPlace + 11, 2));
	store(kPlace + 60, 8, 0); // over the end
	EXPECT_EQ(UINT64_MAX, mem(kPlace + 60, 8));
	EXPECT_EQ(0u, mem(kPlace + 60, 4));
	EXPECT_EQ(0xffu, mem(kPlace + 64, 1));
	EXPECT_EQ(0xffu, mem(kPlace - 1, 1));
	v = 0x20000; // moved, as a guest does
	pci_root_ecam(&r, true, 3 << 15 | 0x10, 4, &v);
	v = kWindow >> 32;
	pci_root_ecam(&r, true, 3 << 15 | 0x14, 4, &v);
	EXPECT_EQ(0xffffffffu, mem(kPlace, 4));
	EXPECT_EQ(0x44332211u, mem(kWindow + 0x20008, 4));
}

TEST_F(Root, OtherBusesHaveNoHostBridge)
{
	make(1);
	EXPECT_EQ(0xffffffffu, ecam(0, 4));
	EXPECT_EQ(0x10441af4u, ecam(3 << 15, 4));
	out(0, 4, 0x80011800);
	EXPECT_EQ(0x10441af4u, in(4, 4));
	EXPECT_EQ(kWindow + (1ull << 33), r.window);
}

TEST_F(Root, ResetAndFields)
{
	out(0, 4, 0x80001800);
	uint64_t v = 0x55;
	pci_root_ecam(&r, true, PCI_REG_INT_LINE, 1, &v);
	uint8_t buf[64];
	fields o = fields_writer(buf, sizeof(buf));
	pci_root_fields(&o, &r);
	ASSERT_FALSE(o.bad);
	pci_root_reset(&r);
	EXPECT_EQ(0u, in(0, 4));
	EXPECT_EQ(0u, ecam(PCI_REG_INT_LINE, 1));
	fields i = fields_reader(buf, sizeof(buf) - o.left);
	pci_root_fields(&i, &r);
	EXPECT_FALSE(i.bad);
	EXPECT_EQ(0x80001800u, in(0, 4));
	EXPECT_EQ(0x55u, ecam(PCI_REG_INT_LINE, 1));
	buf[0] = 1; // a bit that is not there
	i = fields_reader(buf, sizeof(buf) - o.left);
	pci_root_fields(&i, &r);
	EXPECT_TRUE(i.bad);
}
