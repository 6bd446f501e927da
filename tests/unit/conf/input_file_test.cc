// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

extern "C" {
#include "vmm/conf/input_file.h"
}

namespace
{

struct InputFile : testing::Test {
	std::string dir, x, got;
	char why[256] = "";
	void SetUp() override
	{
		char name[] = "/tmp/input-test.XXXXXX";
		dir = mkdtemp(name);
		x = dir + "/x";
	}
	void TearDown() override
	{
		std::filesystem::remove_all(dir);
	}
	int load(const std::string &path, uint64_t max = 100)
	{
		char *bytes = nullptr;
		size_t n = 0;
		int r = input_file_load(path.c_str(), max, &bytes, &n, why, sizeof(why));
		if (!r)
			got.assign(bytes, n);
		free(bytes);
		return r;
	}
	void expect_refused(const std::string &path, int error, const std::string &says)
	{
		EXPECT_EQ(load(path), error) << path;
		EXPECT_NE(std::string(why).find(says), std::string::npos) << why;
	}
};

TEST_F(InputFile, WhatIsNoUsefulFileIsNamed)
{
	std::ofstream(dir + "/empty") << "";
	std::ofstream(dir + "/large") << std::string(101, 'x');
	expect_refused(dir, -EISDIR, "is a folder");
	expect_refused(dir + "/none", -ENOENT, "No such file");
	expect_refused("/dev/null", -ENODATA, "is empty");
	expect_refused(dir + "/empty", -ENODATA, "is empty");
	expect_refused(dir + "/large", -EFBIG, "larger than 100 B");
	expect_refused("/dev/zero", -EFBIG, "larger than 100 B");
}

TEST_F(InputFile, AFileAndAPipeGiveAllTheyHave)
{
	std::ofstream(x) << std::string(100, 'y');
	EXPECT_EQ(load(x), 0) << why;
	EXPECT_EQ(got, std::string(100, 'y'));

	int p[2];
	ASSERT_EQ(pipe(p), 0);
	std::string big(300000, 'z');
	std::thread writer([&] {
		usleep(50000); // it comes later
		for (size_t at = 0; at < big.size();)
			at += (size_t)write(p[1], big.data() + at, big.size() - at);
		close(p[1]);
	});
	EXPECT_EQ(load("/dev/fd/" + std::to_string(p[0]), 300000), 0) << why;
	writer.join();
	EXPECT_EQ(got, big);
	close(p[0]);
}

TEST_F(InputFile, AFifoIsWaitedForAndThatIsSaid)
{
	ASSERT_EQ(mkfifo(x.c_str(), 0600), 0);
	testing::internal::CaptureStderr();
	std::thread writer([&] {
		sleep(2);
		std::ofstream(x) << "late";
	});
	EXPECT_EQ(load(x), 0) << why;
	writer.join();
	EXPECT_EQ(got, "late");
	EXPECT_EQ(testing::internal::GetCapturedStderr(), "pando: waiting for what is written into '" + x + "'\n");
}

TEST_F(InputFile, AFileThatShrinksIsAnError)
{
	struct input_file f;
	char bytes[100];
	std::ofstream(x) << std::string(100, 'y');
	ASSERT_EQ(input_file_open(&f, x.c_str(), 100, why, sizeof(why)), 0);
	EXPECT_EQ(f.bytes, 100u);
	EXPECT_EQ(input_file_read(&f, 50, bytes, 50), 0);
	ASSERT_EQ(truncate(x.c_str(), 70), 0);
	EXPECT_EQ(input_file_read(&f, 50, bytes, 50), -ENODATA);
	EXPECT_EQ(input_file_read(&f, 50, bytes, 20), 0);
	input_file_close(&f);
}

} // namespace
