// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cerrno>
#include <sstream>
#include <vector>

#include "tests/unit/check/facts.h"

extern "C" {
#include "vmm/check/show.h"
}

namespace
{

std::string print(const check_report *r, check_level least, const char *prefix, unsigned *n)
{
	char *text = nullptr;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	*n = check_print(out, r, least, prefix);
	fclose(out);
	std::string s(text, size);
	free(text);
	return s;
}

/* A host with which everything is wrong. */
std::unique_ptr<check_facts> bad_facts()
{
	auto f = std::make_unique<check_facts>();
	memset(f.get(), 0, sizeof(*f));
	f->kvm.open_error = -EACCES;
	f->uffd_error = f->uring.error = -EPERM;
	f->uring_disabled = 2;
	f->nested_paging = f->eptad = f->uffd_device = CHECK_UNSEEN;
	f->virtual_machine = true;
	f->idle_latency_us = 500;
	strcpy(f->clocksource, "acpi_pm");
	strcpy(f->clocksources, "tsc acpi_pm");
	strcpy(f->thp, "madvise");
	f->memory_bytes = 1 << 30;
	f->huge_total = 500;
	f->huge_bytes = 2 << 20;
	f->nofile = {10, 10};
	f->dpdk = true;
	f->dpdk_cards = 1;
	return f;
}

TEST(Show, NoLineIsLongerThanAScreen)
{
	auto good = good_facts(), bad = bad_facts(), eptad = good_facts();
	add_other(good.get())->is.features[2] = ~0u;
	memset(bad->self.model, 'm', sizeof(bad->self.model) - 1);
	strcpy(add_other(bad.get())->why, "the other side does not have the same cluster key");
	bad->others[0].error = -EACCES;
	eptad->self.walks = WALKS_WRITE_EPTAD;
	for (auto f : {good.get(), bad.get(), eptad.get()})
		for (const char *prefix : {"", "pando: "}) {
			unsigned n;
			auto r = judged(f);
			std::istringstream in(print(r.get(), CHECK_PASS, prefix, &n));
			std::string line;

			EXPECT_EQ(n, r->lines_n);
			while (std::getline(in, line)) {
				bool remedy = line.find("-> ") != std::string::npos;
				bool one_word = line.find("mmmmmmmm") != std::string::npos;
				if (!one_word) {
					EXPECT_LE(line.size(), CHECK_COLUMNS + (remedy ? strlen(prefix) : 0)) << line;
				}
				EXPECT_EQ(line.compare(0, strlen(prefix), prefix), 0) << line;
				EXPECT_NE(line.back(), ' ') << line;
			}
		}
}

TEST(Show, ARemedyIsOneLineAndCanBeTyped)
{
	auto f = bad_facts();
	unsigned n;
	auto r = judged(f.get());
	std::string text = print(r.get(), CHECK_PASS, "", &n);

	EXPECT_NE(text.find("\n                     -> usermod -aG kvm $USER\n"), std::string::npos) << text;
	for (unsigned i = 0; i < r->lines_n; i++)
		if (r->lines[i].remedy[0]) {
			EXPECT_NE(text.find(std::string("-> ") + r->lines[i].remedy + "\n"), std::string::npos);
		}
}

TEST(Show, QuietLevelsAreLeftOut)
{
	auto f = good_facts();
	unsigned n;
	strcpy(f->thp, "never");
	f->uring.error = -EPERM;
	auto r = judged(f.get());
	std::string text = print(r.get(), CHECK_WARN, "pando: ", &n);

	EXPECT_EQ(n, 2u);
	EXPECT_EQ(text.find("PASS"), std::string::npos);
	EXPECT_EQ(text.compare(0, 11, "pando: FAIL"), 0) << text;
	print(r.get(), CHECK_FAIL, "", &n);
	EXPECT_EQ(n, 1u);
}

TEST(Show, JsonHasEveryLine)
{
	auto f = good_facts();
	strcpy(f->thp, "never");
	auto r = judged(f.get());
	json_t *o = check_json(f.get(), r.get()), *lines = json_object_get(o, "lines"), *l;
	size_t i;

	ASSERT_EQ(json_array_size(lines), r->lines_n);
	json_array_foreach(lines, i, l)
	{
		EXPECT_STREQ(json_string_value(json_object_get(l, "name")), r->lines[i].name);
		EXPECT_STREQ(json_string_value(json_object_get(l, "level")), check_level_names[r->lines[i].level]);
		EXPECT_STREQ(json_string_value(json_object_get(l, "text")), r->lines[i].text);
		EXPECT_EQ(json_object_get(l, "remedy") != nullptr, r->lines[i].remedy[0] != 0);
	}
	EXPECT_EQ(json_integer_value(json_object_get(o, "warn")), 1);
	EXPECT_EQ(json_integer_value(json_object_get(o, "fail")), 0);
	EXPECT_EQ((unsigned)json_integer_value(json_object_get(o, "pass")), r->lines_n - 1);
	EXPECT_EQ(json_array_size(json_object_get(o, "others")), 0u);
	json_decref(o);
}

TEST(Show, JsonHasTheFiguresOfOtherHosts)
{
	auto f = good_facts();
	add_other(f.get());
	check_other *silent = add_other(f.get());
	silent->error = -ETIMEDOUT;
	strcpy(silent->why, "no way");
	auto r = judged(f.get());
	json_t *o = check_json(f.get(), r.get()), *others = json_object_get(o, "others");

	ASSERT_EQ(json_array_size(others), 2u);
	json_t *a = json_array_get(others, 0), *b = json_array_get(others, 1);
	EXPECT_STREQ(json_string_value(json_object_get(a, "address")), "10.0.0.2:7411");
	EXPECT_STREQ(json_string_value(json_object_get(a, "walks")), "read");
	EXPECT_EQ(json_integer_value(json_object_get(a, "rtt-ns")), 60000);
	EXPECT_EQ(json_integer_value(json_object_get(a, "bound-ns")), 31000);
	EXPECT_STREQ(json_string_value(json_object_get(b, "error")), "no way");
	json_decref(o);
}

TEST(Identity, GoesThereAndBack)
{
	check_identity a, b;
	good_identity(&a);
	a.features[3] = ~0u;
	a.walks = WALKS_WRITE_EPTAD;
	json_t *o = check_identity_json(&a);
	ASSERT_TRUE(check_identity_parse(o, &b));
	EXPECT_STREQ(a.version, b.version);
	EXPECT_STREQ(a.kernel, b.kernel);
	EXPECT_STREQ(a.model, b.model);
	EXPECT_EQ(a.vendor, b.vendor);
	EXPECT_EQ(a.signature, b.signature);
	EXPECT_EQ(a.tsc_khz, b.tsc_khz);
	EXPECT_EQ(a.walks, b.walks);
	EXPECT_EQ(memcmp(a.features, b.features, sizeof(a.features)), 0);
	json_decref(o);
}

TEST(Identity, HostileOnesAreRefused)
{
	const std::vector<std::pair<const char *, const char *>> bad = {
		{"version", "1"},
		{"kernel", "null"},
		{"model", "[]"},
		{"vendor", "3"},
		{"vendor", "-1"},
		{"vendor", "\"x\""},
		{"signature", "-1"},
		{"signature", "4294967296"},
		{"tsc_khz", "-5"},
		{"tsc_khz", "1e9"},
		{"walks", "4"},
		{"features", "[]"},
		{"features", "[1,2]"},
		{"features", "{}"},
		{"features", "[0,0,0,0,0,0,0,0,0,0,0,-1]"},
		{"features", "[0,0,0,0,0,0,0,0,0,0,0,0,0]"},
	};
	check_identity is, out;
	good_identity(&is);
	for (auto &b : bad) {
		json_t *o = check_identity_json(&is);
		json_object_set_new(o, b.first, json_loads(b.second, JSON_DECODE_ANY, nullptr));
		EXPECT_FALSE(check_identity_parse(o, &out)) << b.first << " " << b.second;
		json_object_del(o, b.first);
		EXPECT_FALSE(check_identity_parse(o, &out)) << "without " << b.first;
		json_decref(o);
	}
	EXPECT_FALSE(check_identity_parse(nullptr, &out));
}

TEST(Identity, TextsAreCutAndHarmlessOnATerminal)
{
	check_identity is, out;
	good_identity(&is);
	json_t *o = check_identity_json(&is);
	json_object_set_new(o, "model", json_string("a\x1b[2Jb\xc3\xa4\n"));
	json_object_set_new(o, "kernel", json_string(std::string(1000, 'k').c_str()));
	ASSERT_TRUE(check_identity_parse(o, &out));
	EXPECT_STREQ(out.model, "a?[2Jb\xc3\xa4?");
	EXPECT_EQ(strlen(out.kernel), sizeof(out.kernel) - 1);
	json_decref(o);
}

} // namespace
