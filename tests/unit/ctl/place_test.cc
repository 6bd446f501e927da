// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cerrno>
#include <memory>

extern "C" {
#include "vmm/ctl/place.h"
}

namespace {

constexpr uint64_t kGiB = 1ull << 30, kMiB = 1ull << 20;

class Place : public ::testing::Test {
protected:
	int Do(unsigned hosts, uint32_t vcpus, uint64_t bytes)
	{
		d->hosts_n = hosts;
		return place_guest(d.get(), offers, vcpus, bytes, why, sizeof(why));
	}
	std::unique_ptr<machine_desc> d = std::make_unique<machine_desc>();
	place_offer offers[HOSTS_MAX] = {};
	char why[512] = "";
};

TEST_F(Place, EvenHostsShareEvenly)
{
	for (auto &o : offers)
		o = {4, 4 * kGiB};
	ASSERT_EQ(Do(4, 8, 8 * kGiB), 0);
	for (unsigned h = 0; h < 4; h++) {
		EXPECT_EQ(d->hosts[h].vcpus, 2u);
		EXPECT_EQ(d->hosts[h].memory_bytes, 2 * kGiB);
	}
}

TEST_F(Place, UnevenOffersAreUsedInProportionAndNeverExceeded)
{
	offers[0] = {1, 1 * kGiB};
	offers[1] = {6, 3 * kGiB};
	offers[2] = {2, 2 * kMiB};
	ASSERT_EQ(Do(3, 9, 4 * kGiB + 2 * kMiB), 0);
	uint64_t sum = 0;
	for (unsigned h = 0; h < 3; h++) {
		EXPECT_LE(d->hosts[h].vcpus, offers[h].vcpus);
		EXPECT_LE(d->hosts[h].memory_bytes, offers[h].memory_bytes);
		EXPECT_EQ(d->hosts[h].memory_bytes % PLACE_GRANULE, 0u);
		sum += d->hosts[h].memory_bytes;
	}
	EXPECT_EQ(sum, 4 * kGiB + 2 * kMiB);
}

TEST_F(Place, FewerVcpusThanHostsLeaveTheLastOnesWithMemoryOnly)
{
	for (auto &o : offers)
		o = {4, kGiB};
	ASSERT_EQ(Do(3, 2, 3 * kGiB), 0);
	EXPECT_EQ(d->hosts[2].vcpus, 0u);
	EXPECT_EQ(d->hosts[2].memory_bytes, kGiB);
}

TEST_F(Place, TooMuchIsRefusedWithBothNumbers)
{
	for (auto &o : offers)
		o = {2, kGiB};
	EXPECT_EQ(Do(2, 5, kGiB), -ENOSPC);
	EXPECT_NE(std::string(why).find("5 vCPUs"), std::string::npos);
	EXPECT_NE(std::string(why).find("offer 4"), std::string::npos);
	EXPECT_EQ(Do(2, 2, 3 * kGiB), -ENOSPC);
	EXPECT_NE(std::string(why).find("3072 MiB"), std::string::npos);
	EXPECT_EQ(Do(2, 0, kGiB), -EINVAL);
	EXPECT_EQ(Do(2, 2, kMiB), -EINVAL);
}

TEST_F(Place, BootHostNeedsAVcpu)
{
	offers[0] = {0, kGiB};
	offers[1] = {2, kGiB};
	EXPECT_EQ(Do(2, 1, kGiB), -EINVAL);
}

} // namespace
