// SPDX-License-Identifier: Apache-2.0
// The survey and the probe of page walks, on the real /dev/kvm.
#include <gtest/gtest.h>

#include <unistd.h>

extern "C" {
#include "vmm/hv/survey.h"
}

namespace
{

class Survey : public ::testing::Test
{
      protected:
	void SetUp() override
	{
		if (access("/dev/kvm", R_OK | W_OK))
			GTEST_SKIP() << "SKIP: /dev/kvm cannot be opened";
		hv_survey_take(&s);
	}
	struct hv_survey s;
};

TEST_F(Survey, SaysWhatHvOpenSays)
{
	char why[256];
	hv kvm;

	EXPECT_EQ(s.open_error, 0);
	EXPECT_EQ(s.api, 12);
	EXPECT_EQ(s.missing, 0u);
	ASSERT_EQ(s.run_error, 0) << s.why;
	ASSERT_EQ(hv_open(&kvm, why, sizeof(why)), 0) << why;
	EXPECT_EQ(s.emulated, kvm.emulated);
	EXPECT_EQ(s.tsc_offset, kvm.tsc_offset);
	EXPECT_EQ(s.xsave, kvm.xsave);
	EXPECT_EQ(s.supported.n, kvm.supported.n);
	EXPECT_GT(s.tsc_khz, 100000u);
	hv_close(&kvm);
}

/* Wherever a guest runs, its walks either write or do not; the control sees to it that "read" is no blindness. */
TEST_F(Survey, WalksAreTriedWithAnAnswer)
{
	ASSERT_EQ(s.run_error, 0) << s.why;
	EXPECT_TRUE(s.walks == HV_WALKS_READ || s.walks == HV_WALKS_WRITE) << s.walks;
}

TEST_F(Survey, WalksComeToTheSameAnswerAgainAndLeaveNoDescriptor)
{
	char why[256];
	hv kvm;

	ASSERT_EQ(hv_open(&kvm, why, sizeof(why)), 0) << why;
	int before = dup(0);
	close(before);
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(hv_probe_walks(&kvm), s.walks);
	int after = dup(0);
	close(after);
	EXPECT_EQ(before, after);
	hv_close(&kvm);
}

/* A KVM that refuses everything is no reason to say "read". */
TEST(Walks, AreUnknownWithoutKvm)
{
	hv none = {};

	none.kvm_fd = none.vm_fd = -1;
	none.run_bytes = 4096;
	EXPECT_EQ(hv_probe_walks(&none), HV_WALKS_UNKNOWN);
}

TEST(Needs, AllHaveANameAndARemedy)
{
	ASSERT_GT(hv_needs_n, 5u);
	ASSERT_LE(hv_needs_n, 32u) << "hv_survey.missing has a bit for each";
	for (unsigned i = 0; i < hv_needs_n; i++) {
		EXPECT_TRUE(hv_needs[i].name && *hv_needs[i].name);
		EXPECT_TRUE(hv_needs[i].remedy && *hv_needs[i].remedy);
	}
}

} // namespace
