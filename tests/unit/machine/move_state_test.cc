// SPDX-License-Identifier: Apache-2.0
// The bytes of a vCPU on its way: there and back, and what a peer may send instead.
#include <gtest/gtest.h>

#include <cerrno>
#include <functional>
#include <memory>
#include <random>
#include <vector>

extern "C" {
#include "vmm/machine/move_state.h"
}

namespace
{
constexpr uint32_t VCPU = 5, APIC = 9;

std::unique_ptr<move_state> sample()
{
	auto s = std::make_unique<move_state>();
	memset(s.get(), 0, sizeof(*s));
	s->vcpu = VCPU;
	s->nmi = 1;
	s->ran = 1;
	s->sipi = 0;
	s->extint = 1;
	s->inta = 0x35;
	s->early_sipi = 0x9b;
	s->early_placement = 77;
	s->tsc_adjust = -5;
	s->clock_msr = 0x1234001;
	s->packed = 1ull << 40;
	lapic_reset(&s->lapic, APIC, false, true);
	s->lapic.svr = 0x1ff;
	s->lapic.irr[7] = 0x80000001;
	s->lapic.isr[1] = 4;
	s->lapic.tmr[1] = 4;
	s->lapic.lvt[LAPIC_LVT_TIMER] = 0x40000 | 0xec;
	s->lapic.tsc_deadline = 0x123456789a;
	for (unsigned i = 0; i < 18; i++)
		s->hv.gpr[i] = 0x1111111111111111ull * i + i;
	for (unsigned i = 0; i < 8; i++)
		s->hv.seg[i] = {
			0xffff800000000000ull + i, 0xfffff, (uint16_t)(8 * i), (uint8_t)i, 1, 3, 0, 1, 1, 1, 0, 0};
	s->hv.cr0 = 0x80050033, s->hv.cr3 = 0x1000, s->hv.cr4 = 0x6f0, s->hv.cr8 = 2, s->hv.efer = 0xd01;
	s->hv.apic_base = s->lapic.base;
	s->hv.pdptrs_valid = 1, s->hv.pdptr[3] = 7;
	s->hv.dr6 = 0xffff0ff0, s->hv.dr7 = 0x400, s->hv.db[3] = 0xabc;
	s->hv.exception_injected = 1, s->hv.exception_nr = 14, s->hv.exception_has_error = 1;
	s->hv.exception_error = 6;
	s->hv.interrupt_injected = 1, s->hv.interrupt_nr = 0xec, s->hv.interrupt_shadow = 1;
	s->hv.nmi_pending = 1, s->hv.nmi_masked = 1;
	s->hv.xcrs_n = 1, s->hv.xcr[0].value = 7;
	s->hv.xsave_n = 4096;
	for (unsigned i = 0; i < 4096; i++)
		s->hv.xsave[i] = (uint8_t)(i * 7);
	s->hv.msrs_n = 2;
	s->hv.msr[0] = {0x277, 0x7040600070406ull};
	s->hv.msr[1] = {0xc0000082, 0xffffffff81000000ull};
	return s;
}

std::vector<uint8_t> encoded(move_state &s)
{
	std::vector<uint8_t> b(32768);
	b.resize(move_state_encode(&s, b.data(), b.size()));
	return b;
}

int decode(const std::vector<uint8_t> &b, move_state *out)
{
	std::vector<uint8_t> exact(b); // a heap block of just that size: the sanitizer sees a byte too far
	return move_state_decode(exact.data(), exact.size(), VCPU, APIC, out);
}
} // namespace

TEST(MoveState, ThereAndBack)
{
	auto a = sample(), b = std::make_unique<move_state>();
	auto bytes = encoded(*a);
	ASSERT_GT(bytes.size(), 4096u);
	ASSERT_EQ(0, decode(bytes, b.get()));
	EXPECT_EQ(bytes, encoded(*b));
	EXPECT_EQ(-5, b->tsc_adjust);
	EXPECT_EQ(0x123456789aull, b->lapic.tsc_deadline);
	EXPECT_EQ(0xec, b->hv.interrupt_nr);
	EXPECT_EQ(0xffffffff81000000ull, b->hv.msr[1].value);
	EXPECT_EQ(0, memcmp(a->hv.xsave, b->hv.xsave, 4096));
	EXPECT_EQ(a->hv.gpr[17], b->hv.gpr[17]);
	EXPECT_EQ(0x9b, b->early_sipi);
	EXPECT_EQ(1, b->extint);
	EXPECT_EQ(0x35, b->inta);
}

TEST(MoveState, ABufferThatIsTooSmallGivesNothing)
{
	auto s = sample();
	size_t n = encoded(*s).size();
	std::vector<uint8_t> b(n - 1);
	EXPECT_EQ(0u, move_state_encode(s.get(), b.data(), b.size()));
}

TEST(MoveState, EveryTruncationAndAnExtraByteAreRefused)
{
	auto s = sample(), out = std::make_unique<move_state>();
	auto b = encoded(*s);
	for (size_t n = 0; n < b.size(); n += n < 700 || n > b.size() - 100 ? 1 : 37)
		ASSERT_EQ(-EPROTO, decode({b.begin(), b.begin() + (long)n}, out.get())) << n;
	b.push_back(0);
	EXPECT_EQ(-EPROTO, decode(b, out.get()));
}

