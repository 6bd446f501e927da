// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <string>

extern "C" {
#include "vmm/run/place.h"
}

namespace
{

constexpr uint64_t kGiB = 1ull << 30, kMiB = 1ull << 20;

class Place : public ::testing::Test
{
      protected:
	int Do(unsigned hosts, uint32_t vcpus, uint64_t bytes)
	{
		d->hosts_n = hosts;
		wish.vcpus = vcpus;
		wish.memory_bytes = bytes;
		return place_guest(d.get(), offers, &wish, why, sizeof(why));
	}
	std::unique_ptr<machine_desc> d = std::make_unique<machine_desc>();
	place_offer offers[HOSTS_MAX] = {};
	place_wish wish = {};
	char why[512] = "";
};

TEST_F(Place, EvenHostsShareEvenly)
{
	for (auto &o : offers)
		o = {4, 4 * kGiB, 40};
	ASSERT_EQ(Do(4, 8, 8 * kGiB), 0);
	for (unsigned h = 0; h < 4; h++) {
		EXPECT_EQ(desc_host_vcpus(d.get(), (host_id)h), 2u);
		EXPECT_EQ((desc_host_pages(d.get(), (host_id)h) * PAGE_BYTES), 2 * kGiB);
	}
}

TEST_F(Place, UnevenOffersAreUsedInProportionAndNeverExceeded)
{
	offers[0] = {1, 1 * kGiB, 40};
	offers[1] = {6, 3 * kGiB, 40};
	offers[2] = {2, 2 * kMiB, 40};
	ASSERT_EQ(Do(3, 9, 4 * kGiB + 2 * kMiB), 0);
	uint64_t sum = 0;
	for (unsigned h = 0; h < 3; h++) {
		EXPECT_LE(desc_host_vcpus(d.get(), (host_id)h), offers[h].vcpus);
		EXPECT_LE((desc_host_pages(d.get(), (host_id)h) * PAGE_BYTES), offers[h].memory_bytes);
		EXPECT_EQ((desc_host_pages(d.get(), (host_id)h) * PAGE_BYTES) % DESC_GRANULE, 0u);
		sum += (desc_host_pages(d.get(), (host_id)h) * PAGE_BYTES);
	}
	EXPECT_EQ(sum, 4 * kGiB + 2 * kMiB);
}

TEST_F(Place, FewerVcpusThanHostsLeaveTheLastOnesWithMemoryOnly)
{
	for (auto &o : offers)
		o = {4, kGiB, 40};
	ASSERT_EQ(Do(3, 2, 3 * kGiB), 0);
	EXPECT_EQ(desc_host_vcpus(d.get(), (host_id)2), 0u);
	EXPECT_EQ((desc_host_pages(d.get(), (host_id)2) * PAGE_BYTES), kGiB);
}

TEST_F(Place, TooMuchIsRefusedWithBothNumbers)
{
	for (auto &o : offers)
		o = {2, kGiB, 40};
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
	offers[0] = {0, kGiB, 40};
	offers[1] = {2, kGiB, 40};
	EXPECT_EQ(Do(2, 1, kGiB), -EINVAL);
}

TEST_F(Place, PrescribedPartsAreKeptAsTheyAre)
{
	for (auto &o : offers)
		o = {8, 4 * kGiB, 40};
	wish.vcpu_parts = wish.memory_parts = 3;
	wish.vcpus_of[0] = 1, wish.vcpus_of[1] = 5, wish.vcpus_of[2] = 0;
	wish.memory_of[0] = kGiB, wish.memory_of[1] = 2 * kMiB, wish.memory_of[2] = 3 * kGiB;
	ASSERT_EQ(Do(3, 6, 4 * kGiB + 2 * kMiB), 0) << why;
	for (unsigned h = 0; h < 3; h++) {
		EXPECT_EQ(desc_host_vcpus(d.get(), (host_id)h), wish.vcpus_of[h]);
		EXPECT_EQ((desc_host_pages(d.get(), (host_id)h) * PAGE_BYTES), wish.memory_of[h]);
	}
	wish.memory_parts = 0; // the vCPUs alone: memory is dealt
	ASSERT_EQ(Do(3, 6, 3 * kGiB), 0) << why;
	EXPECT_EQ(desc_host_vcpus(d.get(), (host_id)1), 5u);
	EXPECT_EQ((desc_host_pages(d.get(), (host_id)1) * PAGE_BYTES), kGiB);
}

TEST_F(Place, CardsAreThereOnlyIfAskedAndWhereTheyAreWanted)
{
	auto add = [&](const char *kind, uint32_t host, uint32_t slot, const char *config) {
		struct desc_device *c = &wish.cards[wish.cards_n++];
		snprintf(c->kind, sizeof(c->kind), "%s", kind);
		snprintf(c->config, sizeof(c->config), "%s", config);
		c->host = host;
		c->slot = slot;
	};
	for (auto &o : offers)
		o = {2, kGiB, 40};
	ASSERT_EQ(Do(2, 2, 2 * kGiB), 0) << why;
	EXPECT_EQ(desc_bus_slots(d.get(), 0), 0u);
	add("virtio-rng", 0, 0, "");
	ASSERT_EQ(Do(2, 2, 2 * kGiB), 0) << why;
	EXPECT_EQ(desc_bus_slots(d.get(), 0), 2u);
	EXPECT_STREQ(d->devices[d->devices_n - 1].kind, "virtio-rng");
	add("virtio-rng", 0, 1, ""); // a slot that is asked for is not given away before
	ASSERT_EQ(Do(2, 2, 2 * kGiB), 0) << why;
	EXPECT_EQ(desc_bus_slots(d.get(), 0), 6u);
	EXPECT_EQ(d->devices[d->devices_n - 2].slot, 2u);
	add("virtio-rng", 0, 1, "");
	ASSERT_EQ(Do(2, 2, 2 * kGiB), 0) << why; // what cannot be is desc_check()'s to say
	EXPECT_EQ(d->devices[d->devices_n - 2].slot, 1u);
}

// The guest boots from the first disk that was asked for, whichever slots the others want.
TEST_F(Place, CardsAreDescribedInTheOrderTheyAreAskedFor)
{
	auto add = [&](uint32_t host, uint32_t slot, const char *config) {
		struct desc_device *c = &wish.cards[wish.cards_n++];
		strcpy(c->kind, "virtio-blk");
		snprintf(c->config, sizeof(c->config), "%s", config);
		c->host = host;
		c->slot = slot;
	};
	for (auto &o : offers)
		o = {2, kGiB, 40};
	add(0, 0, "{\"path\":\"/boot\"}");
	add(1, 1, "{\"path\":\"/far\"}"); // of another bus: in nobody's way
	add(0, 1, "{\"path\":\"/a\"}");
	add(0, 0, "{\"path\":\"/b\"}");
	add(0, 3, "{\"path\":\"/c\"}");
	ASSERT_EQ(Do(2, 2, 2 * kGiB), 0) << why;
	const struct desc_device *at = &d->devices[d->devices_n - 5];
	const char *paths[] = {"/boot", "/far", "/a", "/b", "/c"};
	const uint32_t slots[] = {2, 1, 1, 4, 3};
	for (unsigned i = 0; i < 5; i++) {
		EXPECT_EQ(at[i].config, "{\"path\":\"" + std::string(paths[i]) + "\"}");
		EXPECT_EQ(at[i].slot, slots[i]) << i;
	}
}

TEST_F(Place, ASlotThatANamedCardWantsIsNotGivenAwayWhenTheBusIsFull)
{
	for (auto &o : offers)
		o = {2, kGiB, 40};
	for (uint32_t slot = 0; slot < DESC_SLOTS; slot++) {
		strcpy(wish.cards[slot].kind, "virtio-rng");
		wish.cards[slot].slot = slot;
	}
	wish.cards_n = DESC_SLOTS;
	EXPECT_EQ(Do(2, 2, 2 * kGiB), -ENOSPC);
	EXPECT_STREQ(why, "no room for a virtio-rng on host 0: each of the 31 slots of its bus has a card");
	wish.cards_n--; // the last slot is free
	EXPECT_EQ(Do(2, 2, 2 * kGiB), 0) << why;
	EXPECT_EQ(d->devices[d->devices_n - DESC_SLOTS + 1].slot, DESC_SLOTS - 1);
}

TEST_F(Place, AddressesHaveAsManyBitsAsEveryHost)
{
	for (auto &o : offers)
		o = {2, 64 * kGiB, 48};
	wish.cards_n = 1;
	strcpy(wish.cards[0].kind, "virtio-rng");
	wish.cards[0].host = 1;
	offers[1].address_bits = 39;
	ASSERT_EQ(Do(2, 2, 64 * kGiB), 0) << why;
	EXPECT_EQ(d->address_bits, 39u);
	EXPECT_EQ(d->pci_buses, 2u);
	offers[1].address_bits = 0; // not known: with PCI, as few as any processor has
	EXPECT_EQ(Do(2, 2, 64 * kGiB), -EINVAL);
	EXPECT_NE(std::string(why).find("with 36 bits of address PCI begins at 0x800000000"), std::string::npos) << why;
	EXPECT_EQ(Do(2, 2, 16 * kGiB), 0) << why;
	wish.cards_n = 0; // without PCI nobody is in the way
	EXPECT_EQ(Do(2, 2, 64 * kGiB), 0) << why;
	EXPECT_EQ(d->address_bits, 0u);
}

TEST_F(Place, PartsThatDoNotFitAreRefusedWithTheHost)
{
	for (auto &o : offers)
		o = {2, kGiB, 40};
	wish.vcpu_parts = wish.memory_parts = 2;
	wish.vcpus_of[0] = 1, wish.vcpus_of[1] = 3;
	wish.memory_of[0] = wish.memory_of[1] = kGiB;
	snprintf(d->hosts[1].address, sizeof(d->hosts[1].address), "b:7411");
	EXPECT_EQ(Do(2, 4, 2 * kGiB), -ENOSPC);
	EXPECT_NE(std::string(why).find("host 1 at b:7411 is to run 3 vCPUs, it offers 2"), std::string::npos) << why;
	wish.vcpus_of[1] = 2;
	wish.memory_of[1] = 2 * kGiB;
	EXPECT_EQ(Do(2, 3, 3 * kGiB), -ENOSPC);
	EXPECT_NE(std::string(why).find("host 1 at b:7411 is to give 2048 MiB, it offers 1024 MiB"), std::string::npos)
		<< why;
	EXPECT_EQ(Do(3, 3, 3 * kGiB), -EINVAL);
	EXPECT_NE(std::string(why).find("for 2 hosts"), std::string::npos) << why;
}

} // namespace
