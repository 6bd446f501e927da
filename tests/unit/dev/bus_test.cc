// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <random>
#include <string>
#include <thread>
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
	Bus()
	{
		bus_init(b);
	}
	~Bus()
	{
		bus_close(b);
		delete b;
	}
	// name@first=accesses of all ranges
	std::string ranges()
	{
		std::string text;
		bus_each(
			b,
			[](void *x, const char *name, uint64_t first, uint64_t n) {
				*(std::string *)x +=
					std::string(name) + "@" + std::to_string(first) + "=" + std::to_string(n) + " ";
			},
			&text);
		return text;
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
	EXPECT_EQ("uart@1016=1 ", ranges());
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
	EXPECT_EQ("pm@1536=0 timer@1544=0 top@18446744073709551615=0 ", ranges());
}

TEST_F(Bus, FullTableRefuses)
{
	for (unsigned i = 0; i < BUS_RANGES_MAX; i++)
		ASSERT_EQ(0, bus_add(b, i, 1, "x", Device::fn, &d));
	EXPECT_EQ(-ENOSPC, bus_add(b, BUS_RANGES_MAX, 1, "x", Device::fn, &d));
	ASSERT_EQ(0, bus_remove(b, 1000));
	EXPECT_EQ(0, bus_add(b, BUS_RANGES_MAX, 1, "x", Device::fn, &d));
}

/* Port 0xcf8 is 32 bits wide, and 0xcf9 another register. */
TEST_F(Bus, ARegisterWithAnotherOneInIt)
{
	Device inner;
	d.answer = 0x80000000;
	inner.answer = 6;
	ASSERT_EQ(0, bus_add_start(b, 0xcf8, "address", Device::fn, &d));
	ASSERT_EQ(0, bus_add(b, 0xcf9, 1, "reset", Device::fn, &inner));
	EXPECT_EQ(-EEXIST, bus_add_start(b, 0xcf8, "again", Device::fn, &d));
	for (unsigned size : {1u, 2u, 4u, 8u}) {
		bus_access a = access_of(false, size);
		ASSERT_EQ(0, bus_do(b, 0xcf8, &a));
		EXPECT_EQ(0x80000000u & (size < 4 ? 0xffff : 0xffffffff), a.value);
		EXPECT_EQ(0u, a.offset);
	}
	EXPECT_EQ(4u, d.seen.size());
	bus_access a = access_of(false, 1);
	bus_do(b, 0xcf9, &a);
	EXPECT_EQ(6u, a.value);
	a = access_of(false, 2);
	bus_do(b, 0xcf9, &a); // goes on behind the inner one, which is not meant then
	EXPECT_EQ(0xffffu, a.value);
	EXPECT_EQ(1u, inner.seen.size());
}

TEST_F(Bus, TheDevicesResultComesBack)
{
	d.result = -ECANCELED;
	ASSERT_EQ(0, bus_add(b, 0, 1, "far", Device::fn, &d));
	auto a = access_of(false, 1);
	EXPECT_EQ(-ECANCELED, bus_do(b, 0, &a));
}

TEST_F(Bus, RangesMoveAndGo)
{
	ASSERT_EQ(0, bus_add(b, 0x1000, 0x10, "a", Device::fn, &d));
	ASSERT_EQ(0, bus_add(b, 0x2000, 0x10, "b", Device::fn, &d));
	auto a = access_of(true, 1);
	EXPECT_EQ(0, bus_do(b, 0x1004, &a));
	EXPECT_EQ(-ENOENT, bus_move(b, 0x1001, 0x3000));
	EXPECT_EQ(-EEXIST, bus_move(b, 0x1000, 0x2008));
	EXPECT_EQ(-EINVAL, bus_move(b, 0x1000, UINT64_MAX - 1));
	EXPECT_EQ("a@4096=1 b@8192=0 ", ranges()); // nothing has changed
	EXPECT_EQ(0, bus_move(b, 0x1000, 0x1008)); // over its own place
	EXPECT_EQ(0, bus_move(b, 0x1008, 0x3000));
	EXPECT_EQ("b@8192=0 a@12288=1 ", ranges());
	EXPECT_EQ(0, bus_do(b, 0x3002, &a));
	EXPECT_EQ(2u, d.seen.back().offset);
	EXPECT_EQ(0, bus_do(b, 0x1004, &a));
	EXPECT_EQ(1u, b->unclaimed);
	EXPECT_EQ(0, bus_remove(b, 0x3000));
	EXPECT_EQ(-ENOENT, bus_remove(b, 0x3000));
	EXPECT_EQ("b@8192=0 ", ranges());
}

