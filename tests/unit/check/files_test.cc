// SPDX-License-Identifier: Apache-2.0
// Machines of paper: trees of files as /proc, /sys and /dev have them.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/unit/check/facts.h"

extern "C" {
#include "vmm/check/gather.h"
}

namespace
{

namespace fs = std::filesystem;

struct Files : testing::Test {
	std::string root;
	check_facts *f = new check_facts();

	void SetUp() override
	{
		char name[] = "/tmp/pando-check-XXXXXX";
		ASSERT_TRUE(mkdtemp(name));
		root = name;
	}
	~Files() override
	{
		fs::remove_all(root);
		delete f;
	}
	void Put(const std::string &path, const std::string &text)
	{
		fs::create_directories(fs::path(root + path).parent_path());
		std::ofstream(root + path) << text;
	}
	void State(int n, const char *name, const char *latency, const char *disable)
	{
		std::string at = "/sys/devices/system/cpu/cpu0/cpuidle/state" + std::to_string(n) + "/";
		Put(at + "name", name);
		Put(at + "latency", latency);
		Put(at + "disable", disable);
	}
	void Look()
	{
		memset(f, 0, sizeof(*f));
		check_gather_files(f, root.c_str());
	}
};

TEST_F(Files, WhatAControlGroupLeavesIsAvailable)
{
	Put("/proc/meminfo", "MemTotal: 4096 kB\nMemAvailable: 2048 kB\n");
	Put("/proc/self/cgroup", "0::/g\n");
	Put("/sys/fs/cgroup/g/memory.max", "1048576\n");
	Put("/sys/fs/cgroup/g/memory.current", "4096\n");
	Look();
	EXPECT_EQ(f->memory_bytes, 4096u << 10);
	EXPECT_EQ(f->available_bytes, (1u << 20) - 4096u);
}

TEST_F(Files, AnEmptyMachineShowsNothing)
{
	Look();
	EXPECT_STREQ(f->kvm_module, "");
	EXPECT_EQ(f->nested_paging, CHECK_UNSEEN);
	EXPECT_EQ(f->eptad, CHECK_UNSEEN);
	EXPECT_EQ(f->uring_disabled, CHECK_UNSEEN);
	EXPECT_EQ(f->uffd_device, CHECK_UNSEEN);
	EXPECT_EQ(f->memory_bytes, 0u);
	EXPECT_STREQ(f->thp, "");
	EXPECT_STREQ(f->clocksource, "");
	EXPECT_EQ(f->idle_latency_us, CHECK_UNSEEN);
	EXPECT_EQ(f->guest_halt_poll_ns, CHECK_UNSEEN);
	EXPECT_EQ(f->dpdk_cards, 0u);
}

TEST_F(Files, IntelsModule)
{
	Put("/sys/module/kvm/parameters/halt_poll_ns", "200000\n");
	Put("/sys/module/kvm_intel/parameters/ept", "Y\n");
	Put("/sys/module/kvm_intel/parameters/eptad", "N\n");
	Look();
	EXPECT_STREQ(f->kvm_module, "kvm_intel");
	EXPECT_EQ(f->nested_paging, 1);
	EXPECT_EQ(f->eptad, 0);
	Put("/sys/module/kvm_intel/parameters/eptad", "Y\n");
	Look();
	EXPECT_EQ(f->eptad, 1);
}

TEST_F(Files, AmdsModule)
{
	Put("/sys/module/kvm_amd/parameters/npt", "0\n");
	Look();
	EXPECT_STREQ(f->kvm_module, "kvm_amd");
	EXPECT_EQ(f->nested_paging, 0);
	EXPECT_EQ(f->eptad, CHECK_UNSEEN);
}

TEST_F(Files, Memory)
{
	Put("/proc/meminfo", "MemTotal:       16000000 kB\nMemFree:         1000 kB\nMemAvailable:    8000000 kB\n"
			     "HugePages_Total:     128\nHugePages_Free:       64\nHugePages_Rsvd:        0\n"
			     "Hugepagesize:       2048 kB\nHugetlb:          262144 kB\n");
	Put("/sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n");
	Look();
	EXPECT_EQ(f->memory_bytes, 16000000ull * 1024);
	EXPECT_EQ(f->available_bytes, 8000000ull * 1024);
	EXPECT_EQ(f->huge_total, 128u);
	EXPECT_EQ(f->huge_free, 64u);
	EXPECT_EQ(f->huge_bytes, 2048u * 1024);
	EXPECT_STREQ(f->thp, "madvise");
}

TEST_F(Files, TheDeepestIdleStateThatIsAllowed)
{
	Put("/sys/devices/system/cpu/cpuidle/current_driver", "intel_idle\n");
	Put("/sys/module/haltpoll/parameters/guest_halt_poll_ns", "200000\n"); // loaded, but not in force
	State(0, "POLL\n", "0\n", "0\n");
	State(1, "C1\n", "2\n", "0\n");
	State(2, "C6\n", "133\n", "0\n");
	Look();
	EXPECT_STREQ(f->idle_driver, "intel_idle");
	EXPECT_STREQ(f->idle_state, "C6");
	EXPECT_EQ(f->idle_latency_us, 133);
	EXPECT_EQ(f->guest_halt_poll_ns, CHECK_UNSEEN);
	State(2, "C6\n", "133\n", "1\n");
	Look();
	EXPECT_STREQ(f->idle_state, "C1");
	EXPECT_EQ(f->idle_latency_us, 2);
}

TEST_F(Files, HaltPolling)
{
	Put("/sys/devices/system/cpu/cpuidle/current_driver", "haltpoll\n");
	Put("/sys/module/haltpoll/parameters/guest_halt_poll_ns", "0\n");
	Look();
	EXPECT_EQ(f->guest_halt_poll_ns, 0);
}

TEST_F(Files, ClocksAndSwitches)
{
	Put("/sys/devices/system/clocksource/clocksource0/current_clocksource", "hpet\n");
	Put("/sys/devices/system/clocksource/clocksource0/available_clocksource", "tsc hpet acpi_pm \n");
	Put("/proc/sys/kernel/io_uring_disabled", "2\n");
	Put("/dev/userfaultfd", "");
	Look();
	EXPECT_STREQ(f->clocksource, "hpet");
	EXPECT_STREQ(f->clocksources, "tsc hpet acpi_pm");
	EXPECT_EQ(f->uring_disabled, 2);
	EXPECT_EQ(f->uffd_device, 1);
}

TEST_F(Files, NetworkCardsOfUserSpaceDriversAreCounted)
{
	Put("/sys/bus/pci/drivers/vfio-pci/0000:01:00.0/class", "0x020000\n");
	Put("/sys/bus/pci/drivers/vfio-pci/0000:02:00.0/class", "0x030000\n"); // a display
	Put("/sys/bus/pci/drivers/vfio-pci/new_id", "");
	Put("/sys/bus/pci/drivers/uio_pci_generic/0000:03:00.1/class", "0x020000\n");
	Put("/sys/bus/pci/drivers/e1000/0000:04:00.0/class", "0x020000\n");
	Look();
	EXPECT_EQ(f->dpdk_cards, 2u);
}

TEST_F(Files, NonsenseIsNotSeen)
{
	Put("/sys/module/kvm_intel/parameters/eptad", "maybe\n");
	Put("/proc/sys/kernel/io_uring_disabled", "-7\n");
	Put("/proc/meminfo", std::string(100000, 'x'));
	Put("/sys/kernel/mm/transparent_hugepage/enabled", "always ]madvise[ never\n");
	Put("/sys/module/kvm_" + std::string(100, 'z') + "/x", "");
	Look();
	EXPECT_EQ(f->eptad, CHECK_UNSEEN);
	EXPECT_EQ(f->uring_disabled, CHECK_UNSEEN);
	EXPECT_EQ(f->memory_bytes, 0u);
	EXPECT_STREQ(f->thp, "");
}

/* The machine itself: whatever it is, gathering ends, and says of this process what the process knows. */
TEST(Gather, ThisMachine)
{
	auto f = std::make_unique<check_facts>();
	check_gather(f.get());
	EXPECT_GT(f->kernel_major, 4u);
	EXPECT_GE(f->cpus, 1u);
	EXPECT_NE(f->self.signature, 0u);
	EXPECT_STREQ(f->self.version, PANDO_VERSION);
	EXPECT_GT(f->nofile.soft, 0u);
	EXPECT_EQ(f->self.features[0] != 0, !f->kvm.open_error && !f->kvm.run_error);
	auto r = judged(f.get());
	EXPECT_GT(r->lines_n, 20u);
}

} // namespace
