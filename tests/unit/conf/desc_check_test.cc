// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cerrno>
#include <functional>
#include <string>

#include "tests/unit/conf/sample.h"

TEST(DescCheck, GoodOnes)
{
	char why[DESC_REPORT_MAX];
	for (unsigned hosts : {1u, 2u, 64u}) {
		machine_desc d = sample_desc(hosts, 16);
		EXPECT_EQ(0, desc_check(&d, why, sizeof(why))) << why;
	}
	machine_desc d = sample_desc(2);
	EXPECT_EQ("", sample_layout(&d, {2, 0}, {512, 512})); // a host may give memory only
	EXPECT_EQ(0, desc_check(&d, why, sizeof(why))) << why;
	EXPECT_EQ("", sample_layout(&d, {2, 1}, {512, 0})); // or CPUs only
	EXPECT_EQ(0, desc_check(&d, why, sizeof(why))) << why;
	EXPECT_EQ("",
		  sample_layout(&d, {2, 1}, {512, 512}, {.vcpus_max = 9, .memory_max = 8ull << 30, .nodes_max = 5}));
	EXPECT_EQ(0, desc_check(&d, why, sizeof(why))) << why;
	d.version = 1; // memory that came: in its window, with a gap before it
	d.ranges[d.ranges_n++] = {d.nodes[3].first, 512, 3, 1, 0};
	EXPECT_EQ(0, desc_check(&d, why, sizeof(why))) << why;
}

// What a running machine takes: more, never other numbers.
TEST(DescCheck, ANextVersionRenumbersNothing)
{
	using D = machine_desc;
	machine_desc now = sample_desc(2);
	char why[DESC_REPORT_MAX];
	ASSERT_EQ("", sample_layout(&now, {2, 2}, {512, 512}, {6, 2ull << 30, 4}));
	auto good = [&now](D &d) {
		d = now;
		d.version = 1;
		d.hosts_n = 3;
		strcpy(d.hosts[2].address, "10.0.0.3:4000");
		d.vcpus[4].host = 2;
		d.ranges[1].home = 2; // a home that moved
		d.ranges[d.ranges_n++] = {d.nodes[2].first, 512, 2, 2, 0};
	};
	machine_desc d;
	good(d);
	EXPECT_EQ(0, desc_check(&d, why, sizeof(why))) << why;
	EXPECT_EQ(0, desc_follows(&now, &d, why, sizeof(why))) << why;
	const struct {
		const char *word;
		std::function<void(D &)> spoil;
	} bad[] = {
		{"version 2, 1 is expected", [](D &x) { x.version = 2; }},
		{"another machine's", [](D &x) { x.epoch++; }},
		{"hosts are missing", [](D &x) { x.hosts_n = 1; }},
		{"other nodes", [](D &x) { x.nodes_n--; }},
		{"other nodes", [](D &x) { x.nodes[2].first += 512; }},
		{"other nodes", [](D &x) { x.apic_bits++; }},
		{"other places", [](D &x) { x.vcpus_n--; }},
		{"vCPU 3 has APIC id", [](D &x) { x.vcpus[3].apic_id++; }},
		{"memory that was there", [](D &x) { x.ranges_n = 1; }},
		{"memory that was there", [](D &x) { x.ranges[1].pages -= 512; }},
		{"memory that was there", [](D &x) { x.ranges[1].node = 2; }},
		{"other devices", [](D &x) { x.devices[0].host = 1; }},
		{"other devices", [](D &x) { x.devices_n--; }},
	};
	for (auto &b : bad) {
		good(d);
		b.spoil(d);
		EXPECT_EQ(-EINVAL, desc_follows(&now, &d, why, sizeof(why))) << b.word;
		EXPECT_NE(std::string::npos, std::string(why).find(b.word)) << b.word << ": " << why;
	}
}

