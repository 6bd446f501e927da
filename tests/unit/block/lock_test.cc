// SPDX-License-Identifier: Apache-2.0
// Each descriptor that was opened by itself is an owner of locks of its own, so one process can be all parties.
#include <gtest/gtest.h>

#include <fcntl.h>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

extern "C" {
#include "vmm/block/lock.h"
}

namespace
{

struct Lock : ::testing::Test {
	std::string path;
	char why[512] = "";

	void SetUp() override
	{
		char name[] = "/tmp/pando-lock-XXXXXX";
		int fd = mkstemp(name);

		ASSERT_GE(fd, 0);
		close(fd);
		path = name;
	}
	void TearDown() override
	{
		unlink(path.c_str());
	}
	int Open(int flags = O_RDWR)
	{
		return open(path.c_str(), flags | O_CLOEXEC);
	}
	int Take(int fd, bool write)
	{
		return image_lock(fd, path.c_str(), write, why, sizeof(why));
	}
	static short Byte(int fd, int at, int cmd, short type)
	{
		struct flock l = {};

		l.l_type = type;
		l.l_start = at;
		l.l_len = 1;
		EXPECT_EQ(fcntl(fd, cmd, &l), 0);
		return l.l_type;
	}
};

TEST_F(Lock, OneWriterOrSeveralReaders)
{
	const struct {
		bool first, second;
		bool together;
	} cases[] = {{true, true, false}, {true, false, false}, {false, true, false}, {false, false, true}};

	for (auto &c : cases) {
		int a = Open(), b = Open(c.second ? O_RDWR : O_RDONLY);

		EXPECT_EQ(Take(a, c.first), 0) << why;
		EXPECT_EQ(Take(b, c.second), c.together ? 0 : -EBUSY) << c.first << c.second;
		close(a);
		close(b);
	}
}

TEST_F(Lock, ItEndsWithTheDescriptorAndARefusedOneLeavesNothing)
{
	int a = Open(), b = Open();

	EXPECT_EQ(Take(a, true), 0);
	EXPECT_EQ(Take(b, true), -EBUSY);
	close(b);
	close(a);
	a = Open();
	EXPECT_EQ(Take(a, true), 0) << why;
	close(a);
}

/* The bytes that QEMU 2.10 and later lock for a disk of a guest. */
TEST_F(Lock, TheBytesAreThoseOfQemu)
{
	int a = Open(), probe = Open();
	auto held = [&](int at) { return Byte(probe, at, F_OFD_GETLK, F_WRLCK) != F_UNLCK; };

	EXPECT_EQ(Take(a, true), 0);
	for (int at = 90; at < 220; at++)
		EXPECT_EQ(held(at), at == 100 || at == 101 || at == 201) << at;
	close(a);
	a = Open();
	EXPECT_EQ(Take(a, false), 0);
	for (int at = 90; at < 220; at++)
		EXPECT_EQ(held(at), at == 100 || at == 201) << at;
	close(a);
	close(probe);
}

TEST_F(Lock, OthersBytesAreHeeded)
{
	const struct {
		int byte;
		bool write, taken;
	} cases[] = {
		{100, true, true},   // reads: does not disturb
		{101, true, false},  // writes
		{101, false, false}, // the same
		{201, true, false},  // lets nobody write
		{201, false, true},  // we don't
		{200, false, false}, // lets nobody read
		{103, true, true},   // resizes
	};

	for (auto &c : cases) {
		int other = Open(), a = Open();

		Byte(other, c.byte, F_OFD_SETLK, F_RDLCK);
		EXPECT_EQ(Take(a, c.write), c.taken ? 0 : -EBUSY) << c.byte << " " << c.write << " " << why;
		close(a);
		close(other);
	}
	int whole = Open(), a = Open();
	struct flock l = {};

	l.l_type = F_WRLCK;
	EXPECT_EQ(fcntl(whole, F_OFD_SETLK, &l), 0);
	EXPECT_EQ(Take(a, false), -EBUSY);
	close(whole);
	close(a);
}

TEST_F(Lock, TheOtherProcessIsNamed)
{
	int go[2], back[2];
	char c;

	ASSERT_EQ(pipe(go), 0);
	ASSERT_EQ(pipe(back), 0);
	pid_t child = fork();

	if (!child) {
		int fd = Open();
		bool good = Take(fd, true) == 0;

		close(go[1]); // the parent's end says when
		_exit(!(good && write(back[1], "x", 1) == 1 && read(go[0], &c, 1) >= 0));
	}
	close(go[0]);
	ASSERT_EQ(read(back[0], &c, 1), 1);
	int a = Open();

	EXPECT_EQ(Take(a, true), -EBUSY);
	EXPECT_NE(std::string(why).find("process " + std::to_string(child) + " ("), std::string::npos) << why;
	EXPECT_NE(std::string(why).find(path), std::string::npos) << why;
	EXPECT_NE(std::string(why).find("for writing"), std::string::npos) << why;
	close(go[1]);
	int status = 1;

	waitpid(child, &status, 0);
	EXPECT_EQ(status, 0);
	close(a);
	close(back[0]);
	close(back[1]);
}

} // namespace
