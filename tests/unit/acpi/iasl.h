// SPDX-License-Identifier: Apache-2.0
// Tables through the reference compiler and interpreter (package acpica-tools).
#ifndef TESTS_UNIT_ACPI_IASL_H
#define TESTS_UNIT_ACPI_IASL_H

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
	/* Disassembles a table, which must compile again without a warning or remark; returns the text. */
	std::string there_and_back(const std::string &name)
	{
		iasl("-d " + name + ".dat");
		std::string said = iasl("-p again " + name + ".dsl");
		EXPECT_NE(std::string::npos, said.find("0 Errors, 0 Warnings, 0 Remarks")) << said;
		return read(dir / (name + ".dsl"));
	}
	/* What the reference interpreter says when it evaluates methods of a table, one answer each, but of those that
	 * return nothing. */
	std::vector<std::string> evaluate(const std::string &name, const std::vector<std::string> &calls,
					  unsigned silent = 0)
	{
		std::string all;
		for (auto &c : calls)
			all += (all.empty() ? "evaluate " : ";evaluate ") + c;
		std::string cmd =
			"cd " + dir.string() + " && acpiexec -b '" + all + "' " + name + ".dat >exec.txt 2>&1";
		EXPECT_EQ(0, system(cmd.c_str()));
		std::string said = read(dir / "exec.txt"), begin = "returned object";
		std::vector<std::string> answers;
		for (size_t at = said.find(begin); at != std::string::npos; at = said.find(begin, at + 1))
			answers.push_back(said.substr(said.find('\n', at), 200));
		EXPECT_EQ(calls.size() - silent, answers.size()) << said;
		answers.resize(calls.size());
		return answers;
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
	void write(const std::string &name, const Bytes &bytes)
	{
		std::ofstream out(dir / (name + ".dat"), std::ios::binary);
		out.write((const char *)bytes.data(), (std::streamsize)bytes.size());
	}
	void write(const Tables &t)
	{
		for (auto &n : t.by_name)
			write(n.first, n.second);
	}
};

#endif
