// SPDX-License-Identifier: Apache-2.0
// Guest memory, a loader, and what the tests of kernel formats share.
#ifndef TESTS_UNIT_BOOT_SAMPLE_H
#define TESTS_UNIT_BOOT_SAMPLE_H

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

extern "C" {
#include "coherence/base/bytes.h"
#include "vmm/acpi/acpi.h"
#include "vmm/boot/boot.h"
}

using Bytes = std::vector<uint8_t>;

inline void put(Bytes &b, size_t at, uint64_t v, unsigned n)
{
	put_le(b.data() + at, v, n);
}

struct Boot : testing::Test {
	::ram ram = {};
	boot_entry e = {};
	char why[256] = "";
	Bytes initrd;
	std::string cmdline = "console=ttyS0";
	uint64_t ecam_bytes = 0; // at PCI_ECAM

	void mib(uint64_t n)
	{
		ram_unmap(&ram);
		ASSERT_EQ(0, ram_map(&ram, n << 20));
	}
	void SetUp() override
	{
		mib(64);
	}
	void TearDown() override
	{
		ram_unmap(&ram);
	}
	int load(const Bytes &k)
	{
		boot_images in = {};
		in.kernel = k.data();
		in.kernel_bytes = k.size();
		in.initrd = initrd.empty() ? nullptr : initrd.data();
		in.initrd_bytes = initrd.size();
		in.cmdline = cmdline.c_str();
		in.rsdp = ACPI_GPA;
		in.ecam = PCI_ECAM;
		in.ecam_bytes = ecam_bytes;
		return boot_load(&ram, &in, &e, why, sizeof(why));
	}
	uint64_t get(uint64_t gpa, unsigned n)
	{
		return get_le(ram.base + gpa, n);
	}
};

#endif
