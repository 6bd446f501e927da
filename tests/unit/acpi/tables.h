// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_UNIT_ACPI_TABLES_H
#define TESTS_UNIT_ACPI_TABLES_H

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "tests/unit/conf/sample.h"

extern "C" {
#include "coherence/base/bytes.h"
#include "vmm/acpi/acpi.h"
}

using Bytes = std::vector<uint8_t>;

static inline pci_windows sample_windows(machine_desc d)
{
	pci_windows w = {};
	char why[256] = "";
	d.pci_buses = d.hosts_n;
	d.address_bits = 40;
	EXPECT_EQ(0, pci_windows_lay_out(&d, &w, why, sizeof(why))) << why;
	return w;
}

/* The tables of a description, found as an operating system finds them. */
struct Tables {
	Bytes mem;
	acpi_tables where;
	std::map<std::string, Bytes> by_name;

	explicit Tables(const machine_desc &d, const pci_windows *pci = nullptr) : mem(ACPI_BYTES_MAX)
	{
		int r = acpi_build(&d, pci, mem.data(), mem.size(), ACPI_GPA, &where);
		EXPECT_EQ(0, r);
		if (r == 0)
			collect();
	}
	static uint8_t sum(const uint8_t *p, size_t n)
	{
		uint8_t s = 0;
		while (n--)
			s += *p++;
		return s;
	}
	const uint8_t *at(uint64_t gpa) const
	{
		EXPECT_GE(gpa, ACPI_GPA);
		EXPECT_LT(gpa, ACPI_GPA + where.bytes);
		return &mem.at(gpa - ACPI_GPA);
	}
	Bytes table(uint64_t gpa)
	{
		const uint8_t *p = at(gpa);
		size_t n = get_le(p + 4, 4);
		EXPECT_LE(gpa + n, ACPI_GPA + where.bytes);
		return Bytes(p, p + n);
	}
	void collect()
	{
		const uint8_t *rsdp = at(where.rsdp);
		EXPECT_EQ(0, memcmp(rsdp, "RSD PTR ", 8));
		EXPECT_EQ(0u, where.rsdp % 16);
		EXPECT_EQ(0, sum(rsdp, 20));
		EXPECT_EQ(0, sum(rsdp, 36));
		Bytes xsdt = table(get_le(rsdp + 24, 8));
		add(xsdt);
		for (size_t i = 36; i < xsdt.size(); i += 8)
			add(table(get_le(&xsdt[i], 8)));
		add(table(get_le(&by_name["FACP"][140], 8)));
		by_name["FACS"] = table(get_le(&by_name["FACP"][36], 4));
	}
	void add(const Bytes &t)
	{
		std::string name(t.begin(), t.begin() + 4);
		EXPECT_EQ(0, sum(t.data(), t.size())) << name;
		EXPECT_EQ(0u, by_name.count(name)) << name;
		by_name[name] = t;
	}
};

#endif
