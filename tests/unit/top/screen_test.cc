// SPDX-License-Identifier: Apache-2.0
// What `pando top` shows, against texts in golden/. PANDO_GOLDEN=write writes them anew: look at them before you
// commit.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include "tests/unit/status/document.h"

extern "C" {
#include "vmm/top/screen.h"
#include "vmm/top/screen_priv.h"
}

namespace
{

std::string show(int rows, int cols, const struct screen &o, const struct sample *before, const struct sample *now)
{
	struct grid g;
	EXPECT_EQ(0, grid_init(&g, rows, cols));
	screen_draw(&g, &o, before, now);
	char *text = grid_to_text(&g);
	std::string out = text;
	free(text);
	grid_free(&g);
	return out;
}

void golden(const std::string &name, const std::string &text)
{
	std::string path = "tests/unit/top/golden/" + name + ".txt";
	if (getenv("PANDO_GOLDEN"))
		std::ofstream(path) << text;
	std::ifstream f(path);
	ASSERT_TRUE(f) << path << " (run this from the root of the source tree)";
	EXPECT_EQ(std::string((std::istreambuf_iterator<char>(f)), {}), text) << path;
}

struct screen view(enum screen_view v)
{
	struct screen o = {};
	o.view = v;
	o.interval_s = 1;
	return o;
}

} // namespace

TEST(Screen, EveryViewInTwoSizes)
{
	struct sample *a = sample_of(document(10), 10), *b = sample_of(document(12), 12);
	const char *const names[] = {"overview", "hosts", "vcpus", "map", "hot", "devices"};
	for (int v = 0; v < SCREEN_VIEWS; v++) {
		golden(std::string(names[v]) + "-80x24", show(24, 80, view((enum screen_view)v), a, b));
		golden(std::string(names[v]) + "-200x50", show(50, 200, view((enum screen_view)v), a, b));
	}
	struct screen o = view(SCREEN_OVERVIEW);
	o.help = true;
	golden("help-80x24", show(24, 80, o, a, b));
	sample_free(a);
	sample_free(b);
}

TEST(Screen, FirstSampleHasDashesForRates)
{
	struct sample *b = sample_of(document(12), 12);
	golden("first-80x24", show(24, 80, view(SCREEN_OVERVIEW), nullptr, b));
	sample_free(b);
}

TEST(Screen, OldOrSilentHostsAreShownToo)
{
	struct sample *s = sample_of(json_pack("{s:s,s:[{s:i,s:s,s:s},{}]}", "name", "old", "hosts", "host", 0,
					       "address", "10.0.0.1:7411", "error", "no answer"),
				     1);
	golden("silent-80x24", show(24, 80, view(SCREEN_OVERVIEW), nullptr, s));
	for (int v = 0; v < SCREEN_VIEWS; v++)
		EXPECT_NE(std::string::npos, show(24, 80, view((enum screen_view)v), s, s).find("quit"));
	sample_free(s);
}

TEST(Screen, WhoHasTheBoardAndHowManyJoin)
{
	auto title = [](json_t *doc) {
		struct sample *s = sample_of(doc, 1);
		std::string t = show(24, 120, view(SCREEN_HOSTS), s, s);
		sample_free(s);
		return t.substr(0, t.find('\n'));
	};
	EXPECT_EQ(std::string::npos, title(json_pack("{s:s,s:[{}],s:i}", "name", "x", "hosts", "board", 0)).find('('));
	EXPECT_NE(std::string::npos,
		  title(json_pack("{s:s,s:[{}],s:i}", "name", "x", "hosts", "board", 3)).find("1 hosts (board on 3)"));
	EXPECT_NE(std::string::npos,
		  title(json_pack("{s:s,s:[{}],s:i,s:[{}]}", "name", "x", "hosts", "board", 3, "joining"))
			  .find("1 hosts (board on 3, 1 joining)"));
	EXPECT_NE(std::string::npos, title(json_pack("{s:s,s:[{}],s:[{},{}]}", "name", "x", "hosts", "joining"))
					     .find("1 hosts (2 joining)"));
	EXPECT_EQ(std::string::npos, title(json_pack("{s:s,s:[{}],s:i}", "name", "x", "hosts", "board", 77)).find('('))
		<< "no host";
}

TEST(Screen, MessageAndPause)
{
	struct screen o = view(SCREEN_OVERVIEW);
	o.paused = true;
	o.message = "the guest is gone";
	std::string t = show(24, 80, o, nullptr, nullptr);
	EXPECT_NE(std::string::npos, t.find("PAUSED"));
	EXPECT_NE(std::string::npos, t.find("the guest is gone"));
	EXPECT_NE(std::string::npos, t.find("Waiting for the first answer"));
}

TEST(Screen, AnySizeAndManyHostsStayInside)
{
	json_t *hosts1 = json_array(), *hosts2 = json_array();
	for (int h = 0; h < 64; h++) {
		json_t *a = host_of(h, 5), *b = host_of(h, 7);
		json_object_set_new(a, "host", json_integer(h));
		json_object_set_new(b, "host", json_integer(h));
		json_array_append_new(hosts1, a);
		json_array_append_new(hosts2, b);
	}
	struct sample *a = sample_of(json_pack("{s:s,s:o}", "name", "big", "hosts", hosts1), 5),
		      *b = sample_of(json_pack("{s:s,s:o}", "name", "big", "hosts", hosts2), 7);
	for (int rows : {1, 5, 12, 13, 17, 24, 25, 40, 200})
		for (int cols : {1, 39, 40, 66, 80, 110, 150, 300})
			for (int v = 0; v < SCREEN_VIEWS; v++)
				for (int scroll : {0, 7, 100000}) {
					struct screen o = view((enum screen_view)v);
					o.scroll = scroll;
					o.unicode = true;
					o.sort = (enum screen_sort)(scroll % SCREEN_SORTS);
					std::string t = show(rows, cols, o, a, b);
					bool small = rows < SCREEN_ROWS_MIN || cols < SCREEN_COLS_MIN;
					EXPECT_EQ(small, t.find("q quit") == std::string::npos) << rows << "x" << cols;
				}
	sample_free(a);
	sample_free(b);
}

