// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cerrno>
#include <set>
#include <string>

extern "C" {
#include "vmm/conf/uuid.h"
}

namespace
{

TEST(Uuid, BothSpellingsBecomeOne)
{
	char out[UUID_TEXT_BYTES];

	ASSERT_EQ(uuid_parse("C7A5FDBD-EDAF-9455-926A-D65C16DB1809", out), 0);
	EXPECT_STREQ(out, "c7a5fdbd-edaf-9455-926a-d65c16db1809");
	ASSERT_EQ(uuid_parse("c7a5fdbdedaf9455926ad65c16db1809", out), 0);
	EXPECT_STREQ(out, "c7a5fdbd-edaf-9455-926a-d65c16db1809");
}

TEST(Uuid, AnythingElseIsRefused)
{
	char out[UUID_TEXT_BYTES] = "untouched";

	for (const char *bad : {"", "c7a5fdbd", "c7a5fdbd-edaf-9455-926a-d65c16db180",
				"c7a5fdbd-edaf-9455-926a-d65c16db18099", "c7a5fdbdedaf9455926ad65c16db180g",
				"c7a5fdbdeedaf-9455-926a-d65c16db1809", "c7a5fdb--edaf-9455-926a-d65c16db1809"})
		EXPECT_EQ(uuid_parse(bad, out), -EINVAL) << bad;
	EXPECT_STREQ(out, "untouched");
}

TEST(Uuid, RandomOnesAreVersion4AndDiffer)
{
	std::set<std::string> seen;
	char out[UUID_TEXT_BYTES], again[UUID_TEXT_BYTES];

	for (int i = 0; i < 100; i++) {
		ASSERT_EQ(uuid_random(out), 0);
		ASSERT_EQ(uuid_parse(out, again), 0);
		EXPECT_STREQ(out, again);
		EXPECT_EQ(out[14], '4');
		EXPECT_NE(std::string("89ab").find(out[19]), std::string::npos);
		seen.insert(out);
	}
	EXPECT_EQ(seen.size(), 100u);
}

} // namespace
