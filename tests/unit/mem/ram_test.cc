// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cerrno>

extern "C" {
#include "vmm/mem/ram.h"
}

TEST(Ram, MapIsAlignedZeroAndGone)
{
	ram r;
	ASSERT_EQ(0, ram_map(&r, 6 << 20));
	EXPECT_EQ(0u, (uintptr_t)r.base % (2 << 20));
	EXPECT_EQ(6u << 20, r.bytes);
	EXPECT_EQ(0, r.base[(6 << 20) - 1]);
	uint8_t *base = r.base;
	ram_unmap(&r);
	EXPECT_EQ(nullptr, r.base);
	EXPECT_EQ(-1, msync(base, 4096, MS_ASYNC));
	EXPECT_EQ(ENOMEM, errno);
	ram_unmap(&r); // harmless
}

TEST(Ram, MoreThanTheMachineHasIsOnlyAddressSpace)
{
#ifdef __SANITIZE_THREAD__
	GTEST_SKIP() << "ThreadSanitizer leaves too little address space";
#endif
	ram r;
	ASSERT_EQ(0, ram_map(&r, 1ull << 42));
	r.base[(1ull << 42) - 1] = 1;
	ram_unmap(&r);
}

TEST(Ram, BadSizes)
{
	ram r;
	EXPECT_EQ(-EINVAL, ram_map(&r, 0));
	EXPECT_EQ(-EINVAL, ram_map(&r, 4095));
	EXPECT_EQ(-EINVAL, ram_map(&r, UINT64_MAX - 4095));
	EXPECT_EQ(-ENOMEM, ram_map(&r, 1ull << 60));
}

TEST(Ram, ChildrenDoNotInherit)
{
#ifdef __SANITIZE_THREAD__
	GTEST_SKIP() << "ThreadSanitizer takes the signal that this test waits for";
#endif
	ram r;
	ASSERT_EQ(0, ram_map(&r, 2 << 20));
	pid_t pid = fork();
	if (pid == 0)
		_exit(msync(r.base, 4096, MS_ASYNC) == -1 && errno == ENOMEM ? 0 : 1);
	int status = -1;
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	ram_unmap(&r);
}

TEST(Ram, AtChecksEverything)
{
	ram r;
	ASSERT_EQ(0, ram_map(&r, 4ull << 30)); // 3 GiB, hole, 1 GiB
	EXPECT_EQ(r.base, ram_at(&r, 0, 1));
	EXPECT_EQ(r.base + 5000, ram_at(&r, 5000, 3ull * 4096));
	EXPECT_EQ(r.base, ram_at(&r, 0, LAYOUT_LOW_END));
	EXPECT_EQ(r.base + LAYOUT_LOW_END + 7, ram_at(&r, LAYOUT_HIGH + 7, (1ull << 30) - 7));
	EXPECT_EQ(nullptr, ram_at(&r, 0, 0));
	EXPECT_EQ(nullptr, ram_at(&r, 0, LAYOUT_LOW_END + 1));
	EXPECT_EQ(nullptr, ram_at(&r, LAYOUT_LOW_END, 1));
	EXPECT_EQ(nullptr, ram_at(&r, LAYOUT_LOW_END - 1, LAYOUT_HIGH - LAYOUT_LOW_END + 2));
	EXPECT_EQ(nullptr, ram_at(&r, 0, LAYOUT_HIGH + 1)); // both ends are RAM
	EXPECT_EQ(nullptr, ram_at(&r, LAYOUT_HIGH, (1ull << 30) + 1));
	EXPECT_EQ(nullptr, ram_at(&r, LAYOUT_HIGH, UINT64_MAX));
	EXPECT_EQ(nullptr, ram_at(&r, UINT64_MAX, 1));
	EXPECT_EQ(nullptr, ram_at(&r, UINT64_MAX, UINT64_MAX));
	ram_unmap(&r);
}

TEST(Ram, MemoryThatComesIsFoundOnceItIsPublished)
{
	struct ram r = {};
	const uint64_t mib = (1ull << 20) / PAGE_BYTES;
	ASSERT_EQ(0, ram_map_with_room(&r, 4ull << 20, 60ull << 20));
	EXPECT_EQ(-EINVAL, ram_open(&r, 2 * mib, 4 * mib)) << "there since the start";
	EXPECT_EQ(-EINVAL, ram_open(&r, 60 * mib, 5 * mib)) << "beyond the room";
	EXPECT_EQ(-EINVAL, ram_open(&r, 8 * mib, 0));
	ASSERT_EQ(0, ram_open(&r, 16 * mib, 8 * mib));
	EXPECT_EQ(nullptr, ram_at(&r, 16ull << 20, 8));
	r.base[16u << 20] = 7; // accessible
	ASSERT_EQ(0, ram_publish(&r, 16 * mib, 8 * mib));
	EXPECT_EQ(r.base + (16u << 20), ram_at(&r, 16ull << 20, 8ull << 20));
	EXPECT_EQ(nullptr, ram_at(&r, 16ull << 20, (8ull << 20) + 1));
	EXPECT_EQ(nullptr, ram_at(&r, (16ull << 20) - 1, 2));
	EXPECT_EQ(-EINVAL, ram_open(&r, 16 * mib, 8 * mib)) << "there already";
	ASSERT_EQ(0, ram_open(&r, 24 * mib, 8 * mib));
	ASSERT_EQ(0, ram_publish(&r, 24 * mib, 8 * mib));
	EXPECT_TRUE(ram_has(&r, 16 * mib, 16 * mib)) << "two pieces in a row are one";
	ASSERT_EQ(0, ram_open(&r, 4 * mib, 12 * mib));
	ASSERT_EQ(0, ram_publish(&r, 4 * mib, 12 * mib));
	EXPECT_TRUE(ram_has(&r, 0, 32 * mib)) << "whatever order they came in";
	ASSERT_EQ(0, ram_publish(&r, 16 * mib, 8 * mib)) << "it was to go, and stays";
	ram_hide(&r, 16 * mib);
	EXPECT_FALSE(ram_has(&r, 16 * mib, 1));
	ram_hide(&r, 16 * mib); // again: nothing
	EXPECT_EQ(7, r.base[16u << 20]);
	ASSERT_EQ(0, ram_close(&r, 16 * mib, 8 * mib));
	r.base[17u << 20] = 7; // something late: no end of the process
	ASSERT_EQ(0, ram_close(&r, 16 * mib, 8 * mib));
	EXPECT_FALSE(ram_has(&r, 0, 32 * mib));
	EXPECT_TRUE(ram_has(&r, 24 * mib, 8 * mib));
	ASSERT_EQ(0, ram_open(&r, 16 * mib, 8 * mib));
	ASSERT_EQ(0, ram_publish(&r, 16 * mib, 8 * mib));
	EXPECT_EQ(0, r.base[16u << 20]) << "what was there has been given back";
	ram_unmap(&r);
}
