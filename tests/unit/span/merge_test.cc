// SPDX-License-Identifier: Apache-2.0
// Effects that are carried out together do what the engine's effects do one by one.
#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <random>
#include <tuple>
#include <vector>

extern "C" {
#include "vmm/span/merge.h"
}

namespace
{

struct Series {
	Series() : bytes(MERGE_PAGES * PAGE_BYTES)
	{
		m.bytes = bytes.data();
	}
	unsigned add(std::vector<coh_fx> fx, const uint8_t *blob = nullptr)
	{
		return merge_add(&m, fx.data(), (unsigned)fx.size(), blob);
	}
	merge m = {};
	std::vector<uint8_t> bytes;
};

coh_fx effect(coh_fx_kind kind, page_idx page, coh_rights rights = COH_NONE)
{
	coh_fx fx = {};
	fx.kind = kind;
	fx.page = page;
	fx.rights = rights;
	fx.pages = 1;
	return fx;
}

coh_fx sent(page_idx page, host_id to, uint8_t flags = COH_MSGF_DATA)
{
	coh_fx fx = effect(COH_FX_SEND, page);
	fx.to = to;
	fx.msg.page = page;
	fx.msg.flags = flags;
	return fx;
}

TEST(Merge, PagesThatFollowEachOtherAreOneRun)
{
	Series r;
	std::vector<uint8_t> page(PAGE_BYTES, 7);

	EXPECT_EQ(1u, r.add({effect(COH_FX_INSTALL, 10, COH_RO)}, page.data()));
	EXPECT_EQ(1u, r.add({effect(COH_FX_INSTALL_ZERO, 11, COH_RO)}));
	EXPECT_EQ(0u, r.add({effect(COH_FX_INSTALL, 13, COH_RO)}, page.data())) << "a gap";
	EXPECT_EQ(0u, r.add({effect(COH_FX_INSTALL, 12, COH_RW)}, page.data())) << "other rights";
	EXPECT_EQ(0u, r.add({sent(12, 1)})) << "another kind";
	EXPECT_EQ(MERGE_INSTALL, r.m.kind);
	EXPECT_EQ(10u, r.m.first);
	EXPECT_EQ(2u, r.m.n);
	EXPECT_EQ(7, r.bytes[PAGE_BYTES - 1]);
	EXPECT_EQ(0, r.bytes[PAGE_BYTES]);
	merge_clear(&r.m);
	EXPECT_EQ(1u, r.add({effect(COH_FX_INSTALL, 12, COH_RW)}, page.data()));
}

TEST(Merge, WhatIsSentAndWhatIsForgottenAreTwoKinds)
{
	Series r;

	EXPECT_EQ(2u, r.add({effect(COH_FX_PROTECT, 5), sent(5, 1), effect(COH_FX_DROP, 6)}));
	EXPECT_EQ(1u, r.add({sent(6, 2)}));
	EXPECT_EQ(0u, r.add({effect(COH_FX_PROTECT, 7), sent(7, 1), effect(COH_FX_DROP, 7)}));
	EXPECT_EQ(MERGE_GIVE, r.m.kind);
	EXPECT_TRUE(r.m.protect);
	EXPECT_TRUE(r.m.page[0].protect);
	EXPECT_FALSE(r.m.page[1].protect);
	EXPECT_EQ(2, r.m.page[1].to);
	merge_clear(&r.m);
	EXPECT_FALSE(r.m.protect);
	EXPECT_EQ(2u, r.add({sent(7, 1), effect(COH_FX_DROP, 7)}));
	EXPECT_EQ(3u, r.add({effect(COH_FX_PROTECT, 8), sent(8, 1), effect(COH_FX_DROP, 8)}));
	EXPECT_EQ(MERGE_TAKE, r.m.kind);
}

TEST(Merge, NothingElseIsTaken)
{
	Series r;

	EXPECT_EQ(0u, r.add({effect(COH_FX_PROTECT, 5)})) << "protected for another reason";
	EXPECT_EQ(0u, r.add({effect(COH_FX_PROTECT, 5), sent(6, 1)}));
	EXPECT_EQ(0u, r.add({sent(5, 1, 0)})) << "no data";
	EXPECT_EQ(0u, r.add({effect(COH_FX_DROP, 5)}));
	EXPECT_EQ(0u, r.add({effect(COH_FX_UNPROTECT, 5)}));
	EXPECT_EQ(0u, r.add({effect(COH_FX_WAKE, 5)}));
	coh_fx many = effect(COH_FX_INSTALL_ZERO, 5, COH_RW);
	many.pages = 4;
	EXPECT_EQ(0u, r.add({many}));
	EXPECT_EQ(0u, r.m.n);
}

TEST(Merge, ARunHasAnEnd)
{
	Series r;

	for (unsigned i = 0; i < MERGE_PAGES; i++)
		ASSERT_EQ(1u, r.add({effect(COH_FX_INSTALL_ZERO, 100 + i, COH_RW)}));
	EXPECT_EQ(0u, r.add({effect(COH_FX_INSTALL_ZERO, 100 + MERGE_PAGES, COH_RW)}));
}

TEST(Merge, OnlyWordsGoPastPagesThatArePlaced)
{
	Series r;
	coh_fx word = sent(3, 1, 0), page = sent(3, 1), drop = effect(COH_FX_DROP, 3);

	EXPECT_FALSE(merge_passes(&r.m, &word));
	ASSERT_EQ(1u, r.add({effect(COH_FX_INSTALL_ZERO, 9, COH_RO)}));
	EXPECT_TRUE(merge_passes(&r.m, &word));
	EXPECT_FALSE(merge_passes(&r.m, &page));
	EXPECT_FALSE(merge_passes(&r.m, &drop));
	merge_clear(&r.m);
	ASSERT_EQ(1u, r.add({sent(9, 2)}));
	EXPECT_FALSE(merge_passes(&r.m, &word)) << "it could say that the page has left";
}

/* ---- three engines, whose effects are carried out both ways ---- */

struct Place {
	coh_rights rights;
	uint64_t content;
	bool operator==(const Place &o) const
	{
		return rights == o.rights && content == o.content;
	}
};

using Sent = std::tuple<unsigned, unsigned, uint64_t, page_idx, uint64_t>; // to, kind, txn, page, content

struct Memory {
	std::map<page_idx, Place> pages;
	std::vector<Sent> sends;

