// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

extern "C" {
#include "vmm/conf/output_file.h"
}

namespace
{

struct OutputFile : testing::Test {
	std::string dir, x;
	struct output_made made = {};
	void SetUp() override
	{
		char name[] = "/tmp/output-test.XXXXXX";
		dir = mkdtemp(name);
		x = dir + "/x";
	}
	void TearDown() override
	{
		std::filesystem::remove_all(dir);
	}
	int write(const std::string &text)
	{
		return output_file_write(x.c_str(), 0644, text.data(), text.size(), &made);
	}
	static std::string read(const std::string &path)
	{
		std::ifstream f(path);
		return std::string(std::istreambuf_iterator<char>(f), {});
	}
	size_t files()
	{
		size_t n = 0;
		for (auto &e : std::filesystem::directory_iterator(dir))
			n += !e.path().empty();
		return n;
	}
	mode_t kind()
	{
		struct stat st = {};
		return lstat(x.c_str(), &st) ? 0 : st.st_mode & S_IFMT;
	}
};

TEST_F(OutputFile, NothingAndARegularFileAreReplacedWhole)
{
	struct output_file f;
	umask(022);
	EXPECT_EQ(write("one"), 0);
	EXPECT_EQ(read(x), "one");
	struct stat st;
	ASSERT_EQ(stat(x.c_str(), &st), 0);
	EXPECT_EQ(st.st_mode & 0777, 0644u);
	ASSERT_EQ(output_file_open(&f, x.c_str(), 0600), 0);
	EXPECT_TRUE(f.regular);
	ASSERT_EQ(::write(f.fd, "two", 3), 3);
	EXPECT_EQ(read(x), "one");
	EXPECT_EQ(output_file_commit(&f, &made), 0);
	EXPECT_EQ(read(x), "two");
	EXPECT_EQ(files(), 1u);
}

TEST_F(OutputFile, WhatIsKeptIsThereWholeWithItsMode)
{
	struct stat st = {};

	for (const char *text : {"one", "another"}) {
		ASSERT_EQ(output_file_keep(x.c_str(), 0600, text, strlen(text)), 0);
		EXPECT_EQ(read(x), text);
		ASSERT_EQ(stat(x.c_str(), &st), 0);
		EXPECT_EQ(st.st_mode & 0777, 0600u);
		EXPECT_EQ(files(), 1u);
	}
	EXPECT_EQ(output_file_keep((dir + "/no/x").c_str(), 0600, "x", 1), -ENOENT);
	auto before = std::filesystem::current_path();
	std::filesystem::current_path(dir); // a name without a folder
	EXPECT_EQ(output_file_keep("y", 0600, "y", 1), 0);
	EXPECT_EQ(read(dir + "/y"), "y");
	std::filesystem::current_path(before);
}

TEST_F(OutputFile, WhatIsDroppedLeavesTheOldOne)
{
	struct output_file f;
	ASSERT_EQ(write("one"), 0);
	ASSERT_EQ(output_file_open(&f, x.c_str(), 0600), 0);
	output_file_drop(&f);
	EXPECT_EQ(read(x), "one");
	EXPECT_EQ(files(), 1u);
}

TEST_F(OutputFile, ASymbolicLinkStaysOneAndItsTargetIsWritten)
{
	std::ofstream(dir + "/target") << "a long old text";
	ASSERT_EQ(symlink("target", x.c_str()), 0);
	EXPECT_EQ(write("new"), 0);
	EXPECT_EQ(kind(), (mode_t)S_IFLNK);
	EXPECT_EQ(read(dir + "/target"), "new");
	output_file_remove(x.c_str(), &made);
	EXPECT_EQ(kind(), (mode_t)S_IFLNK);
	EXPECT_EQ(files(), 2u);
}

TEST_F(OutputFile, AFifoStaysOneAndIsNotWaitedFor)
{
	char got[8] = {};
	ASSERT_EQ(mkfifo(x.c_str(), 0600), 0);
	EXPECT_EQ(write("text"), -ENXIO);
	int fd = open(x.c_str(), O_RDONLY | O_NONBLOCK);
	EXPECT_EQ(write("text"), 0);
	EXPECT_EQ(::read(fd, got, sizeof(got)), 4);
	EXPECT_EQ(kind(), (mode_t)S_IFIFO);
	output_file_remove(x.c_str(), &made);
	EXPECT_EQ(kind(), (mode_t)S_IFIFO);
	close(fd);
}

TEST_F(OutputFile, ADeviceStaysOne)
{
	if (mknod(x.c_str(), S_IFCHR | 0666, (1 << 8) | 3)) { // what root would lose; others see it through a link
		ASSERT_EQ(symlink("/dev/null", x.c_str()), 0);
	}
	mode_t before = kind();
	int r = write("text");
	EXPECT_TRUE(r == 0 || r == -EACCES) << r; // a file system without devices
	EXPECT_EQ(kind(), before);
	EXPECT_EQ(files(), 1u);
}

TEST_F(OutputFile, AnothersPartIsLeftAlone)
{
	std::ofstream(x + ".partial") << "mine";
	EXPECT_EQ(write("text"), 0);
	EXPECT_EQ(read(x + ".partial"), "mine");
	EXPECT_EQ(files(), 2u);
}

TEST_F(OutputFile, OnlyWhatWasMadeIsRemoved)
{
	ASSERT_EQ(write("ours"), 0);
	struct output_made again = made;
	output_file_remove(x.c_str(), &made);
	EXPECT_EQ(files(), 0u);
	std::ofstream(dir + "/y") << "other";
	std::ofstream(x) << "theirs";
	ASSERT_EQ(write("ours"), 0);
	again = made;
	ASSERT_EQ(rename((dir + "/y").c_str(), x.c_str()), 0);
	output_file_remove(x.c_str(), &again);
	EXPECT_EQ(read(x), "other");
}

TEST_F(OutputFile, AFullDiskIsAFailureAndTheOldOneStays)
{
	struct output_file f;
	ASSERT_EQ(symlink("/dev/full", x.c_str()), 0);
	EXPECT_EQ(write("text"), -ENOSPC);
	ASSERT_EQ(output_file_open(&f, x.c_str(), 0600), 0);
	ASSERT_NE(output_file_stream(&f), nullptr);
	fputs("text", f.stream);
	EXPECT_EQ(output_file_commit(&f, nullptr), -ENOSPC);
}

TEST_F(OutputFile, PlacesAreProbedWithoutATrace)
{
	EXPECT_EQ(output_file_probe(x.c_str()), 0);
	EXPECT_EQ(files(), 0u);
	EXPECT_EQ(output_file_probe(dir.c_str()), -EISDIR);
	EXPECT_EQ(output_file_probe((dir + "/no/x").c_str()), -ENOENT);
	EXPECT_EQ(output_file_probe(""), -ENOENT);
	ASSERT_EQ(mkfifo(x.c_str(), 0600), 0);
	EXPECT_EQ(output_file_probe(x.c_str()), 0);
	EXPECT_EQ(kind(), (mode_t)S_IFIFO);
}

} // namespace
