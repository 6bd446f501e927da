// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/acpi/tables.h"

#include <cerrno>
#include <set>

TEST(Acpi, AllTablesAreThereAndSumToZero)
{
	for (unsigned hosts : {1u, 2u, 3u, 64u}) {
		Tables t(sample_desc(hosts));
		std::set<std::string> names;
		for (auto &n : t.by_name)
			names.insert(n.first);
		EXPECT_EQ((std::set<std::string>{"APIC", "DSDT", "FACP", "FACS", "SLIT", "SRAT", "XSDT"}), names);
	}
}

/* Without PCI the tables are what they were; with it there is one more, and the others stay but for what names PCI. */
TEST(Acpi, McfgNamesTheBusesThatExist)
{
	for (unsigned hosts : {1u, 2u, 64u}) {
		machine_desc d = sample_desc(hosts);
		pci_windows w = sample_windows(d);
		Tables without(d), with(d, &w);
		Bytes m = with.by_name["MCFG"];
		ASSERT_EQ(60u, m.size());
		EXPECT_EQ(PCI_ECAM, get_le(&m[44], 8));
		EXPECT_EQ(0u, get_le(&m[52], 2)); // segment
		EXPECT_EQ(0, m[54]);
		EXPECT_EQ(hosts - 1, m[55]);
		for (const char *same : {"APIC", "SRAT", "SLIT"})
			EXPECT_EQ(without.by_name[same], with.by_name[same]) << same;
		EXPECT_LT(without.by_name["DSDT"].size(), with.by_name["DSDT"].size());
	}
}

TEST(Acpi, LargestMachineFitsAndLessRoomIsAnError)
{
	machine_desc d = sample_desc(64, 16, 2048);
	Tables t(d);
	Bytes small(t.where.bytes, 0xee);
	acpi_tables w;
	EXPECT_EQ(0, acpi_build(&d, nullptr, small.data(), small.size(), ACPI_GPA, &w));
	for (size_t cap = 0; cap < t.where.bytes; cap += 37) {
		Bytes b(cap + 16, 0xee);
		ASSERT_EQ(-ENOSPC, acpi_build(&d, nullptr, b.data(), cap, ACPI_GPA, &w));
		for (size_t i = cap; i < b.size(); i++)
			ASSERT_EQ(0xee, b[i]);
	}
	EXPECT_EQ(-EINVAL, acpi_build(&d, nullptr, small.data(), small.size(), ACPI_GPA + 16, &w));
	EXPECT_EQ(-EINVAL, acpi_build(&d, nullptr, small.data(), small.size(), 1ull << 32, &w));
	RecordProperty("bytes", (int)t.where.bytes);
	pci_windows pci = sample_windows(d);
	EXPECT_EQ(-ENOSPC, acpi_build(&d, &pci, small.data(), small.size(), ACPI_GPA, &w));
	Tables with(d, &pci);
	printf("largest machine with PCI: %zu of %u bytes\n", with.where.bytes, ACPI_BYTES_MAX);
	printf("largest machine: %zu of %u bytes\n", t.where.bytes, ACPI_BYTES_MAX);
}

TEST(Acpi, MadtNamesEachProcessorOnce)
{
	machine_desc d = sample_desc(40, 10); // APIC ids up to 633
	Bytes m = Tables(d).by_name["APIC"];
	std::map<uint32_t, uint32_t> id_of;
	unsigned ioapics = 0, nmis = 0;
	std::map<unsigned, std::pair<unsigned, unsigned>> overrides;
	EXPECT_EQ(1u, get_le(&m[40], 4)); // PCAT_COMPAT
	for (size_t i = 44; i < m.size(); i += m[i + 1]) {
		const uint8_t *e = &m[i];
		ASSERT_GE(e[1], 2);
		ASSERT_LE(i + e[1], m.size());
		switch (e[0]) {
		case 0:
			EXPECT_LT(e[3], 255);
			EXPECT_TRUE(id_of.emplace(e[2], e[3]).second);
			break;
		case 9:
			EXPECT_GE(get_le(e + 4, 4), 255u);
			EXPECT_TRUE(id_of.emplace(get_le(e + 12, 4), get_le(e + 4, 4)).second);
			break;
		case 1:
			ioapics++;
			EXPECT_EQ(LAYOUT_IOAPIC, get_le(e + 4, 4));
			break;
		case 2:
			overrides[e[3]] = {get_le(e + 4, 4), get_le(e + 8, 2)};
			break;
		case 4:
		case 10:
			nmis++;
			break;
		default:
			ADD_FAILURE() << "entry " << (int)e[0];
		}
	}
	ASSERT_EQ(400u, id_of.size());
	for (auto &p : id_of)
		EXPECT_EQ(desc_apic_id(&d, p.first), p.second);
	EXPECT_EQ(1u, ioapics);
	EXPECT_EQ(2u, nmis);
	EXPECT_EQ(2u, overrides.size());
	EXPECT_EQ(std::make_pair(2u, 5u), overrides[0]);
	EXPECT_EQ(std::make_pair(9u, 13u), overrides[9]);
}

