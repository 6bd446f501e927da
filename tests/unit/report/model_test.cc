// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cerrno>
#include <cmath>

#include "tests/unit/report/synthetic.h"

namespace
{

struct Report : testing::Test {
	struct report r;
	void SetUp() override
	{
		ASSERT_EQ(0, report_init(&r, "web", 3, kBegin, kEnd));
	}
	void TearDown() override
	{
		report_free(&r);
	}
};

} // namespace

TEST_F(Report, CountsWhatCame)
{
	remote_fault(&r, kBegin + 10, 0, 1, 7, REPORT_READ, 40);
	remote_fault(&r, kBegin + 1500000000, 0, 1, 7, REPORT_WRITE, 80);
	remote_fault(&r, kBegin + 1600000000, 2, 0, 7, REPORT_UPGRADE, 20);
	struct report_event zero = event(REPORT_PAGE_IN, kEnd, 1, 0, 9),
			    inv = event(REPORT_INVALIDATE_IN, kEnd, 1, 2, 7);
	report_add(&r, &zero);
	report_add(&r, &inv);
	EXPECT_EQ(2u, report_pair(&r, 0, 1)->pages);
	EXPECT_EQ(8192u, report_pair(&r, 0, 1)->bytes);
	EXPECT_EQ(1u, report_pair(&r, 1, 0)->zeroes);
	EXPECT_EQ(1u, report_pair(&r, 1, 2)->invalidations);
	EXPECT_EQ(1u, report_pair(&r, 2, 0)->messages);
	EXPECT_EQ(1u, r.flow[0 * 3 + 1][0]);
	EXPECT_EQ(1u, r.flow[0 * 3 + 1][180]) << "three quarters of the time";
	EXPECT_EQ(1u, r.flow[1 * 3 + 0][REPORT_BINS - 1]) << "the last moment is in the last bin";
	EXPECT_EQ(1u, r.faults[REPORT_WRITE][180]);
	EXPECT_EQ(1u, r.latency[REPORT_READ].h.count);
	EXPECT_EQ(40000u, r.latency[REPORT_READ].h.sum_ns);
	EXPECT_EQ(80000u, r.latency[REPORT_WRITE].max_ns);
	EXPECT_EQ(2u, report_pair(&r, 0, 1)->latency.h.count);
	struct report_page hot[4];
	ASSERT_EQ(2u, report_hottest(&r, hot, 4));
	EXPECT_EQ(7u, hot[0].page);
	EXPECT_EQ(2u, hot[0].transfers);
	EXPECT_EQ(1u, hot[0].invalidations);
	EXPECT_EQ(1u, hot[0].readers);
	EXPECT_EQ(5u, hot[0].writers);
	EXPECT_EQ(9u, hot[1].page);
	ASSERT_EQ(1u, report_hottest(&r, hot, 1));
	EXPECT_EQ(7u, hot[0].page);
}

TEST_F(Report, AFaultToldTwiceBeganTheFirstTime)
{
	struct report_event e = event(REPORT_FAULT_BEGINS, kBegin, 0, HOST_NONE, 3);
	report_add(&r, &e);
	e.ns += 5000;
	report_add(&r, &e);
	e.kind = REPORT_FAULT_ENDS;
	e.ns += 5000;
	report_add(&r, &e);
	EXPECT_EQ(10000u, r.latency[REPORT_READ].h.sum_ns);
	report_add(&r, &e);
	EXPECT_EQ(1u, r.unmatched) << "it has ended already";
}

TEST_F(Report, StrangeEventsAreLeftOut)
{
	for (struct report_event e :
	     {event(REPORT_PAGE_IN, kBegin - 1, 0, 1, 1), event(REPORT_PAGE_IN, kEnd + 1, 0, 1, 1),
	      event(REPORT_PAGE_IN, kBegin, 3, 1, 1), event(REPORT_PAGE_IN, kBegin, 0, HOST_NONE, 1)})
		report_add(&r, &e);
	struct report_event e = event(REPORT_FAULT_BEGINS, kBegin, 0, 1, 1);
	e.fault = (enum report_fault)7;
	report_add(&r, &e);
	EXPECT_EQ(5u, r.outside);
	EXPECT_EQ(0u, r.pages_n);
}

TEST_F(Report, ManyPagesAndManyOpenFaultsAreBounded)
{
	for (uint64_t p = 0; p < REPORT_PAGES_MAX + 10; p++) {
		struct report_event e = event(REPORT_PAGE_IN, kBegin, 0, 1, p << 20);
		report_add(&r, &e);
	}
	EXPECT_EQ(REPORT_PAGES_MAX, r.pages_n);
	EXPECT_EQ(10u, r.pages_left_out);
	for (uint32_t v = 0; v < 2 * REPORT_OPEN_MAX; v++) {
		struct report_event e = event(REPORT_FAULT_BEGINS, kBegin, 0, 1, 1);
		e.vcpu = v;
		report_add(&r, &e);
	}
	EXPECT_EQ(REPORT_OPEN_MAX, r.open[0].n);
}

TEST(ReportInit, RefusesWhatIsNoTrace)
{
	struct report r;
	EXPECT_EQ(-EINVAL, report_init(&r, "", 0, 0, 1));
	EXPECT_EQ(-EINVAL, report_init(&r, "", HOSTS_MAX + 1, 0, 1));
	EXPECT_EQ(-EINVAL, report_init(&r, "", 2, 5, 5));
}
