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
#include "net/now.h"
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

// Another host gets what the first one got, or it is said that it cannot.
TEST_F(Images, SentAgainTheyAreTheSame)
{
	struct link *mine = nullptr, *other[2] = {};
	std::string got[2];
	struct link_options o = {};
	o.transport = "loop";
	o.epoch = 1;
	struct link_handler none = {nullptr, [](void *, unsigned, const struct msg *) {},
				    [](void *, unsigned, const char *) {}};
	ASSERT_EQ(0, link_create(&mine, &o, &none));
	for (unsigned i = 0; i < 2; i++) {
		struct link_handler h = {&got[i],
					 [](void *x, unsigned, const struct msg *m) {
						 ((std::string *)x)->append((const char *)m->blob, m->blob_bytes);
					 },
					 none.on_down};
		ASSERT_EQ(0, link_create(&other[i], &o, &h));
		ASSERT_EQ(0, link_join_loop(mine, i, other[i], 0));
	}
	auto turns = [&] {
		for (unsigned i = 0; i < 20; i++)
			for (auto *l : {mine, other[0], other[1]})
				loop_run(link_loop(l), 0);
	};
	ASSERT_EQ(0, open(kernel, "")) << why;
	EXPECT_EQ(1, images_pump(&v, mine, 1, why, sizeof(why)));
	turns();
	EXPECT_TRUE(images_sent(&v, mine));
	EXPECT_EQ(std::string(1000, 'k'), got[0]);
	images_send_again(&v, 1);
	EXPECT_FALSE(images_sent(&v, mine));
	EXPECT_EQ(1, images_pump(&v, mine, 1, why, sizeof(why)));
	turns();
	EXPECT_TRUE(images_sent(&v, mine));
	EXPECT_EQ(got[0], got[1]);
	std::ofstream(kernel) << std::string(999, 'k') + "K";
	images_send_again(&v, 0);
	EXPECT_EQ(-ESTALE, images_pump(&v, mine, 1, why, sizeof(why)));
	EXPECT_STREQ("the kernel is not what the guest was started with any more", why);
	turns();
	for (auto *l : {mine, other[0], other[1]})
		link_destroy(l);
}

TEST_F(Images, ClosedTwiceAndNeverOpenedIsClosed)
{
	images_close(&v);
	ASSERT_EQ(open(kernel, kernel), 0) << why;
	images_close(&v);
	images_close(&v);
}

} // namespace
