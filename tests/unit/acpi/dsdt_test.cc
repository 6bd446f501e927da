// SPDX-License-Identifier: Apache-2.0
// Our tables through the reference compiler: every one is disassembled, and the DSDT compiled
// again.
#include "tests/unit/acpi/tables.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace fs = std::filesystem;

class Iasl : public ::testing::Test
{
      protected:
	fs::path dir;
	void SetUp() override
	{
		if (system("iasl -v >/dev/null 2>&1") != 0) {
			printf("SKIP Iasl: iasl is not installed (package acpica-tools)\n");
			GTEST_SKIP() << "iasl is not installed (package acpica-tools)";
		}
		char name[] = "/tmp/pando-acpi-XXXXXX";
		ASSERT_NE(nullptr, mkdtemp(name));
		dir = name;
	}
	void TearDown() override
	{
		if (!dir.empty())
			fs::remove_all(dir);
	}
	std::string read(const fs::path &p)
	{
		std::ifstream in(p);
		std::stringstream s;
		s << in.rdbuf();
		return s.str();
	}
	/* Runs iasl; returns what it said, and fails the test unless it ended well. */
	std::string iasl(const std::string &args)
	{
		std::string cmd = "cd " + dir.string() + " && iasl " + args + " >out.txt 2>&1";
		int r = system(cmd.c_str());
		std::string said = read(dir / "out.txt");
		EXPECT_EQ(0, r) << args << "\n" << said;
		return said;
	}
	void write(const Tables &t)
	{
		for (auto &n : t.by_name) {
			std::ofstream out(dir / (n.first + ".dat"), std::ios::binary);
			out.write((const char *)n.second.data(), (std::streamsize)n.second.size());
		}
	}
};

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
