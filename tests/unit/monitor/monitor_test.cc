// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "tests/unit/monitor/live.h"

extern "C" {
#include "vmm/call/walks.h"
#include "vmm/qmp/qmp_priv.h"
}

namespace
{

// What query-commands and query-qmp-schema promise is what is there: each command once.
TEST(Monitor, TheSchemaIsTrueToWhatIsOffered)
{
	struct qmp_schema *s = qmp_schema_load();
	std::map<std::string, int> offered;
	std::vector<const struct qmp_command *> tables = {protocol_commands};
	ASSERT_NE(s, nullptr);
	json_t *names = qmp_schema_names(s, "commands"), *n;
	size_t i;

	for (unsigned i = 0; monitor_tables[i]; i++)
		tables.push_back(monitor_tables[i]);
	for (auto table : tables)
		for (; table->name; table++)
			offered[table->name]++;
	json_array_foreach(names, i, n)
	{
		const char *name = json_string_value(json_object_get(n, "name"));
		EXPECT_EQ(offered[name], 1) << name;
	}
	EXPECT_EQ(offered.size(), json_array_size(names));
	json_decref(names);
	qmp_schema_free(s);
}

TEST_F(Live, AWarningIsAnEventAndIsToldWhenAsked)
{
	Say("{\"execute\":\"qmp_capabilities\"}");
	EXPECT_NE(Say("{\"execute\":\"x-pando-query-warnings\"}").find("{\"return\": []}"), std::string::npos);
	r->walks[0] = WALKS_READ;
	r->walks[1] = WALKS_WRITE_EPTAD;
	run_warn(r.get());
	std::string got = Say("{\"execute\":\"x-pando-query-warnings\"}");
	size_t event = got.find("\"event\": \"X_PANDO_WARNING\""), answer = got.find("\"return\": [{");
	ASSERT_NE(event, std::string::npos) << got;
	ASSERT_NE(answer, std::string::npos) << got;
	EXPECT_LT(event, answer);
	for (size_t at : {event, answer}) {
		std::string from = got.substr(at);
		EXPECT_NE(from.find("\"warning\": \"page-walks\""), std::string::npos) << from;
		EXPECT_NE(from.find("write on host 1:"), std::string::npos) << from;
		EXPECT_NE(from.find(WALKS_EPTAD_REMEDY), std::string::npos) << from;
	}
}

TEST_F(Live, DevicesInQemusWords)
{
	char why[256];
	const char *disk = "{\"path\":\"/srv/a.img\",\"read-only\":true,\"format\":\"qcow2\"}";

	Say("{\"execute\":\"qmp_capabilities\"}");
	EXPECT_NE(Say("{\"execute\":\"query-pci\"}").find("{\"return\": []}"), std::string::npos);
	EXPECT_NE(Say("{\"execute\":\"query-block\"}").find("{\"return\": []}"), std::string::npos);
	ASSERT_GE(desc_add_card(&r->desc, CARD_BLK, 0, 0, disk, why, sizeof(why)), 0) << why;
	ASSERT_GE(desc_add_card(&r->desc, CARD_RNG, 0, 5, nullptr, why, sizeof(why)), 0) << why;
	std::string got = Say("{\"execute\":\"query-pci\"}");
	for (const char *part :
	     {"\"slot\": 0", "Host bridge", "\"qdev_id\": \"disk0\"", "\"slot\": 5", "\"qdev_id\": \"rng0\""})
		EXPECT_NE(got.find(part), std::string::npos) << part << got;
	size_t bus1 = got.find("\"bus\": 1"), bridge = got.rfind("Host bridge");
	ASSERT_NE(bus1, std::string::npos) << got;
	EXPECT_LT(bridge, bus1) << "only bus 0 has one";
	got = Say("{\"execute\":\"query-block\"}"); // no host answers: what is described is told all the same
	for (const char *part :
	     {"\"device\": \"disk0\"", "\"file\": \"/srv/a.img\"", "\"ro\": true", "\"drv\": \"qcow2\""})
		EXPECT_NE(got.find(part), std::string::npos) << part << got;
	got = Say("{\"execute\":\"query-named-block-nodes\"}");
	EXPECT_NE(got.find("\"node-name\": \"disk0\""), std::string::npos) << got;
	got = Say("{\"execute\":\"query-blockstats\"}");
	EXPECT_NE(got.find("\"rd_operations\": 0"), std::string::npos) << got;
}

TEST_F(Live, WhatIsDoneToADeviceNeedsOne)
{
	char why[256];
	auto say = [&](const std::string &command, const std::string &args) {
		return Say("{\"execute\":\"" + command + "\",\"arguments\":{" + args + "}}");
	};
	ASSERT_GE(desc_add_card(&r->desc, CARD_BLK, 0, 0, "{\"path\":\"/a\"}", why, sizeof(why)), 0) << why;
	Say("{\"execute\":\"qmp_capabilities\"}");
	for (const char *none : {"nosuch", "disk0"}) // a disk has no cable
		EXPECT_NE(say("set_link", std::string("\"name\":\"") + none + "\",\"up\":true").find("DeviceNotFound"),
			  std::string::npos)
			<< none;
	EXPECT_NE(say("block_resize", "\"device\":\"x\",\"size\":1").find("device='x'"), std::string::npos);
	EXPECT_NE(say("block_resize", "\"node-name\":\"x\",\"size\":1").find("node-name='x'"), std::string::npos);
	EXPECT_NE(say("block_resize", "\"size\":1").find("exactly one of"), std::string::npos);
	EXPECT_NE(say("block_resize", "\"device\":\"disk0\",\"node-name\":\"disk0\",\"size\":1").find("exactly one of"),
		  std::string::npos);
	EXPECT_NE(say("block_resize", "\"device\":\"disk0\",\"size\":-1").find("'size'"), std::string::npos);
	ops_started(r->ops);
	EXPECT_NE(say("block_resize", "\"device\":\"disk0\",\"size\":512").find("cannot be reached"),
		  std::string::npos);
}

TEST_F(Live, EventsOfDevicesHaveTheirNames)
{
	char why[256];
	int at = desc_add_card(&r->desc, CARD_BLK, 0, 0, "{\"path\":\"/a\"}", why, sizeof(why));

	ASSERT_GE(at, 0) << why;
	Say("{\"execute\":\"qmp_capabilities\"}");
	json_t *data = json_pack("{s:i,s:s,s:i}", "device", (int)r->desc.devices[at].id, "text",
				 "write at 0: No space left on device", "count", 3);
	ops_on_event(r->ops, 0, "DEVICE_ERROR", data);
	json_decref(data);
	std::string got = Say("{\"execute\":\"query-name\"}");
	EXPECT_NE(got.find("\"event\": \"BLOCK_IO_ERROR\""), std::string::npos) << got;
	for (const char *part :
	     {"\"device\": \"disk0\"", "\"operation\": \"write\"", "\"nospace\": true", "\"action\": \"report\""})
		EXPECT_NE(got.find(part), std::string::npos) << part << got;
	data = json_pack("{s:i,s:b,s:s}", "device", (int)r->desc.devices[at].id, "up", 0, "text", "passt ended");
	ops_on_event(r->ops, 0, "DEVICE_LINK", data);
	json_decref(data);
	got = Say("{\"execute\":\"query-name\"}");
	EXPECT_NE(got.find("\"event\": \"X_PANDO_LINK\""), std::string::npos) << got;
	EXPECT_NE(got.find("\"up\": false"), std::string::npos) << got;
	data = json_object(); // a host may say anything
	ops_on_event(r->ops, 0, "DEVICE_ERROR", data);
	json_decref(data);
	EXPECT_NE(Say("{\"execute\":\"query-name\"}").find("\"reason\": \"\""), std::string::npos);
}

TEST_F(Live, OneThatCannotListenHearsNothingMore)
{
	struct monitor *other = nullptr;
	char why[256] = "";

	strcpy(opt.qmp[0], "tcp:0.0.0.0:4444");
	opt.qmp_n = 1;
	EXPECT_NE(monitor_start(&other, r.get(), why, sizeof(why)), 0);
	EXPECT_NE(std::string(why).find("is not on loopback"), std::string::npos) << why;
	for (unsigned i = 1; i < OPS_LISTENERS_MAX; i++) // no place is taken
		EXPECT_EQ(0, ops_listen(
				     r->ops, [](void *, const char *, const json_t *) {}, nullptr));
	ops_over(r->ops, OPS_HOST_ERROR);
}

TEST_F(Live, AVerbOfAllHostsThatCannotBeAskedSaysWhy)
{
	const std::string ask = "{\"execute\":\"x-pando-query-host-load\"}";

	Say("{\"execute\":\"qmp_capabilities\"}");
	EXPECT_NE(Say(ask).find("the guest does not run"), std::string::npos);
	ops_started(r->ops);
	std::string got = Say(ask); // there is no connection to any host
	EXPECT_NE(got.find("host 0: the host cannot be reached"), std::string::npos) << got;
}

} // namespace