	void send(const coh_fx &fx)
	{
		bool data = fx.msg.flags & COH_MSGF_DATA;

		if (data) {
			ASSERT_EQ(COH_RO, pages[fx.page].rights) << "page " << fx.page;
		}
		sends.push_back({fx.to, fx.msg.kind, fx.msg.txn, fx.msg.page, data ? pages[fx.page].content : 0});
	}
	void one(const coh_fx &fx, uint64_t content)
	{
		switch (fx.kind) {
		case COH_FX_SEND:
			send(fx);
			break;
		case COH_FX_INSTALL:
			ASSERT_EQ(0u, pages.count(fx.page));
			pages[fx.page] = {fx.rights, content};
			break;
		case COH_FX_INSTALL_ZERO:
			for (page_idx p = fx.page; p < fx.page + (fx.pages ? fx.pages : 1); p++) {
				ASSERT_EQ(0u, pages.count(p));
				pages[p] = {fx.rights, 0};
			}
			break;
		case COH_FX_PROTECT:
		case COH_FX_UNPROTECT:
			ASSERT_EQ(1u, pages.count(fx.page));
			pages[fx.page].rights = fx.kind == COH_FX_PROTECT ? COH_RO : COH_RW;
			break;
		case COH_FX_DROP:
			ASSERT_EQ(1u, pages.erase(fx.page));
			break;
		case COH_FX_WAKE:
			break;
		default:
			FAIL() << fx.reason;
		}
	}
};

struct Host {
	coh_engine *engine = nullptr;
	Memory direct, merged;
	Series run;
};

struct World {
	static constexpr unsigned kHosts = 3, kPages = 96;
	struct Message {
		coh_msg m;
		uint64_t content;
	};

