// SPDX-License-Identifier: Apache-2.0
// The bridges to PCI as the reference sees them.
#include "tests/unit/acpi/iasl.h"

extern "C" {
#include "vmm/acpi/dsdt_pci.h"
}

struct IaslPci : Iasl {
	machine_desc d = sample_desc(3, 2);
	pci_windows w = sample_windows(d);
	void SetUp() override
	{
		Iasl::SetUp();
		if (!IsSkipped())
			write(Tables(d, &w));
	}
	static constexpr const char *kOsc = "(5b 4d db 33 f7 1f 1c 40 96 57 74 41 c0 3d d7 66)";
	static constexpr const char *kDsm = "(d0 37 c9 e5 53 35 7a 4d 91 17 ea 4d 19 c3 43 4d)";
	static constexpr const char *kOther = "(00 37 c9 e5 53 35 7a 4d 91 17 ea 4d 19 c3 43 4d)";
};

static unsigned count(const std::string &text, const std::string &what)
{
	unsigned n = 0;
	for (size_t at = 0; (at = text.find(what, at)) != std::string::npos; at++)
		n++;
	return n;
}

TEST_F(IaslPci, DsdtCompilesAgain)
{
	std::string text = there_and_back("DSDT");
	EXPECT_EQ(3u, count(text, "EisaId (\"PNP0A08\")"));
	EXPECT_EQ(3u, count(text, "EisaId (\"PNP0A03\")"));
	for (const char *want :
	     {"Device (PC00)", "Device (PC02)", "Name (_BBN, 0x02)", "Name (_PXM, 0x02)", "Name (_CCA, One)",
	      "0x0000,             // Range Minimum\n                    0x0000,             // Range Maximum",
	      "0x0002,             // Range Minimum\n                    0x0002,             // Range Maximum",
	      "0x0000008000000000, // Range Minimum", "0x0000008400000000, // Range Minimum",
	      "0x00000085FFFFFFFF, // Range Maximum", "0x0000000200000000, // Length",
	      "0xE0000000,         // Address Base\n                    0x00300000,         // Address Length"})
		EXPECT_NE(std::string::npos, text.find(want)) << want << "\n" << text;
	EXPECT_EQ(1u, count(text, "0x0CF8,             // Range Minimum")); // of bus 0
	EXPECT_EQ(0u, count(text, "_PRT"));
}

TEST_F(IaslPci, McfgCompilesAgain)
{
	there_and_back("MCFG");
}

TEST_F(IaslPci, OscGrantsWhatItCan)
{
	std::string call = "\\_SB.PC01._OSC ", osc = kOsc, other = kOther;
	auto said = evaluate("DSDT", {call + osc + " 1 3 (00 00 00 00 11 22 33 44 1f 00 00 00)",
				      call + osc + " 1 3 (01 00 00 00 00 00 00 00 1c 00 00 00)", // a question: alike
				      call + osc + " 2 3 (00 00 00 00 00 00 00 00 08 00 00 00)",
				      call + other + " 1 3 (00 00 00 00 00 00 00 00 1f 00 00 00)"});
	EXPECT_NE(std::string::npos, said[0].find("10 00 00 00 11 22 33 44 1C 00 00 00")) << said[0];
	EXPECT_NE(std::string::npos, said[1].find("01 00 00 00 00 00 00 00 1C 00 00 00")) << said[1];
	EXPECT_NE(std::string::npos, said[2].find("08 00 00 00 00 00 00 00 08 00 00 00")) << said[2];
	EXPECT_NE(std::string::npos, said[3].find("04 00 00 00 00 00 00 00 1F 00 00 00")) << said[3];
}

TEST_F(IaslPci, DsmKeepsWhatWasLaidOut)
{
	std::string call = "\\_SB.PC02._DSM ", dsm = kDsm, other = kOther;
	auto said = evaluate(
		"DSDT", {call + dsm + " 1 0 0", call + dsm + " 1 5 0", call + dsm + " 1 4 0", call + other + " 1 0 0"});
	EXPECT_NE(std::string::npos, said[0].find("0000: 21")) << said[0]; // functions 0 and 5
	EXPECT_NE(std::string::npos, said[1].find("[Integer] = 0000000000000000")) << said[1];
	EXPECT_NE(std::string::npos, said[2].find("0000: 00")) << said[2];
	EXPECT_NE(std::string::npos, said[3].find("0000: 00")) << said[3];
}
