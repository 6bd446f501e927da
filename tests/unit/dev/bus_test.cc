// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cerrno>
#include <vector>

extern "C" {
#include "vmm/dev/bus.h"
}

namespace
{
struct Device {
	std::vector<bus_access> seen;
	uint64_t answer = 0;
	int result = 0;
	static int fn(void *owner, bus_access *a)
	{
		auto *d = (Device *)owner;
		d->seen.push_back(*a);
		if (!a->write)
			a->value = d->answer;
		return d->result;
	}
};

bus_access access_of(bool write, unsigned size, uint64_t value = 0)
{
	bus_access a = {};
	a.write = write;
	a.size = (uint8_t)size;
	a.value = value;
	a.vcpu = 3;
	return a;
}

struct Bus : testing::Test {
	bus *b = new bus();
	Device d;
	~Bus()
	{
		delete b;
	}
};
} // namespace

TEST_F(Bus, DeviceSeesOffsets)
{
	ASSERT_EQ(0, bus_add(b, 0x3f8, 8, "uart", Device::fn, &d));
	auto a = access_of(true, 1, 0x41);
	ASSERT_EQ(0, bus_do(b, 0x3fb, &a));
	ASSERT_EQ(1u, d.seen.size());
	EXPECT_EQ(3u, d.seen[0].offset);
	EXPECT_EQ(0x41u, d.seen[0].value);
	EXPECT_EQ(3u, d.seen[0].vcpu);
	EXPECT_EQ(1u, b->range[0].accesses);
}

TEST_F(Bus, ReadsAreCutToTheirSize)
{
	ASSERT_EQ(0, bus_add(b, 0, 16, "x", Device::fn, &d));
	d.answer = UINT64_MAX;
	for (unsigned size : {1u, 2u, 4u, 8u}) {
		auto a = access_of(false, size);
		ASSERT_EQ(0, bus_do(b, 0, &a));
		EXPECT_EQ(size == 8 ? UINT64_MAX : (1ull << 8 * size) - 1, a.value);
	}
}

TEST_F(Bus, UnclaimedReadsOnes)
{
	auto a = access_of(false, 2);
	EXPECT_EQ(0, bus_do(b, 0x1234, &a));
	EXPECT_EQ(0xffffu, a.value);
	EXPECT_EQ(1u, b->unclaimed);
	EXPECT_EQ(0x1234u, b->last_unclaimed);
}

TEST_F(Bus, AnAccessBeyondTheEndIsNotTheDevices)
{
	ASSERT_EQ(0, bus_add(b, 0x60, 2, "x", Device::fn, &d));
	auto a = access_of(false, 4);
	EXPECT_EQ(0, bus_do(b, 0x60, &a));
	EXPECT_EQ(0xffffffffu, a.value);
	a = access_of(true, 2, 1);
	EXPECT_EQ(0, bus_do(b, 0x61, &a));
	EXPECT_TRUE(d.seen.empty());
	EXPECT_EQ(2u, b->unclaimed);
}

TEST_F(Bus, RangesMayTouchButNotOverlap)
{
	EXPECT_EQ(0, bus_add(b, 0x600, 8, "pm", Device::fn, &d));
	EXPECT_EQ(0, bus_add(b, 0x608, 4, "timer", Device::fn, &d));
	EXPECT_EQ(-EEXIST, bus_add(b, 0x607, 1, "x", Device::fn, &d));
	EXPECT_EQ(-EEXIST, bus_add(b, 0x5ff, 100, "x", Device::fn, &d));
	EXPECT_EQ(-EINVAL, bus_add(b, 0x700, 0, "x", Device::fn, &d));
	EXPECT_EQ(-EINVAL, bus_add(b, UINT64_MAX, 2, "x", Device::fn, &d));
	EXPECT_EQ(0, bus_add(b, UINT64_MAX, 1, "top", Device::fn, &d));
	EXPECT_EQ(3u, b->n);
}

TEST_F(Bus, FullTableRefuses)
{
	for (unsigned i = 0; i < BUS_RANGES_MAX; i++)
		ASSERT_EQ(0, bus_add(b, i, 1, "x", Device::fn, &d));
	EXPECT_EQ(-ENOSPC, bus_add(b, 1000, 1, "x", Device::fn, &d));
}

TEST_F(Bus, TheDevicesResultComesBack)
{
	d.result = -ECANCELED;
	ASSERT_EQ(0, bus_add(b, 0, 1, "far", Device::fn, &d));
	auto a = access_of(false, 1);
	EXPECT_EQ(-ECANCELED, bus_do(b, 0, &a));
}
