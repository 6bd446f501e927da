// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

extern "C" {
#include "tests/support/wire_doc.h"
}

// The tests run in the repository's top folder; __FILE__ helps where they don't.
static std::string document()
{
	std::string here = __FILE__, up = "tests/unit/net/wire_doc_test.cc";
	std::string root = here.substr(0, here.size() - up.size());

	for (const std::string &path : {std::string("docs/WIRE.md"), root + "docs/WIRE.md"}) {
		std::ifstream f(path);
		std::stringstream s;
		if (f && s << f.rdbuf())
			return s.str();
	}
	return "";
}

TEST(WireDoc, IsWhatTheMessageListSays)
{
	char *text = nullptr;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);
	std::string doc = document();

	wire_doc(f);
	fclose(f);
	ASSERT_FALSE(doc.empty()) << "docs/WIRE.md not found: run in the repository's top folder";
	size_t mark = doc.find("\n<!-- generated");
	ASSERT_NE(mark, std::string::npos);
	EXPECT_EQ(doc.substr(doc.find('\n', mark + 1) + 1), std::string(text, n)) << "run `make wire-doc`";
	free(text);
}
