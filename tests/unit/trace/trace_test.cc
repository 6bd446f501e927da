// SPDX-License-Identifier: Apache-2.0
// The trace's ring, its file and its decoders.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <jansson.h>
#include <map>
#include <string>
#include <vector>

extern "C" {
#include "coherence/engine.h"
#include "vmm/trace/decode.h"
#include "vmm/trace/ring.h"
}

namespace
{

trace_record record(uint64_t clock, trace_kind kind, uint8_t sub = 0, host_id peer = HOST_NONE,
		    host_id requester = HOST_NONE, uint64_t txn = 0, uint64_t page = 0, uint32_t arg = 0)
{
	trace_record r = {};
	r.clock = clock;
	r.kind = static_cast<uint8_t>(kind);
	r.sub = sub;
	r.peer = peer;
	r.requester = requester;
	r.txn = txn;
	r.page = page;
	r.arg = arg;
	return r;
}

using Bytes = std::vector<uint8_t>;

/* Two hosts; host 0 reads a page of host 1. 1 tick is 1 us. */
struct Example {
	trace t = {};
	std::vector<trace_record> of[2];

	Example()
	{
		t.hosts = 2;
		t.tsc_khz = 1000;
		strcpy(t.name, "a \"guest\"");
		for (int h = 0; h < 2; h++) {
			t.host[h].vcpus = 1;
			t.host[h].first_vcpu = h;
			snprintf(t.host[h].address, sizeof(t.host[h].address), "127.0.0.1:%d", 7000 + h);
		}
		t.host[1].bound = 2;
		of[0] = {
			record(1000, TRACE_FAULT, 0, HOST_NONE, HOST_NONE, 0, 0x77, 0),
			record(1003, TRACE_MSG_OUT, COH_MSG_REQ_READ, 1, 0, 17, 0x77),
			record(1050, TRACE_MSG_IN, COH_MSG_GRANT, 1, 0, 17, 0x77,
			       trace_msg_arg(COH_MSGF_DATA, COH_RO, 0)),
			record(1060, TRACE_INSTALL, COH_RO, HOST_NONE, 0, 17, 0x77, 1),
			record(1061, TRACE_WAKE, 0, 1, 0, 17, 0x77, 0),
			record(1062, TRACE_MSG_OUT, COH_MSG_DONE, 1, 0, 17, 0x77),
		};
		of[1] = {
			record(1020, TRACE_MSG_IN, COH_MSG_REQ_READ, 0, 0, 17, 0x77),
			record(1025, TRACE_PROTECT, 0, HOST_NONE, 0, 17, 0x77, 1),
			record(1030, TRACE_MSG_OUT, COH_MSG_GRANT, 0, 0, 17, 0x77,
			       trace_msg_arg(COH_MSGF_DATA, COH_RO, 0)),
		};
	}
	Bytes bytes()
	{
		for (int h = 0; h < 2; h++)
			t.host[h].records = of[h].size();
		Bytes out(trace_front_bytes(2));
		trace_put_front(&t, out.data());
		for (auto &list : of)
			for (auto &r : list) {
				uint8_t b[TRACE_RECORD_BYTES];
				trace_record_put(b, &r);
				out.insert(out.end(), b, b + sizeof(b));
			}
		return out;
	}
};

std::string open_error(const Bytes &b)
{
	static trace t;
	char why[256] = "";
	return trace_open(&t, b.data(), b.size(), why, sizeof(why)) ? why : "";
}

std::string decoded(const Bytes &b, int (*how)(const trace *, FILE *))
{
	static trace t;
	char why[256], *text = nullptr;
	size_t n = 0;
	EXPECT_EQ(trace_open(&t, b.data(), b.size(), why, sizeof(why)), 0) << why;
	FILE *f = open_memstream(&text, &n);
	EXPECT_EQ(how(&t, f), 0);
	fclose(f);
	std::string out(text, n);
	free(text);
	return out;
}

TEST(TraceRecord, TheBytesOfTheFormat)
{
	trace_record r = record(0x0102030405060708, TRACE_WAKE, 2, 1, 3, 0x1112131415161718, 0x2122232425262728,
				0x31323334),
		     back;
	uint8_t b[TRACE_RECORD_BYTES];
	const uint8_t golden[TRACE_RECORD_BYTES] = {8,    7,    6,    5,    4,    3,    2,    1,    0x28, 0x27, 0x26,
						    0x25, 0x24, 0x23, 0x22, 0x21, 0x18, 0x17, 0x16, 0x15, 0x14, 0x13,
						    0x12, 0x11, 0x34, 0x33, 0x32, 0x31, 2,    2,    1,    3};
	trace_record_put(b, &r);
	EXPECT_EQ(memcmp(b, golden, sizeof(b)), 0);
	trace_record_get(&back, b);
	EXPECT_EQ(memcmp(&back, &r, sizeof(r)), 0);
}

TEST(TraceRing, KeepsTheNewestAndCountsWhatItLost)
{
	trace_ring ring = {};
	ASSERT_EQ(trace_ring_open(&ring, 300), 0);
	ASSERT_EQ(ring.size, 512u);
	for (uint64_t i = 0; i < 1000; i++)
		*trace_ring_next(&ring) = record(i, TRACE_DROP);
	EXPECT_EQ(trace_ring_count(&ring), 512u);
	EXPECT_EQ(trace_ring_lost(&ring), 488u);
	Bytes b(512 * TRACE_RECORD_BYTES);
	ASSERT_EQ(trace_ring_encode(&ring, 0, 512, b.data()), 512u);
	trace_record r;
	for (uint64_t i = 0; i < 512; i++) {
		trace_record_get(&r, b.data() + i * TRACE_RECORD_BYTES);
		ASSERT_EQ(r.clock, 488 + i);
	}
	EXPECT_EQ(trace_ring_encode(&ring, 510, 100, b.data()), 2u);
	EXPECT_EQ(trace_ring_encode(&ring, 512, 100, b.data()), 0u);
	EXPECT_EQ(trace_ring_encode(&ring, UINT64_MAX, 100, b.data()), 0u);
	trace_ring_close(&ring);
}

TEST(TraceFile, WhatIsWrittenIsRead)
{
	Example e;
	Bytes b = e.bytes();
	trace t;
	char why[256];
	ASSERT_EQ(trace_open(&t, b.data(), b.size(), why, sizeof(why)), 0) << why;
	EXPECT_EQ(t.records, 9u);
	EXPECT_STREQ(t.name, "a \"guest\"");
	EXPECT_STREQ(t.host[1].address, "127.0.0.1:7001");
	EXPECT_EQ(t.host[1].bound, 2u);
	trace_record r;
	EXPECT_EQ(trace_get(&t, 5, &r), 0);
	EXPECT_EQ(trace_get(&t, 6, &r), 1);
	EXPECT_EQ(r.clock, 1020u);
	uint64_t *order = trace_by_clock(&t), last = 0;
	for (uint64_t i = 0; i < t.records; i++) {
		trace_get(&t, order[i], &r);
		EXPECT_GE(r.clock, last);
		last = r.clock;
	}
	free(order);
}

TEST(TraceFile, EveryTruncationAndSurplusIsRefused)
{
	Bytes b = Example().bytes();
	for (size_t n = 0; n < b.size(); n++)
		ASSERT_NE(open_error(Bytes(b.begin(), b.begin() + static_cast<long>(n))), "") << n;
	b.push_back(0);
	EXPECT_NE(open_error(b), "");
}

TEST(TraceFile, WhatDoesNotFitIsRefusedByName)
{
	auto with = [](size_t at, uint8_t v) {
		Bytes b = Example().bytes();
		b[at] = v;
		return open_error(b);
	};
	const size_t rec = trace_front_bytes(2);
	EXPECT_EQ(with(48, 'x'), "");
	EXPECT_NE(with(0, 'x').find("PANDOTRC"), std::string::npos);
	EXPECT_NE(with(8, 9).find("version 9"), std::string::npos);
	EXPECT_NE(with(12, 65).find("65 hosts"), std::string::npos);
	EXPECT_NE(with(12, 0).find("0 hosts"), std::string::npos);
	EXPECT_NE(with(17, 1).find("pages of"), std::string::npos);
	EXPECT_NE(with(31, 0xff).find("kHz"), std::string::npos);
	EXPECT_NE(with(48, '\n').find("name"), std::string::npos);
	EXPECT_NE(with(TRACE_HEAD_BYTES + 32, 0x1b).find("address"), std::string::npos);
	EXPECT_NE(with(TRACE_HEAD_BYTES + 23, 0xff).find("cut off"), std::string::npos);
	EXPECT_NE(with(TRACE_HEAD_BYTES + 25, 0xff).find("vCPUs"), std::string::npos);
	EXPECT_NE(with(rec + 28, 0).find("record 0"), std::string::npos);
	EXPECT_NE(with(rec + 28, 250).find("unknown kind"), std::string::npos);
	EXPECT_NE(with(rec + 30, 2).find("a host that"), std::string::npos);
	EXPECT_NE(with(rec + 31, 2).find("requester"), std::string::npos);
	EXPECT_NE(with(rec + 29, 3).find("fault"), std::string::npos);
	EXPECT_NE(with(rec + 32 + 29, 200).find("message"), std::string::npos);
}

TEST(TraceText, OneLineAnEventInTheOrderOfTheClock)
{
	std::string s = decoded(Example().bytes(), trace_text);
	size_t fault = s.find("fault"), req = s.find("send         REQ_READ to 1, page 0x77"),
	       got = s.find("receive      REQ_READ from 0"), grant = s.find("GRANT to 0"), wake = s.find("wake ");
	ASSERT_NE(wake, std::string::npos) << s;
	EXPECT_LT(fault, req);
	EXPECT_LT(req, got);
	EXPECT_LT(got, grant);
	EXPECT_LT(grant, wake);
	EXPECT_NE(s.find("0.020000   1  receive"), std::string::npos) << s; // 20 us after the fault, on host 1
	EXPECT_NE(s.find("answered by host 1, transaction 0:17"), std::string::npos) << s;
}

TEST(TraceJson, AFaultIsASliceAndItsArrowsCrossBothHostsInOrder)
{
	std::string s = decoded(Example().bytes(), trace_json);
	json_error_t bad;
	json_t *o = json_loads(s.c_str(), 0, &bad), *v;
	ASSERT_NE(o, nullptr) << bad.text << "\n" << s;
	size_t i;
	std::vector<std::pair<double, int>> flow;
	std::string phases;
	bool fault = false;
	json_array_foreach(json_object_get(o, "traceEvents"), i, v)
	{
		std::string ph = json_string_value(json_object_get(v, "ph"));
		double ts = json_number_value(json_object_get(v, "ts"));
		const char *name = json_string_value(json_object_get(v, "name"));
		if (ph == "X" && !strcmp(name, "read fault")) {
			fault = true;
			EXPECT_EQ(ts, 0);
			EXPECT_EQ(json_number_value(json_object_get(v, "dur")), 61);
			EXPECT_EQ(json_integer_value(json_object_get(v, "tid")), 100);
		}
		if (ph == "s" || ph == "t" || ph == "f") {
			phases += ph;
			flow.push_back({ts, static_cast<int>(json_integer_value(json_object_get(v, "pid")))});
		}
	}
	EXPECT_TRUE(fault);
	EXPECT_EQ(phases, "sttttf"); // fault, send, receive, send, receive, woken
	ASSERT_EQ(flow.size(), 6u);
	const int pids[] = {1, 1, 2, 2, 1, 1};
	for (size_t k = 0; k < flow.size(); k++) {
		EXPECT_EQ(flow[k].second, pids[k]) << k;
		EXPECT_TRUE(k == 0 || flow[k].first > flow[k - 1].first) << k;
	}
	json_decref(o);
}

TEST(TraceJson, SlicesOfOneTrackNeverOverlap)
{
	Example e;
	for (uint64_t i = 0; i < 200; i++) // many within one tick
		e.of[1].push_back(record(1100 + i / 20, i % 3 ? TRACE_DROP : TRACE_HOLD));
	json_t *o = json_loads(decoded(e.bytes(), trace_json).c_str(), 0, nullptr), *v;
	std::map<std::pair<int, int>, double> end;
	size_t i;
	ASSERT_NE(o, nullptr);
	json_array_foreach(json_object_get(o, "traceEvents"), i, v)
	{
		if (strcmp(json_string_value(json_object_get(v, "ph")), "X"))
			continue;
		auto track = std::make_pair(static_cast<int>(json_integer_value(json_object_get(v, "pid"))),
					    static_cast<int>(json_integer_value(json_object_get(v, "tid"))));
		double ts = json_number_value(json_object_get(v, "ts"));
		EXPECT_GE(ts, end[track] - 1e-6);
		end[track] = ts + json_number_value(json_object_get(v, "dur"));
	}
	json_decref(o);
}

TEST(TraceJson, AnEmptyTraceIsJsonToo)
{
	Example e;
	e.of[0].clear();
	e.of[1].clear();
	json_t *o = json_loads(decoded(e.bytes(), trace_json).c_str(), 0, nullptr);
	EXPECT_NE(o, nullptr);
	json_decref(o);
}

TEST(Describe, QuestionsSayWhatTheyAreAbout)
{
	trace_record r = {};
	char text[256];

	r.kind = TRACE_MSG_OUT;
	r.sub = COH_MSG_CHASE;
	r.page = 0x77;
	r.txn = 5;
	r.peer = 1;
	r.requester = 2;
	r.arg = trace_msg_arg(0, COH_TOLD_GRANT, 1);
	trace_describe(&r, text, sizeof(text));
	EXPECT_STREQ("CHASE to 1, page 0x77, word grant, 1 acknowledgements due, transaction 2:5", text);
	r.sub = COH_MSG_TOLD;
	r.arg = trace_msg_arg(0, COH_TOLD_WAITS, 0);
	trace_describe(&r, text, sizeof(text));
	EXPECT_STREQ("TOLD to 1, page 0x77, word waits, transaction 2:5", text);
}

} // namespace