TEST(MoveState, WhatMakesNoSenseIsRefused)
{
	const std::vector<std::pair<const char *, std::function<void(move_state &)>>> bad = {
		{"another vCPU", [](move_state &s) { s.vcpu++; }},
		{"another APIC", [](move_state &s) { s.lapic.id++; }},
		{"three NMIs", [](move_state &s) { s.nmi = 3; }},
		{"an INIT that nothing waits for", [](move_state &s) { s.init = 1; }},
		{"a flag of 2", [](move_state &s) { s.halted = 2; }},
		{"a third reason to ask the 8259", [](move_state &s) { s.extint = 4; }},
		{"a vector beyond 255", [](move_state &s) { s.inta = 257; }},
		{"a logical id wider than eight bits", [](move_state &s) { s.lapic.ldr = 1; }},
		{"a model of logical ids that does not exist", [](move_state &s) { s.lapic.dfr = 0; }},
		{"x2APIC mode without an APIC", [](move_state &s) { s.hv.apic_base = s.lapic.base &= ~0x800ull; }},
		{"a start page beyond 255", [](move_state &s) { s.sipi = 257; }},
		{"APIC_BASE of two minds", [](move_state &s) { s.hv.apic_base ^= 0x800; }},
		{"reserved bits of APIC_BASE", [](move_state &s) { s.hv.apic_base = s.lapic.base |= 1; }},
		{"an exception vector in IRR", [](move_state &s) { s.lapic.irr[0] = 1; }},
		{"LVT bits that do not exist", [](move_state &s) { s.lapic.lvt[LAPIC_LVT_ERROR] |= 1u << 31; }},
		{"the fourth timer mode", [](move_state &s) { s.lapic.lvt[LAPIC_LVT_TIMER] |= 3u << 17; }},
		{"a count without an initial count", [](move_state &s) { s.lapic.expiry_ns = 1; }},
		{"SVR bits that do not exist", [](move_state &s) { s.lapic.svr |= 0x1000; }},
		{"a divider that does not exist", [](move_state &s) { s.lapic.divide = 4; }},
		{"segment type", [](move_state &s) { s.hv.seg[3].type = 16; }},
		{"DPL", [](move_state &s) { s.hv.seg[3].dpl = 4; }},
		{"exception 32", [](move_state &s) { s.hv.exception_nr = 32; }},
		{"MP state", [](move_state &s) { s.hv.mp_state = 99; }},
		{"CR8", [](move_state &s) { s.hv.cr8 = 16; }},
		{"MSRs out of order", [](move_state &s) { s.hv.msr[1].index = 0x277; }},
		{"extended state without a header", [](move_state &s) { s.hv.xsave_n = 100; }},
		{"both kinds of FPU state", [](move_state &s) { s.hv.fpu_n = 416; }},
	};
	for (auto &b : bad) {
		auto s = sample(), out = std::make_unique<move_state>();
		b.second(*s);
		EXPECT_EQ(-EPROTO, decode(encoded(*s), out.get())) << b.first;
	}
}

TEST(MoveState, LengthsThatLieAreRefused)
{
	auto s = sample(), out = std::make_unique<move_state>();
	auto good = encoded(*s);
	/* Wherever a length is: every 32-bit word made huge in turn. */
	for (size_t at = 0; at + 4 < good.size(); at += at < 900 || at > good.size() - 64 ? 1 : 64) {
		auto b = good;
		b[at] = b[at + 1] = b[at + 2] = b[at + 3] = 0xff;
		decode(b, out.get()); // whatever it says, it reads no byte too far
	}
}

TEST(MoveState, GarbageIsNeverReadTooFar)
{
	std::mt19937 rng(1);
	auto out = std::make_unique<move_state>();
	auto s = sample();
	auto good = encoded(*s);
	unsigned taken = 0;
	for (unsigned i = 0; i < 20000; i++) {
		std::vector<uint8_t> b(i & 1 ? good : std::vector<uint8_t>(rng() % 2000));
		if (!b.empty())
			for (unsigned k = 0; k < 1 + rng() % 8; k++)
				b[rng() % (i & 1 ? 700 : b.size())] = (uint8_t)rng();
		taken += decode(b, out.get()) == 0;
	}
	EXPECT_GT(taken, 100u); // most registers may be anything
	EXPECT_LT(taken, 10000u);
}

TEST(MoveState, MissingMsrsAreNamed)
{
	auto s = sample();
	auto t = std::make_unique<struct hv_state_traits>();
	char why[200];
	memset(t.get(), 0, sizeof(*t));
	t->xsave_bytes = 4096, t->msrs_n = 1, t->msr[0] = 0x277;
	EXPECT_FALSE(hv_state_fits(&s->hv, t.get(), why, sizeof(why)));
	EXPECT_NE(nullptr, strstr(why, "0xc0000082")) << why;
	t->msrs_n = 2, t->msr[1] = 0xc0000082;
	EXPECT_TRUE(hv_state_fits(&s->hv, t.get(), why, sizeof(why)));
	t->xsave_bytes = 8192;
	EXPECT_FALSE(hv_state_fits(&s->hv, t.get(), why, sizeof(why)));
	EXPECT_NE(nullptr, strstr(why, "8192")) << why;
}
