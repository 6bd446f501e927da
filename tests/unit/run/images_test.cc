// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

extern "C" {
#include "vmm/call/boot_image.h"
#include "vmm/run/images.h"
}

namespace
{

struct Images : testing::Test {
	std::string dir, kernel;
	struct images v = {};
	char why[512] = "";
	void SetUp() override
	{
		char name[] = "/tmp/images-test.XXXXXX";
		dir = mkdtemp(name);
		kernel = dir + "/kernel";
		std::ofstream(kernel) << std::string(1000, 'k');
		std::ofstream(dir + "/empty") << "";
		std::ofstream(dir + "/large") << "x";
		ASSERT_EQ(truncate((dir + "/large").c_str(), (off_t)CTL_IMAGE_MAX + 1), 0);
	}
	void TearDown() override
	{
		images_close(&v);
		std::filesystem::remove_all(dir);
	}
	int open(const std::string &k, const std::string &i)
	{
		return images_open(&v, k.c_str(), i.empty() ? nullptr : i.c_str(), why, sizeof(why));
	}
	int pump()
	{
		return images_pump(&v, nullptr, 1, why, sizeof(why));
	}
};

TEST_F(Images, WhatCannotBeBootedIsNamedWithItsOption)
{
	const struct {
		std::string path, says;
	} cases[] = {{dir, "is a folder"},
		     {"/dev/null", "is empty"},
		     {dir + "/empty", "is empty"},
		     {dir + "/large", "larger than 1.0 GiB"},
		     {dir + "/none", "No such file"}};
	for (auto &c : cases) {
		EXPECT_NE(open(c.path, ""), 0);
		EXPECT_EQ(std::string(why).find("--kernel '" + c.path + "': "), 0u) << why;
		EXPECT_NE(std::string(why).find(c.says), std::string::npos) << why;
		EXPECT_NE(open(kernel, c.path), 0);
		EXPECT_EQ(std::string(why).find("--initrd '"), 0u) << why;
		EXPECT_NE(std::string(why).find("'" + c.path + "'"), std::string::npos) << why;
	}
}

TEST_F(Images, AFileThatShrinksWhileItIsSentIsAnError)
{
	ASSERT_EQ(open(kernel, ""), 0) << why;
	EXPECT_EQ(v.file[CTL_KERNEL].bytes, 1000u);
	ASSERT_EQ(truncate(kernel.c_str(), 10), 0);
	EXPECT_EQ(pump(), -ENODATA);
	EXPECT_STREQ(why, "the kernel cannot be read: it became shorter while it was sent");
}

TEST_F(Images, ClosedTwiceAndNeverOpenedIsClosed)
{
	images_close(&v);
	ASSERT_EQ(open(kernel, kernel), 0) << why;
	images_close(&v);
	images_close(&v);
}

} // namespace
