// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstring>

extern "C" {
#include "vmm/chip/lapic.h"
#include "vmm/hv/cpuid.h"
}

namespace
{
void put(cpuid_table &t, uint32_t f, uint32_t a, uint32_t b, uint32_t c, uint32_t d, int index = -1)
{
	cpuid_entry e = {};
	e.function = f;
	e.index = index < 0 ? 0 : (uint32_t)index;
	e.indexed = index >= 0;
	e.eax = a, e.ebx = b, e.ecx = c, e.edx = d;
	t.e[t.n++] = e;
}

void vendor(cpuid_table &t, const char *name)
{
	uint32_t b, d, c;
	memcpy(&b, name, 4);
	memcpy(&d, name + 4, 4);
	memcpy(&c, name + 8, 4);
	put(t, 0, 0x20, b, c, d);
}

/* Every feature bit on, as a bound: what must be hidden is hidden from this too. */
cpuid_table amd_like()
{
	cpuid_table t = {};
	vendor(t, "AuthenticAMD");
	put(t, 1, 0x00000f61, ~0u, ~0u, ~0u); // family 0xf
	put(t, 5, 1, 1, 1, 1);
	put(t, 6, ~0u, ~0u, ~0u, ~0u);
	put(t, 7, 2, ~0u, ~0u, ~0u, 0);
	put(t, 7, ~0u, ~0u, ~0u, ~0u, 1);
	put(t, 0xa, ~0u, ~0u, ~0u, ~0u);
	put(t, 0xb, 7, 7, 7, 7, 0);
	put(t, 0xd, ~0u, 0x240, 0xa88, 0, 0);
	put(t, 0xd, 0xf, 0, ~0u, 0, 1);
	put(t, 0xd, 0x100, 0x240, 0, 0, 2);
	put(t, 0xd, 8, 0xa80, 0, 0, 9); // PKRU
	put(t, 0x80000000, 0x80000026, 0, 0, 0);
	put(t, 0x80000001, 0x00000f61, 0, ~0u, ~0u);
	put(t, 0x80000007, ~0u, ~0u, ~0u, ~0u);
	put(t, 0x80000008, 0x303028, ~0u, ~0u, 0);
	put(t, 0x8000000a, ~0u, ~0u, ~0u, ~0u);
	put(t, 0x8000001d, 0x121, 0, 0, 0, 0);
	put(t, 0x8000001d, 0x163, 0, 0, 0, 3);
	put(t, 0x8000001e, 9, 9, 9, 9);
	put(t, 0x8000001f, ~0u, ~0u, ~0u, ~0u);
	put(t, 0x80000026, 1, 1, 1, 1, 0);
	return t;
}

cpuid_table intel_like(uint32_t signature)
{
	cpuid_table t = {};
	vendor(t, "GenuineIntel");
	put(t, 1, signature, 0, ~0u, ~0u);
	put(t, 4, 0xfc004121, 1, 2, 3, 0);
	put(t, 4, 0xfc1fc163, 1, 2, 3, 3);
	put(t, 0x1f, 7, 7, 7, 7, 0);
	put(t, 0x80000000, 0x80000008, 0, 0, 0);
	put(t, 0x80000001, 0, 0, 0x121, 0x2c100800);
	put(t, 0x80000008, 0x3039, 0, 0, 0);
	return t;
}

cpuid_topology topology(uint32_t apic_id = 5, unsigned bits = 2, uint32_t vcpus = 3)
{
	cpuid_topology t = {};
	t.apic_id = apic_id;
	t.apic_bits = bits;
	t.package_vcpus = vcpus;
	t.guest_tsc_khz = 2600000;
	return t;
}

cpuid_table policy(const cpuid_table &in, const cpuid_topology &t)
{
	cpuid_table out;
	cpuid_policy(&in, &t, &out);
	return out;
}

cpuid_entry leaf(const cpuid_table &t, uint32_t f, uint32_t index = 0)
{
	const cpuid_entry *e = cpuid_find(&t, f, index);
	return e ? *e : cpuid_entry{};
}

bool bit(uint32_t v, unsigned n)
{
	return v >> n & 1;
}
} // namespace

TEST(Cpuid, OldAmdFamilyBecomesASaneOne)
{
	auto out = policy(amd_like(), topology());
	EXPECT_EQ(0x00a00f11u, leaf(out, 1).eax);
	EXPECT_EQ(0x00a00f11u, leaf(out, 0x80000001).eax);
	EXPECT_EQ(0x68747541u, leaf(out, 0).ebx); // the vendor stays
}

