// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

extern "C" {
#include "vmm/monitor/monitor_priv.h"
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

} // namespace
