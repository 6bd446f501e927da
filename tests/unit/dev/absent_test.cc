// SPDX-License-Identifier: Apache-2.0
// What nobody has: named, counted, told once, and never more than the table holds.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

extern "C" {
#include "vmm/dev/bus.h"
}

namespace
{
struct Absent : testing::Test {
	bus *b = new bus();
	std::vector<std::string> said;
	static void on_absent(void *owner, const absent_range *what, uint64_t addr, const bus_access *)
	{
		auto *t = (Absent *)owner;
		t->said.push_back(what->first > what->last ? "rest"
				  : what->name             ? what->name
					       : std::to_string(what->first) + "-" + std::to_string(what->last) + " " +
							 std::to_string(addr));
	}
	Absent()
	{
		bus_init(b);
		bus_name_absent(b, absent_pc_ports, absent_pc_ports_n, 8, on_absent, this);
	}
	~Absent()
	{
		bus_close(b);
		delete b;
	}
	uint64_t access(uint64_t addr, unsigned size, bool write = false)
	{
		bus_access a = {};
		a.write = write, a.size = (uint8_t)size, a.value = 0x12;
		EXPECT_EQ(0, bus_do(b, addr, &a));
		return a.value;
	}
};

void sorted(const absent_range *r, unsigned n)
{
	ASSERT_LE(n, ABSENT_KNOWN_MAX);
	for (unsigned i = 0; i < n; i++) {
		EXPECT_LE(r[i].first, r[i].last) << r[i].name;
		if (i) {
			EXPECT_GT(r[i].first, r[i - 1].last) << r[i].name;
		}
	}
}
} // namespace

TEST_F(Absent, TablesAreSortedAndFit)
{
	sorted(absent_pc_ports, absent_pc_ports_n);
	sorted(absent_pc_memory, absent_pc_memory_n);
}

TEST_F(Absent, ReadsOnesOfEveryWidthAndDropsWrites)
{
	EXPECT_EQ(0xffu, access(0x3da, 1));
	EXPECT_EQ(0xffffu, access(0x3d4, 2));
	EXPECT_EQ(0xffffffffu, access(0xcfc, 4));
	EXPECT_EQ(UINT64_MAX, access(0xcf8, 8));
	access(0x3da, 1, true);
	EXPECT_EQ(0xffu, access(0x3da, 1));
}

TEST_F(Absent, TheFirstTouchIsToldByName)
{
	for (int i = 0; i < 3; i++) {
		access(0xcf8, 4, true);
		access(0xcfc, 4);
		access(0x378, 1);
	}
	EXPECT_EQ((std::vector<std::string>{"PCI configuration", "parallel port"}), said);
	for (unsigned i = 0; i < absent_pc_ports_n; i++)
		EXPECT_EQ(absent_pc_ports[i].first == 0xcf8   ? 6u
			  : absent_pc_ports[i].first == 0x378 ? 3u
							      : 0u,
			  b->absent.touched[i]);
	EXPECT_EQ(9u, b->unclaimed);
}

TEST_F(Absent, WhatHasNoNameIsToldByItsAddressAndBounded)
{
	access(0x1235, 1);
	access(0x1231, 1);
	EXPECT_EQ((std::vector<std::string>{"4656-4663 4661"}), said);
	for (unsigned p = 0x2000; p < 0x8000; p++)
		access(p, 1);
	ASSERT_EQ(ABSENT_OTHER_MAX + 2u, said.size()); // VMware's port, which has a name, among them
	EXPECT_NE(said.end(), std::find(said.begin(), said.end(), "rest"));
	EXPECT_EQ(2u, b->absent.other_touched[0]);
	EXPECT_EQ(8u, b->absent.other_touched[1]);
	EXPECT_EQ(0x6000u - 2 - 8 * (ABSENT_OTHER_MAX - 1), b->absent.rest);
}

TEST_F(Absent, ADeviceIsNotAbsent)
{
	auto fn = [](void *, bus_access *a) {
		a->value = 0;
		return 0;
	};
	ASSERT_EQ(0, bus_add(b, 0x3f8, 8, "uart", fn, nullptr));
	EXPECT_EQ(0u, access(0x3f8, 1));
	EXPECT_TRUE(said.empty());
	EXPECT_EQ(0xffffu, access(0x3ff, 2)); // its second byte is nobody's
	EXPECT_EQ(1u, said.size());
}

TEST_F(Absent, ManyThreadsTellEachOnce)
{
	static uint64_t told;
	auto count = [](void *, const absent_range *, uint64_t, const bus_access *) {
		__atomic_fetch_add(&told, 1, __ATOMIC_RELAXED);
	};
	std::vector<std::thread> all;

	told = 0;
	bus_name_absent(b, absent_pc_memory, absent_pc_memory_n, 4096, count, nullptr);
	for (int i = 0; i < 4; i++)
		all.emplace_back([this] {
			for (uint64_t n = 0; n < 20000; n++)
				access(n % 2 ? 0xb8000 + n % 4000 : 0xd0000000 + n % 8 * 4096, 1);
		});
	for (auto &t : all)
		t.join();
	EXPECT_EQ(1u + 4, told);
	EXPECT_EQ(40000u, b->absent.touched[2]);
	EXPECT_EQ(0u, b->absent.rest);
}