TEST(Cpuid, ModernFamiliesStay)
{
	EXPECT_EQ(0x000806f8u, leaf(policy(intel_like(0x806f8), topology()), 1).eax);
	EXPECT_EQ(0x00050654u, leaf(policy(intel_like(0x000206a7), topology()), 1).eax); // Sandy Bridge
}

TEST(Cpuid, HiddenFeatures)
{
	auto out = policy(amd_like(), topology());
	for (unsigned b : {2, 3, 5, 6, 15, 18, 27})
		EXPECT_FALSE(bit(leaf(out, 1).ecx, b)) << "leaf 1 ecx " << b;
	EXPECT_FALSE(bit(leaf(out, 7).ecx, 16)) << "la57";
	EXPECT_FALSE(bit(leaf(out, 7).ecx, 3)) << "pku";
	EXPECT_FALSE(bit(leaf(out, 0x80000001).ecx, 2)) << "svm";
	EXPECT_FALSE(bit(leaf(out, 0x80000001).ecx, 29)) << "mwaitx";
	for (uint32_t f : {5u, 0xau, 0x8000000au, 0x8000001fu, 0x80000026u})
		EXPECT_EQ(nullptr, cpuid_find(&out, f, 0)) << std::hex << f;
	EXPECT_EQ(nullptr, cpuid_find(&out, 0xd, 9)); // PKRU state
	EXPECT_EQ(0u, leaf(out, 0xd).eax & 0x60a18);
	EXPECT_LE(leaf(out, 0x80000000).eax, 0x80000021u);
}

TEST(Cpuid, NeededFeatures)
{
	for (auto in : {amd_like(), intel_like(0x806f8), cpuid_table{}}) {
		auto out = policy(in, topology());
		EXPECT_TRUE(bit(leaf(out, 1).ecx, 21)) << "x2APIC";
		EXPECT_TRUE(bit(leaf(out, 1).ecx, 31)) << "hypervisor";
		EXPECT_TRUE(bit(leaf(out, 1).edx, 9)) << "APIC";
		EXPECT_EQ(0x100u, leaf(out, 0x80000007).edx) << "invariant TSC";
	}
	auto out = policy(amd_like(), topology());
	EXPECT_TRUE(bit(leaf(out, 0x80000001).edx, 26)) << "1 GiB pages";
	EXPECT_TRUE(bit(leaf(out, 0x80000001).edx, 20)) << "NX";
	EXPECT_TRUE(bit(leaf(out, 6).eax, 2)) << "ARAT";
}

TEST(Cpuid, HypervisorLeavesOfferNothingThatIsWrittenAgainAndAgain)
{
	auto out = policy(amd_like(), topology());
	auto e = leaf(out, 0x40000000);
	EXPECT_EQ(0x4b4d564bu, e.ebx);
	EXPECT_EQ(0x564b4d56u, e.ecx);
	EXPECT_EQ(0x4du, e.edx);
	uint32_t features = leaf(out, 0x40000001).eax;
	EXPECT_EQ(1u << 1 | 1u << 3 | 1u << 15 | 1u << 24, features);
	EXPECT_EQ(2600000u, leaf(out, 0x40000010).eax);
}

TEST(Cpuid, TopologyByHost)
{
	auto out = policy(amd_like(), topology(5, 2, 3));
	EXPECT_EQ(5u, leaf(out, 1).ebx >> 24);
	EXPECT_EQ(4u, leaf(out, 1).ebx >> 16 & 255);
	EXPECT_EQ(5u, leaf(out, 0xb, 0).edx);
	EXPECT_EQ(0u, leaf(out, 0xb, 0).eax);
	EXPECT_EQ(2u, leaf(out, 0xb, 1).eax);
	EXPECT_EQ(3u, leaf(out, 0xb, 1).ebx);
	EXPECT_EQ(0u, leaf(out, 0xb, 2).ebx);
	EXPECT_EQ(5u, leaf(out, 0x8000001e).eax);
	EXPECT_EQ(1u, leaf(out, 0x8000001e).ebx);
	EXPECT_EQ(1u, leaf(out, 0x8000001e).ecx);
	EXPECT_EQ(2u | 2u << 12, leaf(out, 0x80000008).ecx);
	EXPECT_EQ(0u, leaf(out, 0x8000001d, 0).eax >> 14 & 0xfff); // L1: one vCPU
	EXPECT_EQ(3u, leaf(out, 0x8000001d, 3).eax >> 14 & 0xfff); // L3: the package
}

