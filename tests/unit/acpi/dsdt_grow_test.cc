// SPDX-License-Identifier: Apache-2.0
// CPUs and memory that come while the guest runs, in the tables, and as the reference compiles and runs them.
#include "tests/unit/acpi/iasl.h"

extern "C" {
#include "vmm/acpi/dsdt_hotplug.h"
}

namespace
{
constexpr uint64_t kGiB = 1ull << 30;

/* Two hosts with two vCPUs each, and room for two nodes with two vCPUs and 1 GiB. */
machine_desc with_room(desc_room room = {.vcpus_max = 8, .memory_max = 3 * kGiB, .nodes_max = 4})
{
	machine_desc d = sample_desc(2, 2, 512);
	EXPECT_EQ("", sample_layout(&d, {2, 2}, {512, 512}, room));
	return d;
}

std::map<uint32_t, uint32_t> madt_flags(const Bytes &m)
{
	std::map<uint32_t, uint32_t> flags;
	for (size_t i = 44; i < m.size(); i += m[i + 1]) {
		if (m[i] == 0)
			flags[m[i + 2]] = (uint32_t)get_le(&m[i + 4], 4);
		else if (m[i] == 9)
			flags[(uint32_t)get_le(&m[i + 12], 4)] = (uint32_t)get_le(&m[i + 8], 4);
	}
	return flags;
}

struct Window {
	uint64_t node, gpa, bytes, flags;
	bool operator==(const Window &o) const
	{
		return node == o.node && gpa == o.gpa && bytes == o.bytes && flags == o.flags;
	}
};

std::vector<Window> srat_memory(const Bytes &m)
{
	std::vector<Window> all;
	for (size_t i = 48; i < m.size(); i += m[i + 1])
		if (m[i] == 1)
			all.push_back({get_le(&m[i + 2], 4), get_le(&m[i + 8], 8), get_le(&m[i + 16], 8),
				       get_le(&m[i + 28], 4)});
	return all;
}

struct IaslGrow : Iasl {
	machine_desc d = with_room();
	void SetUp() override
	{
		Iasl::SetUp();
		if (!IsSkipped())
			write(Tables(d));
	}
	void expect(const std::vector<std::string> &said, const std::vector<std::string> &want)
	{
		for (size_t i = 0; i < want.size(); i++)
			EXPECT_NE(std::string::npos, said[i].find(want[i])) << i << " " << want[i] << said[i];
	}
};
} // namespace

// FADT 6.4: without the second flag Linux drops an absent processor.
TEST(AcpiGrow, AbsentProcessorsCanComeAndAreInTheirNodes)
{
	machine_desc d = with_room();
	Tables t(d);
	auto flags = madt_flags(t.by_name["APIC"]);
	ASSERT_EQ(8u, flags.size());
	for (uint32_t v = 0; v < 8; v++)
		EXPECT_EQ(v < 4 ? 1u : 2u, flags[v]) << v;
	unsigned cpus = 0;
	const Bytes &s = t.by_name["SRAT"];
	for (size_t i = 48; i < s.size(); i += s[i + 1])
		if (s[i] == 0) {
			EXPECT_EQ(cpus / 2, s[i + 2]) << cpus;
			EXPECT_EQ(1u, get_le(&s[i + 4], 4))
				<< cpus << ": a domain that is not enabled is unknown for good";
			cpus++;
		}
	EXPECT_EQ(8u, cpus);
	EXPECT_EQ(4u, get_le(&t.by_name["SLIT"][36], 8));
}

TEST(AcpiGrow, WindowsThatMayBeFilledAreHotPluggable)
{
	machine_desc d = with_room();
	std::vector<Window> want = {{0, 0, 512ull << 20, 1},
				    {1, 512ull << 20, 512ull << 20, 1},
				    {2, 4 * kGiB, kGiB, 3},
				    {3, 6 * kGiB, kGiB, 3}};
	EXPECT_EQ(want, srat_memory(Tables(d).by_name["SRAT"]));
	char why[256] = "";
	desc_range r = {
		.first = d.nodes[2].first, .pages = (512ull << 20) / PAGE_BYTES, .node = 2, .home = 1, .slot = 7};
	ASSERT_EQ(0, desc_fill_memory(&d, &r, why, sizeof(why))) << why;
	EXPECT_EQ(want, srat_memory(Tables(d).by_name["SRAT"])) << "a guest that boots again finds it in its slot";
}

