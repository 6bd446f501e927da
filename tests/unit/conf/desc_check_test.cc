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
	d.hosts[1].vcpus = 0; // a host may give memory only
	EXPECT_EQ(0, desc_check(&d, why, sizeof(why))) << why;
	d.hosts[1].vcpus = 1; // or CPUs only
	d.hosts[1].memory_bytes = 0;
	EXPECT_EQ(0, desc_check(&d, why, sizeof(why))) << why;
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
		{"host 1", [](D &d) { d.hosts[1].vcpus = UINT32_MAX; }},
		{"2 MiB", [](D &d) { d.hosts[1].memory_bytes += 4096; }},
		{"32 TiB", [](D &d) { d.hosts[1].memory_bytes = 1ull << 63; }},
		{"32 TiB", [](D &d) { d.hosts[1].memory_bytes = 1ull << 45; }},
		{"neither", [](D &d) { d.hosts[1].memory_bytes = d.hosts[1].vcpus = 0; }},
		{"host 0", [](D &d) { d.hosts[0].vcpus = 0; }},
		{"host 0", [](D &d) { d.hosts[0].memory_bytes = 0; }},
		{"vCPUs in all", [](D &d) { d.hosts[0].vcpus = d.hosts[1].vcpus = 513; }},
		{"APIC ids",
		 [](D &d) {
			 d = sample_desc(64, 1);
			 d.hosts[3].vcpus = 600;
		 }},
	};
	for (auto &b : bad) {
		char why[DESC_REPORT_MAX] = "";
		machine_desc d = sample_desc(2);
		b.spoil(d);
		EXPECT_EQ(-EINVAL, desc_check(&d, why, sizeof(why))) << b.word;
		EXPECT_NE(std::string::npos, std::string(why).find(b.word)) << b.word << ": " << why;
	}
}
