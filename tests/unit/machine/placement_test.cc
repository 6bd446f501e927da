// SPDX-License-Identifier: Apache-2.0
// Where vCPUs are and were, and that a message reaches each of them exactly once while they move.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <random>
#include <vector>

#include "tests/unit/conf/sample.h"

extern "C" {
#include "vmm/machine/route.h"
}

namespace
{
std::unique_ptr<placement> make(const machine_desc &d)
{
	auto p = std::make_unique<placement>();
	placement_init(p.get(), &d);
	return p;
}
} // namespace

TEST(Placement, StartsAsTheDescriptionSays)
{
	machine_desc d = sample_desc(3, 2);
	auto p = make(d);
	for (uint32_t v = 0; v < 6; v++)
		EXPECT_EQ(desc_host_of_vcpu(&d, v), placement_host(p.get(), v));
	EXPECT_EQ(HOST_NONE, placement_host(p.get(), 6));
	EXPECT_EQ(0u, p->version);
	EXPECT_EQ(2u, p->on[1]);
}

TEST(Placement, FollowsTheNextDescription)
{
	machine_desc d = sample_desc(2), next;
	ASSERT_EQ("", sample_layout(&d, {1, 1}, {512, 512}, {3, 0, 0}));
	auto p = make(d);
	EXPECT_EQ(HOST_NONE, placement_host(p.get(), 2));
	EXPECT_FALSE(placement_move(p.get(), 2, HOST_NONE, 1)) << "what is not there does not move";
	EXPECT_TRUE(placement_move(p.get(), 1, 1, 0));
	next = d;
	next.hosts_n = 3;
	next.vcpus[2].host = 2;
	placement_follow(p.get(), &next);
	EXPECT_EQ(2u, placement_host(p.get(), 2));
	EXPECT_EQ(0u, placement_host(p.get(), 1)) << "where it is, not where it started";
	EXPECT_EQ(1u, p->on[2]);
	EXPECT_TRUE(placement_move(p.get(), 2, 2, 1));
}

TEST(Placement, MovesAreCountedAndRemembered)
{
	machine_desc d = sample_desc(3, 1);
	auto p = make(d);
	EXPECT_TRUE(placement_move(p.get(), 1, 1, 2));
	EXPECT_TRUE(placement_move(p.get(), 0, 0, 2));
	EXPECT_TRUE(placement_move(p.get(), 1, 2, 0));
	EXPECT_EQ(3u, p->version);
	EXPECT_EQ(1u, p->on[0]);
	EXPECT_EQ(0u, p->on[1]); // a host without vCPUs
	EXPECT_EQ(2u, p->on[2]);
	const host_id of1[] = {1, 2, 2, 0}, of0[] = {0, 0, 2, 2};
	for (uint32_t version = 0; version <= 3; version++) {
		EXPECT_EQ(of1[version], placement_host_at(p.get(), version, 1)) << version;
		EXPECT_EQ(of0[version], placement_host_at(p.get(), version, 0)) << version;
	}
	EXPECT_EQ(0, placement_host_at(p.get(), 4, 1)); // a move that is not known here yet
}

TEST(Placement, WhatDoesNotFitChangesNothing)
{
	machine_desc d = sample_desc(2, 1);
	auto p = make(d);
	EXPECT_FALSE(placement_move(p.get(), 0, 1, 0)); // it is not there
	EXPECT_FALSE(placement_move(p.get(), 0, 0, 0));
	EXPECT_FALSE(placement_move(p.get(), 0, 0, 2));
	EXPECT_FALSE(placement_move(p.get(), 2, 0, 1));
	EXPECT_EQ(0u, p->version);
}

TEST(Placement, HistoryIsBoundedAndWraps)
{
	machine_desc d = sample_desc(2, 1);
	auto p = make(d);
	for (uint32_t i = 0; i < PLACEMENT_HISTORY + 9; i++)
		ASSERT_TRUE(placement_move(p.get(), 0, i & 1, (i + 1) & 1));
	uint32_t now = p->version;
	for (uint32_t back = 0; back <= PLACEMENT_HISTORY; back++)
		ASSERT_EQ((now - back) & 1, placement_host_at(p.get(), now - back, 0)) << back;
	EXPECT_EQ(now & 1, placement_host_at(p.get(), now - PLACEMENT_HISTORY - 1, 0)); // forgotten: as it is now
	p->version = UINT32_MAX;                                                        // versions wrap
	p->host[1] = 1;
	ASSERT_TRUE(placement_move(p.get(), 1, 1, 0));
	EXPECT_EQ(0u, p->version);
	EXPECT_EQ(1, placement_host_at(p.get(), UINT32_MAX, 1));
}

