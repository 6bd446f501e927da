// SPDX-License-Identifier: Apache-2.0
// A machine that ends while its disk is read, which may take as long as the disk likes.
#include "tests/unit/machine/one_machine.h"

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <thread>

extern "C" {
#include "vmm/block/block.h"
}

namespace
{
struct BootDiskRead : OneMachine {
	std::string dir;

	void SetUp() override
	{
		OneMachine::SetUp();
		if (IsSkipped())
			return;
		disk_config c = {};
		block *none = nullptr;
		snprintf(c.path, sizeof(c.path), "nbd+unix:///?socket=/nowhere");
		if (block_open(&c, &none, why, sizeof(why)) == -ENOTSUP)
			GTEST_SKIP() << why;
		char name[] = "/tmp/pando-boot-XXXXXX";
		ASSERT_TRUE(mkdtemp(name));
		dir = name;
		/* It serves at once, and no read is ever answered. */
		ASSERT_EQ(0, system(("nbdkit -U " + dir + "/s -P " + dir +
				     "/pid --filter=delay memory 64M delay-read=36000")
					    .c_str()));
	}
	void tune(machine_config *) override
	{
		std::string disk = "{\"path\": \"nbd+unix:///?socket=" + dir + "/s\"}";
		ASSERT_LE(0, desc_add_card(&desc, CARD_BLK, 0, 0, disk.c_str(), why, sizeof(why))) << why;
	}
	void TearDown() override
	{
		OneMachine::TearDown();
		pid_t pid = 0;
		if (!dir.empty() && std::ifstream(dir + "/pid") >> pid && pid > 1)
			kill(pid, SIGKILL);
		if (!dir.empty()) {
			EXPECT_EQ(0, system(("rm -r " + dir).c_str()));
		}
	}
};
} // namespace

TEST_F(BootDiskRead, AMachineThatEndsDoesNotWaitForIt)
{
	create(1, 1, 0);
	char said[512] = "";
	std::atomic<bool> ended{false};
	int r = 1;
	std::thread loads([&] {
		r = machine_load(m, nullptr, 0, nullptr, 0, said, sizeof(said));
		ended = true;
	});
	usleep(100000); // it is mostly waiting by then; before, it is canceled as well
	EXPECT_FALSE(ended) << said;
	auto begin = std::chrono::steady_clock::now();
	machine_cancel_boot(m);
	loads.join();
	EXPECT_EQ(-ECANCELED, r) << said;
	EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(50)); // of the 100 that it has
}

TEST_F(BootDiskRead, StoppingIsEnough)
{
	create(1, 1, 0);
	char said[512] = "";
	int r = 1;
	std::thread loads([&] { r = machine_load(m, nullptr, 0, nullptr, 0, said, sizeof(said)); });
	usleep(100000);
	auto begin = std::chrono::steady_clock::now();
	machine_stop(m);
	loads.join();
	EXPECT_EQ(-ECANCELED, r) << said;
	EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(50));
}
