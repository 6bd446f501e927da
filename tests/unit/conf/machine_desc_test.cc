// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <set>

#include "tests/unit/conf/sample.h"

TEST(MachineDesc, DerivedFacts)
{
	machine_desc d = sample_desc(3);
	ASSERT_EQ("", sample_layout(&d, {2, 0, 5}, {512, 512, 512}));
	EXPECT_EQ(7u, desc_vcpus(&d));
	EXPECT_EQ(7u, desc_vcpus_present(&d));
	EXPECT_EQ(3u * 512 << 20, desc_memory_bytes(&d));
	EXPECT_EQ(3u * 131072, desc_pages_end(&d));
	EXPECT_EQ(0u, desc_room_bytes(&d));
	EXPECT_EQ(131072u, desc_host_pages(&d, 1));
	EXPECT_EQ(131072u, desc_node_pages(&d, 1));
	EXPECT_EQ(5u, desc_host_vcpus(&d, 2));
	EXPECT_EQ(0u, desc_host_of_vcpu(&d, 1));
	EXPECT_EQ(2u, desc_host_of_vcpu(&d, 2));
	EXPECT_EQ(2u, desc_host_of_vcpu(&d, 6));
	EXPECT_EQ(HOST_NONE, desc_host_of_vcpu(&d, 7));
	EXPECT_EQ(2u, desc_node_of_vcpu(&d, 6));
	EXPECT_EQ(4u, desc_number_in_node(&d, 6));
	EXPECT_EQ(3u, d.apic_bits);
	EXPECT_EQ(16u + 4, desc_apic_id(&d, 6));
	EXPECT_EQ(1u, desc_home_of_page(&d, 131072));
	EXPECT_EQ(0u, desc_home_of_page(&d, 131071));
	EXPECT_EQ(HOST_NONE, desc_home_of_page(&d, 3 * 131072));
}

TEST(MachineDesc, ApicIdsAreDistinctAndInvertible)
{
	for (unsigned hosts : {1u, 2u, 3u, 64u}) {
		for (uint32_t vcpus : {1u, 2u, 3u, 15u, 16u}) {
			machine_desc d = sample_desc(hosts, vcpus);
			std::set<uint32_t> ids;
			for (uint32_t v = 0; v < desc_vcpus(&d); v++) {
				uint32_t back = ~0u, id = desc_apic_id(&d, v);
				EXPECT_TRUE(ids.insert(id).second);
				EXPECT_TRUE(desc_vcpu_of_apic(&d, id, &back));
				EXPECT_EQ(v, back);
				EXPECT_EQ(desc_host_of_vcpu(&d, v), id >> d.apic_bits);
				EXPECT_GE(id, v); // the MADT's 8-bit uid relies on it
			}
			uint32_t unused;
			for (uint32_t id = 0; id < 70000; id++)
				EXPECT_EQ(ids.count(id) != 0, desc_vcpu_of_apic(&d, id, &unused));
			EXPECT_FALSE(desc_vcpu_of_apic(&d, UINT32_MAX, &unused));
		}
	}
}

TEST(MachineDesc, WhereEightBitsAreEnoughForAnApicId)
{
	machine_desc d = sample_desc(1, 255); // ids 0..254
	EXPECT_TRUE(desc_fits_xapic(&d));
	d = sample_desc(1, 256);
	EXPECT_FALSE(desc_fits_xapic(&d));
	d = sample_desc(2, 127); // 128 and up: to 254
	EXPECT_TRUE(desc_fits_xapic(&d));
	d = sample_desc(2, 128); // to 255
	EXPECT_FALSE(desc_fits_xapic(&d));
	ASSERT_EQ("", sample_layout(&d, {128, 127}, {64, 64}));
	EXPECT_TRUE(desc_fits_xapic(&d));
	desc_room room = {};
	room.vcpus_max = 256; // who may join later counts
	ASSERT_EQ("", sample_layout(&d, {128}, {64}, room));
	EXPECT_FALSE(desc_fits_xapic(&d));
}

TEST(MachineDesc, AllHostsAreASetOfThemAll)
{
	for (unsigned hosts : {1u, 2u, 63u, 64u}) {
		machine_desc d = sample_desc(hosts, 1);
		EXPECT_EQ(hosts, (unsigned)__builtin_popcountll(desc_all_hosts(&d)));
		EXPECT_TRUE(desc_all_hosts(&d) & host_bit((host_id)(hosts - 1)));
	}
}
