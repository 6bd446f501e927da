// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cerrno>
#include <random>
#include <string>

#include "tests/unit/conf/sample.h"

static std::string json_of(const machine_desc &d)
{
	char *t = desc_to_json(&d);
	std::string s = t ? t : "";
	free(t);
	return s;
}

static int parse(const std::string &s, machine_desc *out, std::string *why = nullptr)
{
	char w[DESC_REPORT_MAX] = "";
	int r = desc_from_json(s.data(), s.size(), out, w, sizeof(w));
	if (why)
		*why = w;
	return r;
}

static std::string with(std::string s, const std::string &from, const std::string &to)
{
	size_t at = s.find(from);
	EXPECT_NE(std::string::npos, at) << from;
	return s.replace(at, from.size(), to);
}

TEST(DescJson, RoundTrip)
{
	for (unsigned hosts : {1u, 2u, 64u}) {
		machine_desc d = sample_desc(hosts, 3), back;
		std::string why;
		memset(&back, 0xee, sizeof(back));
		ASSERT_EQ(0, parse(json_of(d), &back, &why)) << why;
		EXPECT_EQ(0, memcmp(&d, &back, sizeof(d)));
		EXPECT_EQ(json_of(d), json_of(back));
	}
}

TEST(DescJson, LargestDescriptionFitsItsMessage)
{
	machine_desc d = sample_desc(64, 16), back;
	memset(d.cmdline, '"', DESC_CMDLINE_MAX - 1); // worst case: every character is escaped
	memset(d.name, 'n', DESC_NAME_MAX - 1);
	for (auto &h : d.hosts)
		memset(h.address, '\\', DESC_ADDRESS_MAX - 1);
	sample_layout(&d, std::vector<uint32_t>(64, 16), std::vector<uint64_t>(64, 512));
	d.version = 1;
	d.ranges_n = 0;
	for (unsigned i = 0; i < DESC_RANGES_MAX; i++) {
		uint64_t pages = d.nodes[i / 4].pages_max / 4;
		auto &r = d.ranges[d.ranges_n++]; // member by member: its padding stays as it is
		r.first = d.nodes[i / 4].first + i % 4 * pages;
		r.pages = pages;
		r.node = r.home = i / 4;
		r.slot = 0;
	}
	EXPECT_LT(json_of(d).size(), 262144u);
	EXPECT_EQ(0, parse(json_of(d), &back));
	EXPECT_EQ(0, memcmp(&d, &back, sizeof(d)));
}

TEST(DescJson, WhatCannotBeWrittenIsRefused)
{
	machine_desc d = sample_desc();
	d.hold_ns = UINT64_MAX;
	EXPECT_EQ("", json_of(d));
	d = sample_desc();
	d.hosts_n = 65;
	EXPECT_EQ("", json_of(d));
	d = sample_desc();
	memset(d.name, 'x', sizeof(d.name));
	EXPECT_EQ("", json_of(d));
}

TEST(DescJson, HostileTextIsRefusedWithAReason)
{
	const std::string good = json_of(sample_desc());
	std::string hosts65 = "\"hosts\":[";
	for (int i = 0; i < 65; i++)
		hosts65 += "{},";
	const std::string bad[] = {
		"",
		"{",
		"[]",
		"null",
		"{}",
		"\xff\xfe",
		std::string(3000, '['),
		std::string(300000, ' '),
		good + "x",
		good.substr(0, good.size() / 2),
		with(good, "\"epoch\":7", "\"epoch\":-7"),
		with(good, "\"epoch\":7", "\"epoch\":4294967296"),
		with(good, "\"epoch\":7", "\"epoch\":7.0"),
		with(good, "\"epoch\":7", "\"epoch\":\"7\""),
		with(good, "\"epoch\":7", "\"epoch\":null"),
		with(good, "\"epoch\":7", "\"epoch\":7,\"epoch\":7"),
		with(good, "\"epoch\":7", "\"epoch\":99999999999999999999"),
		with(good, "\"epoch\":7", "\"extra\":1,\"epoch\":7"),
		with(good, "\"epoch\":7,", ""),
		with(good, "\"hold_ns\":500000", "\"hold_ns\":-1"),
		with(good, "\"name\":\"guest-1\"", "\"name\":\"" + std::string(64, 'n') + "\""),
		with(good, "\"name\":\"guest-1\"", "\"name\":\"a\\u0000b\""),
		with(good, "\"hosts\":[", "\"hosts\":{}, \"more\":["),
		with(good, "\"hosts\":[", "\"hosts\":[7,"),
		with(good, "\"hosts\":[", hosts65),
		with(good, "\"vcpus_max\":2", "\"vcpus_max\":-2"),
		with(good, "\"vcpus_max\":2", "\"cpus_max\":2"),
		with(good, "\"pages\":131072", "\"pages\":131073"),
		with(good, "\"vcpus\":[", "\"vcpus\":7,\"x\":["),
		with(good, "\"vcpus\":[", "\"cpus\":["),
		with(good, "\"memory\":[", "\"memory\":[[],"),
		with(good, "\"kind\":\"com1\"", "\"kind\":\"com1-and-some-more\""),
		with(good, "\"kind\":\"com1\"", "\"kind\":\"pic\""),
		with(good, "\"devices\":[", "\"no_devices\":["),
		with(good, "\"apic_bits\":1", "\"apic_bits\":0"),
	};
	for (auto &t : bad) {
		machine_desc out;
		memset(&out, 0x55, sizeof(out));
		machine_desc before = out;
		std::string why;
		EXPECT_EQ(-EINVAL, parse(t, &out, &why)) << t.substr(0, 300);
		EXPECT_NE("", why) << t.substr(0, 300);
		EXPECT_EQ(0, memcmp(&before, &out, sizeof(out)));
	}
}

TEST(DescJson, DamagedTextNeverHurts)
{
	const std::string good = json_of(sample_desc(8));
	std::mt19937 rng(1);
	for (int i = 0; i < 20000; i++) {
		std::string t = good;
		for (unsigned k = rng() % 4 + 1; k; k--)
			t[rng() % t.size()] = (char)rng();
		machine_desc out;
		char why[DESC_REPORT_MAX];
		if (parse(t, &out) == 0) {
			EXPECT_EQ(0, desc_check(&out, why, sizeof(why)));
		}
	}
}
