// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string>

extern "C" {
#include "coherence/engine.h"
#include "vmm/check/memory.h"
}

namespace
{

namespace fs = std::filesystem;

constexpr uint64_t GiB = 1ull << 30;

// A machine of paper.
struct Memory : testing::Test {
	std::string root;
	check_memory m = {};

	void SetUp() override
	{
		char name[] = "/tmp/pando-memory-XXXXXX";
		ASSERT_TRUE(mkdtemp(name));
		root = name;
		Put("/proc/meminfo", "MemTotal:       16777216 kB\nMemFree: 1 kB\nMemAvailable:   8388608 kB\n");
	}
	~Memory() override
	{
		fs::remove_all(root);
	}
	void Put(const std::string &path, const std::string &text)
	{
		fs::create_directories(fs::path(root + path).parent_path());
		std::ofstream(root + path) << text;
	}
	void Group(const std::string &dir, const std::string &max, const std::string &used, const std::string &file)
	{
		Put("/sys/fs/cgroup" + dir + "/memory.max", max);
		Put("/sys/fs/cgroup" + dir + "/memory.current", used);
		Put("/sys/fs/cgroup" + dir + "/memory.stat",
		    "anon 5\ninactive_file " + file + "\nslab 1\nactive_file 10\nslab_reclaimable 3\n");
	}
	void Look()
	{
		check_memory_read(&m, root.c_str());
	}
};

int Enough(uint64_t available, uint64_t left, uint64_t gift, uint64_t tables, std::string *why = nullptr)
{
	check_memory m = {16 * GiB, available, 4 * GiB, left};
	check_need n = {gift, tables};
	char text[512] = "";
	int r = check_memory_enough(&m, &n, text, sizeof(text));

	if (why)
		*why = text;
	return r;
}

} // namespace

TEST(MemoryEnough, ExactlyWhatIsThereIsEnough)
{
	EXPECT_EQ(Enough(8 * GiB, UINT64_MAX, 7 * GiB, GiB), 0);
	EXPECT_EQ(Enough(8 * GiB, UINT64_MAX, 7 * GiB, GiB + 1), -ENOMEM);
	EXPECT_EQ(Enough(8 * GiB, 2 * GiB, GiB, GiB), 0);
	EXPECT_EQ(Enough(8 * GiB, 2 * GiB, 2 * GiB, 1), -ENOMEM);
}

TEST(MemoryEnough, TheFiguresAreNamed)
{
	std::string why;

	Enough(8 * GiB, UINT64_MAX, 32768 * GiB, 64 * GiB, &why);
	EXPECT_EQ(why, "32.0 TiB for the guest and 64.0 GiB for its tables are asked, 8.0 GiB of this machine's 16.0 "
		       "GiB are available");
	Enough(8 * GiB, GiB, 2 * GiB, 0, &why);
	EXPECT_NE(why.find("the control group's limit of 4.0 GiB leaves 1.0 GiB"), std::string::npos) << why;
}

TEST(MemoryEnough, ASumThatDoesNotFitIsNoSmallOne)
{
	EXPECT_EQ(Enough(8 * GiB, UINT64_MAX - 1, UINT64_MAX - 10, 100), -ENOMEM);
}

TEST(MemoryEnough, WhatIsNotSeenForbidsNothing)
{
	check_memory m = {0, 0, UINT64_MAX, UINT64_MAX};
	check_need n = {1ull << 60, 0};
	char why[64];

	EXPECT_EQ(check_memory_enough(&m, &n, why, sizeof(why)), 0);
}

// The engine's own answer, for a guest of 64 GiB on two hosts.
TEST(MemoryEnough, TablesAreWhatTheEngineTakes)
{
	coh_config c = {};
	uint64_t pages = 64 * GiB / 4096, home = pages / 2;

	c.hosts = 2;
	c.pages = pages;
	c.homes_n = 2;
	c.homes[0] = {0, home, 0};
	c.homes[1] = {home, pages - home, 1};
	c.granule_shift = 9;
	c.hold_ns = c.hold_max_ns = 1000;
	c.quota_pages = home + 1024;
	c.requests_max = 64;
	c.queue_max = 64;
	c.zero_run = 1;
	c.epoch = 1;
	uint64_t engine = coh_engine_used_bytes(&c), said = check_tables_bytes(pages, home);
	if (!engine)
		GTEST_FAIL() << coh_config_error(&c);
	EXPECT_GE(said, engine * 9 / 10);
	EXPECT_LE(said, engine * 3 / 2);
}

TEST_F(Memory, OfTheMachine)
{
	Look();
	EXPECT_EQ(m.total, 16 * GiB);
	EXPECT_EQ(m.available, 8 * GiB);
	EXPECT_EQ(m.left, UINT64_MAX);
}

TEST_F(Memory, TheTightestGroupOfThePathCounts)
{
	Put("/proc/self/cgroup", "0::/a/b\n");
	Group("/a/b", "max", "1000", "0");
	Group("/a", "4294967296", "2147483648", "1073741824");
	Look();
	EXPECT_EQ(m.limit, 4 * GiB);
	EXPECT_EQ(m.left, 3 * GiB + 13); // what holds files, and caches of the kernel, can be dropped
	Group("/a/b", "1073741824", "2073741824", "0");
	Look();
	EXPECT_EQ(m.left, 0u);
}

TEST_F(Memory, InAContainerTheTopIsTheGroup)
{
	Put("/proc/self/cgroup", "0::/not/shown/here\n");
	Group("", "1073741824", "0", "0");
	Look();
	EXPECT_EQ(m.left, GiB);
}

TEST_F(Memory, VersionOneToo)
{
	Put("/proc/self/cgroup", "9:name=systemd:/\n4:memory:/x\n0::/\n");
	Put("/sys/fs/cgroup/memory/x/memory.limit_in_bytes", "2147483648\n");
	Put("/sys/fs/cgroup/memory/x/memory.usage_in_bytes", "1073741824\n");
	Put("/sys/fs/cgroup/memory/x/memory.stat", "cache 1\ntotal_inactive_file 0\n");
	Look();
	EXPECT_EQ(m.limit, 2 * GiB);
	EXPECT_EQ(m.left, GiB);
}

TEST_F(Memory, VersionOnesNumberForNoLimitIsNone)
{
	Put("/proc/self/cgroup", "4:memory:/\n");
	Put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
	Put("/sys/fs/cgroup/memory/memory.usage_in_bytes", "1\n");
	Look();
	EXPECT_EQ(m.left, UINT64_MAX);
}

TEST_F(Memory, NonsenseIsNoLimit)
{
	Put("/proc/self/cgroup", "0:/\n::\nx\n0::\n4:memory\n");
	Group("", "lots", "-", "");
	Look();
	EXPECT_EQ(m.left, UINT64_MAX);
}
