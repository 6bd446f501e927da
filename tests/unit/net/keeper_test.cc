// SPDX-License-Identifier: Apache-2.0
// Each test in a process of its own: who has a keeper has it for ever.
#include <gtest/gtest.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <functional>
#include <poll.h>
#include <string>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

extern "C" {
#include "net/child.h"
#include "net/keeper.h"
#include "net/keeper_priv.h"
#include "net/passfd.h"
}

namespace
{

const char *const programs[] = {"sh", "qemu-nbd", nullptr};

int tap(const char *name)
{
	return strcmp(name, "tap0") ? -ENODEV : open("/dev/null", O_RDWR | O_CLOEXEC);
}

struct Keeper : testing::Test {
	std::string dir;

	void SetUp() override
	{
		char text[] = "/tmp/pando-keeper-XXXXXX";
		dir = mkdtemp(text);
		mkdir((dir + "/disks").c_str(), 0700);
		mkdir((dir + "/disks-too").c_str(), 0700);
		for (const char *name : {"/disks/a", "/disks-too/b", "/c"})
			close(open((dir + name).c_str(), O_RDWR | O_CREAT, 0600));
		mkfifo((dir + "/disks/pipe").c_str(), 0600);
		symlink("../c", (dir + "/disks/link").c_str());
	}
	void TearDown() override
	{
		std::string all = "rm -rf " + dir;
		EXPECT_EQ(0, system(all.c_str()));
	}
	/* What body says, with a keeper: "" is well. */
	void with(bool folder, const std::function<std::string()> &body)
	{
		int out[2];
		ASSERT_EQ(0, pipe(out));
		pid_t pid = fork();

		if (pid == 0) {
			static std::string disks = dir + "/disks";
			static struct keeper_rules rules = {folder ? disks.c_str() : nullptr, programs, tap};
			alarm(60);
			std::string said = keeper_start(&rules) ? "no keeper" : body();
			if (write(out[1], said.data(), said.size()) != (ssize_t)said.size())
				_exit(1);
			_exit(0);
		}
		close(out[1]);
		std::string said;
		char bytes[512];
		ssize_t n;
		while ((n = read(out[0], bytes, sizeof(bytes))) > 0)
			said.append(bytes, n);
		close(out[0]);
		int status = -1;
		waitpid(pid, &status, 0);
		EXPECT_EQ("", said);
		EXPECT_EQ(0, status);
	}
	std::string opens(const char *name, int flags, int expected)
	{
		int fd = keeper_open((dir + name).c_str(), flags | O_CLOEXEC);
		if (expected == 0 ? fd >= 0 : fd == expected) {
			if (fd >= 0)
				close(fd);
			return "";
		}
		return std::string(name) + ": " + std::to_string(fd) + "\n";
	}
};

TEST_F(Keeper, OpensFilesAndNothingElse)
{
	with(false, [this] {
		return opens("/c", O_RDWR, 0) + opens("/disks/a", O_RDONLY, 0) + opens("/none", O_RDWR, -ENOENT) +
		       opens("/disks/pipe", O_RDONLY, -EINVAL) + opens("/disks", O_RDONLY, -EINVAL) +
		       opens("/c", O_RDWR | O_CREAT, -EINVAL) + opens("/c", O_RDWR | O_TRUNC, -EINVAL);
	});
}

TEST_F(Keeper, OpensWhatIsInTheFolderAlone)
{
	with(true, [this] {
		return opens("/disks/a", O_RDWR, 0) + opens("/c", O_RDONLY, -EACCES) +
		       opens("/disks/link", O_RDONLY, -EACCES) + opens("/disks/../c", O_RDONLY, -EACCES) +
		       opens("/disks-too/b", O_RDONLY, -EACCES);
	});
}

TEST_F(Keeper, TellsOfMemoryAndOfNothingElseOfTheKernels)
{
	with(true, []() -> std::string {
		char text[64];
		int fd = keeper_open("/proc/meminfo", O_RDONLY | O_CLOEXEC);
		if (fd < 0 || read(fd, text, 8) != 8 || memcmp(text, "MemTotal", 8))
			return "no memory";
		for (const char *path : {"/proc/self/environ", "/proc/kcore", "/sys/fs/cgroup/../../../etc/passwd",
					 "/sys/fs/../../etc/passwd", "/etc/passwd", "/proc/meminfo/"})
			if (keeper_open(path, O_RDONLY | O_CLOEXEC) >= 0)
				return path;
		return keeper_open("/proc/meminfo", O_RDWR | O_CLOEXEC) >= 0 ? "to be written" : "";
	});
}

TEST_F(Keeper, WhatItOpenedIsTheFile)
{
	with(false, [this] {
		int fd = keeper_open((dir + "/c").c_str(), O_RDWR | O_CLOEXEC);
		struct stat a, b;
		return fstat(fd, &a) || stat((dir + "/c").c_str(), &b) || a.st_ino != b.st_ino ||
				       !(fcntl(fd, F_GETFD) & FD_CLOEXEC) || write(fd, "x", 1) != 1
			       ? "not that file"
			       : "";
	});
}

TEST_F(Keeper, StartsPrograms)
{
	with(false, []() -> std::string {
		struct child c;
		int pair[2];
		char how[96], byte = 0;
		const char *argv[] = {"sh", "-c", "printf y >&3; echo a word >&2; exit 5", nullptr};
		if (pipe(pair) || child_start(&c, "test", argv, &pair[1], 1))
			return "not started";
		close(pair[1]);
		if (!child_wait(&c, 20000, how, sizeof(how)) || strcmp(how, "ended with status 5"))
			return std::string("how: ") + how;
		if (strcmp(c.line, "a word") || read(pair[0], &byte, 1) != 1 || byte != 'y')
			return std::string("line: ") + c.line;
		const char *sleeps[] = {"sh", "-c", "exec sleep 1000", nullptr};
		if (child_start(&c, "test", sleeps, nullptr, 0))
			return "not started";
		child_end(&c, 10000);
		return c.pid ? "it is still there" : "";
	});
}

TEST_F(Keeper, StartsNoOthers)
{
	with(true, [this]() -> std::string {
		struct child c;
		const char *cat[] = {"cat", nullptr}, *path[] = {"/bin/sh", "-c", "exit 0", nullptr};
		if (child_start(&c, "test", cat, nullptr, 0) != -EACCES)
			return "cat";
		if (child_start(&c, "test", path, nullptr, 0) != -EACCES)
			return "a path";
		std::string other = dir + "/c";
		const char *nbd[] = {"qemu-nbd", "--read-only", other.c_str(), nullptr};
		return child_start(&c, "test", nbd, nullptr, 0) == -EACCES ? "" : "a disk outside of the folder";
	});
}

TEST_F(Keeper, ConnectsAndAttaches)
{
	with(false, [this]() -> std::string {
		struct sockaddr_un a = {};
		bool under_way = true;
		std::string at = dir + "/socket";
		a.sun_family = AF_UNIX;
		strcpy(a.sun_path, at.c_str());
		if (keeper_connect((struct sockaddr *)&a, sizeof(a), &under_way) != -ENOENT)
			return "connected to nothing";
		int l = socket(AF_UNIX, SOCK_STREAM, 0);
		if (bind(l, (struct sockaddr *)&a, sizeof(a)) || listen(l, 1))
			return "no listener";
		int fd = keeper_connect((struct sockaddr *)&a, sizeof(a), &under_way);
		if (fd < 0 || under_way || !(fcntl(fd, F_GETFL) & O_NONBLOCK))
			return "not connected";
		if (keeper_tap("tap1") != -ENODEV)
			return "tap1";
		return keeper_tap("tap0") >= 0 ? "" : "tap0";
	});
}

TEST_F(Keeper, TakesItsFoldersAway)
{
	char left[64];
	int out[2];
	ASSERT_EQ(0, pipe(out));
	with(false, [&]() -> std::string {
		char one[] = "/tmp/pando-disk-XXXXXX", two[] = "/tmp/pando-disk-XXXXXX", bad[] = "/tmp/other-XXXXXX";
		struct stat st;
		if (keeper_folder(one) || keeper_folder(two) || stat(one, &st) || (st.st_mode & 077))
			return "no folder";
		if (keeper_folder(bad) != -EINVAL)
			return "a folder of another name";
		close(open((std::string(one) + "/socket").c_str(), O_CREAT | O_WRONLY, 0600));
		keeper_remove_folder(one, "");
		if (!stat(one, &st))
			return "it is still there";
		keeper_remove_folder(dir.c_str(), ""); // none of its own
		if (stat(dir.c_str(), &st))
			return "it took away what is not its own";
		return write(out[1], two, sizeof(two)) == sizeof(two) ? "" : "?";
	});
	ASSERT_GT(read(out[0], left, sizeof(left)), 0);
	struct stat st;
	int there = 0;
	for (int i = 0; i < 1000 && (there = !stat(left, &st)); i++)
		usleep(10000); // until the keeper has seen the end
	EXPECT_FALSE(there) << left;
	rmdir(left);
	close(out[0]);
	close(out[1]);
}

/* Questions that are none are answered as such, and the next one is served. */
TEST_F(Keeper, MisshapenQuestions)
{
	struct keeper_rules rules = {nullptr, programs, nullptr};
	int pair[2];
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair));
	pid_t pid = fork();

	if (pid == 0) {
		close(pair[0]);
		keeper_serve(pair[1], &rules);
		_exit(0);
	}
	close(pair[1]);
	auto ask = [&](const void *p, size_t n) {
		struct keeper_answer a = {};
		int fds[PASSFD_MAX];
		EXPECT_EQ(0, passfd_send(pair[0], p, n, nullptr, 0));
		EXPECT_EQ((ssize_t)sizeof(a), passfd_recv(pair[0], &a, sizeof(a), fds, 0));
		return a.result;
	};
	static struct keeper_ask q;
	auto asked = [&](uint32_t op, uint32_t words, uint32_t bytes, size_t n) {
		q.op = op;
		q.words = words;
		q.bytes = bytes;
		return ask(&q, n);
	};
	const size_t head = offsetof(struct keeper_ask, text);
	EXPECT_EQ(-EBADMSG, ask("x", 1));
	EXPECT_EQ(-EBADMSG, asked(KEEPER_OPS, 1, 1, head + 1));
	EXPECT_EQ(-EBADMSG, asked(KEEPER_OPEN, 1, 5, head + 1)) << "shorter than it says";
	EXPECT_EQ(-EBADMSG, asked(KEEPER_OPEN, 1, 0xffffffffu, sizeof(q)));
	EXPECT_EQ(-EBADMSG, asked(KEEPER_OPEN, 2, 1, head + 1)) << "a word that is not there";
	EXPECT_EQ(-EBADMSG, asked(KEEPER_SPAWN, KEEPER_WORDS + 1, KEEPER_WORDS + 1, head + KEEPER_WORDS + 1));
	memset(q.text, 'a', sizeof(q.text));
	EXPECT_EQ(-EBADMSG, asked(KEEPER_OPEN, 1, 8, head + 8)) << "without an end";
	EXPECT_EQ(-EINVAL, asked(KEEPER_CONNECT, 0, 4000, head + 4000)) << "an address of such a length";
	memset(q.text, 0, sizeof(q.text));
	EXPECT_EQ(-EACCES, asked(KEEPER_SPAWN, 1, 1, head + 1)) << "no program";
	EXPECT_EQ(-ENOSYS, asked(KEEPER_TAP, 1, 1, head + 1));
	EXPECT_EQ(-ECHILD, asked(KEEPER_WAIT, 1, 1, head + 1));
	strcpy(q.text, "/dev/null");
	EXPECT_EQ(-EINVAL, asked(KEEPER_OPEN, 1, 10, head + 10)) << "no disk";
	close(pair[0]);
	int status = -1;
	waitpid(pid, &status, 0);
	EXPECT_EQ(0, status);
}

} // namespace
