// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cerrno>
#include <cstring>
#include <vector>

extern "C" {
#include "coherence/engine.h"
#include "vmm/report/from_trace.h"
}

namespace
{

constexpr uint64_t kKhz = 1000000; // a tick is a nanosecond

struct trace_record record(enum trace_kind kind, uint64_t clock, unsigned sub, uint64_t page, unsigned peer,
			   uint32_t arg)
{
	struct trace_record r = {};
	r.clock = clock;
	r.kind = (uint8_t)kind;
	r.sub = (uint8_t)sub;
	r.page = page;
	r.peer = (host_id)peer;
	r.requester = kind == TRACE_MSG_IN ? 0 : HOST_NONE;
	r.arg = arg;
	return r;
}

// A file of two hosts, opened as any file is.
std::vector<uint8_t> file_of(const std::vector<struct trace_record> &host0,
			     const std::vector<struct trace_record> &host1)
{
	struct trace t = {};
	t.hosts = 2;
	t.tsc_khz = kKhz;
	t.begin_ns = 1;
	t.end_ns = 2;
	strcpy(t.name, "web");
	t.host[0].records = host0.size();
	t.host[1].records = host1.size();
	t.host[0].vcpus = t.host[1].vcpus = 1;
	t.host[1].first_vcpu = 1;
	t.host[1].lost = 9;
	std::vector<uint8_t> bytes(trace_front_bytes(2) + (host0.size() + host1.size()) * TRACE_RECORD_BYTES);
	trace_put_front(&t, bytes.data());
	uint8_t *at = bytes.data() + trace_front_bytes(2);
	for (auto *list : {&host0, &host1})
		for (auto &r : *list) {
			trace_record_put(at, &r);
			at += TRACE_RECORD_BYTES;
		}
	return bytes;
}

int open_and_read(struct report *r, const std::vector<uint8_t> &bytes)
{
	struct trace t;
	char why[256] = "";
	EXPECT_EQ(0, trace_open(&t, bytes.data(), bytes.size(), why, sizeof(why))) << why;
	return report_from_trace(r, &t);
}

} // namespace

TEST(FromTrace, ReadsWhatTheHostsRecorded)
{
	auto bytes = file_of({record(TRACE_FAULT, 5000, REPORT_WRITE, 7, HOST_NONE, 0),
			      record(TRACE_MSG_IN, 40000, COH_MSG_GRANT, 7, 1, trace_msg_arg(COH_MSGF_DATA, COH_RW, 0)),
			      record(TRACE_WAKE, 45000, REPORT_WRITE, 7, 1, 0)},
			     {record(TRACE_MSG_IN, 1000, COH_MSG_INV, 7, 0, 0),
			      record(TRACE_MSG_IN, 2000, COH_MSG_GRANT, 8, 0, trace_msg_arg(COH_MSGF_ZERO, COH_RO, 0)),
			      record(TRACE_MSG_IN, 3000, COH_MSG_GRANT, 9, 0, trace_msg_arg(0, COH_RW, 1)),
			      record(TRACE_DROP, 4000, 0, 7, HOST_NONE, 1)});
	struct report r;
	ASSERT_EQ(0, open_and_read(&r, bytes));
	EXPECT_STREQ("web", r.name);
	EXPECT_EQ(9u, r.lost);
	EXPECT_EQ(44000u, r.end_ns - r.begin_ns);
	EXPECT_EQ(1u, r.latency[REPORT_WRITE].h.count);
	EXPECT_EQ(40000u, r.latency[REPORT_WRITE].h.sum_ns);
	EXPECT_EQ(1u, report_pair(&r, 0, 1)->latency.h.count);
	EXPECT_EQ(4096u, report_pair(&r, 0, 1)->bytes);
	EXPECT_EQ(1u, report_pair(&r, 1, 0)->zeroes);
	EXPECT_EQ(1u, report_pair(&r, 1, 0)->pages) << "a grant of rights alone moves no page";
	EXPECT_EQ(1u, report_pair(&r, 1, 0)->invalidations);
	EXPECT_EQ(3u, report_pair(&r, 1, 0)->messages);
	report_free(&r);
}

TEST(FromTrace, NothingToDraw)
{
	struct report r;
	EXPECT_EQ(-ENODATA, open_and_read(&r, file_of({}, {})));
	EXPECT_EQ(-ENODATA, open_and_read(&r, file_of({record(TRACE_MSG_IN, 1000, COH_MSG_INV, 7, 1, 0)}, {})));
}
