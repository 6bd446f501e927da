// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <functional>
#include <vector>

extern "C" {
#include "vmm/acpi/aml.h"
}

using Bytes = std::vector<uint8_t>;

static Bytes written(const std::function<void(aml *)> &f)
{
	uint8_t buf[256];
	aml a;
	aml_init(&a, buf, sizeof(buf));
	f(&a);
	EXPECT_FALSE(aml_failed(&a));
	return Bytes(buf, buf + a.at);
}

TEST(Aml, Integers)
{
	const std::vector<std::pair<uint64_t, Bytes>> cases = {
		{0, {0}},
		{1, {1}},
		{2, {0x0a, 2}},
		{255, {0x0a, 255}},
		{256, {0x0b, 0, 1}},
		{65536, {0x0c, 0, 0, 1, 0}},
		{UINT32_MAX, {0x0c, 255, 255, 255, 255}},
		{1ull << 32, {0x0e, 0, 0, 0, 0, 1, 0, 0, 0}},
	};
	for (auto &c : cases)
		EXPECT_EQ(c.second, written([&](aml *a) { aml_integer(a, c.first); })) << c.first;
}

TEST(Aml, NamesAndIds)
{
	EXPECT_EQ((Bytes{8, 'A', 'B', '_', '_'}), written([](aml *a) { aml_name(a, "AB"); }));
	EXPECT_EQ((Bytes{8, '\\', '_', 'S', '5', '_'}), written([](aml *a) { aml_name(a, "\\_S5"); }));
	EXPECT_EQ((Bytes{0x0d, 'h', 'i', 0}), written([](aml *a) { aml_string(a, "hi"); }));
	EXPECT_EQ((Bytes{0x0c, 0x41, 0xd0, 0x05, 0x01}), written([](aml *a) { aml_eisa_id(a, "PNP0501"); }));
	EXPECT_EQ((Bytes{0x0c, 0x41, 0xd0, 0x0b, 0x00}), written([](aml *a) { aml_eisa_id(a, "PNP0B00"); }));
}

TEST(Aml, LengthsCoverWhatTheyShould)
{
	EXPECT_EQ((Bytes{0x12, 0xc6, 0, 0, 0, 1, 0}), written([](aml *a) {
			  aml_begin_package(a, 1);
			  aml_integer(a, 0);
			  aml_end(a);
		  }));
	/* Buffer: package length, then its size (an empty template: only the end tag). */
	EXPECT_EQ((Bytes{0x11, 0xc9, 0, 0, 0, 0x0b, 2, 0, 0x79, 0}), written([](aml *a) {
			  aml_begin_resources(a);
			  aml_end_resources(a);
		  }));
}

TEST(Aml, FullIsStickyAndWritesNothingOutside)
{
	for (size_t cap = 0; cap < 60; cap++) {
		Bytes b(cap + 8, 0xee);
		aml a;
		aml_init(&a, b.data(), cap);
		aml_begin_device(&a, "DEV0");
		aml_begin_resources(&a);
		for (int i = 0; i < 10; i++)
			aml_io(&a, 0x100, 4);
		aml_end_resources(&a);
		aml_end(&a);
		EXPECT_TRUE(aml_failed(&a));
		for (size_t i = cap; i < b.size(); i++)
			EXPECT_EQ(0xee, b[i]);
	}
}
