// SPDX-License-Identifier: Apache-2.0
// Memory that comes and goes in QEMU's words: what is refused before any host is asked, and what there is of it.
#include "tests/unit/conf/sample.h"
#include "tests/unit/monitor/live.h"

extern "C" {
#include "vmm/run/ops_priv.h"
}

namespace
{
constexpr uint64_t kMiB = 1ull << 20, kGiB = 1ull << 30;

struct Dimms : Live {
	char why[DESC_REPORT_MAX] = "";

	void SetUp() override
	{
		Live::SetUp();
		char name[DESC_NAME_MAX];
		strcpy(name, r->desc.name);
		r->desc = sample_desc(2, 1, 256);
		EXPECT_EQ("", sample_layout(&r->desc, {1, 1}, {256, 256},
					    {.vcpus_max = 8, .memory_max = 3 * kGiB, .nodes_max = 4}));
		strcpy(r->desc.name, name);
		r->growths = growths_create(r->ops, &r->desc);
		Say("{\"execute\":\"qmp_capabilities\"}");
		ops_started(r->ops);
	}
	void TearDown() override
	{
		growths_over(r->growths);
		Live::TearDown();
		growths_destroy(r->growths);
	}
	void fill(uint32_t slot, uint64_t mib)
	{
		desc_range p = {.first = 0, .pages = mib * kMiB / PAGE_BYTES, .node = 2, .home = 1, .slot = slot};
		desc_free_pages(&r->desc, 2, &p.first);
		ASSERT_EQ(0, desc_fill_memory(&r->desc, &p, why, sizeof(why))) << why;
	}
};

TEST_F(Dimms, ObjectsComeAndGo)
{
	refused("object-add", R"("qom-type":"rng-random","id":"m","size":1)", "Parameter 'qom-type' does not accept");
	refused("object-add", R"("qom-type":"memory-backend-ram","id":"m")", "Parameter 'size' is missing");
	refused("object-add", R"("qom-type":"memory-backend-ram","id":"m","size":0)",
		"property 'size' of memory-backend-ram doesn't take value '0'");
	refused("object-add", R"("qom-type":"memory-backend-ram","id":"m","size":-1)", "Parameter 'size' expects");
	refused("object-add", R"("qom-type":"memory-backend-ram","id":"1m","size":1)",
		"Parameter 'id' expects an identifier");
	refused("object-add", R"("qom-type":"memory-backend-ram","id":"m","size":1,"foo":1)",
		"Parameter 'foo' is unexpected");
	refused("object-add", R"("qom-type":"memory-backend-ram","id":"m","size":1,"share":true)",
		"Parameter 'share' is unexpected");
	done("object-add",
	     R"("qom-type":"memory-backend-ram","id":"m","size":134217728,"share":false,"policy":"bind")");
	refused("object-add", R"("qom-type":"memory-backend-ram","id":"m","size":1)",
		"attempt to add duplicate property 'm' to object");
	refused("object-del", R"("id":"n")", "object 'n' not found");
	done("object-del", R"("id":"m")");
	refused("object-del", R"("id":"m")", "object 'm' not found");
	for (unsigned i = 0; i < MONITOR_OBJECTS; i++)
		done("object-add", R"("qom-type":"memory-backend-ram","size":1,"id":"m)" + std::to_string(i) + "\"");
	refused("object-add", R"("qom-type":"memory-backend-ram","id":"more","size":1)", "there are 64 objects");
}