// What nothing in the guest has brought online is on every view, with the word for it.
TEST(Screen, WhatCameAndWaitsIsOnEveryView)
{
	json_t *doc = document(12);
	json_object_set_new(doc, "uptime_ms", json_integer(61000));
	json_t *host = json_array_get(json_object_get(doc, "hosts"), 0);
	json_object_set_new(json_object_get(host, "memory"), "unused_pages", json_integer(32768));
	json_t *vcpu = json_array_get(json_object_get(json_object_get(host, "machine"), "vcpus"), 0);
	json_object_set_new(vcpu, "state", json_string("wait-sipi"));
	struct sample *b = sample_of(json_deep_copy(doc), 12);
	for (int v = 0; v < SCREEN_VIEWS; v++) {
		std::string t = show(24, 120, view((enum screen_view)v), nullptr, b);
		EXPECT_NE(std::string::npos,
			  t.find("\n in the guest: 1 CPU waits to be brought online (chcpu -e LIST); "
				 "128M of memory that came not used (lsmem; chmem -e)"))
			<< t;
		EXPECT_NE(std::string::npos, t.find("q quit"));
	}
	sample_free(b);
	json_object_set_new(doc, "uptime_ms", json_integer(59000)); // the guest is starting them
	json_object_set_new(json_object_get(host, "memory"), "unused_pages", json_integer(0));
	b = sample_of(doc, 12);
	EXPECT_EQ(std::string::npos, show(24, 120, view(SCREEN_OVERVIEW), nullptr, b).find("in the guest"));
	sample_free(b);
}

TEST(Screen, AWarningIsOnEveryViewWithItsRemedy)
{
	json_t *doc = document(12);
	json_object_set_new(
		doc, "warnings",
		json_pack("[{s:s,s:s,s:s}]", "warning", "page-walks", "text",
			  "page-table walks write on hosts 0-1: pages of page tables move at every TLB refill",
			  "remedy", "modprobe -r kvm_intel; modprobe kvm_intel eptad=0"));
	struct sample *a = sample_of(document(10), 10), *b = sample_of(doc, 12);
	golden("warning-80x24", show(24, 80, view(SCREEN_OVERVIEW), a, b));
	for (int v = 0; v < SCREEN_VIEWS; v++) {
		std::string t = show(24, 80, view((enum screen_view)v), a, b);
		EXPECT_NE(std::string::npos, t.find("\n ! page-table walks write on hosts 0-1")) << t;
		EXPECT_NE(std::string::npos, t.find("-> modprobe -r kvm_intel; modprobe kvm_intel eptad=0")) << t;
		EXPECT_NE(std::string::npos, t.find("q quit"));
	}
	sample_free(a);
	sample_free(b);
}

TEST(Screen, SortsByWhatWasAskedFor)
{
	struct sample *a = sample_of(document(10), 10), *b = sample_of(document(12), 12);
	struct screen o = view(SCREEN_VCPUS);
	std::string number = show(24, 80, o, a, b);
	o.sort = SCREEN_BY_LOAD;
	EXPECT_NE(std::string::npos, show(24, 80, o, a, b).find("by running"));
	EXPECT_NE(std::string::npos, number.find("by number"));
	sample_free(a);
	sample_free(b);
}

TEST(Figures, FitAndRound)
{
	char b[FIG];
	EXPECT_STREQ("-", fig_rate(0.0 / 0.0, b));
	EXPECT_STREQ("0", fig_rate(0, b));
	EXPECT_STREQ("0.3", fig_rate(0.3, b));
	EXPECT_STREQ("9.9", fig_rate(9.94, b));
	EXPECT_STREQ("10", fig_rate(9.96, b));
	EXPECT_STREQ("999", fig_rate(999, b));
	EXPECT_STREQ("1.0k", fig_rate(999.8, b));
	EXPECT_STREQ("12k", fig_rate(12345, b));
	EXPECT_STREQ("35us", fig_seconds(35000, b));
	EXPECT_STREQ("64M", fig_bytes(64 << 20, b));
	EXPECT_STREQ("7%", fig_share(0.07, b));
	EXPECT_STREQ("-", fig_pages(STATUS_NONE, b));
	EXPECT_LT(strlen(fig_bytes(1e300, b)), (size_t)FIG);
}

TEST(Grid, CutsAtItsSides)
{
	struct grid g;
	ASSERT_EQ(0, grid_init(&g, 2, 4));
	grid_text(&g, 0, 2, LOOK_PLAIN, "abcd");
	grid_text(&g, 1, -1, LOOK_PLAIN, "\xc3\xa9\xe2\x96\x88z\xff");
	grid_put(&g, 5, 5, 'x', LOOK_PLAIN);
	char *t = grid_to_text(&g);
	EXPECT_STREQ("  ab\n\xe2\x96\x88z?\n", t);
	free(t);
	grid_free(&g);
}
