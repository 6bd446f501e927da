// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>

extern "C" {
#include "net/seal/secret.h"
}

namespace
{

/* What the kernel says of the piece of memory that p is in. */
std::string flags_of(const void *p)
{
	FILE *f = fopen("/proc/self/smaps", "r");
	char line[512];
	bool in = false;
	std::string out;

	while (f && fgets(line, sizeof(line), f)) {
		unsigned long long from, to;

		if (sscanf(line, "%llx-%llx ", &from, &to) == 2)
			in = (uintptr_t)p >= from && (uintptr_t)p < to;
		else if (in && strncmp(line, "VmFlags:", 8) == 0)
			out = line;
	}
	if (f)
		fclose(f);
	return out;
}

} // namespace

TEST(Secret, IsZeroedAlignedAndKeptOutOfDumps)
{
	for (size_t n : {1, 63, 64, 65, 2048, 5000, 20000}) {
		auto *p = (uint8_t *)secret_alloc(n);

		ASSERT_NE(p, nullptr);
		EXPECT_EQ((uintptr_t)p % 64, 0u) << n;
		for (size_t i = 0; i < n; i++)
			ASSERT_EQ(p[i], 0);
		std::string flags = flags_of(p);
		EXPECT_NE(flags.find(" dd"), std::string::npos) << "not left out of core dumps: " << flags;
		memset(p, 1, n);
		secret_free(p);
	}
	secret_free(nullptr);
}
