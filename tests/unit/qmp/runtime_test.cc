// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <string>

extern "C" {
#include "vmm/qmp/qmp_client.h"
#include "vmm/qmp/runtime.h"
}

namespace
{

struct Runtime : testing::Test {
	std::string dir, run, old;
	char why[512] = "", path[108] = "";
	void SetUp() override
	{
		char name[] = "/tmp/runtime-test.XXXXXX";
		dir = mkdtemp(name);
		run = dir + "/run";
		setenv("PANDO_RUN_DIR", run.c_str(), 1);
	}
	void TearDown() override
	{
		unsetenv("PANDO_RUN_DIR");
		std::filesystem::remove_all(dir);
	}
	int where(const std::string &name)
	{
		return runtime_qmp_path(name.c_str(), path, sizeof(path), why, sizeof(why));
	}
	// Both sides refuse it: who runs a guest and who asks one.
	void expect_refused(const std::string &words)
	{
		struct qmp_client_conn *c;
		EXPECT_EQ(runtime_make_folder(why, sizeof(why)), -EPERM);
		EXPECT_NE(std::string(why).find(words), std::string::npos) << why;
		why[0] = 0;
		EXPECT_EQ(qmp_client_open(&c, "pando", why, sizeof(why)), -EPERM);
		EXPECT_NE(std::string(why).find(words), std::string::npos) << why;
	}
};

TEST_F(Runtime, TheFolderIsMadeForItsOwnerOnly)
{
	struct stat st;
	EXPECT_EQ(runtime_check_folder(why, sizeof(why)), 0);
	EXPECT_EQ(runtime_make_folder(why, sizeof(why)), 0);
	EXPECT_EQ(runtime_make_folder(why, sizeof(why)), 0);
	ASSERT_EQ(stat(run.c_str(), &st), 0);
	EXPECT_EQ(st.st_mode & 07777, 0700u);
	EXPECT_EQ(where("a"), 0);
	EXPECT_EQ(path, run + "/a.qmp");
}

TEST_F(Runtime, AnothersFolderIsRefused)
{
	if (geteuid() == 0) {
		ASSERT_EQ(mkdir(run.c_str(), 0700), 0);
		ASSERT_EQ(chown(run.c_str(), 65534, 65534), 0);
	} else {
		setenv("PANDO_RUN_DIR", "/usr", 1); // root's
	}
	expect_refused("belongs to user");
}

TEST_F(Runtime, AFolderThatOthersCanWriteToIsRefused)
{
	for (mode_t mode : {0770u, 0702u, 01777u}) {
		mkdir(run.c_str(), 0700);
		ASSERT_EQ(chmod(run.c_str(), mode), 0);
		expect_refused("can be written to by others");
	}
}

TEST_F(Runtime, ALinkToAFolderIsRefused)
{
	ASSERT_EQ(mkdir((dir + "/other").c_str(), 0700), 0);
	ASSERT_EQ(symlink("other", run.c_str()), 0);
	expect_refused("is no folder");
	setenv("PANDO_RUN_DIR", (run + "/").c_str(), 1);
	expect_refused("is no folder");
}

TEST_F(Runtime, WhatIsTooLongIsRefusedAndNotCut)
{
	struct qmp_client_conn *c;
	std::string longer = dir + "/" + std::string(80, 'x');
	setenv("PANDO_RUN_DIR", longer.c_str(), 1);
	EXPECT_EQ(where("pando"), -ENAMETOOLONG);
	EXPECT_NE(std::string(why).find("107 characters"), std::string::npos) << why;
	EXPECT_EQ(qmp_client_open(&c, "pando", why, sizeof(why)), -ENAMETOOLONG);
	setenv("PANDO_RUN_DIR", longer.substr(0, 97).c_str(), 1); // 97 + "/pando.qmp" are 107
	EXPECT_EQ(where("pando"), 0);
	EXPECT_EQ(path, longer.substr(0, 97) + "/pando.qmp");
	EXPECT_EQ(where("pandoo"), -ENAMETOOLONG);
}

TEST_F(Runtime, AnEmptyVariableIsAsIfUnset)
{
	setenv("PANDO_RUN_DIR", "", 1);
	setenv("XDG_RUNTIME_DIR", "", 1);
	EXPECT_EQ(where("a"), 0);
	EXPECT_EQ(path, geteuid() ? "/tmp/pando-" + std::to_string(geteuid()) + "/a.qmp" : "/run/pando/a.qmp");
	unsetenv("XDG_RUNTIME_DIR");
}

} // namespace
