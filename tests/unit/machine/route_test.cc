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
	m.wide = true;
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

/* Anything a peer may send: those that match are among the few that are looked at, each once. */
TEST(Route, TheFewThatAreLookedAtAreAllThatMatch)
{
	for (uint32_t per_host : {1u, 3u, 20u}) {
		machine_desc d = sample_desc(3, per_host);
		uint32_t n = desc_vcpus(&d),
			 dests[] = {UINT32_MAX, 0x80000000u, 0xffff0000u, n, 0x01000000u, 0x05000001u};
		msg_irq irq = {};
		auto check = [&] {
			uint32_t v[ROUTE_FEW];
			unsigned few = route_few(&d, &irq, v);
			ASSERT_LE(few, ROUTE_FEW + 1);
			if (few > ROUTE_FEW) // all are
				return;
			EXPECT_TRUE(irq.dest_mode == ROUTE_LOGICAL || few <= 1);
			std::map<uint32_t, int> looked, want;
			for (unsigned i = 0; i < few; i++)
				looked[v[i]]++;
			for (uint32_t i = 0; i < n; i++)
				if (route_matches(&irq, i, desc_apic_id(&d, i)))
					want[i] = 1;
			EXPECT_EQ(want, looked) << (unsigned)irq.dest_mode << " " << irq.dest;
		};
		for (irq.dest_mode = 0; irq.dest_mode < 12; irq.dest_mode++) {
			for (irq.dest = 0; irq.dest < 200; irq.dest++)
				check();
			for (uint32_t cluster = 0; cluster < 8; cluster++)
				for (uint32_t bits = 0; bits < 0x10000; bits += 251)
					irq.dest = cluster << 16 | bits, check();
			for (uint32_t dest : dests)
				irq.dest = dest, check();
		}
	}
}