TEST(DescCheck, EveryRefusalNamesItsReason)
{
	using D = machine_desc;
	const struct {
		const char *word;
		std::function<void(D &)> spoil;
	} bad[] = {
		{"hosts", [](D &d) { d.hosts_n = 0; }},
		{"hosts", [](D &d) { d.hosts_n = HOSTS_MAX + 1; }},
		{"hosts", [](D &d) { d.hosts_n = UINT32_MAX; }},
		{"name", [](D &d) { d.name[0] = 0; }},
		{"name", [](D &d) { strcpy(d.name, "a/b"); }},
		{"name", [](D &d) { memset(d.name, 'x', sizeof(d.name)); }},
		{"cmdline", [](D &d) { memset(d.cmdline, 'x', sizeof(d.cmdline)); }},
		{"cmdline", [](D &d) { strcpy(d.cmdline, "a\nb"); }},
		{"dilate", [](D &d) { d.dilate = 0; }},
		{"dilate", [](D &d) { d.dilate = UINT32_MAX; }},
		{"peer_timeout_ms", [](D &d) { d.peer_timeout_ms = 0; }},
		{"hold_ns", [](D &d) { d.hold_ns = UINT64_MAX; }},
		{"reserve_pages", [](D &d) { d.reserve_pages = UINT64_MAX; }},
		{"prefetch_max", [](D &d) { d.prefetch_max = UINT32_MAX; }},
		{"spin_us", [](D &d) { d.spin_us = UINT32_MAX; }},
		{"host 1", [](D &d) { d.hosts[1].address[0] = 0; }},
		{"host 1", [](D &d) { memset(d.hosts[1].address, 'a', DESC_ADDRESS_MAX); }},
		{"2 MiB", [](D &d) { d.ranges[1].pages++; }},
		{"2 MiB", [](D &d) { d.ranges[1].first++; }},
		{"2 MiB", [](D &d) { d.nodes[1].pages_max++; }},
		{"2 MiB", [](D &d) { d.ranges[1].pages = 0; }},
		{"32 TiB", [](D &d) { d.nodes[1].pages_max = 1ull << 51; }},
		{"32 TiB", [](D &d) { d.nodes[1].pages_max = 1ull << 33; }},
		{"another one's", [](D &d) { d.nodes[1].first -= 512; }},
		{"window of node 1", [](D &d) { d.ranges[1].pages += 512; }},
		{"window of node 1", [](D &d) { d.ranges[1].pages = ~511ull; }},
		{"window of node 0", [](D &d) { d.ranges[1].node = 0; }},
		{"home 2", [](D &d) { d.ranges[1].home = 2; }},
		{"node 7", [](D &d) { d.ranges[1].node = 7; }},
		{"uuid:", [](D &d) { strcpy(d.uuid, "00112233445566778899aabbccddeeff"); }},
		{"uuid:", [](D &d) { strcpy(d.uuid, "00112233-4455-6677-8899-AABBCCDDEEFF"); }},
		{"uuid:", [](D &d) { memset(d.uuid, '0', sizeof(d.uuid)); }},
		{"elastic is 2", [](D &d) { d.elastic = 2; }},
		{"disk_boots is 3", [](D &d) { d.disk_boots = 3; }},
		{"leaves a gap", [](D &d) { d.ranges[1].first += 512, d.ranges[1].pages -= 512; }},
		{"ranges of memory", [](D &d) { d.ranges_n = DESC_RANGES_MAX + 1; }},
		{"nodes", [](D &d) { d.nodes_n = 0; }},
		{"nodes", [](D &d) { d.nodes_n = DESC_NODES_MAX + 1; }},
		{"neither",
		 [](D &d) {
			 sample_layout(&d, {2, 0}, {512, 0});
		 }},
		{"host 0",
		 [](D &d) {
			 sample_layout(&d, {0, 2}, {512, 512});
		 }},
		{"host 0",
		 [](D &d) {
			 sample_layout(&d, {2, 2}, {0, 512});
		 }},
		{"host 0", [](D &d) { d.ranges[0].home = 1; }},
		{"host 0", [](D &d) { d.board = 1; }},
		{"the board is on host 64", [](D &d) { d.version = 1, d.board = 64; }},
		{"the board is on host 4294967295", [](D &d) { d.version = 1, d.board = UINT32_MAX; }},
		{"host 0", [](D &d) { d.vcpus[0].host = HOST_NONE; }},
		{"vCPUs in all", [](D &d) { d.vcpus_n = VCPUS_MAX + 1; }},
		{"vCPUs in all", [](D &d) { d.vcpus_n = 0; }},
		{"does not follow", [](D &d) { d.vcpus[2].apic_id = d.vcpus[1].apic_id; }},
		{"in no node", [](D &d) { d.vcpus[3].apic_id = 1000; }},
		{"in no node", [](D &d) { d.nodes[1].vcpus_max = 1; }},
		{"starts on host 2", [](D &d) { d.vcpus[3].host = 2; }},
		{"enough for 2", [](D &d) { d.nodes[1].vcpus_max = 3; }},
		{"APIC ids", [](D &d) { d.apic_bits = 15; }},
		{"APIC ids", [](D &d) { d.apic_bits = UINT32_MAX; }},
		{"on host 2", [](D &d) { d.devices[1].host = 2; }},
		{"on host 255", [](D &d) { d.devices[1].host = HOST_NONE; }},
		{"no device of kind 'com9'", [](D &d) { strcpy(d.devices[1].kind, "com9"); }},
		{"kind is too long", [](D &d) { memset(d.devices[1].kind, 'x', sizeof(d.devices[1].kind)); }},
		{"'pm-timer' of its own", [](D &d) { strcpy(d.devices[1].kind, "pm-timer"); }},
		{"'ioapic' already", [](D &d) { strcpy(d.devices[1].kind, "ioapic"); }},
		{"id 0 does not follow", [](D &d) { d.devices[1].id = 0; }},
		{"kind 'watchdog', which each machine needs", [](D &d) { d.devices_n--; }},
		{"devices, at most", [](D &d) { d.devices_n = DESC_DEVICES_MAX + 1; }},
	};
	for (auto &b : bad) {
		char why[DESC_REPORT_MAX] = "";
		machine_desc d = sample_desc(2);
		b.spoil(d);
		EXPECT_EQ(-EINVAL, desc_check(&d, why, sizeof(why))) << b.word;
		EXPECT_NE(std::string::npos, std::string(why).find(b.word)) << b.word << ": " << why;
	}
}
