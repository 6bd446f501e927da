// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_UNIT_CONF_SAMPLE_H
#define TESTS_UNIT_CONF_SAMPLE_H

#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

extern "C" {
#include "vmm/conf/machine_desc.h"
}

/* What the hosts give: vCPUs and MiB. */
static inline std::string sample_layout(machine_desc *d, std::vector<uint32_t> vcpus, std::vector<uint64_t> mib,
					desc_room room = {})
{
	char why[DESC_REPORT_MAX] = "";
	for (uint64_t &m : mib)
		m <<= 20;
	d->hosts_n = (unsigned)vcpus.size();
	return desc_lay_out(d, vcpus.data(), mib.data(), &room, why, sizeof(why)) ? why : "";
}

/* A description that desc_check() accepts. */
static inline machine_desc sample_desc(unsigned hosts = 2, uint32_t vcpus = 2, uint64_t mib = 512)
{
	machine_desc d;
	memset(&d, 0, sizeof(d));
	strcpy(d.name, "guest-1");
	strcpy(d.uuid, "00112233-4455-6677-8899-aabbccddeeff");
	d.elastic = d.disk_boots = 1;
	strcpy(d.cmdline, "console=ttyS0 quote=\"a b\" back\\slash");
	d.hosts_n = hosts;
	for (unsigned h = 0; h < hosts; h++) {
		snprintf(d.hosts[h].address, sizeof(d.hosts[h].address), "10.0.0.%u:4000", h + 1);
	}
	sample_layout(&d, std::vector<uint32_t>(hosts, vcpus), std::vector<uint64_t>(hosts, mib));
	d.epoch = 7;
	d.dilate = 1;
	d.peer_timeout_ms = 3000;
	d.hold_ns = 500000;
	d.reserve_pages = 1024;
	d.prefetch_max = 16;
	d.spin_us = 20;
	d.tsc_skew = -123456789012ll;
	return d;
}

#endif