TEST_F(Dimms, DeviceAddRefusesInQemusWords)
{
	fill(1, 128);
	done("object-add", R"("qom-type":"memory-backend-ram","id":"m","size":134217728)");
	done("object-add", R"("qom-type":"memory-backend-ram","id":"odd","size":1000000)");
	const char *bad[][2] = {
		{R"("driver":"pc-dimm","foo":1)", "Property 'pc-dimm.foo' not found"},
		{R"("driver":"pc-dimm","id":"d")", "'memdev' property is not set"},
		{R"("driver":"pc-dimm","memdev":"m","id":"a b")", "Parameter 'id' expects an identifier"},
		{R"("driver":"pc-dimm","memdev":"m","id":"dimm0")", "Duplicate device ID 'dimm0'"},
		{R"("driver":"pc-dimm","memdev":"m","node":9)", "'DIMM property node has value 9' which exceeds"},
		{R"("driver":"pc-dimm","memdev":"m","node":"x")", "Parameter 'node' expects"},
		{R"("driver":"pc-dimm","memdev":"m","node":2,"slot":0)", "slot 0 is busy"},
		{R"("driver":"pc-dimm","memdev":"m","node":2,"slot":64)", "Parameter 'slot' expects 0 to 63"},
		{R"("driver":"pc-dimm","memdev":"m","node":2,"addr":4096)", "address 0x1000 is not free"},
		{R"("driver":"pc-dimm","memdev":"m","node":2,"host":5)", "there is no host 5"},
		{R"("driver":"pc-dimm","memdev":"m","node":0)", "0 vCPUs and 128 MiB are asked for; "},
		{R"("driver":"pc-dimm","memdev":"odd","node":2)", "0 MiB of memory: this guest takes multiples of"},
	};
	for (auto &b : bad)
		refused("device_add", b[0], b[1]);
	refused("device_add", R"("driver":"pc-dimm","memdev":"n")", "Device 'n' not found", "DeviceNotFound");
	refused("device_add", R"("driver":"pc-dimm","memdev":"m","node":2)", "host 0: the host cannot be reached");
	done("object-del", R"("id":"m")"); // nobody has it
	r->desc.room = 0;
	refused("device_add", R"("driver":"pc-dimm","memdev":"odd")",
		"memory devices (e.g. for memory hotplug) are not");
}

TEST_F(Dimms, WhatThereIsHasNames)
{
	fill(1, 128);
	fill(3, 256);
	ASSERT_EQ(0, desc_rehome(&r->desc, desc_slot(&r->desc, 3)->first, 512, 0, why, sizeof(why))) << why;
	std::string got = say("query-memory-devices");
	EXPECT_NE(std::string::npos, got.find("\"id\": \"dimm0\"")) << got;
	EXPECT_NE(std::string::npos, got.find("\"id\": \"dimm2\"")) << got;
	EXPECT_NE(std::string::npos,
		  got.find("\"size\": 268435456, \"slot\": 2, \"node\": 2, \"memdev\": \"/objects/ram\""))
		<< "one device, whoever is its home: " << got;
	got = say("query-memory-size-summary");
	EXPECT_NE(std::string::npos, got.find("{\"base-memory\": 536870912, \"plugged-memory\": 402653184}")) << got;
	refused("x-pando-shrink", "", "either 'vcpu' or 'memory' is needed");
	refused("x-pando-shrink", R"("vcpu":1,"memory":"dimm0")", "either 'vcpu' or 'memory' is needed");
	refused("x-pando-shrink", R"("memory":"dimm1")", "Device 'dimm1' not found", "DeviceNotFound");
	refused("device_del", R"("id":"dimm1")", "Device 'dimm1' not found", "DeviceNotFound");
	refused("device_del", R"("id":"dimm0")", "host 0: the host cannot be reached");
	refused("x-pando-shrink", R"("memory":"/machine/peripheral/dimm0")", "Device '/machine", "DeviceNotFound");
}

// Events have names, as devices do.
TEST_F(Dimms, EventsNameTheDevice)
{
	fill(1, 128);
	ops_tell(r->ops, "DEVICE_UNPLUG_GUEST_ERROR", json_pack("{s:i}", "slot", 1));
	ops_tell(r->ops, "ACPI_DEVICE_OST",
		 json_pack("{s:{s:s,s:s,s:i,s:i}}", "info", "slot", "0", "slot-type", "DIMM", "source", 3, "status",
			   130));
	ops_tell(r->ops, "DEVICE_DELETED", json_pack("{s:i}", "slot", 1));
	std::string got = say("query-name");
	for (const char *name : {"DEVICE_UNPLUG_GUEST_ERROR", "DEVICE_DELETED"})
		EXPECT_NE(std::string::npos,
			  got.find("\"event\": \"" + std::string(name) +
				   "\", \"data\": {\"device\": \"dimm0\", \"path\": \"/machine/peripheral/dimm0\"}"))
			<< got;
	EXPECT_NE(std::string::npos, got.find("\"status\": 130, \"device\": \"dimm0\"")) << got;
}
} // namespace
