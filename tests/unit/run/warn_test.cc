// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <memory>
#include <string>

extern "C" {
#include "vmm/call/walks.h"
#include "vmm/run/run_priv.h"
}

namespace
{

struct Warn : testing::Test {
	std::unique_ptr<struct run> r{new struct run()};
	struct run_options opt = {};

	void SetUp() override
	{
		r->opt = &opt;
		r->desc.hosts_n = 2;
		run_status_start(&r->status, &r->calls, &r->desc);
	}
	void TearDown() override
	{
		run_status_stop(&r->status);
	}
	std::string Said()
	{
		testing::internal::CaptureStderr();
		run_warn(r.get());
		return testing::internal::GetCapturedStderr();
	}
	size_t InStatus() const
	{
		return json_array_size(r->status.warnings);
	}
};

TEST_F(Warn, NothingWhereWalksRead)
{
	r->walks[0] = r->walks[1] = WALKS_READ;
	EXPECT_EQ(Said(), "");
	EXPECT_EQ(InStatus(), 0u);
}

TEST_F(Warn, OnTheTerminalWithTheRemedyAndInStatus)
{
	r->walks[0] = WALKS_READ;
	r->walks[1] = WALKS_WRITE_EPTAD;
	std::string text = Said();
	EXPECT_EQ(text.find("pando: warning: page-table walks write on host 1"), 0u) << text;
	EXPECT_NE(text.find("modprobe kvm_intel eptad=0\n"), std::string::npos) << text;
	ASSERT_EQ(InStatus(), 1u);
	EXPECT_STREQ(json_string_value(json_object_get(json_array_get(r->status.warnings, 0), "remedy")),
		     WALKS_EPTAD_REMEDY);
}

TEST_F(Warn, WhereNothingCanBeDoneThereIsNoRemedy)
{
	r->walks[0] = r->walks[1] = WALKS_WRITE;
	std::string text = Said();
	EXPECT_EQ(text.find("modprobe"), std::string::npos) << text;
	EXPECT_STREQ(json_string_value(json_object_get(json_array_get(r->status.warnings, 0), "remedy")), "");
}

TEST_F(Warn, QuietIsTheTerminalAlone)
{
	opt.quiet = true;
	r->walks[0] = r->walks[1] = WALKS_WRITE;
	EXPECT_EQ(Said(), "");
	EXPECT_EQ(InStatus(), 1u);
}

TEST_F(Warn, OneHostIsNotWarned)
{
	r->desc.hosts_n = 1;
	r->walks[0] = WALKS_WRITE_EPTAD;
	EXPECT_EQ(Said(), "");
	EXPECT_EQ(InStatus(), 0u);
}

} // namespace
