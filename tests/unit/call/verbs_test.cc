// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>
#include <string>

extern "C" {
#include "tests/support/verbs_doc.h"
#include "vmm/call/call.h"
}

namespace
{

// The tests run in the repository's top folder; __FILE__ helps where they don't.
std::string document()
{
	std::string here = __FILE__, up = "tests/unit/call/verbs_test.cc";
	std::string root = here.substr(0, here.size() - up.size());

	for (const std::string &path : {std::string("docs/VERBS.md"), root + "docs/VERBS.md"}) {
		std::ifstream f(path);
		std::stringstream s;
		if (f && s << f.rdbuf())
			return s.str();
	}
	return "";
}

std::string misfit(enum verb v, const char *text)
{
	char why[160] = "";
	json_t *args = json_loads(text, JSON_DECODE_ANY, nullptr);

	EXPECT_TRUE(args) << text;
	bool fits = verb_args_fit(v, args, why, sizeof(why));
	EXPECT_EQ(fits, !*why);
	json_decref(args);
	return why;
}

TEST(Verbs, AreDocumentedAsListed)
{
	char *text = nullptr;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);
	std::string doc = document();

	verbs_doc(f);
	fclose(f);
	size_t mark = doc.find("\n<!-- generated");
	ASSERT_NE(mark, std::string::npos);
	EXPECT_EQ(doc.substr(doc.find('\n', mark + 1) + 1), std::string(text, n)) << "run `make verbs-doc`";
	free(text);
}

TEST(Verbs, EachIsFoundByItsName)
{
	std::set<std::string> names;

	for (unsigned v = 0; v < VERBS; v++) {
		const struct verb_info *i = verb_info((enum verb)v);

		EXPECT_EQ((enum verb)v, verb_find(i->name));
		EXPECT_STREQ(i->name, verb_name((enum verb)v));
		EXPECT_LT(strlen(i->name), CALL_VERB_MAX) << i->name;
		EXPECT_GT(i->ms, 0u) << i->name;
		EXPECT_TRUE(names.insert(i->name).second) << i->name;
	}
	EXPECT_EQ(VERBS, verb_find("paus"));
	EXPECT_EQ(VERBS, verb_find(""));
	EXPECT_STREQ("?", verb_name(VERBS));
}

TEST(Verbs, AnArgumentThatIsNotAsListedIsNamed)
{
	EXPECT_EQ("", misfit(VERB_RESUME, R"({"not_before": 1, "held": -1, "more": []})"));
	EXPECT_EQ("the argument 'held' of 'resume' is missing: a number is expected",
		  misfit(VERB_RESUME, R"({"not_before": 1})"));
	EXPECT_EQ("the argument 'not_before' of 'resume' has to be a number",
		  misfit(VERB_RESUME, R"({"not_before": 1.5, "held": 0})"));
	EXPECT_EQ("the argument 'traits' of 'move-prepare' has to be true or false",
		  misfit(VERB_MOVE_PREPARE, R"({"vcpu": 0, "from": 0, "to": 1, "placement": 1, "traits": 1})"));
	EXPECT_EQ("the arguments of 'nmi' are no JSON object", misfit(VERB_NMI, "[]"));
	EXPECT_EQ("", misfit(VERB_NMI, "{}"));
}

} // namespace
