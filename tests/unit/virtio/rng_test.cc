// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/virtio/requests.h"

extern "C" {
#include "vmm/virtio/rng.h"
}

struct Rng : Requests {
};

TEST_F(Rng, GivesWhatFitsAndNeverMoreThanItsShare)
{
	for (uint32_t n : {0u, 1u, 4095u, 4096u, 4097u, 100000u})
		EXPECT_EQ(std::min(n, RNG_BYTES_MAX), rng_wanted(&make({}, n, 1000)));
	EXPECT_EQ(0u, rng_wanted(&make({1, 2, 3}, 0))); // nothing to fill
	EXPECT_EQ(7u, rng_wanted(&make({1, 2, 3}, 7)));
}