TEST(AcpiGrow, WhatHasComeIsEnabledInTheTablesOfTheNextBoot)
{
	machine_desc d = with_room();
	Bytes before = Tables(d).by_name["DSDT"];
	char why[256] = "";
	ASSERT_EQ(0, desc_fill_vcpus(&d, 4, 2, 0, why, sizeof(why))) << why;
	Tables t(d);
	auto flags = madt_flags(t.by_name["APIC"]);
	for (uint32_t v = 0; v < 8; v++)
		EXPECT_EQ(v < 6 ? 1u : 2u, flags[v]) << v;
	EXPECT_EQ(before, t.by_name["DSDT"]);
}

/* Room for hosts alone, without anything for them, is no room. */
TEST(AcpiGrow, AGuestWithoutRoomHasTheTablesItHad)
{
	machine_desc d = with_room({.vcpus_max = 0, .memory_max = 0, .nodes_max = 4});
	EXPECT_EQ(0u, d.room);
	Bytes m = Tables(d).by_name["DSDT"];
	std::string s(m.begin(), m.end());
	for (const char *no : {"_OST", "_MAT", "GEVT", "CSCN"})
		EXPECT_EQ(std::string::npos, s.find(no)) << no;
}

TEST_F(IaslGrow, DsdtCompilesAgain)
{
	std::string text = there_and_back("DSDT");
	for (const char *want :
	     {"OperationRegion (CPRG, SystemIO, 0x0CD8, 0x0C)", "OperationRegion (MMRG, SystemIO, 0x0A00, 0x18)",
	      "ACPI0013", "Device (C007)", "Device (M03F)", "Method (_OST, 3, Serialized)", "Notify (C007, Arg1)",
	      "Notify (M03F, Arg1)", "EisaId (\"PNP0C80\")"})
		EXPECT_NE(std::string::npos, text.find(want)) << want << "\n" << text;
	pci_windows w = sample_windows(d);
	w.hotplug = true;
	write(Tables(d, &w));
	text = there_and_back("DSDT");
	EXPECT_NE(std::string::npos, text.find("PHEV ()")) << text;
	for (const char *table : {"APIC", "SRAT", "SLIT", "FACP"})
		there_and_back(table);
}

// The interpreter's ports are memory that keeps what was written.
TEST_F(IaslGrow, AProcessorIsThereIfItsRegisterSaysSo)
{
	auto said =
		evaluate("DSDT",
			 {"\\_SB.C006._STA", "\\_SB.CPSL", "\\_SB.C006._EJ0 1", "\\_SB.C006._STA",
			  "\\_SB.C006._OST 1 80 0", "\\_SB.CPCM", "\\_SB.CPDA", "\\_SB.C006._MAT", "\\_SB.C006._PXM"},
			 2);
	expect(said, {"= 0000000000000000", "= 0000000000000006", "= 0000000000000000", "= 0000000000000002",
		      "= 0000000000000050", "00 08 06 06 01", "= 0000000000000003"});
}

TEST_F(IaslGrow, MemorySaysWhereItIs)
{
	auto said = evaluate("DSDT", {"\\_SB.M005._CRS", "\\_SB.MSEL", "\\_SB.M005._PXM", "\\_SB.M005._STA"});
	EXPECT_NE(std::string::npos, said[0].find("8A 2B 00 00 0D 03")) << said[0];
	expect({said[1]}, {"= 0000000000000005"});
}

TEST_F(IaslGrow, TheEventLooksAtAllSlotsAndEnds)
{
	auto said = evaluate("DSDT", {"\\_SB.GEVT._EVT A", "\\_SB.MSEL"}, 1);
	expect(said, {"= 000000000000003F"});
}

// The firmware tables are in the BIOS area, whose size is what it is.
TEST(AcpiGrow, TheLargestMachineWithRoomFits)
{
	for (unsigned hosts : {1u, 32u, 63u}) {
		machine_desc d = sample_desc(hosts, 1, 512);
		ASSERT_EQ("",
			  sample_layout(&d, std::vector<uint32_t>(hosts, 1), std::vector<uint64_t>(hosts, 512),
					{.vcpus_max = DESC_ROOM_VCPUS_MAX, .memory_max = 256 * kGiB, .nodes_max = 64}));
		pci_windows w = sample_windows(d);
		w.hotplug = true;
		Tables t(d, &w);
		printf("%u hosts, room for 64, %u vCPUs and cards that come: %zu of %u bytes\n", hosts,
		       DESC_ROOM_VCPUS_MAX, (size_t)t.where.bytes, ACPI_BYTES_MAX);
	}
}
