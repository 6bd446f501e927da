// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <map>

#include "tests/unit/conf/sample.h"

extern "C" {
#include "vmm/machine/route.h"
}

namespace
{
apic_msg message(uint32_t dest, bool logical = false, unsigned shorthand = APIC_TO_DEST, unsigned delivery = APIC_FIXED)
{
	apic_msg m = {};
	m.delivery = (uint8_t)delivery;
	m.vector = 0x31;
	m.dest = dest;
	m.logical = logical;
	m.shorthand = (uint8_t)shorthand;
	return m;
}

const placement *placed(const machine_desc &d)
{
	static placement p;
	placement_init(&p, &d);
	return &p;
}

/* Whom a message reaches: every addressed host's vCPUs that match, and nobody on other hosts. */
std::map<uint32_t, int> reached(const machine_desc &d, const apic_msg &m, uint32_t sender)
{
	msg_irq irq;
	placement p;
	placement_init(&p, &d);
	host_set to = route_message(&p, &m, sender, &irq);
	std::map<uint32_t, int> r;
	for (uint32_t v = 0; v < desc_vcpus(&d); v++)
		if (to & host_bit(desc_host_of_vcpu(&d, v)) && route_matches(&irq, v, desc_apic_id(&d, v)))
			r[v]++;
	return r;
}
} // namespace

TEST(Route, AgreesWithTheChipsRuleForEveryMessage)
{
	for (uint32_t per_host : {1u, 3u, 4u, 20u}) {
		machine_desc d = sample_desc(3, per_host);
		std::vector<uint32_t> vcpus(d.hosts_n, per_host);
		vcpus[1] = per_host > 1 ? per_host - 1 : 1;
		sample_layout(&d, vcpus, std::vector<uint64_t>(d.hosts_n, 512));
		uint32_t n = desc_vcpus(&d);
		for (uint32_t sender_v : {0u, n - 1}) {
			uint32_t sender = desc_apic_id(&d, sender_v);
			for (unsigned shorthand = 0; shorthand < 4; shorthand++)
				for (bool logical : {false, true})
					for (uint32_t dest = 0; dest < 128; dest++) {
						uint32_t wire =
							logical ? (dest >> 4) << 16 | (dest * 37 & 0xffff) : dest;
						auto m = message(wire, logical, shorthand);
						std::map<uint32_t, int> want;
						for (uint32_t v = 0; v < n; v++)
							if (apic_msg_matches(&m, sender, desc_apic_id(&d, v)))
								want[v] = 1;
						EXPECT_EQ(want, reached(d, m, sender))
							<< per_host << " " << shorthand << " " << wire;
					}
		}
	}
}

TEST(Route, BroadcastIsOneMessageAHost)
{
	machine_desc d = sample_desc(4, 2);
	msg_irq irq;
	auto m = message(APIC_BROADCAST);
	EXPECT_EQ(0xfull, route_message(placed(d), &m, 0, &irq));
	EXPECT_EQ(ROUTE_ALL, irq.dest_mode);
	m = message(0, false, APIC_TO_OTHERS);
	EXPECT_EQ(0xfull, route_message(placed(d), &m, 0, &irq));
	EXPECT_EQ(ROUTE_OTHERS, irq.dest_mode);
	EXPECT_EQ(0u, irq.dest);
}

TEST(Route, OthersSkipsAHostWhoseOnlyVcpuSends)
{
	machine_desc d = sample_desc(3, 1);
	msg_irq irq;
	auto m = message(0, false, APIC_TO_OTHERS);
	EXPECT_EQ(0b101ull, route_message(placed(d), &m, 1, &irq));
	sample_layout(&d, {1, 1, 0}, {512, 512, 512}); // the last gives memory only
	EXPECT_EQ(0b001ull, route_message(placed(d), &m, 1, &irq));
}

TEST(Route, LowestPriorityReachesExactlyOne)
{
	machine_desc d = sample_desc(2, 4);
	std::map<uint32_t, int> spread;
	for (unsigned vector = 0x20; vector < 0x40; vector++) {
		auto m = message(0xff, true, APIC_TO_DEST, APIC_LOWEST);
		m.vector = (uint8_t)vector;
		auto r = reached(d, m, 0);
		ASSERT_EQ(1u, r.size());
		spread[r.begin()->first]++;
	}
	EXPECT_EQ(8u, spread.size());
	msg_irq irq;
	auto none = message(0xff0001, true, APIC_TO_DEST, APIC_LOWEST);
	EXPECT_EQ(0u, route_message(placed(d), &none, 0, &irq));
}

TEST(Route, NobodyIsAnEmptySet)
{
	machine_desc d = sample_desc(2, 3); // ids 0-2, 4-6
	msg_irq irq;
	for (uint32_t dest : {3u, 7u, 8u, 0xfffffffeu}) {
		auto m = message(dest);
		EXPECT_EQ(0u, route_message(placed(d), &m, 0, &irq)) << dest;
	}
}

TEST(Route, ForgedModesMatchNobody)
{
	msg_irq irq = {};
	for (unsigned mode = 6; mode < 256; mode++) {
		irq.dest_mode = (uint8_t)mode;
		EXPECT_FALSE(route_matches(&irq, 0, 0));
	}
}
