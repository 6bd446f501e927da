// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <memory>

extern "C" {
#include "vmm/span/faults.h"
}

namespace
{

class Faults : public ::testing::Test
{
      protected:
	std::unique_ptr<faults> f = std::make_unique<faults>();
	fault out = {};
};

TEST_F(Faults, ARunOfPagesEndsTheFaultsInItAndNoOthers)
{
	faults_begin(f.get(), 11, 5, FAULT_READ, 100);
	faults_begin(f.get(), 12, 7, FAULT_WRITE, 110);
	faults_begin(f.get(), 13, 8, FAULT_READ, 120);
	unsigned ended = 0;
	while (faults_end(f.get(), 4, 4, true, &out))
		ended++;
	EXPECT_EQ(ended, 2u);
	ASSERT_EQ(f->n, 1u);
	EXPECT_EQ(f->v[0].page, 8u);
	EXPECT_FALSE(faults_end(f.get(), 7, 1, true, &out));
}

TEST_F(Faults, AWriterWaitsOnUntilItMayWrite)
{
	faults_begin(f.get(), 11, 5, FAULT_WRITE, 100);
	EXPECT_FALSE(faults_end(f.get(), 5, 1, false, &out));
	// the copy woke it, and it faults again: as an upgrade, but it has been waiting since its first event
	faults_begin(f.get(), 11, 5, FAULT_UPGRADE, 200);
	ASSERT_TRUE(faults_end(f.get(), 5, 1, true, &out));
	EXPECT_EQ(out.since, 100u);
	EXPECT_EQ(out.kind, FAULT_WRITE);
	EXPECT_EQ(f->n, 0u);
}

TEST_F(Faults, AThreadWaitsForOnePageAtATime)
{
	faults_begin(f.get(), 11, 5, FAULT_READ, 100);
	faults_begin(f.get(), 11, 6, FAULT_READ, 200);
	EXPECT_EQ(f->n, 1u);
	EXPECT_EQ(f->given_up, 1u);
	ASSERT_TRUE(faults_end(f.get(), 6, 1, false, &out));
	EXPECT_EQ(out.since, 200u);
}

TEST_F(Faults, WithoutThreadNumbersThePageIsTheKey)
{
	faults_begin(f.get(), 0, 5, FAULT_READ, 100);
	faults_begin(f.get(), 0, 6, FAULT_READ, 200);
	faults_begin(f.get(), 0, 5, FAULT_READ, 300);
	EXPECT_EQ(f->n, 2u);
	ASSERT_TRUE(faults_end(f.get(), 5, 1, false, &out));
	EXPECT_EQ(out.since, 100u);
}

TEST_F(Faults, AGrantSaysMoreThanAnAcknowledgement)
{
	faults_begin(f.get(), 11, 5, FAULT_UPGRADE, 100);
	faults_answered(f.get(), 5, 2, false);
	EXPECT_EQ(f->v[0].answered, 2);
	faults_answered(f.get(), 5, 1, true);
	EXPECT_EQ(f->v[0].answered, 1);
	faults_answered(f.get(), 5, 3, false);
	EXPECT_EQ(f->v[0].answered, 1);
	faults_answered(f.get(), 6, 3, true); // another page
	EXPECT_EQ(f->v[0].answered, 1);
}

TEST_F(Faults, AFullTableCountsWhatItCannotWatch)
{
	for (uint32_t i = 0; i < FAULTS_MAX; i++)
		ASSERT_NE(faults_begin(f.get(), i + 1, i, FAULT_READ, 1), nullptr);
	EXPECT_EQ(faults_begin(f.get(), 5000, 9, FAULT_READ, 1), nullptr);
	EXPECT_EQ(f->unwatched, 1u);
	EXPECT_EQ(f->n, FAULTS_MAX);
}

} // namespace
