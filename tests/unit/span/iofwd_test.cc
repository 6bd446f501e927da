// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cerrno>
#include <thread>
#include <vector>

extern "C" {
#include "vmm/span/iofwd.h"
}

namespace
{

TEST(Iofwd, AnswerReachesItsWaiter)
{
	iofwd f;
	iofwd_init(&f);
	std::vector<std::thread> threads;
	std::vector<uint64_t> ids(8), got(8);
	for (auto &id : ids)
		id = iofwd_begin(&f);
	for (size_t i = 0; i < ids.size(); i++)
		threads.emplace_back([&, i] { iofwd_wait(&f, ids[i], &got[i]); });
	for (size_t i = ids.size(); i-- > 0;)
		iofwd_answer(&f, ids[i], 100 + i);
	for (auto &t : threads)
		t.join();
	for (size_t i = 0; i < ids.size(); i++)
		EXPECT_EQ(got[i], 100 + i);
}

TEST(Iofwd, StrayAndDuplicateAnswersAreCounted)
{
	iofwd f;
	iofwd_init(&f);
	uint64_t id = iofwd_begin(&f), value = 0;
	iofwd_answer(&f, id, 1);
	iofwd_answer(&f, id, 2);
	iofwd_answer(&f, id + IOFWD_SLOTS, 3);
	iofwd_answer(&f, 0, 4);
	EXPECT_EQ(iofwd_wait(&f, id, &value), 0);
	EXPECT_EQ(value, 1u);
	iofwd_answer(&f, id, 5);
	EXPECT_EQ(f.strays, 4u);
}

TEST(Iofwd, FullMakesTheNextOneWaitForASlot)
{
	iofwd f;
	iofwd_init(&f);
	std::vector<uint64_t> ids;
	for (unsigned i = 0; i < IOFWD_SLOTS; i++)
		ids.push_back(iofwd_begin(&f));
	uint64_t late = 0, value;
	std::thread t([&] { late = iofwd_begin(&f); });
	iofwd_answer(&f, ids[9], 9);
	EXPECT_EQ(iofwd_wait(&f, ids[9], &value), 0);
	t.join();
	EXPECT_NE(late, 0u);
	EXPECT_NE(late, ids[9]); // numbers are never used again
}

TEST(Iofwd, CancelEndsWaitersAndRefusesNewOnes)
{
	iofwd f;
	iofwd_init(&f);
	uint64_t id = iofwd_begin(&f), value;
	int r = 0;
	std::thread t([&] { r = iofwd_wait(&f, id, &value); });
	iofwd_cancel(&f);
	t.join();
	EXPECT_EQ(r, -ECANCELED);
	EXPECT_EQ(iofwd_begin(&f), 0u);
}

} // namespace
