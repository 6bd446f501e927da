// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cerrno>

extern "C" {
#include "vmm/conf/units.h"
}

TEST(Units, Sizes)
{
	const struct {
		const char *text;
		uint64_t bytes;
	} good[] = {
		{"0", 0},
		{"1048576", 1 << 20},
		{"512M", 512ull << 20},
		{"4G", 4ull << 30},
		{"4GiB", 4ull << 30},
		{"4g", 4ull << 30},
		{"4gib", 4ull << 30},
		{"4GIB", 4ull << 30},
		{"7b", 7},
		{"1.5G", 3ull << 29},
		{"0.125K", 128},
		{"7B", 7},
		{"2T", 2ull << 40},
		{"16383P", 16383ull << 50},
		{"18446744073709551615", UINT64_MAX},
	};
	for (auto &c : good) {
		uint64_t v = 99;
		EXPECT_EQ(0, units_parse_size(c.text, &v)) << c.text;
		EXPECT_EQ(c.bytes, v) << c.text;
	}
}

TEST(Units, BadSizesLeaveTheResultAlone)
{
	for (const char *t : {"", "M", "-1", "+1", " 1", "1 M", "1MB", "1X", "1.G", ".5G", "1.5", "1.5B", "1e9", "0x10",
			      "1GiBs", "1Gi", "1.0000000001G"}) {
		uint64_t v = 99;
		EXPECT_EQ(-EINVAL, units_parse_size(t, &v)) << t;
		EXPECT_EQ(99u, v) << t;
	}
	for (const char *t : {"18446744073709551616", "16384P", "17179869184G", "99999999999999999999999"}) {
		uint64_t v = 99;
		EXPECT_EQ(-ERANGE, units_parse_size(t, &v)) << t;
		EXPECT_EQ(99u, v) << t;
	}
}

TEST(Units, Counts)
{
	uint64_t v = 99;
	EXPECT_EQ(0, units_parse_count("64", 1, 64, &v));
	EXPECT_EQ(64u, v);
	v = 99;
	EXPECT_EQ(-ERANGE, units_parse_count("65", 1, 64, &v));
	EXPECT_EQ(-ERANGE, units_parse_count("0", 1, 64, &v));
	EXPECT_EQ(-EINVAL, units_parse_count("", 0, 64, &v));
	EXPECT_EQ(-EINVAL, units_parse_count("6x", 0, 64, &v));
	EXPECT_EQ(-EINVAL, units_parse_count("-6", 0, 64, &v));
	EXPECT_EQ(99u, v);
}

TEST(Units, Durations)
{
	uint64_t v = 99;
	const struct {
		const char *text;
		uint64_t seconds;
	} good[] = {{"0", 0},
		    {"90", 90},
		    {"90s", 90},
		    {"30m", 1800},
		    {"8h", 28800},
		    {"2d", 172800},
		    {"4294967295d", 4294967295ull * 86400}};

	for (auto &g : good) {
		EXPECT_EQ(0, units_parse_duration(g.text, &v)) << g.text;
		EXPECT_EQ(g.seconds, v) << g.text;
	}
	v = 99;
	for (const char *bad : {"", "h", "1y", "1hm", "1h ", "-1h", "1.5h", "1H"})
		EXPECT_EQ(-EINVAL, units_parse_duration(bad, &v)) << bad;
	EXPECT_EQ(-ERANGE, units_parse_duration("4294967296d", &v));
	EXPECT_EQ(-ERANGE, units_parse_duration("99999999999999999999999", &v));
	EXPECT_EQ(99u, v);
}

TEST(Units, Format)
{
	char b[32];
	EXPECT_STREQ("0 B", units_format_size(0, b, sizeof(b)));
	EXPECT_STREQ("1023 B", units_format_size(1023, b, sizeof(b)));
	EXPECT_STREQ("1.0 KiB", units_format_size(1024, b, sizeof(b)));
	EXPECT_STREQ("1.5 GiB", units_format_size(3ull << 29, b, sizeof(b)));
	EXPECT_STREQ("16384.0 PiB", units_format_size(UINT64_MAX, b, sizeof(b)));
}
