// SPDX-License-Identifier: Apache-2.0
// What the span layer records besides the coherence protocol: stops, and vCPUs that leave and come.
#include <gtest/gtest.h>

extern "C" {
#include "vmm/span/span_priv.h"
}

namespace
{

struct TraceMsgs : testing::Test {
	struct span *d = (struct span *)calloc(1, sizeof(struct span));

	void SetUp() override
	{
		ASSERT_EQ(0, trace_ring_open(&d->observe.trace, TRACE_RING_MIN));
		d->observe.tracing = true;
	}
	void TearDown() override
	{
		trace_ring_close(&d->observe.trace);
		free(d);
	}
	const trace_record &at(unsigned i) const
	{
		return d->observe.trace.v[i];
	}
};

TEST_F(TraceMsgs, AStopAndItsEndAreOfNoOtherHost)
{
	span_trace_paused(d, true);
	span_trace_paused(d, false);
	ASSERT_EQ(2u, trace_ring_count(&d->observe.trace));
	EXPECT_EQ(TRACE_PAUSED, at(0).kind);
	EXPECT_EQ(TRACE_RESUMED, at(1).kind);
	for (unsigned i = 0; i < 2; i++)
		EXPECT_EQ(nullptr, trace_record_error(&at(i), 2)) << i;
	EXPECT_EQ(HOST_NONE, at(0).peer);
}

TEST_F(TraceMsgs, AVcpuThatMovesNamesTheOtherHost)
{
	trace_vcpu(d, TRACE_VCPU_LEFT, 1, 7);
	trace_vcpu(d, TRACE_VCPU_CAME, 0, 5);
	ASSERT_EQ(2u, trace_ring_count(&d->observe.trace));
	EXPECT_EQ(TRACE_VCPU_LEFT, at(0).kind);
	EXPECT_EQ(1, at(0).peer);
	EXPECT_EQ(7u, at(0).arg);
	EXPECT_EQ(TRACE_VCPU_CAME, at(1).kind);
	EXPECT_EQ(0, at(1).peer);
	EXPECT_EQ(5u, at(1).arg);
	for (unsigned i = 0; i < 2; i++)
		EXPECT_EQ(nullptr, trace_record_error(&at(i), 2)) << i;
}

TEST_F(TraceMsgs, NothingIsRecordedAfterItWasStopped)
{
	span_trace_stop(d);
	span_trace_paused(d, true);
	trace_vcpu(d, TRACE_VCPU_LEFT, 1, 0);
	EXPECT_EQ(0u, trace_ring_count(&d->observe.trace));
}

} // namespace
