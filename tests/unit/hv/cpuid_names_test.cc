// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstring>
#include <string>

extern "C" {
#include "vmm/hv/cpuid_names.h"
}

namespace
{

constexpr unsigned LEAF1_EDX = 0, LEAF1_ECX = 1, LEAF7_EBX = 2;

std::string Name(unsigned word, unsigned bit)
{
	char buf[32];
	return cpuid_bit_name(word, bit, buf, sizeof(buf));
}

std::string Beyond(const uint32_t *have, const uint32_t *want, size_t cap, unsigned *n)
{
	char buf[256];
	*n = cpuid_words_beyond(have, want, ",", buf, cap);
	return buf;
}

TEST(CpuidNames, AreThoseOfLinux)
{
	EXPECT_EQ(Name(LEAF1_EDX, 0), "fpu");
	EXPECT_EQ(Name(LEAF1_EDX, 31), "pbe");
	EXPECT_EQ(Name(LEAF1_ECX, 25), "aes");
	EXPECT_EQ(Name(LEAF1_ECX, 20), "sse4_2");
	EXPECT_EQ(Name(LEAF7_EBX, 16), "avx512f");
	EXPECT_EQ(Name(LEAF7_EBX, 31), "avx512vl");
	EXPECT_EQ(Name(8, 5), "abm");
	EXPECT_EQ(Name(9, 26), "pdpe1gb");
	EXPECT_EQ(Name(11, 0), "clzero");
}

TEST(CpuidNames, ABitWithoutOneIsCalledByItsPlace)
{
	EXPECT_EQ(Name(LEAF7_EBX, 6), "0x7.0:ebx[6]"); // inside the list
	EXPECT_EQ(Name(7, 31), "0xd.1:eax[31]");       // beyond its end
}

TEST(CpuidNames, EveryBitHasSomeName)
{
	for (unsigned w = 0; w < CPUID_WORDS; w++)
		for (unsigned b = 0; b < 32; b++)
			EXPECT_FALSE(Name(w, b).empty()) << w << " " << b;
}

TEST(CpuidNames, WordsComeFromTheirLeaves)
{
	cpuid_table t = {};
	uint32_t w[CPUID_WORDS];

	t.e[t.n++] = {1, 0, false, 1, 2, 3, 4};
	t.e[t.n++] = {7, 0, true, 5, 6, 7, 8};
	t.e[t.n++] = {7, 1, true, 9, 10, 11, 12};
	cpuid_words(&t, w);
	EXPECT_EQ(w[0], 4u);
	EXPECT_EQ(w[1], 3u);
	EXPECT_EQ(w[2], 6u);
	EXPECT_EQ(w[5], 9u);
	EXPECT_EQ(w[6], 12u);
	EXPECT_EQ(w[8], 0u) << "a leaf that is not there";
}

TEST(CpuidNames, TheDifferenceIsListedAndCut)
{
	uint32_t a[CPUID_WORDS] = {}, b[CPUID_WORDS] = {};
	unsigned n;

	EXPECT_EQ(Beyond(a, b, 256, &n), "");
	EXPECT_EQ(n, 0u);
	a[LEAF1_ECX] = 1u << 25 | 1u << 20;
	a[LEAF7_EBX] = 1u << 5;
	b[LEAF1_ECX] = 1u << 20 | 1u << 30;
	EXPECT_EQ(Beyond(a, b, 256, &n), "aes,avx2");
	EXPECT_EQ(n, 2u);
	EXPECT_EQ(Beyond(b, a, 256, &n), "rdrand");
	EXPECT_EQ(Beyond(a, b, 9, &n), "aes,...");
	EXPECT_EQ(n, 2u) << "what is cut counts";
	memset(a, 0xff, sizeof(a));
	memset(b, 0, sizeof(b));
	EXPECT_LT(Beyond(a, b, 100, &n).size(), 100u);
	EXPECT_EQ(n, 32 * CPUID_WORDS);
}

} // namespace
