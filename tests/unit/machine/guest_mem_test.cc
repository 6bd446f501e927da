// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <atomic>
#include <poll.h>
#include <thread>

extern "C" {
#include "vmm/machine/guest_mem.h"
#include "vmm/mem/uffd.h"
}

struct GuestMem : ::testing::Test {
	ram r = {};
	guest_mem m;
	GuestMem()
	{
		EXPECT_EQ(0, ram_map(&r, 4 << 20));
		m = guest_mem_of(&r);
	}
	~GuestMem() override
	{
		ram_unmap(&r);
	}
};

TEST_F(GuestMem, ReachesMemoryAndNothingElse)
{
	char text[6] = "";
	const uint64_t end = 4 << 20;
	const uint64_t outside[] = {end, end - 5, LAYOUT_LOW_END, LAYOUT_HIGH, UINT64_MAX, UINT64_MAX - 5};
	EXPECT_TRUE(m.write(m.owner, 4094, "hello", 6)); // over a page's end
	EXPECT_TRUE(m.read(m.owner, 4094, text, 6));
	EXPECT_STREQ("hello", text);
	EXPECT_EQ('h', r.base[4094]);
	for (uint64_t at : outside) {
		EXPECT_FALSE(m.read(m.owner, at, text, 6)) << at;
		EXPECT_FALSE(m.write(m.owner, at, text, 6)) << at;
	}
	EXPECT_TRUE(m.read(m.owner, end, text, 0));
	EXPECT_TRUE(m.write(m.owner, UINT64_MAX, text, 0));
}

/* What is absent reads as zeroes from then on: it must come to no disk, and to nobody else. */
TEST_F(GuestMem, OfPagesThatWereLetGoNothingIsToBeHad)
{
	char text[6] = "";
	uint16_t v = 0;
	EXPECT_TRUE(m.write(m.owner, 4096, "hello", 6));
	EXPECT_FALSE(ram_gone(&r));
	ram_let_go(&r);
	EXPECT_TRUE(ram_gone(&r));
	EXPECT_FALSE(m.read(m.owner, 4096, text, 6));
	EXPECT_FALSE(m.read16(m.owner, 4096, &v));
	EXPECT_FALSE(m.write(m.owner, 4096, "later", 6));
	EXPECT_FALSE(m.write16(m.owner, 4096, 7));
	EXPECT_EQ('h', r.base[4096]);
	ram_unmap(&r);
	EXPECT_EQ(0, ram_map(&r, 4 << 20)); // the next guest's
	EXPECT_TRUE(m.read(m.owner, 4096, text, 6));
}

/* Who waits for a page when it happens gets it as zeroes, and must not take them for the guest's. */
TEST_F(GuestMem, WhoWaitsForAPageIsToldThatItDoesNotCome)
{
	struct uffd u;
	char why[256] = "";
	uint64_t word = 1;
	std::atomic<int> got{-1};
	pollfd p = {};

	if (uffd_open(&u, &r, why, sizeof(why)))
		GTEST_SKIP() << "SKIP: " << why;
	std::thread device([&] { got = m.read(m.owner, 8192, &word, 8); });
	p.fd = u.fd;
	p.events = POLLIN;
	EXPECT_EQ(1, poll(&p, 1, 20000)); // it waits
	EXPECT_EQ(-1, got);
	ram_let_go(&r);
	uffd_close(&u);
	device.join();
	EXPECT_EQ(0, got);
}

TEST_F(GuestMem, Words)
{
	uint16_t v = 0;
	EXPECT_TRUE(m.write16(m.owner, 0x1002, 0x1234));
	EXPECT_EQ(0x34, r.base[0x1002]); // little-endian
	EXPECT_TRUE(m.read16(m.owner, 0x1002, &v));
	EXPECT_EQ(0x1234, v);
	const uint64_t odd[] = {1, 4 << 20, LAYOUT_LOW_END, UINT64_MAX};
	for (uint64_t at : odd) {
		EXPECT_FALSE(m.read16(m.owner, at, &v)) << at;
		EXPECT_FALSE(m.write16(m.owner, at, v)) << at;
	}
}