TEST(Acpi, SratPutsProcessorsAndMemoryOnTheirHosts)
{
	machine_desc d = sample_desc(40, 10, 1024);
	Bytes s = Tables(d).by_name["SRAT"];
	std::vector<uint64_t> memory(40);
	std::set<uint32_t> ids;
	for (size_t i = 48; i < s.size(); i += s[i + 1]) {
		const uint8_t *e = &s[i];
		uint32_t vcpu, id = e[0] == 0 ? e[3] : (uint32_t)get_le(e + 8, 4);
		if (e[0] == 1) {
			uint64_t base = get_le(e + 8, 8), n = get_le(e + 16, 8);
			memory.at(get_le(e + 2, 4)) += n;
			EXPECT_TRUE(base + n <= LAYOUT_LOW_END || base >= LAYOUT_HIGH);
			EXPECT_EQ(1u, get_le(e + 28, 4));
			continue;
		}
		ASSERT_TRUE(desc_vcpu_of_apic(&d, id, &vcpu));
		EXPECT_TRUE(ids.insert(id).second);
		EXPECT_EQ(desc_host_of_vcpu(&d, vcpu), e[0] == 0 ? e[2] : get_le(e + 4, 4));
		EXPECT_EQ(1u, get_le(e + (e[0] == 0 ? 4 : 12), 4));
	}
	EXPECT_EQ(400u, ids.size());
	EXPECT_EQ(std::vector<uint64_t>(40, 1ull << 30), memory);
}

// After a reset the guest finds the same machine, in however many pieces homes have gone elsewhere.
TEST(Acpi, SratKnowsNothingOfHomesThatMoved)
{
	machine_desc d = sample_desc(2, 1, 4096);
	Bytes before = Tables(d).by_name["SRAT"];
	char why[256] = "";
	page_idx at = 0;
	unsigned moved = 0;
	while (!desc_rehome(&d, at, 512, 1, why, sizeof(why))) {
		at += 2 * 512;
		moved++;
	}
	ASSERT_LT(100u, moved) << why;
	EXPECT_EQ(before, Tables(d).by_name["SRAT"]);
}

TEST(Acpi, SlitIsLocal10Remote20)
{
	Bytes s = Tables(sample_desc(3)).by_name["SLIT"];
	ASSERT_EQ(44u + 9, s.size());
	EXPECT_EQ(3u, get_le(&s[36], 8));
	EXPECT_EQ((Bytes{10, 20, 20, 20, 10, 20, 20, 20, 10}), Bytes(s.begin() + 44, s.end()));
}

TEST(Acpi, FadtSaysWhatTheMachineHas)
{
	Tables t(sample_desc());
	Bytes f = t.by_name["FACP"];
	ASSERT_EQ(276u, f.size());
	uint32_t flags = get_le(&f[112], 4), boot = get_le(&f[109], 2);
	EXPECT_EQ(0u, flags & (1u << 20)); // not hardware-reduced
	EXPECT_EQ(0u, flags & (1u << 21)); // no low-power S0
	EXPECT_NE(0u, flags & (1u << 12)); // headless
	EXPECT_EQ(0u, flags & (1u << 4));  // power button is fixed hardware
	EXPECT_EQ(0u, boot & 2);           // no 8042
	EXPECT_NE(0u, boot & 4);           // no VGA
	EXPECT_EQ(0u, boot & 32);          // CMOS clock present
	EXPECT_EQ(0u, get_le(&f[48], 4));  // no SMI command
	EXPECT_EQ(LAYOUT_PORT_PM1_EVT, get_le(&f[56], 4));
	EXPECT_EQ(LAYOUT_PORT_PM1_EVT, get_le(&f[152], 8));
	EXPECT_EQ(LAYOUT_PORT_PM1_CNT, get_le(&f[64], 4));
	EXPECT_EQ(LAYOUT_PORT_PM1_CNT, get_le(&f[176], 8));
	EXPECT_EQ(LAYOUT_PORT_PM_TMR, get_le(&f[76], 4));
	EXPECT_EQ(LAYOUT_PORT_PM_TMR, get_le(&f[212], 8));
	EXPECT_EQ(LAYOUT_PORT_RESET, get_le(&f[120], 8));
	EXPECT_EQ(6, f[128]);
	EXPECT_EQ(0u, get_le(&f[36], 4) % 64); // FACS alignment
	EXPECT_EQ(64u, t.by_name["FACS"].size());
}