	explicit World(unsigned seed) : random(seed), fx(new coh_fx_list)
	{
		for (unsigned h = 0; h < kHosts; h++) {
			coh_config c = {};
			c.self = (host_id)h;
			c.hosts = kHosts;
			c.pages = kPages;
			for (unsigned i = 0; i < kHosts; i++)
				c.homes[c.homes_n++] = {i * kPages / kHosts, kPages / kHosts, (host_id)i};
			c.requests_max = 64;
			c.queue_max = 64 * kHosts;
			c.zero_run = 8;
			c.prefetch_max = 16;
			size_t bytes = (coh_engine_bytes(&c) + 63) & ~(size_t)63;
			EXPECT_NE(0u, bytes) << coh_config_error(&c);
			void *mem = aligned_alloc(64, bytes);
			memset(mem, 0, bytes);
			host[h].engine = coh_engine_init(mem, &c);
		}
	}
	~World()
	{
		for (Host &h : host)
			free(h.engine);
	}
	void settle(Host &h)
	{
		merge &m = h.run.m;

		for (unsigned i = 0; i < m.n; i++) {
			coh_fx fx = effect(COH_FX_INSTALL, m.first + i, m.rights);
			uint64_t content;

			memcpy(&content, m.bytes + i * PAGE_BYTES, sizeof(content));
			if (m.kind == MERGE_INSTALL)
				h.merged.one(fx, content);
			else if (m.protect)
				h.merged.one(effect(COH_FX_PROTECT, m.first + i), 0);
		}
		for (unsigned i = 0; i < m.n && m.kind != MERGE_INSTALL; i++) {
			coh_fx fx = effect(COH_FX_SEND, m.first + i);
			fx.to = m.page[i].to;
			fx.msg = m.page[i].msg;
			h.merged.one(fx, 0);
		}
		for (unsigned i = 0; i < m.n && m.kind == MERGE_TAKE; i++)
			h.merged.one(effect(COH_FX_DROP, m.first + i), 0);
		longest[m.kind] = std::max(longest[m.kind], m.n);
		merge_clear(&m);
	}
	void step(unsigned to, coh_event &ev, uint64_t content)
	{
		Host &h = host[to];
		std::vector<uint8_t> blob(PAGE_BYTES);

		memcpy(blob.data(), &content, sizeof(content));
		ev.now_ns = now += 1000;
		coh_engine_step(h.engine, &ev, fx.get());
		for (unsigned i = 0; i < fx->n; i++) {
			const coh_fx &f = fx->v[i];
			if (f.kind == COH_FX_SEND)
				links[to][f.to].push_back(
					{f.msg, h.direct.pages.count(f.page) ? h.direct.pages[f.page].content : 0});
			h.direct.one(f, content);
		}
		for (unsigned i = 0, took; i < fx->n; i += took ? took : 1) {
			const coh_fx *f = &fx->v[i];
			took = merge_add(&h.run.m, f, fx->n - i, blob.data());
			if (!took && h.run.m.n && !merge_passes(&h.run.m, f)) {
				settle(h);
				took = merge_add(&h.run.m, f, fx->n - i, blob.data());
			}
			if (!took)
				h.merged.one(*f, content);
		}
	}
	void fault(unsigned h, page_idx page, coh_access access)
	{
		coh_event ev = {};

		ev.kind = COH_EV_FAULT;
		ev.page = page;
		ev.access = access;
		step(h, ev, 0);
	}
	/* Some of what is on its way to one host, in one batch. */
	bool deliver(unsigned to)
	{
		bool any = false;

		for (unsigned from = 0; from < kHosts; from++)
			for (unsigned n = random() % 12; n && !links[from][to].empty(); n--) {
				coh_event ev = {};
				Message m = links[from][to].front();

				links[from][to].pop_front();
				ev.kind = COH_EV_MSG;
				ev.from = (host_id)from;
				ev.msg = m.m;
				ev.page = m.m.page;
				step(to, ev, m.content);
				any = true;
			}
		return any;
	}
	void over(Host &h)
	{
		settle(h);
		ASSERT_EQ(h.direct.sends, h.merged.sends);
		ASSERT_TRUE(h.direct.pages == h.merged.pages);
		for (unsigned n = random() % 4; n; n--) { // what the guest writes meanwhile
			page_idx p = random() % kPages;
			if (!h.direct.pages.count(p) || h.direct.pages[p].rights != COH_RW)
				continue;
			h.direct.pages[p].content = h.merged.pages[p].content = ++writes;
		}
	}
	std::mt19937 random;
	std::unique_ptr<coh_fx_list> fx;
	std::array<Host, kHosts> host;
	std::deque<Message> links[kHosts][kHosts];
	uint64_t now = 1000, writes = 0;
	unsigned longest[4] = {};
};

TEST(Merge, TogetherIsWhatOneByOneIs)
{
	unsigned longest[4] = {};

	for (unsigned seed = 1; seed <= 60; seed++) {
		World w(seed);
		page_idx at[World::kHosts] = {};

		for (unsigned round = 0; round < 600 && !HasFatalFailure(); round++) {
			unsigned h = w.random() % World::kHosts;
			bool write = w.random() % 3 == 0;

			w.deliver(h);
			if (w.random() % 8 == 0)
				at[h] = w.random() % World::kPages; // a stream begins there
			if (w.random() % 2)
				w.fault(h, at[h] = (at[h] + 1) % World::kPages, write ? COH_WRITE : COH_READ);
			w.over(w.host[h]);
		}
		for (unsigned k = 0; k < 4; k++)
			longest[k] = std::max(longest[k], w.longest[k]);
	}
	EXPECT_GE(longest[MERGE_INSTALL], 8u) << "or nothing was tried";
	EXPECT_GE(longest[MERGE_GIVE], 8u);
	EXPECT_GE(longest[MERGE_TAKE], 4u);
}

} // namespace