/* Only what has no address of its own is a matter for all. */
TEST(Route, AMessageWithOneTargetLooksAtOne)
{
	machine_desc d = sample_desc(4, 16);
	msg_irq irq = {};
	uint32_t v[ROUTE_FEW];
	for (unsigned mode : {ROUTE_PHYSICAL, ROUTE_VCPU, ROUTE_PASSED, ROUTE_XAPIC_PASSED}) {
		irq.dest_mode = (uint8_t)mode;
		irq.dest = mode == ROUTE_PHYSICAL ? desc_apic_id(&d, 37) : 37;
		ASSERT_EQ(1u, route_few(&d, &irq, v)) << mode;
		EXPECT_EQ(37u, v[0]);
	}
	for (unsigned mode : {ROUTE_ALL, ROUTE_OTHERS, ROUTE_XAPIC, ROUTE_XAPIC_ONE}) {
		irq.dest_mode = (uint8_t)mode;
		EXPECT_EQ(ROUTE_FEW + 1, route_few(&d, &irq, v)) << mode;
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
	for (unsigned mode = ROUTE_XAPIC_ONE + 1; mode < 256; mode++) {
		irq.dest_mode = (uint8_t)mode;
		EXPECT_FALSE(route_matches(&irq, 0, 0));
	}
}

namespace
{
apic_msg eight_bits(uint32_t dest, bool logical, unsigned delivery = APIC_FIXED)
{
	auto m = message(dest, logical, APIC_TO_DEST, delivery);
	m.wide = false;
	return m;
}
} // namespace

/* What an ICR in xAPIC mode, an I/O APIC entry or an MSI can say, for a machine whose ids have eight bits. */
TEST(Route, EightBitDestinations)
{
	machine_desc d = sample_desc(3, 2); // ids 0 1, 2 3, 4 5
	const struct {
		uint32_t dest;
		bool logical;
		unsigned delivery, mode;
		uint32_t wire;
		host_set to;
	} rows[] = {
		{3, false, APIC_FIXED, ROUTE_PHYSICAL, 3, 0b010},
		{254, false, APIC_FIXED, ROUTE_PHYSICAL, 254, 0},
		{0xff, false, APIC_FIXED, ROUTE_ALL, 0xff, 0b111},
		{0xff, true, APIC_NMI, ROUTE_ALL, 0xff, 0b111},
		{APIC_BROADCAST, false, APIC_INIT, ROUTE_ALL, 0xff, 0b111},
		{APIC_BROADCAST, true, APIC_FIXED, ROUTE_ALL, 0xff, 0b111},
		{0x03, true, APIC_FIXED, ROUTE_XAPIC, 3, 0b111},
		{0x00, true, APIC_FIXED, ROUTE_XAPIC, 0, 0b111},
		{0x03, true, APIC_LOWEST, ROUTE_XAPIC_ONE, 3, 0b111},
		{0xff, true, APIC_LOWEST, ROUTE_XAPIC_ONE, 0xff, 0b111},
		{0xff, false, APIC_LOWEST, ROUTE_XAPIC_ONE, 0xff, 0b111},
		{3, false, APIC_LOWEST, ROUTE_VCPU, 3, 0b010},
		{0x10001, true, APIC_FIXED, ROUTE_LOGICAL, 0x10001, 0}, // an MSI with an extended destination
	};
	for (auto &r : rows) {
		msg_irq irq;
		auto m = eight_bits(r.dest, r.logical, r.delivery);
		EXPECT_EQ(r.to, route_message(placed(d), &m, 0, &irq)) << r.dest << r.logical << r.delivery;
		EXPECT_EQ(r.mode, irq.dest_mode) << r.dest << r.logical << r.delivery;
		EXPECT_EQ(r.wire, irq.dest) << r.dest << r.logical << r.delivery;
	}
	d = sample_desc(40, 10); // ids up to 633: 255 is one of them
	msg_irq irq;
	auto m = eight_bits(0xff, false);
	EXPECT_EQ(ROUTE_PHYSICAL, (route_message(placed(d), &m, 0, &irq), irq.dest_mode));
	m = eight_bits(0x03, true);
	EXPECT_EQ(ROUTE_LOGICAL, (route_message(placed(d), &m, 0, &irq), irq.dest_mode));
}

TEST(Route, WhoHasToBeAsked)
{
	for (unsigned mode = 0; mode < 256; mode++) {
		msg_irq irq = {};
		uint32_t dest = 0;
		irq.dest_mode = (uint8_t)mode;
		irq.dest = 0x5a000203;
		EXPECT_EQ(mode >= ROUTE_XAPIC && mode <= ROUTE_XAPIC_ONE, route_asks(&irq, &dest)) << mode;
		if (mode == ROUTE_XAPIC || mode == ROUTE_XAPIC_ONE) {
			EXPECT_EQ(3u, dest);
		}
		if (mode == ROUTE_XAPIC_PASSED) {
			EXPECT_EQ(0x5au, dest);
			EXPECT_TRUE(route_matches(&irq, 0x203, 9));
			EXPECT_FALSE(route_matches(&irq, 0x204, 9));
		}
		irq.dest = 3;
		msg_irq on = route_pass_on(&irq, 7);
		bool asked = mode == ROUTE_XAPIC || mode == ROUTE_XAPIC_PASSED;
		EXPECT_EQ(asked ? ROUTE_XAPIC_PASSED : ROUTE_PASSED, on.dest_mode) << mode;
		EXPECT_TRUE(route_matches(&on, 7, 9));
		EXPECT_FALSE(route_matches(&on, 8, 9));
	}
}

TEST(Route, TheRoundOfALowestPriorityMessageEnds)
{
	msg_irq irq = {};
	for (unsigned hosts : {1u, 2u, 5u, 64u})
		for (unsigned first = 0; first < hosts; first++) {
			const host_set all = hosts == 64 ? ~0ull : (1ull << hosts) - 1;
			irq.dest = first << 8 | 1;
			unsigned asked = 1;
			for (host_id h = (host_id)first; (h = route_next(&irq, h, all)) != HOST_NONE; asked++)
				ASSERT_LT(asked, hosts);
			EXPECT_EQ(hosts, asked);
		}
	irq.dest = 9 << 8; // a host that does not exist: forged, and never the end of a round
	EXPECT_EQ(HOST_NONE, route_next(&irq, 0, 7));
	irq.dest = ~0u;
	EXPECT_EQ(HOST_NONE, route_next(&irq, 0, ~0ull));
}

TEST(Route, TheRoundOfALowestPriorityMessageLeavesOutEmptyPlaces)
{
	const host_set members = 1ull << 1 | 1ull << 4 | 1ull << 63;
	msg_irq irq = {};

	irq.dest = 4 << 8 | 1;
	EXPECT_EQ(63, route_next(&irq, 4, members));
	EXPECT_EQ(1, route_next(&irq, 63, members));
	EXPECT_EQ(HOST_NONE, route_next(&irq, 1, members)) << "it began at the next one";
	irq.dest = 2 << 8 | 1; // nobody is there: it would never end
	EXPECT_EQ(HOST_NONE, route_next(&irq, 1, members));
}
