// SPDX-License-Identifier: Apache-2.0
// One line a test: PASS name, FAIL name: why, SKIP name: reason.
#include <gtest/gtest.h>

#include <cstdio>

namespace
{

class OneLine : public testing::EmptyTestEventListener
{
	std::string why;
	bool skipped = false;

	void OnTestStart(const testing::TestInfo &) override
	{
		why.clear();
		skipped = false;
	}
	void OnTestPartResult(const testing::TestPartResult &r) override
	{
		std::string s = r.message();

		for (auto &c : s)
			c = c == '\n' ? ' ' : c;
		if (r.skipped())
			skipped = true;
		else if (!r.failed())
			return;
		else if (r.file_name())
			s = std::string(r.file_name()) + ":" + std::to_string(r.line_number()) + " " + s;
		if (why.empty())
			why = s;
	}
	void OnTestEnd(const testing::TestInfo &t) override
	{
		std::string name = std::string(t.test_suite_name()) + "." + t.name();

		if (t.result()->Failed())
			printf("FAIL %s: %s\n", name.c_str(), why.c_str());
		else if (skipped)
			printf("SKIP %s: %s\n", name.c_str(), why.c_str());
		else
			printf("PASS %s\n", name.c_str());
		fflush(stdout);
	}
};

} // namespace

int main(int argc, char **argv)
{
	testing::InitGoogleTest(&argc, argv);
	auto &l = testing::UnitTest::GetInstance()->listeners();
	delete l.Release(l.default_result_printer());
	l.Append(new OneLine);
	return RUN_ALL_TESTS();
}
