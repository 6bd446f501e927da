// SPDX-License-Identifier: Apache-2.0
/*
 * Public test vectors, as JSON in a folder beside the project (or where PANDO_VECTORS says). Tests that want them skip
 * themselves where they are not; the few that are in the sources always run.
 */
#pragma once
#include <jansson.h>

#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

using Bytes = std::vector<uint8_t>;

inline Bytes unhex(const char *text)
{
	Bytes out;

	for (; text && text[0] && text[1]; text += 2)
		out.push_back((uint8_t)std::stoi(std::string(text, 2), nullptr, 16));
	return out;
}

inline Bytes field(json_t *o, const char *name)
{
	return unhex(json_string_value(json_object_get(o, name)));
}

inline std::string word(json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));

	return s ? s : "";
}

inline json_t *vectors(const char *file)
{
	const char *folder = getenv("PANDO_VECTORS");
	json_error_t e;

	return json_load_file((std::string(folder ? folder : "../shared/vectors") + "/" + file).c_str(), 0, &e);
}

/* Each case of a file of groups; returns how many there were, 0: there is no such file. */
inline unsigned each_case(const char *file, const std::function<void(json_t *group, json_t *test)> &fn)
{
	json_t *all = vectors(file), *group, *test;
	size_t i, k;
	unsigned n = 0;

	json_array_foreach(json_object_get(all, "testGroups"), i, group)
		json_array_foreach(json_object_get(group, "tests"), k, test)
	{
		fn(group, test);
		n++;
	}
	json_decref(all);
	return n;
}

#define SKIP_WITHOUT_VECTORS(n) \
	if (!(n))               \
	GTEST_SKIP() << "SKIP: no public vectors beside the project (PANDO_VECTORS)"
