// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstring>
#include <string>

extern "C" {
#include "vmm/cli/run_args.h"
}

namespace
{

struct RunArgs : testing::Test {
	struct run_args a = {};
	struct run_options o = {};
	std::string said;
	void SetUp() override
	{
		a.kernel = "/proc/self/exe";
		a.hosts = "a:1,b:2";
		tuning_clear(&a.tuning);
	}
	bool fill()
	{
		memset(&o, 0, sizeof(o));
		testing::internal::CaptureStderr();
		int r = run_args_fill(&a, &o);
		said = testing::internal::GetCapturedStderr();
		EXPECT_EQ(said.empty(), r == 0) << said;
		return r == 0;
	}
};

TEST_F(RunArgs, OneVcpuAHostIsTheStandard)
{
	ASSERT_TRUE(fill());
	EXPECT_EQ(o.hosts_n, 2u);
	EXPECT_EQ(o.wish.vcpus, 2u);
	a.cpus = 1;
	ASSERT_TRUE(fill());
	EXPECT_EQ(o.wish.vcpus, 1u);
	a.cpus = 0, a.hosts = nullptr, a.local = 3;
	ASSERT_TRUE(fill());
	EXPECT_EQ(o.wish.vcpus, 3u);
}

TEST_F(RunArgs, ThereIsOneStandardInput)
{
	ASSERT_TRUE(fill());
	EXPECT_EQ(CONSOLE_STDIO, o.console_to.kind);
	EXPECT_FALSE(o.virtio_console);
	a.virtio_console = "stdio";
	ASSERT_TRUE(fill());
	EXPECT_EQ(CONSOLE_STDIO, o.virtio_console_to.kind);
	EXPECT_EQ(CONSOLE_NULL, o.console_to.kind);
	a.console = "stdio";
	EXPECT_FALSE(fill());
	EXPECT_NE(said.find("the virtio console goes there already"), std::string::npos) << said;
	a.console = "pty";
	ASSERT_TRUE(fill());
	EXPECT_EQ(CONSOLE_PTY, o.console_to.kind);
}

TEST_F(RunArgs, AKernelOrADiskThatHasOneIsNeeded)
{
	a.kernel = nullptr;
	EXPECT_FALSE(fill());
	EXPECT_NE(said.find("--kernel FILE is needed, or a disk"), std::string::npos) << said;
	a.disks.text[a.disks.n++] = "/srv/root.img";
	ASSERT_TRUE(fill());
	EXPECT_EQ(o.kernel, nullptr);
	EXPECT_STREQ(o.desc.cmdline, ""); // the disk has its own
	a.append = "single";
	ASSERT_TRUE(fill());
	EXPECT_STREQ(o.desc.cmdline, "single");
	a.initrd = "/proc/self/exe";
	EXPECT_FALSE(fill());
	EXPECT_NE(said.find("goes with --kernel"), std::string::npos) << said;
	a.kernel = "/proc/self/exe", a.append = nullptr;
	ASSERT_TRUE(fill());
	EXPECT_STREQ(o.desc.cmdline, "console=ttyS0");
}

TEST_F(RunArgs, ListsHaveNoEmptyEntries)
{
	for (const char *list : {"", ",", "a:1,", ",a:1", "a:1,,b:2"}) {
		a.hosts = list;
		EXPECT_FALSE(fill()) << list;
	}
	a.hosts = "a:1";
	for (const char *list : {"/x,", ",/x", "/x,,/y"}) {
		a.qmp = list;
		EXPECT_FALSE(fill()) << list;
	}
	a.qmp = "/x,tcp:127.0.0.1:0";
	EXPECT_TRUE(fill());
	EXPECT_EQ(o.qmp_n, 2u);
}

TEST_F(RunArgs, AHostTwiceIsRefused)
{
	a.hosts = "a:1,b:1,a:1";
	EXPECT_FALSE(fill());
	EXPECT_NE(said.find("'a:1'"), std::string::npos) << said;
	a.hosts = "a:1,a:2";
	EXPECT_TRUE(fill());
}

TEST_F(RunArgs, ANameCanBeSaidToOtherCommands)
{
	for (const char *name : {"-x", "--help", ".x", "", "a/b", "a b"}) {
		a.name = name;
		EXPECT_FALSE(fill()) << name;
	}
	for (const char *name : {"x-", "_x", "9"}) {
		a.name = name;
		EXPECT_TRUE(fill()) << name;
	}
}

TEST_F(RunArgs, MemoryIsNotRounded)
{
	for (uint64_t bytes : {(uint64_t)1, (uint64_t)3 << 20, UINT64_MAX}) {
		a.memory = bytes;
		EXPECT_FALSE(fill()) << bytes;
		EXPECT_NE(said.find("multiple of 2 MiB"), std::string::npos) << said;
	}
	a.memory = 4 << 20, a.max_memory = 5 << 20;
	EXPECT_FALSE(fill());
	a.max_memory = 6 << 20;
	EXPECT_TRUE(fill());
	EXPECT_EQ(o.wish.memory_bytes, 4u << 20);
}

TEST_F(RunArgs, ACommandLineThatNoHostTakesIsRefusedHere)
{
	for (const char *text : {"Gr\xc3\xb6\xc3\x9f"
				 "e",
				 "a\nb", "a\tb", "\x7f"}) {
		a.append = text;
		EXPECT_FALSE(fill()) << text;
		EXPECT_NE(said.find("printable ASCII"), std::string::npos) << said;
	}
	a.append = "quiet=\"a b\" ~";
	EXPECT_TRUE(fill());
}

// Memory the kernel brings online, which its command line says; CPUs the firmware asks for, with words of its own.
TEST_F(RunArgs, ElasticIsAWordForTheKernelAndOneForTheFirmware)
{
	a.append = "console=ttyS0";
	a.uuid = "00112233445566778899AABBCCDDEEFF";
	ASSERT_TRUE(fill());
	EXPECT_EQ(o.desc.elastic, 0u);
	EXPECT_STREQ(o.desc.cmdline, "console=ttyS0");
	EXPECT_EQ(o.desc.disk_boots, 0u);
	EXPECT_STREQ(o.desc.uuid, "00112233-4455-6677-8899-aabbccddeeff");
	a.elastic = true;
	ASSERT_TRUE(fill());
	EXPECT_EQ(o.desc.elastic, 1u);
	EXPECT_STREQ(o.desc.cmdline, "console=ttyS0 memhp_default_state=online_movable");
	const std::string full(DESC_CMDLINE_MAX - 1, 'x');
	a.append = full.c_str();
	EXPECT_FALSE(fill());
	EXPECT_NE(said.find("--elastic: the kernel command line has no room"), std::string::npos) << said;
}

TEST_F(RunArgs, PlacesThatCannotBeWrittenAreFoundAtTheStart)
{
	const char **places[] = {&o.trace, &a.status_json, &o.metrics.file};
	for (auto place : places) {
		for (const char *path : {"/nonexistent/x", "/tmp"}) {
			memset(&o, 0, sizeof(o));
			*place = path;
			testing::internal::CaptureStderr();
			EXPECT_EQ(run_args_fill(&a, &o), -1);
			EXPECT_NE(testing::internal::GetCapturedStderr().find(path), std::string::npos);
			*place = nullptr;
		}
	}
	a.status_json = "/dev/null";
	EXPECT_TRUE(fill());
}

} // namespace
