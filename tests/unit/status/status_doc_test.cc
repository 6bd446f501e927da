// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <string>

extern "C" {
#include "tests/support/status_doc.h"
}

TEST(StatusDoc, IsWhatTheListOfNumbersSays)
{
	char *text = nullptr;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);
	std::ifstream in("docs/MONITORING.md");
	std::string doc((std::istreambuf_iterator<char>(in)), {});

	status_doc(f);
	fclose(f);
	ASSERT_FALSE(doc.empty()) << "docs/MONITORING.md not found: run in the repository's top folder";
	size_t mark = doc.find("\n<!-- generated");
	ASSERT_NE(mark, std::string::npos);
	EXPECT_EQ(doc.substr(doc.find('\n', mark + 1) + 1), std::string(text, n)) << "run `make status-doc`";
	free(text);
}
