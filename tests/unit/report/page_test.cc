// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "tests/unit/report/synthetic.h"

extern "C" {
#include "vmm/report/svg.h"
}

namespace
{

std::string page_of(const struct report *r)
{
	char *text = nullptr;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);
	EXPECT_EQ(0, report_page_write(r, same_address, f));
	fclose(f);
	std::string out(text, n);
	free(text);
	return out;
}

std::string escaped(const char *text)
{
	char *out = nullptr;
	size_t n = 0;
	FILE *f = open_memstream(&out, &n);
	html_escape(f, text);
	fclose(f);
	std::string s(out, n);
	free(out);
	return s;
}

unsigned times(const std::string &text, const std::string &what)
{
	unsigned n = 0;
	for (size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += what.size())
		n++;
	return n;
}

} // namespace

TEST(ReportPage, HasEverySectionAndIsWholeByItself)
{
	struct report r;
	ASSERT_EQ(0, report_init(&r, "web", 4, kBegin, kEnd));
	for (unsigned i = 0; i < 4000; i++)
		remote_fault(&r, kBegin + i * 400000, i % 4, (i + 1 + i % 3) % 4, 100 + i % 97,
			     (enum report_fault)(i % 3), 20 + i % 200);
	std::string t = page_of(&r);
	for (const char *what :
	     {"Pages moved over time", "Faults over time", "How long faults took", "From host to host",
	      "The hottest pages", "host 0 to host 1", "<b>4000</b><span>faults", "<code>0x64000</code>"})
		EXPECT_NE(std::string::npos, t.find(what)) << what;
	EXPECT_EQ(5u, times(t, "<svg ")) << "two over time, three histograms";
	EXPECT_EQ(times(t, "<svg "), times(t, "</svg>"));
	EXPECT_EQ(times(t, "<section>"), times(t, "</section>"));
	EXPECT_EQ(times(t, "<table>"), times(t, "</table>"));
	for (const char *what :
	     {"http:", "https:", "<script", "<img", "<link", "src=", "url(", "@import", "nan", "inf\""})
		EXPECT_EQ(std::string::npos, t.find(what)) << what;
	report_free(&r);
}

TEST(ReportPage, AnEmptyTraceIsAPageToo)
{
	struct report r;
	ASSERT_EQ(0, report_init(&r, "", 1, 0, 1));
	std::string t = page_of(&r);
	EXPECT_NE(std::string::npos, t.find("no fault that both began and ended"));
	EXPECT_EQ(std::string::npos, t.find("nan"));
	report_free(&r);
}

TEST(ReportPage, NamesCannotBecomeMarkup)
{
	struct report r;
	ASSERT_EQ(0, report_init(&r, "<script>alert('x')</script>&\"", 2, kBegin, kEnd));
	std::string t = page_of(&r);
	EXPECT_EQ(std::string::npos, t.find("<script"));
	EXPECT_NE(std::string::npos, t.find("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;&quot;"));
	EXPECT_EQ("a b &#39;", escaped("a\x1b"
				       "b '"));
	report_free(&r);
}

TEST(ReportPage, ManyPairsShareTheLastColour)
{
	struct report r;
	ASSERT_EQ(0, report_init(&r, "big", 6, kBegin, kEnd));
	for (unsigned i = 0; i < 36; i++)
		if (i / 6 != i % 6)
			remote_fault(&r, kBegin + i * 1000000, i / 6, i % 6, i, REPORT_READ, 30);
	EXPECT_NE(std::string::npos, page_of(&r).find("23 other pairs"));
	report_free(&r);
}

TEST(Svg, RoundNumbers)
{
	for (auto &c : {std::pair<double, double>{0, 1},
			{-4, 1},
			{1, 1},
			{1.1, 1.2},
			{2.2, 2.4},
			{3.1, 4},
			{5.5, 6},
			{9, 10},
			{0.03, 0.03},
			{1234, 1600},
			{1e300, 1e300}})
		EXPECT_NEAR(c.second, plot_round_up(c.first), c.second * 1e-9) << c.first;
}
