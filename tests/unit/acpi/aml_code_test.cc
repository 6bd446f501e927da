// SPDX-License-Identifier: Apache-2.0
// Code, by the reference: it disassembles to what was meant, compiles again, and does it.
#include "tests/unit/acpi/iasl.h"

extern "C" {
#include "vmm/acpi/aml.h"
}

struct IaslCode : Iasl {
	Bytes table;
	/* A table with this in it. */
	void make(void (*fill)(aml *))
	{
		table.assign(4096, 0);
		aml a;
		aml_init(&a, table.data(), table.size());
		aml_bytes(&a, "DSDT\0\0\0\0\2\0PANDO PANDOVM \1\0\0\0PNDO\1\0\0\0", 36);
		fill(&a);
		ASSERT_FALSE(aml_failed(&a));
		table.resize(a.at);
		put_le(&table[4], a.at, 4);
		table[9] = (uint8_t)-Tables::sum(table.data(), table.size());
		write("CODE", table);
	}
};

/* Method (PICK, 3): If (Arg0 == 2) { Local0 = Arg1 & 0x1234567890 } Else { Local0 = Arg1 | Arg2 } Return (Local0) */
static void pick(aml *a)
{
	aml_begin_method(a, "PICK", 3);
	aml_begin_if(a);
	aml_equal(a);
	aml_arg(a, 0);
	aml_integer(a, 2);
	aml_and(a);
	aml_arg(a, 1);
	aml_integer(a, 0x1234567890);
	aml_local(a, 0);
	aml_end(a);
	aml_begin_else(a);
	aml_or(a);
	aml_arg(a, 1);
	aml_arg(a, 2);
	aml_local(a, 0);
	aml_end(a);
	aml_return(a);
	aml_local(a, 0);
	aml_end(a);
}

TEST_F(IaslCode, ConditionsAndOperators)
{
	make(pick);
	there_and_back("CODE");
	auto said = evaluate("CODE", {"\\PICK 2 0x7FFFFFFFFF 0", "\\PICK 3 0x10 7"});
	EXPECT_NE(std::string::npos, said[0].find("0000001234567890")) << said[0];
	EXPECT_NE(std::string::npos, said[1].find("0000000000000017")) << said[1];
}

/* What hot-plug will need: registers behind ports, under a mutex, and a notification. */
static void registers(aml *a)
{
	aml_begin_scope(a, "\\_SB");
	aml_begin_device(a, "SLOT");
	aml_name(a, "_ADR");
	aml_integer(a, 0x30000);
	aml_end(a);
	aml_io_region(a, "REGS", 0xae00, 16);
	aml_begin_field(a, "REGS");
	aml_field_unit(a, "UP", 32);
	aml_field_unit(a, "DOWN", 32);
	aml_field_unit(a, "EJCT", 32);
	aml_end(a);
	aml_mutex(a, "MTX0");
	aml_begin_method(a, "SCAN", 1);
	aml_acquire(a, "MTX0");
	aml_begin_if(a);
	aml_not(a);
	aml_equal(a);
	aml_arg(a, 0);
	aml_integer(a, 0);
	aml_notify(a);
	aml_ref(a, "SLOT");
	aml_integer(a, 1);
	aml_end(a);
	aml_store(a);
	aml_arg(a, 0);
	aml_ref(a, "EJCT");
	aml_release(a, "MTX0");
	aml_return(a);
	aml_arg(a, 0);
	aml_end(a);
	aml_end(a);
}

TEST_F(IaslCode, RegistersMutexAndNotify)
{
	make(registers);
	std::string text = there_and_back("CODE");
	for (const char *want : {"OperationRegion (REGS, SystemIO, 0xAE00, 0x10)",
				 "Field (REGS, DWordAcc, NoLock, WriteAsZeros)", "DOWN,   32", "Mutex (MTX0, 0x00)",
				 "Acquire (MTX0, 0xFFFF)", "Notify (SLOT, One)", "EJCT = Arg0", "Release (MTX0)"})
		EXPECT_NE(std::string::npos, text.find(want)) << want << "\n" << text;
	auto said = evaluate("CODE", {"\\_SB.SCAN 4"});
	EXPECT_NE(std::string::npos, said[0].find("0000000000000004")) << said[0];
}

static void buffers(aml *a)
{
	aml_begin_method(a, "FILL", 1);
	aml_dword_field(a, 0, 4, "WORD");
	aml_store(a);
	aml_integer(a, 0x11223344);
	aml_ref(a, "WORD");
	aml_return(a);
	aml_arg(a, 0);
	aml_end(a);
	aml_name(a, "UUID");
	aml_uuid(a, "E5c937d0-3553-4D7A-9117-ea4d19c3434d");
}

TEST_F(IaslCode, BuffersAndUuids)
{
	make(buffers);
	std::string text = there_and_back("CODE");
	EXPECT_NE(std::string::npos, text.find("ToUUID (\"e5c937d0-3553-4d7a-9117-ea4d19c3434d\")")) << text;
	auto said = evaluate("CODE", {"\\FILL (01 02 03 04 05 06 07 08 09)"});
	EXPECT_NE(std::string::npos, said[0].find("01 02 03 04 44 33 22 11 09")) << said[0];
}

static void windows(aml *a)
{
	aml_begin_device(a, "BRDG");
	aml_name(a, "_HID");
	aml_eisa_id(a, "PNP0A03");
	aml_name(a, "_CRS");
	aml_begin_resources(a);
	aml_bus_numbers(a, 3, 255);
	aml_memory_window(a, 0x8000000000, 0x200000000);
	aml_end_resources(a);
	aml_end(a);
}

TEST_F(IaslCode, Windows)
{
	make(windows);
	std::string text = there_and_back("CODE");
	for (const char *want :
	     {"WordBusNumber (ResourceProducer, MinFixed, MaxFixed, PosDecode,", "0x0003,             // Range Minimum",
	      "0x00FF,             // Range Maximum", "0x00FD,             // Length",
	      "QWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, NonCacheable, ReadWrite,",
	      "0x00000081FFFFFFFF, // Range Maximum"})
		EXPECT_NE(std::string::npos, text.find(want)) << want << "\n" << text;
}