/*
 * Hosts with a placement each, ordered channels between them, moves that become known by a state message to the
 * destination and by a commit to the others, which the next move waits for: every message must reach each addressed
 * vCPU once.
 */
namespace
{
struct Sent {
	bool state; // else an interrupt
	uint32_t vcpu, id;
	msg_irq irq;
};

struct Cluster {
	machine_desc d;
	std::vector<std::unique_ptr<placement>> p;
	std::vector<std::vector<bool>> present;
	std::map<std::pair<int, int>, std::deque<Sent>> wire;
	std::map<uint32_t, std::map<uint32_t, int>> got; // message, vCPU, times
	std::mt19937 rng;
	uint32_t passed = 0;

	/* The logical id of a vCPU whose APIC is in xAPIC mode. */
	static uint32_t ldr(uint32_t v)
	{
		return 1u << (v & 7);
	}

	Cluster(unsigned hosts, uint32_t vcpus, unsigned seed) : d(sample_desc(hosts, vcpus)), rng(seed)
	{
		for (unsigned h = 0; h < hosts; h++) {
			p.push_back(make(d));
			present.emplace_back(desc_vcpus(&d));
			for (uint32_t v = 0; v < desc_vcpus(&d); v++)
				present[h][v] = desc_host_of_vcpu(&d, v) == h;
		}
	}

	unsigned draw(unsigned n)
	{
		return rng() % n;
	}

	/* As irqs.c does it. */
	void deliver(unsigned h, const Sent &s)
	{
		uint32_t dest;
		bool asks = route_asks(&s.irq, &dest);
		for (uint32_t v = 0; v < desc_vcpus(&d); v++) {
			if (!route_matches(&s.irq, v, desc_apic_id(&d, v)) || !was_here(h, s, v))
				continue;
			if (!asks || !present[h][v] || (ldr(v) & dest))
				deliver_to(h, s, v);
		}
	}

	bool was_here(unsigned h, const Sent &s, uint32_t v)
	{
		return s.irq.dest_mode == ROUTE_PASSED || s.irq.dest_mode == ROUTE_XAPIC_PASSED ||
		       placement_host_at(p[h].get(), s.irq.placement, v) == h;
	}

	void deliver_to(unsigned h, const Sent &s, uint32_t v)
	{
		if (present[h][v]) {
			got[s.id][v]++;
			return;
		}
		Sent on = s;
		on.irq = route_pass_on(&s.irq, v);
		passed++;
		wire[{h, placement_host(p[h].get(), v)}].push_back(on);
	}

	/* A lowest-priority message on its way from host to host. */
	void one(unsigned h, const Sent &s)
	{
		for (uint32_t v = 0; v < desc_vcpus(&d); v++)
			if (was_here(h, s, v) && (ldr(v) & s.irq.dest)) {
				deliver_to(h, s, v);
				return;
			}
		host_id next = route_next(&s.irq, (host_id)h, desc_all_hosts(&d));
		if (next != HOST_NONE)
			wire[{h, next}].push_back(s);
	}

	void send(uint32_t id, const apic_msg &m)
	{
		unsigned h = draw(d.hosts_n);
		Sent s = {};
		s.id = id;
		host_set to = route_message(p[h].get(), &m, APIC_BROADCAST - 1, &s.irq);
		if (s.irq.dest_mode == ROUTE_XAPIC_ONE) {
			s.irq.dest |= h << 8;
			one(h, s);
			return;
		}
		for (unsigned t = 0; t < d.hosts_n; t++) {
			if (!(to & host_bit((host_id)t)))
				continue;
			if (t == h)
				deliver(h, s);
			else
				wire[{h, t}].push_back(s);
		}
	}