// Any changes against a list that is searched from its beginning.
TEST_F(Bus, LookUpsAreThoseOfAPlainList)
{
	struct Range {
		uint64_t first, bytes;
		unsigned id;
	};
	std::vector<Range> oracle;
	std::mt19937 rnd(7);
	auto pick = [&](unsigned n) { return (uint64_t)(rnd() % n); };
	auto overlaps = [&](uint64_t first, uint64_t bytes, size_t but) {
		for (size_t i = 0; i < oracle.size(); i++)
			if (i != but && first < oracle[i].first + oracle[i].bytes && oracle[i].first < first + bytes)
				return true;
		return false;
	};
	static Device owners[256];
	for (unsigned step = 0; step < 20000; step++) {
		unsigned what = (unsigned)pick(10);
		uint64_t first = pick(2000), bytes = 1 + pick(30);
		size_t at = oracle.empty() ? 0 : pick((unsigned)oracle.size());
		if (what < 3 && oracle.size() < 256) {
			unsigned id = 0;
			while (std::any_of(oracle.begin(), oracle.end(), [&](Range &r) { return r.id == id; }))
				id++;
			bool taken = overlaps(first, bytes, SIZE_MAX);
			ASSERT_EQ(taken ? -EEXIST : 0, bus_add(b, first, bytes, "x", Device::fn, &owners[id]));
			if (!taken)
				oracle.push_back({first, bytes, id});
		} else if (what < 4 && !oracle.empty()) {
			ASSERT_EQ(0, bus_remove(b, oracle[at].first));
			oracle.erase(oracle.begin() + (long)at);
		} else if (what < 6 && !oracle.empty()) {
			bool taken = overlaps(first, oracle[at].bytes, at);
			ASSERT_EQ(taken ? -EEXIST : 0, bus_move(b, oracle[at].first, first));
			if (!taken)
				oracle[at].first = first;
		}
		bus_hit hit = {};
		unsigned size = 1u << pick(4);
		const Range *want = nullptr;
		for (const Range &r : oracle)
			if (first >= r.first && first + size <= r.first + r.bytes)
				want = &r;
		ASSERT_EQ(want != nullptr, bus_find(b, first, size, &hit)) << step;
		if (want) {
			ASSERT_EQ(&owners[want->id], hit.owner);
			ASSERT_EQ(first - want->first, hit.offset);
		}
	}
}

// What stays where it is is found at any moment, and what moves is found at one of its two places or at none.
TEST_F(Bus, RangesChangeWhileTheyAreLookedUp)
{
	Device fixed, moving;
	std::vector<std::thread> readers;
	bool over = false;
	unsigned lost = 0, wrong = 0;
	ASSERT_EQ(0, bus_add(b, 0x100, 16, "fixed", Device::fn, &fixed));
	ASSERT_EQ(0, bus_add(b, 0x1000, 16, "moving", Device::fn, &moving));
	for (unsigned i = 0; i < 3; i++)
		readers.emplace_back([&] {
			bus_hit hit;
			while (!__atomic_load_n(&over, __ATOMIC_ACQUIRE)) {
				if (!bus_find(b, 0x108, 4, &hit) || hit.owner != &fixed || hit.offset != 8)
					__atomic_fetch_add(&lost, 1, __ATOMIC_RELAXED);
				for (uint64_t addr : {0x1004, 0x2004})
					if (bus_find(b, addr, 4, &hit) && (hit.owner != &moving || hit.offset != 4))
						__atomic_fetch_add(&wrong, 1, __ATOMIC_RELAXED);
			}
		});
	for (unsigned i = 0; i < 2000; i++) {
		ASSERT_EQ(0, bus_move(b, 0x1000, 0x2000));
		ASSERT_EQ(0, bus_add(b, 0x50, 8, "more", Device::fn, &d));
		ASSERT_EQ(0, bus_move(b, 0x2000, 0x1000));
		ASSERT_EQ(0, bus_remove(b, 0x50));
	}
	__atomic_store_n(&over, true, __ATOMIC_RELEASE);
	for (auto &t : readers)
		t.join();
	EXPECT_EQ(0u, lost);
	EXPECT_EQ(0u, wrong);
}
