// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cerrno>

extern "C" {
#include "vmm/run/tracer.h"
}

namespace
{

TEST(Tracer, RingsThatCannotBeAreRefused)
{
	struct tracer *t = tracer_create(nullptr, nullptr);

	for (uint64_t records : {~0ull, 1ull << 62, TRACER_RECORDS_MAX + 1ull, TRACER_RECORDS_MIN - 1ull})
		EXPECT_EQ(tracer_start(t, 1, records, nullptr, nullptr), -ERANGE) << records;
	tracer_destroy(t);
}

} // namespace
