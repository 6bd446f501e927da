// SPDX-License-Identifier: Apache-2.0
// A few engines whose messages the test delivers by hand; everything that happens becomes a
// readable trace.
#ifndef TESTS_UNIT_COHERENCE_CLUSTER_H
#define TESTS_UNIT_COHERENCE_CLUSTER_H

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

extern "C" {
#include "coherence/canon.h"
}

// Page p is homed at host p % hosts.
inline coh_config test_config(unsigned hosts, unsigned pages, unsigned self)
{
	coh_config c = {};
	c.self = (host_id)self;
	c.hosts = hosts;
	c.pages = pages;
	for (unsigned p = 0; p < pages && p < COH_HOMES_MAX; p++)
		c.homes[c.homes_n++] = {p, 1, (host_id)(p % hosts)};
	c.requests_max = 16;
	c.queue_max = 16 * hosts;
	c.zero_run = 1;
	c.epoch = 3;
	return c;
}

class Cluster
{
      public:
	template <class F> Cluster(unsigned hosts, unsigned pages, F tune) : fx(new coh_fx_list)
	{
		for (unsigned h = 0; h < hosts; h++) {
			coh_config c = test_config(hosts, pages, h);
			tune(c);
			EXPECT_EQ(nullptr, coh_config_error(&c)) << coh_config_error(&c);
			size_t bytes = (coh_engine_bytes(&c) + 63) & ~(size_t)63;
			void *mem = aligned_alloc(64, bytes);
			memset(mem, 0, bytes);
			engines.push_back(coh_engine_init(mem, &c));
		}
	}
	Cluster(unsigned hosts, unsigned pages) : Cluster(hosts, pages, [](coh_config &) {})
	{
	}
	Cluster(const Cluster &) = delete;
	~Cluster()
	{
		for (coh_engine *e : engines) {
			EXPECT_EQ(nullptr, coh_engine_check(e)) << coh_engine_check(e);
			free(e);
		}
	}
	void fault(unsigned h, page_idx page, coh_access access)
	{
		coh_event ev = {};
		ev.kind = COH_EV_FAULT;
		ev.page = page;
		ev.access = access;
		step(h, ev);
	}
	void read(unsigned h, page_idx page)
	{
		fault(h, page, COH_READ);
	}
	void write(unsigned h, page_idx page)
	{
		fault(h, page, COH_WRITE);
	}
	void ran(unsigned h, page_idx page)
	{
		coh_event ev = {};
		ev.kind = COH_EV_RAN;
		ev.page = page;
		step(h, ev);
	}
	void tick(unsigned h)
	{
		uint64_t due = coh_engine_deadline(engines[h]);
		ASSERT_NE(UINT64_MAX, due);
		now = due > now ? due : now;
		coh_event ev = {};
		ev.kind = COH_EV_TICK;
		step(h, ev);
	}
	void inject(unsigned from, unsigned to, coh_msg m)
	{
		coh_event ev = {};
		ev.kind = COH_EV_MSG;
		ev.from = (host_id)from;
		ev.msg = m;
		ev.page = m.page;
		step(to, ev);
	}
	// Delivers the oldest message from one host to another.
	void deliver(unsigned from, unsigned to)
	{
		auto &q = links[{from, to}];
		ASSERT_FALSE(q.empty()) << "nothing from " << from << " to " << to << " after\n" << text;
		coh_msg m = q.front();
		q.pop_front();
		inject(from, to, m);
	}
	// Delivers everything, lowest sender first, until nothing is on the way.
	void run()
	{
		for (bool more = true; more;) {
			more = false;
			for (auto &l : links)
				if (!l.second.empty()) {
					deliver(l.first.first, l.first.second);
					more = true;
					break;
				}
		}
	}
	// The link loses the oldest message from one host to another.
	void lose(unsigned from, unsigned to)
	{
		auto &q = links[{from, to}];
		ASSERT_FALSE(q.empty()) << "nothing from " << from << " to " << to << " after\n" << text;
		q.pop_front();
	}
	size_t waiting(unsigned from, unsigned to)
	{
		return links[{from, to}].size();
	}
	coh_msg &front(unsigned from, unsigned to)
	{
		return links[{from, to}].front();
	}
	// The trace since the last call.
	std::string trace()
	{
		return std::exchange(text, "");
	}
	// Rights of all hosts on page: one of '-', 'r', 'W' each.
	std::string rights(page_idx page)
	{
		std::string s;
		for (coh_engine *e : engines)
			s += "-rW"[coh_engine_rights(e, page)];
		return s;
	}
	const coh_stats &stats(unsigned h)
	{
		return *coh_engine_stats(engines[h]);
	}
	std::vector<coh_engine *> engines;
	std::unique_ptr<coh_fx_list> fx;
	uint64_t now = 1000;

      private:
	void step(unsigned h, coh_event &ev)
	{
		ev.now_ns = now;
		coh_engine_step(engines[h], &ev, fx.get());
		for (unsigned i = 0; i < fx->n; i++)
			note(h, fx->v[i]);
	}
	void note(unsigned h, const coh_fx &f)
	{
		static const char *const rights[] = {"none", "ro", "rw"};
		static const char *const told[] = {"nothing", "waits", "grant", "ack", "done"};
		std::string who = "h" + std::to_string(h), page = " p" + std::to_string(f.page);
		switch (f.kind) {
		case COH_FX_SEND:
			links[{h, f.to}].push_back(f.msg);
			text += who + " -> h" + std::to_string(f.to) + " " + coh_msg_name(f.msg.kind) + page;
			if (f.msg.kind == COH_MSG_GRANT)
				text += std::string(" ") + rights[f.msg.rights];
			text += f.msg.flags & COH_MSGF_DATA ? " data" : f.msg.flags ? " zero" : "";
			if (f.msg.kind == COH_MSG_CHASE || f.msg.kind == COH_MSG_TOLD)
				text += std::string(" ") + told[f.msg.rights];
			if (f.msg.acks)
				text += " acks " + std::to_string(f.msg.acks);
			if (f.msg.requester != h && f.msg.requester != f.to)
				text += " for h" + std::to_string(f.msg.requester);
			break;
		case COH_FX_INSTALL:
			text += who + " install" + page + " " + rights[f.rights];
			break;
		case COH_FX_INSTALL_ZERO:
			text += who + " zero" + page + (f.pages > 1 ? "+" + std::to_string(f.pages - 1) : "") + " " +
				rights[f.rights];
			break;
		case COH_FX_PROTECT:
			text += who + " protect" + page;
			break;
		case COH_FX_UNPROTECT:
			text += who + " unprotect" + page;
			break;
		case COH_FX_DROP:
			text += who + " drop" + page;
			break;
		case COH_FX_WAKE:
			text += who + " wake" + page;
			break;
		case COH_FX_PEER_FAULT:
			text += who + " fence h" + std::to_string(f.to) + ": " + f.reason;
			break;
		case COH_FX_LOST:
			text += who + " lost" + page + " of h" + std::to_string(f.to) + ": " + f.reason;
			break;
		}
		text += "\n";
	}
	std::map<std::pair<unsigned, unsigned>, std::deque<coh_msg>> links;
	std::string text;
};

#endif
