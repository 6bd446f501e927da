// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <memory>
#include <string>

extern "C" {
#include "vmm/monitor/device_names.h"
}

namespace
{

struct DeviceNames : testing::Test {
	std::unique_ptr<machine_desc> d = std::make_unique<machine_desc>();
	std::unique_ptr<struct device_names> n{new struct device_names()};
	char why[256] = "";

	uint32_t add(enum card_kind_id kind)
	{
		int at = desc_add_card(d.get(), kind, 0, 0, nullptr, why, sizeof(why));
		EXPECT_GE(at, 0) << why;
		return d->devices[at].id;
	}
	void remove(uint32_t id)
	{
		unsigned at = 0;
		while (d->devices[at].id != id)
			at++;
		for (; at + 1 < d->devices_n; at++)
			d->devices[at] = d->devices[at + 1];
		d->devices_n--;
	}
	std::string of(uint32_t id)
	{
		return device_names_of(n.get(), id);
	}
};

} // namespace

TEST_F(DeviceNames, AreMadeOfTheKind)
{
	d->devices_n = 1; // one that is no card
	uint32_t a = add(CARD_BLK), b = add(CARD_NET), c = add(CARD_BLK), e = add(CARD_RNG);
	EXPECT_EQ("", of(a));
	device_names_update(n.get(), d.get());
	EXPECT_EQ("disk0", of(a));
	EXPECT_EQ("net0", of(b));
	EXPECT_EQ("disk1", of(c));
	EXPECT_EQ("rng0", of(e));
	EXPECT_EQ("", of(0));
	EXPECT_EQ(c, device_names_find(n.get(), d.get(), "disk1")->id);
	EXPECT_EQ(nullptr, device_names_find(n.get(), d.get(), "disk2"));
	EXPECT_EQ(nullptr, device_names_find(n.get(), d.get(), ""));
}

TEST_F(DeviceNames, StayAsLongAsTheDevice)
{
	uint32_t a = add(CARD_BLK), b = add(CARD_BLK);
	device_names_update(n.get(), d.get());
	remove(a);
	device_names_update(n.get(), d.get());
	EXPECT_EQ("disk1", of(b));
	EXPECT_EQ("", of(a));
	uint32_t c = add(CARD_BLK);
	device_names_update(n.get(), d.get());
	EXPECT_EQ("disk0", of(c));
	EXPECT_EQ("disk1", of(b));
}

// Also one that is on its way has its name to itself.
TEST_F(DeviceNames, OneIsMadeThatNobodyHasOrWillHave)
{
	char name[DEVICE_NAME_MAX];
	add(CARD_BLK);
	device_names_update(n.get(), d.get());
	device_names_make(n.get(), "virtio-blk", nullptr, nullptr, name);
	EXPECT_STREQ("disk1", name);
	device_names_make(
		n.get(), "virtio-blk", [](void *, const char *x) { return std::string("disk1") == x; }, nullptr, name);
	EXPECT_STREQ("disk2", name);
}

TEST_F(DeviceNames, OneThatIsGivenIsKept)
{
	uint32_t a = add(CARD_BLK);
	EXPECT_TRUE(device_names_set(n.get(), d.get(), a, "disk1"));
	uint32_t b = add(CARD_BLK), c = add(CARD_BLK);
	EXPECT_FALSE(device_names_set(n.get(), d.get(), b, "disk1"));
	EXPECT_FALSE(device_names_set(n.get(), d.get(), b, std::string(DEVICE_NAME_MAX, 'x').c_str()));
	device_names_update(n.get(), d.get());
	EXPECT_EQ("disk1", of(a));
	EXPECT_EQ("disk0", of(b));
	EXPECT_EQ("disk2", of(c));
}
