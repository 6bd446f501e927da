// SPDX-License-Identifier: Apache-2.0
// Homes that move between two spans, over real memory; the run process' part is the test's.
#include <future>

#include "tests/unit/span/two_spans.h"

extern "C" {
#include "vmm/span/homes.h"
}

namespace
{

constexpr uint64_t GRANULE = DESC_GRANULE / PAGE_BYTES;

/* Granules 0 and 1 are host 0's, 2 and 3 host 1's. */
struct SpanHomes : TwoSpans {
	char why[160] = "";
	unsigned over[2] = {};

	static void Over(void *ctx)
	{
		++*(unsigned *)ctx;
	}
	void SetUp() override
	{
		TwoSpans::SetUp();
		ASSERT_TRUE(until([&] { return side[0].connected && side[1].connected; }));
	}
	int prepare(unsigned h, span_homes_run r)
	{
		return span_homes_prepare(side[h].span, &r, why, sizeof(why));
	}
	int go(unsigned h, page_idx first)
	{
		return span_homes_go(side[h].span, first, Over, &over[h], why, sizeof(why));
	}
	void move(span_homes_run r)
	{
		over[0] = over[1] = 0;
		for (unsigned h = 0; h < 2; h++)
			ASSERT_EQ(0, prepare(h, r)) << why;
		for (unsigned h = 0; h < 2; h++)
			ASSERT_EQ(0, go(h, r.first)) << why;
		ASSERT_TRUE(until([&] { return over[0] == 1 && over[1] == 1; }));
		for (unsigned h = 0; h < 2; h++)
			ASSERT_EQ(0, span_homes_commit(side[h].span, r.first, why, sizeof(why))) << why;
		for (unsigned h = 0; h < 2; h++)
			ASSERT_EQ(0, span_homes_finish(side[h].span, r.first, why, sizeof(why))) << why;
	}
	// An access of a thread, whose fault the turns serve.
	uint64_t touch(unsigned h, page_idx page, uint64_t write = 0)
	{
		volatile uint64_t *at = (volatile uint64_t *)(side[h].ram.base + (page << PAGE_SHIFT));
		auto done = std::async(std::launch::async, [=] {
			if (write)
				*at = write;
			return *at;
		});
		EXPECT_TRUE(until([&] { return done.wait_for(std::chrono::seconds(0)) == std::future_status::ready; }));
		return done.get();
	}
};

/* What came, what left and how long that took: of the two hosts concerned. */
TEST_F(SpanHomes, MovesAreCounted)
{
	move({2 * GRANULE, 2 * GRANULE, 1, 0});
	move({2 * GRANULE, GRANULE, 0, 1});
	for (unsigned h = 0; h < 2; h++) {
		struct status_host *s = status_host_new();

		span_status(side[h].span, s);
		EXPECT_EQ((int64_t)(h ? GRANULE : 2 * GRANULE), s->v[STATUS_HOMES_IN]);
		EXPECT_EQ((int64_t)(h ? 2 * GRANULE : GRANULE), s->v[STATUS_HOMES_OUT]);
		EXPECT_EQ((int64_t)(h ? GRANULE : 3 * GRANULE), s->v[STATUS_HOMED_PAGES]);
		EXPECT_GT(s->v[STATUS_HOMES_NS], 0);
		status_host_free(s);
	}
}

TEST_F(SpanHomes, PagesStayWhereTheyAreAndAreFound)
{
	for (page_idx p = 2 * GRANULE; p < 2 * GRANULE + 4; p++)
		touch(p % 2, p, 100 + p);
	move({2 * GRANULE, 2 * GRANULE, 1, 0});
	EXPECT_EQ(4 * GRANULE, span_homed(side[0].span));
	EXPECT_EQ(0u, span_homed(side[1].span));
	for (page_idx p = 2 * GRANULE; p < 2 * GRANULE + 4; p++)
		EXPECT_EQ(100 + p, touch(!(p % 2), p));
	EXPECT_EQ(0u, touch(1, 3 * GRANULE)); // nobody wrote it
	EXPECT_EQ(7u, touch(1, 3 * GRANULE, 7));
	EXPECT_FALSE(span_untouched(side[0].span, 3 * GRANULE));
	EXPECT_TRUE(span_untouched(side[0].span, 3 * GRANULE + 1));
	move({2 * GRANULE, GRANULE, 0, 1}); // one of them back
	EXPECT_EQ(GRANULE, span_homed(side[1].span));
	EXPECT_EQ(100 + 2 * GRANULE, touch(1, 2 * GRANULE));
	EXPECT_EQ(0u, side[0].lost + side[1].lost);
}

TEST_F(SpanHomes, WhatIsRefusedChangesNothing)
{
	EXPECT_EQ(-EINVAL, prepare(0, {2 * GRANULE, GRANULE, 0, 1})); // another home
	EXPECT_EQ(-EINVAL, prepare(0, {5, GRANULE, 0, 1}));
	EXPECT_EQ(-EINVAL, prepare(0, {0, 0, 0, 1}));
	EXPECT_EQ(-EINVAL, prepare(0, {0, 65 * GRANULE, 0, 1}));
	EXPECT_EQ(-EINVAL, prepare(0, {GRANULE, 2 * GRANULE, 0, 1})); // the second granule is host 1's
	EXPECT_EQ(-EINVAL, go(0, 0));
	EXPECT_EQ(-EINVAL, span_homes_commit(side[0].span, 0, why, sizeof(why)));
	EXPECT_EQ(-EINVAL, span_homes_finish(side[0].span, 0, why, sizeof(why)));
	EXPECT_EQ(0, span_homes_cancel(side[0].span, why, sizeof(why)));
	EXPECT_EQ(-EINVAL, prepare(0, {3 * GRANULE, 2 * GRANULE, 1, 0})); // behind the memory
	EXPECT_EQ(0, span_homes_cancel(side[0].span, why, sizeof(why)));
	ASSERT_EQ(0, prepare(0, {0, GRANULE, 0, 1})) << why;
	EXPECT_EQ(-EINVAL, prepare(0, {GRANULE, GRANULE, 0, 1})); // one moves
	EXPECT_EQ(-EINVAL, go(0, GRANULE));                       // which is another one
	EXPECT_EQ(0, span_homes_cancel(side[0].span, why, sizeof(why)));
	move({0, GRANULE, 0, 1});
	EXPECT_EQ(3 * GRANULE, span_homed(side[1].span));
}

/* Called off at the next home: what it may keep is what it was. */
TEST_F(SpanHomes, CalledOff)
{
	uint64_t quota = side[1].span->pager.quota;
	for (unsigned h = 0; h < 2; h++)
		ASSERT_EQ(0, prepare(h, {0, 2 * GRANULE, 0, 1})) << why;
	EXPECT_EQ(quota + 2 * GRANULE, side[1].span->pager.quota);
	for (unsigned h = 0; h < 2; h++)
		ASSERT_EQ(0, span_homes_cancel(side[h].span, why, sizeof(why)));
	EXPECT_EQ(quota, side[1].span->pager.quota);
	EXPECT_EQ(2 * GRANULE, span_homed(side[0].span));
	EXPECT_EQ(9u, touch(1, 5, 9));
}

TEST_F(SpanHomes, AHomeThatNobodyIsToGiveFencesTheGiver)
{
	uint8_t blob[] = {0, 2, 0, 0};
	msg m = {};
	m.kind = MSG_HOME_STATE;
	m.epoch = desc.epoch;
	m.u.home_state.page = 0;
	m.blob = blob;
	m.blob_bytes = sizeof(blob);
	ASSERT_EQ(0, link_send(side[1].link, 0, &m));
	link_flush(side[1].link);
	ASSERT_TRUE(until([&] { return side[0].lost != 0; }));
	EXPECT_EQ("gave a home that was not to come here", side[0].why);
	EXPECT_EQ(2 * GRANULE, span_homed(side[0].span));
}

TEST_F(SpanHomes, ADirectoryThatMakesNoSenseFencesTheGiver)
{
	uint8_t blob[] = {0, 2, 0, 1, 1, 0, 0, 0}; // a page too many
	msg m = {};
	ASSERT_EQ(0, prepare(0, {2 * GRANULE, GRANULE, 1, 0})) << why;
	m.kind = MSG_HOME_STATE;
	m.epoch = desc.epoch;
	m.u.home_state.page = 2 * GRANULE;
	m.blob = blob;
	m.blob_bytes = sizeof(blob);
	ASSERT_EQ(0, link_send(side[1].link, 0, &m));
	link_flush(side[1].link);
	ASSERT_TRUE(until([&] { return side[0].lost != 0; }));
	EXPECT_EQ(2 * GRANULE, span_homed(side[0].span));
}

/* A place that nobody is in: a directory that comes here may list who was there before this host came. */
struct SpanPlaces : TwoSpans {
	void SetUp() override
	{
		ASSERT_EQ("", sample_layout(&desc, {1, 1}, {4, 4}, {4, 64ull << 20, 3}));
		TwoSpans::SetUp();
	}
};

TEST_F(SpanPlaces, NobodyIsAskedInAnEmptyPlace)
{
	coh_engine *e = side[1].span->pager.engine;

	ASSERT_EQ(3u, desc_host_slots(&desc));
	EXPECT_EQ(-EINVAL, coh_engine_rehome_prepare(e, 0, 0, 2));
	ASSERT_EQ(0, span_expect(side[1].span, 2));
	EXPECT_EQ(-EINVAL, coh_engine_rehome_prepare(e, 0, 0, 2));
	span_join(side[1].span, 2);
	EXPECT_EQ(0, coh_engine_rehome_prepare(e, 0, 0, 2));
}

} // namespace