	/* One message of a channel that has one. */
	bool step()
	{
		std::vector<std::pair<int, int>> some;
		for (auto &w : wire)
			if (!w.second.empty())
				some.push_back(w.first);
		if (some.empty())
			return false;
		auto key = some[draw(some.size())];
		Sent s = wire[key].front();
		wire[key].pop_front();
		unsigned from = key.first, h = key.second;
		if (s.state) {
			present[h][s.vcpu] = true;
			EXPECT_TRUE(placement_move(p[h].get(), s.vcpu, from, h));
			commits.assign(d.hosts_n, true);
			commits[from] = commits[h] = false;
			move_v = s.vcpu, move_from = from, move_to = h;
			arrived = true;
		} else if (s.irq.dest_mode == ROUTE_XAPIC_ONE) {
			one(h, s);
		} else {
			deliver(h, s);
		}
		return true;
	}

	bool moving = false, arrived = false;
	std::vector<bool> commits;
	unsigned move_v = 0, move_from = 0, move_to = 0;

	void begin_move()
	{
		uint32_t v = draw(desc_vcpus(&d));
		unsigned from = placement_host(p[0].get(), v), to = (from + 1 + draw(d.hosts_n - 1)) % d.hosts_n;
		moving = true;
		arrived = false;
		present[from][v] = false;
		ASSERT_TRUE(placement_move(p[from].get(), v, from, to));
		Sent s = {};
		s.state = true;
		s.vcpu = v;
		wire[{from, to}].push_back(s);
	}

	void commit_one()
	{
		for (unsigned h = 0; h < d.hosts_n; h++)
			if (commits[h] && draw(2)) {
				ASSERT_TRUE(placement_move(p[h].get(), move_v, move_from, move_to));
				commits[h] = false;
				return;
			}
		moving = std::find(commits.begin(), commits.end(), true) != commits.end();
	}
};
} // namespace

TEST(Placement, EveryMessageReachesEveryAddressedVcpuOnce)
{
	uint32_t passed = 0;
	for (unsigned seed = 0; seed < 300; seed++) {
		Cluster c(2 + seed % 3, 1 + seed % 4, seed);
		std::map<uint32_t, std::vector<bool>> want;
		uint32_t n = desc_vcpus(&c.d), id = 0;
		for (unsigned i = 0; i < 400; i++) {
			unsigned what = c.draw(12);
			if (what >= 10) { // xAPIC: a group, and one of a group
				apic_msg m = {};
				m.vector = 0x41;
				m.delivery = what == 11 ? APIC_LOWEST : APIC_FIXED;
				m.logical = true;
				m.dest = c.ldr(c.draw(n)) | c.ldr(c.draw(n));
				c.send(id, m);
				for (uint32_t v = 0; v < n && what == 10; v++)
					want[id].push_back(c.ldr(v) & m.dest);
				id++;
			} else if (what < 4) {
				apic_msg m = {};
				m.vector = 0x40;
				m.wide = true;
				m.delivery = what == 3 ? APIC_LOWEST : APIC_FIXED;
				m.shorthand = what == 1 ? APIC_TO_ALL : APIC_TO_DEST;
				m.dest = what == 2 ? APIC_BROADCAST : desc_apic_id(&c.d, c.draw(n));
				if (what == 3)
					m.dest = APIC_BROADCAST;
				c.send(id, m);
				want[id].assign(n, what == 1 || what == 2);
				if (what == 0) {
					uint32_t v = 0;
					desc_vcpu_of_apic(&c.d, m.dest, &v);
					want[id][v] = true;
				}
				if (what == 3)
					want.erase(id); // one of them, below
				id++;
			} else if (what < 8) {
				c.step();
			} else if (!c.moving) {
				c.begin_move();
			} else if (c.arrived) {
				c.commit_one();
			}
			if (testing::Test::HasFatalFailure())
				return;
		}
		while (c.step())
			;
		for (uint32_t m = 0; m < id; m++) {
			int sum = 0;
			for (uint32_t v = 0; v < n; v++) {
				int times = c.got[m].count(v) ? c.got[m][v] : 0;
				sum += times;
				if (want.count(m)) {
					ASSERT_EQ(want[m][v] ? 1 : 0, times)
						<< "seed " << seed << " message " << m << " vCPU " << v;
				}
			}
			if (!want.count(m)) {
				ASSERT_EQ(1, sum) << "seed " << seed << ": lowest priority, message " << m;
			}
		}
		passed += c.passed;
	}
	EXPECT_GT(passed, 1000u); // the races that this is about did happen
}
