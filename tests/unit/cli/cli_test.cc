// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <sys/resource.h>

extern "C" {
#include "vmm/cli/cli.h"
}

TEST(Cli, TakesAsManyDescriptorsAsItMayHave)
{
	char name[] = "pando", word[] = "--version";
	char *argv[] = {name, word, nullptr};
	struct rlimit old, low, now;

	ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &old), 0);
	low = old;
	low.rlim_cur = 64;
	ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
	testing::internal::CaptureStdout();
	EXPECT_EQ(cli_main(2, argv), 0);
	EXPECT_EQ(testing::internal::GetCapturedStdout().rfind("pando ", 0), 0u);
	ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &now), 0);
	EXPECT_EQ(now.rlim_cur, old.rlim_max);
	setrlimit(RLIMIT_NOFILE, &old);
}
