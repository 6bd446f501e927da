// SPDX-License-Identifier: Apache-2.0
// Our tables through the reference compiler: every one is disassembled, and the DSDT compiled
// again.
#include "tests/unit/acpi/iasl.h"

TEST_F(Iasl, EveryTableDisassemblesWithoutComplaint)
{
	machine_desc d = sample_desc(40, 10);
	Tables t(d);
	write(t);
	for (auto &n : t.by_name) {
		std::string said = iasl("-d " + n.first + ".dat");
		std::string text = read(dir / (n.first + ".dsl"));
		EXPECT_NE("", text) << n.first;
		for (const char *word : {"Error", "Invalid", "ncorrect", "Unknown", "nvalid checksum"}) {
			EXPECT_EQ(std::string::npos, said.find(word)) << n.first << "\n" << said;
			EXPECT_EQ(std::string::npos, text.find(word)) << n.first << ": " << word;
		}
	}
}

TEST_F(Iasl, DsdtCompilesAgain)
{
	write(Tables(sample_desc(3, 2)));
	iasl("-d DSDT.dat");
	std::string said = iasl("-p again DSDT.dsl");
	EXPECT_NE(std::string::npos, said.find("0 Errors, 0 Warnings")) << said;
	std::string text = read(dir / "DSDT.dsl");
	for (const char *want : {"PNP0501", "PNP0B00", "PNP0C02", "QEMU0001", "ACPI0007", "_S5", "Device (C005)",
				 "Name (_PXM, 0x02)", "0x03F8,", "IRQNoFlags"})
		EXPECT_NE(std::string::npos, text.find(want)) << want << "\n" << text;
	/* Compiled by the reference, the same objects need no more than our longer lengths. */
	EXPECT_TRUE(fs::exists(dir / "again.aml"));
}

TEST_F(Iasl, DataTablesCompileAgainToTheSameBytes)
{
	Tables t(sample_desc(3, 2));
	write(t);
	for (const char *n : {"APIC", "SRAT", "SLIT", "FACP"}) {
		std::string name = n;
		iasl("-d " + name + ".dat");
		iasl("-p again-" + name + " " + name + ".dsl");
		std::string again = read(dir / ("again-" + name + ".aml"));
		Bytes ours = t.by_name[name];
		ASSERT_EQ(ours.size(), again.size()) << name;
		for (size_t i = 0; i < ours.size(); i++) { // but for checksum and compiler id
			if (i == 9 || (i >= 28 && i < 36))
				continue;
			EXPECT_EQ(ours[i], (uint8_t)again[i]) << name << " byte " << i;
		}
	}
}
