// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

extern "C" {
#include "net/session.h"
}

namespace
{

struct KeyFile : testing::Test {
	char dir[32] = "/tmp/pando-key-XXXXXX";
	std::string path;
	session_key k = {};
	const char *why = nullptr;

	void SetUp() override
	{
		ASSERT_NE(mkdtemp(dir), nullptr);
		path = std::string(dir) + "/key";
	}
	void TearDown() override
	{
		unlink(path.c_str());
		rmdir(dir);
	}
	int read_of(const std::string &content, mode_t mode = 0600)
	{
		std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
		chmod(path.c_str(), mode);
		why = nullptr;
		return session_key_read(path.c_str(), &k, &why);
	}
};

} // namespace

TEST_F(KeyFile, WrittenOnesAreReadBack)
{
	struct stat st;
	session_key again;

	ASSERT_EQ(session_key_write_new(path.c_str()), 0);
	ASSERT_EQ(stat(path.c_str(), &st), 0);
	EXPECT_EQ(st.st_mode & 0777, 0600u);
	ASSERT_EQ(session_key_read(path.c_str(), &k, &why), 0);
	ASSERT_EQ(session_key_read(path.c_str(), &again, &why), 0);
	EXPECT_EQ(memcmp(&k, &again, sizeof(k)), 0);
	EXPECT_EQ(session_key_write_new(path.c_str()), -EEXIST) << "a key is never overwritten";
}

TEST_F(KeyFile, Formats)
{
	std::string hex;

	for (int i = 0; i < 32; i++)
		hex += i % 2 ? "5a" : "A5";
	for (const char *end : {"", "\n", "\r\n"}) {
		ASSERT_EQ(read_of(hex + end), 0);
		EXPECT_EQ(k.bytes[0], 0xa5);
		EXPECT_EQ(k.bytes[31], 0x5a);
	}
	EXPECT_EQ(read_of(std::string(32, 'k')), 0);
	EXPECT_EQ(k.bytes[5], 'k');
	for (const std::string &bad : {std::string(), std::string(31, 'k'), std::string(33, 'k'), hex + "a",
				       hex + "\n\n\n", hex.substr(1) + "g", hex.substr(1), std::string(5000, 'a')}) {
		EXPECT_EQ(read_of(bad), -EINVAL);
		EXPECT_NE(why, nullptr);
	}
}

TEST_F(KeyFile, OthersMustNotRead)
{
	for (mode_t m : {0640, 0604, 0666, 0620, 0601}) {
		EXPECT_EQ(read_of(std::string(32, 'k'), m), -EPERM) << std::oct << m;
		EXPECT_NE(why, nullptr);
	}
	EXPECT_EQ(read_of(std::string(32, 'k'), 0400), 0);
}

TEST_F(KeyFile, WhatIsNoFile)
{
	EXPECT_EQ(session_key_read(path.c_str(), &k, &why), -ENOENT);
	EXPECT_NE(why, nullptr);
	ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
	EXPECT_EQ(session_key_read(path.c_str(), &k, &why), -EINVAL) << "and did not wait for a writer";
	EXPECT_EQ(session_key_write_new((std::string(dir) + "/no/such").c_str()), -ENOENT);
}

TEST_F(KeyFile, RandomKeysDiffer)
{
	session_key other;

	session_key_random(&k);
	session_key_random(&other);
	EXPECT_NE(memcmp(&k, &other, sizeof(k)), 0);
}
