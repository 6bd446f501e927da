// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cerrno>
#include <fcntl.h>
#include <memory>
#include <poll.h>
#include <sys/eventfd.h>

#include "tests/unit/net/black_hole.h"

extern "C" {
#include "net/tries.h"
}

namespace
{

struct Tries : testing::Test {
	struct tries d = {};
	struct tries_wait w = {tries_now_ms() + 5000, -1};

	void TearDown() override
	{
		tries_end(&d);
	}
	// The places in this order.
	void Begin(std::vector<Place *> all)
	{
		for (size_t i = 0; i + 1 < all.size(); i++)
			all[i]->info.ai_next = &all[i + 1]->info;
		tries_begin(&d, &all[0]->info);
	}
	static bool IsAt(int fd, const Place &p)
	{
		sockaddr_in a = {};
		socklen_t len = sizeof(a);

		return getpeername(fd, (sockaddr *)&a, &len) == 0 && a.sin_port == p.at.sin_port &&
		       a.sin_addr.s_addr == p.at.sin_addr.s_addr;
	}
};

} // namespace

// The fault: the first address had all of the time.
TEST_F(Tries, OneThatSwallowsEverythingKeepsNobodyFromTheNext)
{
	Place hole(2, true), good(3);

	Begin({&hole, &good});
	int fd = tries_next(&d, &w);
	ASSERT_GE(fd, 0);
	EXPECT_TRUE(IsAt(fd, good));
	EXPECT_EQ(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	EXPECT_TRUE(tries_has_more(&d)); // the first goes on
	EXPECT_LT(tries_now_ms(), w.deadline_ms);
	close(fd);
}

TEST_F(Tries, ARefusalIsNotWaitedFor)
{
	Place shut(2), good(3);

	shut.shut();
	Begin({&shut, &good});
	int fd = tries_next(&d, &w);
	ASSERT_GE(fd, 0);
	EXPECT_TRUE(IsAt(fd, good));
	EXPECT_FALSE(tries_has_more(&d));
	close(fd);
}

TEST_F(Tries, AllThatStandComeOneAfterTheOther)
{
	Place a(2), b(3), c(4);

	Begin({&a, &b, &c});
	for (Place *p : {&a, &b, &c}) {
		int fd = tries_next(&d, &w);
		ASSERT_GE(fd, 0);
		EXPECT_TRUE(IsAt(fd, *p));
		close(fd);
	}
	EXPECT_LT(tries_next(&d, &w), 0);
}

TEST_F(Tries, TheErrorOfTheLastIsTold)
{
	Place a(2), b(3);

	a.shut();
	b.shut();
	Begin({&a, &b});
	EXPECT_EQ(tries_next(&d, &w), -ECONNREFUSED);
}

TEST_F(Tries, TimeEndsIt)
{
	Place hole(2, true);

	Begin({&hole});
	w.deadline_ms = tries_now_ms() + 20;
	EXPECT_EQ(tries_next(&d, &w), -ETIMEDOUT);
}

TEST_F(Tries, MoreThanAreUnderWayAtOnce)
{
	std::vector<std::unique_ptr<Place>> holes;
	std::vector<Place *> all;

	for (unsigned i = 0; i < TRIES_OPEN_MAX + 3; i++) {
		holes.push_back(std::make_unique<Place>(2 + i));
		holes.back()->shut();
		all.push_back(holes.back().get());
	}
	Place good(40);
	all.push_back(&good);
	Begin(all);
	int fd = tries_next(&d, &w);
	ASSERT_GE(fd, 0);
	EXPECT_TRUE(IsAt(fd, good));
	close(fd);
}

TEST_F(Tries, WhoCancelsIsNotWaitedFor)
{
	Place hole(2, true);

	w.cancel_fd = eventfd(1, EFD_CLOEXEC);
	w.deadline_ms = tries_now_ms() + 3600000;
	Begin({&hole});
	EXPECT_EQ(tries_next(&d, &w), -ECANCELED);
	EXPECT_EQ(tries_ready(-1, 0, &w), -ECANCELED);
	close(w.cancel_fd);
}
