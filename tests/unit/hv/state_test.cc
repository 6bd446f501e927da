// SPDX-License-Identifier: Apache-2.0
// A vCPU's state through the real /dev/kvm: out of one vCPU, over the wire form, into another, and the same again out
// of that.
#include <gtest/gtest.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <unistd.h>
#include <vector>

extern "C" {
#include "vmm/hv/state.h"
}

namespace
{
struct State : testing::Test {
	hv kvm = {};
	::ram ram = {};
	hv_vcpu v[2] = {};
	bool open[2] = {};
	struct hv_state_traits traits;
	std::unique_ptr<struct hv_state> s = std::make_unique<struct hv_state>(),
					 t = std::make_unique<struct hv_state>();
	char why[256] = "";

	void SetUp() override
	{
		if (access("/dev/kvm", R_OK | W_OK)) {
			GTEST_SKIP() << "SKIP: /dev/kvm cannot be opened";
			return;
		}
		ASSERT_EQ(0, hv_open(&kvm, why, sizeof(why))) << why;
		ASSERT_EQ(0, ram_map(&ram, 4 << 20));
		ASSERT_EQ(0, hv_map_ram(&kvm, &ram, why, sizeof(why))) << why;
		ASSERT_EQ(0, hv_kick_setup());
		for (unsigned i = 0; i < 2; i++) {
			cpuid_topology topo = {};
			topo.package_vcpus = 2;
			topo.guest_tsc_khz = 2600000;
			topo.emulated = kvm.emulated;
			topo.no_xsave = !kvm.xsave;
			cpuid_table table;
			cpuid_policy(&kvm.supported, &topo, &table);
			ASSERT_EQ(0, hv_vcpu_open(&v[i], &kvm, i, &table, why, sizeof(why))) << why;
			open[i] = true;
			ASSERT_EQ(0, hv_vcpu_set_init(&v[i], 0xfee00c00));
		}
		ASSERT_EQ(0, hv_state_traits(&v[0], &kvm, &traits));
		memset(s.get(), 0, sizeof(*s));
		memset(t.get(), 0, sizeof(*t));
	}

	void TearDown() override
	{
		for (unsigned i = 0; i < 2; i++)
			if (open[i])
				hv_vcpu_close(&v[i], kvm.run_bytes);
		hv_close(&kvm);
		ram_unmap(&ram);
	}

	int get(unsigned i, struct hv_state *out)
	{
		return hv_state_get(&v[i], &traits, nullptr, nullptr, out, why, sizeof(why));
	}

	std::vector<uint8_t> bytes(struct hv_state *x)
	{
		std::vector<uint8_t> b(HV_STATE_BYTES_MAX);
		fields f = fields_writer(b.data(), b.size());
		hv_state_fields(&f, x);
		EXPECT_FALSE(f.bad);
		b.resize(b.size() - f.left);
		return b;
	}

	bool has(uint32_t msr)
	{
		for (unsigned i = 0; i < traits.msrs_n; i++)
			if (traits.msr[i] == msr)
				return true;
		return false;
	}

	void set_msr(uint32_t msr, uint64_t value)
	{
		for (unsigned i = 0; i < s->msrs_n; i++)
			if (s->msr[i].index == msr)
				s->msr[i].value = value;
	}
};
} // namespace

TEST_F(State, TraitsAreWhatLinuxNeeds)
{
	for (uint32_t msr : {0x174u, 0x175u, 0x176u, 0x277u, 0xc0000081u, 0xc0000082u, 0xc0000084u, 0xc0000102u})
		EXPECT_TRUE(has(msr)) << std::hex << msr;
	for (uint32_t msr : {0x10u, 0x1bu, 0x3bu, 0x6e0u}) // time and the APIC are not KVM's
		EXPECT_FALSE(has(msr)) << std::hex << msr;
	for (unsigned i = 1; i < traits.msrs_n; i++)
		EXPECT_LT(traits.msr[i - 1], traits.msr[i]);
	EXPECT_GE(traits.xsave_bytes, 4096u);
}

TEST_F(State, ComesOutOfAnotherVcpuAsItWentIn)
{
	ASSERT_EQ(0, get(0, s.get())) << why;
	for (unsigned i = 0; i < 16; i++)
		s->gpr[i] = 0x0101010101010101ull * (i + 1);
	s->gpr[16] = 0x1000;
	s->gpr[17] = 0x246;
	s->cr2 = 0xdeadb000;
	s->cr3 = 0x5000;
	s->seg[3].base = 0x12345678; // fs
	s->db[0] = 0x1234;
	s->dr7 = 0x401;
	s->interrupt_injected = 1;
	s->interrupt_nr = 0x55;
	s->nmi_masked = 1;
	if (s->xsave_n) {
		s->xsave[160] = 0xa5; // xmm0
		s->xsave[512] = 3;    // x87 and SSE are there
	}
	set_msr(0xc0000082, 0xffffffff81800000ull);
	set_msr(0xc0000102, 0xffff888000000000ull);
	set_msr(0x176, 0xffffffff81801000ull);
	set_msr(0x277, 0x0007040600070406ull);
	auto in = bytes(s.get());
	fields f = fields_reader(in.data(), in.size());
	hv_state_fields(&f, t.get());
	ASSERT_FALSE(f.bad);
	ASSERT_EQ(0u, f.left);
	ASSERT_EQ(0, hv_state_set(&v[1], t.get(), why, sizeof(why))) << why;
	memset(t.get(), 0, sizeof(*t));
	ASSERT_EQ(0, get(1, t.get())) << why;
	EXPECT_EQ(0, memcmp(s->gpr, t->gpr, sizeof(s->gpr)));
	EXPECT_EQ(s->cr2, t->cr2);
	EXPECT_EQ(s->cr3, t->cr3);
	EXPECT_EQ(s->efer, t->efer);
	EXPECT_EQ(s->seg[3].base, t->seg[3].base);
	EXPECT_EQ(s->db[0], t->db[0]);
	EXPECT_EQ(s->dr7, t->dr7);
	EXPECT_EQ(1, t->interrupt_injected);
	EXPECT_EQ(0x55, t->interrupt_nr);
	EXPECT_EQ(1, t->nmi_masked);
	EXPECT_EQ(s->xcrs_n, t->xcrs_n);
	EXPECT_EQ(s->xcr[0].value, t->xcr[0].value);
	if (s->xsave_n) {
		EXPECT_EQ(0xa5, t->xsave[160]);
	}
	ASSERT_EQ(s->msrs_n, t->msrs_n);
	for (unsigned i = 0; i < s->msrs_n; i++)
		EXPECT_EQ(s->msr[i].value, t->msr[i].value) << std::hex << s->msr[i].index;
}

TEST_F(State, WhatKvmRefusesIsNamed)
{
	ASSERT_EQ(0, get(0, s.get())) << why;
	s->msrs_n = 1;
	s->msr[0] = {0x12345, 1}; // there is no such MSR
	EXPECT_NE(0, hv_state_set(&v[1], s.get(), why, sizeof(why)));
	EXPECT_NE(nullptr, strstr(why, "0x12345")) << why;
	ASSERT_EQ(0, get(0, s.get())) << why;
	s->cr4 = ~0ull;
	EXPECT_NE(0, hv_state_set(&v[1], s.get(), why, sizeof(why)));
	EXPECT_NE(nullptr, strstr(why, "special registers")) << why;
}
