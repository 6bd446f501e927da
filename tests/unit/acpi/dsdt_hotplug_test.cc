// SPDX-License-Identifier: Apache-2.0
// Slots that are filled and emptied while the guest runs, as the reference compiles and runs them.
#include "tests/unit/acpi/iasl.h"

extern "C" {
#include "vmm/acpi/dsdt_hotplug.h"
#include "vmm/pci/hotplug.h"
}

struct IaslHotplug : Iasl {
	machine_desc d = sample_desc(3, 2);
	pci_windows w = sample_windows(d);
	void SetUp() override
	{
		Iasl::SetUp();
		w.hotplug = true;
		if (!IsSkipped())
			write(Tables(d, &w));
	}
};

TEST_F(IaslHotplug, DsdtCompilesAgain)
{
	std::string text = there_and_back("DSDT");
	for (const char *want :
	     {"ACPI0013", "Method (_EVT, 1, Serialized)", "Device (S01)", "Device (S1F)",
	      "OperationRegion (PHRG, SystemIO, 0x0620, 0x10)", "Notify (S1F, Arg1)", "^PC02.PHTL (Local1, 0x03)"})
		EXPECT_NE(std::string::npos, text.find(want)) << want << "\n" << text;
	w.hotplug = false;
	write(Tables(d, &w));
	EXPECT_EQ(std::string::npos, there_and_back("DSDT").find("_EJ0"));
}

TEST_F(IaslHotplug, ASlotSaysWhereItIsAndIsGivenUpByItsBit)
{
	auto said = evaluate("DSDT",
			     {"\\_SB.PC01.S03._SUN", "\\_SB.PC01.S03._ADR", "\\_SB.PC01.S03._EJ0 1", "\\_SB.PHBS",
			      "\\_SB.PHEB", "\\_SB.PC02.S1F._EJ0 1", "\\_SB.PHBS", "\\_SB.PHEB"},
			     2);
	const char *want[] = {"23", "0000000000030000", "01", "08", "02", "0000000080000000"};
	for (unsigned i = 0; i < 6; i++) {
		EXPECT_NE(std::string::npos, said[i].find("[Integer] = ")) << i << said[i];
		EXPECT_NE(std::string::npos, said[i].find(std::string(want[i]) + "\n")) << i << said[i];
	}
}

// The number of a slot is its own among those of all buses: a guest names slots by it.
TEST_F(IaslHotplug, NoTwoSlotsHaveOneNumber)
{
	auto said = evaluate("DSDT", {"\\_SB.PC00.S1F._SUN", "\\_SB.PC01.S01._SUN", "\\_SB.PC02.S01._SUN"});
	const char *want[] = {"1F", "21", "41"};
	for (unsigned i = 0; i < 3; i++)
		EXPECT_NE(std::string::npos, said[i].find(std::string(want[i]) + "\n")) << i << said[i];
}

// The event asks for each bus, the last one at last.
TEST_F(IaslHotplug, TheEventLooksAtAllBuses)
{
	auto said = evaluate("DSDT", {"\\_SB.GEVT._EVT 5", "\\_SB.PHBS"}, 1);
	EXPECT_NE(std::string::npos, said[0].find("[Integer] = 0000000000000002")) << said[0];
}

TEST(Hotplug, SlotsAreAsManyAsTheTablesHaveRoomFor)
{
	for (unsigned buses : {1u, 14u, 15u, 64u})
		EXPECT_EQ(buses <= 14 ? 31u : buses == 15 ? 29u : 7u, pci_hot_slots(buses));
	EXPECT_EQ(0u, pci_hot_slots(0));
	machine_desc d = sample_desc(64, 16, 2048);
	pci_windows w = sample_windows(d);
	w.hotplug = true;
	Tables t(d, &w);
	printf("largest machine with slots for cards that come: %zu of %u bytes\n", (size_t)t.where.bytes,
	       ACPI_BYTES_MAX);
}