TEST(Cpuid, IntelCachesAndTopology)
{
	auto out = policy(intel_like(0x806f8), topology(1, 1, 2));
	EXPECT_EQ(1u, leaf(out, 4, 0).eax >> 26);
	EXPECT_EQ(0u, leaf(out, 4, 0).eax >> 14 & 0xfff);
	EXPECT_EQ(1u, leaf(out, 4, 3).eax >> 14 & 0xfff);
	EXPECT_EQ(nullptr, cpuid_find(&out, 0x1f, 0));
	EXPECT_EQ(nullptr, cpuid_find(&out, 0x8000001e, 0));
}

/* What Linux takes for the TSC's frequency: it multiplies in 32 bits. 0: there is no leaf. */
uint32_t linux_khz(uint32_t tsc_khz)
{
	auto t = topology();
	t.guest_tsc_khz = tsc_khz;
	auto out = policy(intel_like(0x806f8), t);
	auto e = leaf(out, 0x15);
	if (!e.eax)
		return 0;
	EXPECT_NEAR(LAPIC_BUS_HZ, e.ecx, LAPIC_BUS_HZ / 5000) << "Linux takes the crystal for the APIC timer's clock";
	EXPECT_EQ(LAPIC_BUS_HZ / 1000, leaf(out, 0x40000010).ebx);
	return e.ecx / 1000 * e.ebx / e.eax;
}

TEST(Cpuid, TscLeafSaysTheFrequencyByACrystalNearTheApicTimersClock)
{
	for (uint32_t khz : {1000000u, 2600000u, 2599000u, 3417500u, 26000000u, 260000000u})
		EXPECT_EQ(khz, linux_khz(khz));
	for (uint32_t khz = 1000000; khz < 4000000; khz += 997)
		ASSERT_NEAR(khz, linux_khz(khz), 3) << khz; // the crystal is whole kHz
	for (uint32_t khz : {25989584u, 259886592u})        // dilated
		EXPECT_NEAR(khz, linux_khz(khz), khz / 1000000) << khz;
	EXPECT_EQ(0u, linux_khz(0));
	EXPECT_EQ(0u, linux_khz(UINT32_MAX)) << "beyond Linux's 32 bits";
}

TEST(Cpuid, NoDeadlineTimer)
{
	for (auto in : {amd_like(), intel_like(0x806f8), cpuid_table{}})
		EXPECT_FALSE(bit(leaf(policy(in, topology()), 1).ecx, 24)) << "KVM loses its writes";
}

TEST(Cpuid, TellsAmdByItsVendor)
{
	cpuid_table hygon = {}, other = {}, none = {};
	auto amd = amd_like(), intel = intel_like(0x806f8);
	vendor(hygon, "HygonGenuine");
	vendor(other, "CentaurHauls");
	EXPECT_TRUE(cpuid_is_amd(&amd));
	EXPECT_TRUE(cpuid_is_amd(&hygon));
	for (auto *t : {&intel, &other, &none})
		EXPECT_FALSE(cpuid_is_amd(t));
}

TEST(Cpuid, WithoutXsaveNothingOfAvxIsLeft)
{
	auto t = topology();
	t.no_xsave = true;
	auto out = policy(amd_like(), t);
	for (unsigned b : {12, 26, 28, 29})
		EXPECT_FALSE(bit(leaf(out, 1).ecx, b)) << b;
	for (unsigned b : {5, 16, 31})
		EXPECT_FALSE(bit(leaf(out, 7).ebx, b)) << b;
	EXPECT_EQ(nullptr, cpuid_find(&out, 0xd, 0));
	EXPECT_TRUE(bit(leaf(out, 1).ecx, 20)) << "SSE 4.2 stays";
}

TEST(Cpuid, EmulatedKernelModeLosesCx16Only)
{
	auto t = topology();
	EXPECT_TRUE(bit(leaf(policy(amd_like(), t), 1).ecx, 13));
	t.emulated = true;
	EXPECT_FALSE(bit(leaf(policy(amd_like(), t), 1).ecx, 13));
}

TEST(Cpuid, FullTableDoesNotOverflow)
{
	cpuid_table in = {};
	while (in.n < CPUID_ENTRIES_MAX)
		put(in, 2, 0, 0, 0, 0, (int)in.n);
	auto out = policy(in, topology());
	EXPECT_EQ(CPUID_ENTRIES_MAX, out.n);
}
