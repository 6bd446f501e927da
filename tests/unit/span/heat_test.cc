// SPDX-License-Identifier: Apache-2.0
// The map of memory over a real engine: two hosts' engines that exchange their messages by hand.
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <vector>

extern "C" {
#include "vmm/span/heat.h"
}

namespace
{

coh_config config(host_id self, uint64_t pages_each)
{
	coh_config c = {};
	c.self = self;
	c.hosts = 2;
	c.pages = 2 * pages_each;
	c.homes_n = 2;
	c.homes[0] = {0, pages_each, 0};
	c.homes[1] = {pages_each, pages_each, 1};
	c.requests_max = 64;
	c.queue_max = 64;
	c.zero_run = 1;
	c.epoch = 1;
	return c;
}

class Heat : public ::testing::Test
{
      protected:
	static constexpr uint64_t EACH = 2048;
	coh_engine *e[2] = {};
	void *mem[2] = {};
	coh_fx_list fx;

	void SetUp() override
	{
		for (host_id h = 0; h < 2; h++) {
			coh_config c = config(h, EACH);
			ASSERT_EQ(coh_config_error(&c), nullptr);
			size_t n = coh_engine_bytes(&c);
			mem[h] = aligned_alloc(64, (n + 63) & ~size_t(63));
			memset(mem[h], 0, n);
			e[h] = coh_engine_init(mem[h], &c);
		}
	}
	void TearDown() override
	{
		free(mem[0]);
		free(mem[1]);
	}
	void step(host_id h, coh_event ev)
	{
		struct on_way {
			host_id from, to;
			coh_msg m;
		};
		std::vector<on_way> way;
		auto send = [&](host_id from) {
			for (unsigned i = 0; i < fx.n; i++)
				if (fx.v[i].kind == COH_FX_SEND)
					way.push_back({from, fx.v[i].to, fx.v[i].msg});
		};
		coh_engine_step(e[h], &ev, &fx);
		send(h);
		for (size_t i = 0; i < way.size(); i++) {
			on_way w = way[i];
			coh_event in = {};
			in.kind = COH_EV_MSG;
			in.page = w.m.page;
			in.from = w.from;
			in.msg = w.m;
			coh_engine_step(e[w.to], &in, &fx);
			send(w.to);
		}
	}
	void write(host_id h, page_idx page)
	{
		coh_event ev = {};
		ev.kind = COH_EV_FAULT;
		ev.page = page;
		ev.access = COH_WRITE;
		step(h, ev);
		ASSERT_EQ(coh_engine_rights(e[h], page), COH_RW);
	}
};

TEST_F(Heat, AtMost512RegionsOfAPowerOfTwo)
{
	heat h;
	heat_init(&h, 100);
	EXPECT_EQ(heat_regions(&h), 100u);
	heat_init(&h, 512);
	EXPECT_EQ(heat_regions(&h), 512u);
	heat_init(&h, 513);
	EXPECT_EQ(h.shift, 1u);
	EXPECT_EQ(heat_regions(&h), 257u);
	heat_init(&h, (1ull << 30) + 1);
	EXPECT_LE(heat_regions(&h), HEAT_REGIONS);
	heat_count(&h, 1ull << 30); // the last page
}

TEST_F(Heat, TheOwnerIsTheDirectorysAndUntouchedHasNone)
{
	EXPECT_EQ(coh_engine_owner(e[0], 3), HOST_NONE);
	write(1, 3);
	EXPECT_EQ(coh_engine_owner(e[0], 3), 1);
	write(0, 3);
	EXPECT_EQ(coh_engine_owner(e[0], 3), 0);
	EXPECT_EQ(coh_engine_owner(e[1], 3), HOST_NONE); // not its home
	EXPECT_EQ(coh_engine_owner(e[0], 2 * EACH), HOST_NONE);
}

TEST_F(Heat, TheMajorityOfARegionsTouchedPagesOwnsIt)
{
	heat h;
	heat_init(&h, 2 * EACH);
	ASSERT_EQ(h.shift, 3u);
	EXPECT_EQ(heat_owner(&h, e[0], 1, 8), HOST_NONE);
	write(1, 8);
	write(1, 9);
	write(0, 10);
	EXPECT_EQ(heat_owner(&h, e[0], 1, 8), 1);
	write(0, 9);
	EXPECT_EQ(heat_owner(&h, e[0], 1, 8), 0);
	EXPECT_EQ(heat_owner(&h, e[0], 2, 8), HOST_NONE);
}

TEST_F(Heat, ASampleOfALargeRegionFindsWhoHasMostOfIt)
{
	heat h;
	heat_init(&h, 2 * EACH);
	h.shift = 11; // one region a host
	for (page_idx p = 0; p < EACH; p++)
		write(p % 4 == 0 ? 0 : 1, p);
	EXPECT_EQ(heat_owner(&h, e[0], 0, 64), 1);
}

} // namespace
