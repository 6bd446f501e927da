// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstring>
#include <sys/mman.h>

extern "C" {
#include "vmm/mem/uffd.h"
}

namespace
{

TEST(Uffd, FeaturesAreNamedOnceWithTheKernelThatBroughtThem)
{
	uint64_t seen = 0;

	for (unsigned i = 0; i < uffd_features_n; i++) {
		EXPECT_EQ(seen & uffd_features[i].bit, 0u);
		EXPECT_EQ(__builtin_popcountll(uffd_features[i].bit), 1);
		seen |= uffd_features[i].bit;
		EXPECT_TRUE(*uffd_features[i].name && *uffd_features[i].since && *uffd_features[i].without);
	}
}

/* What the probe says is what opening finds. */
TEST(Uffd, TheProbeAgreesWithOpening)
{
	struct ram ram = {};
	struct uffd u;
	uint64_t features = 0, needed = 0;
	char why[256] = "";
	int probed = uffd_probe(&features);

	for (unsigned i = 0; i < uffd_features_n; i++)
		needed |= uffd_features[i].needed ? uffd_features[i].bit : 0;
	ASSERT_EQ(ram_map(&ram, 2 << 20), 0);
	int opened = uffd_open(&u, &ram, why, sizeof(why));
	EXPECT_EQ(opened == 0, probed == 0 && (features & needed) == needed) << why;
	if (opened == 0)
		uffd_close(&u);
	ram_unmap(&ram);
}

} // namespace
