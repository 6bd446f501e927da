// SPDX-License-Identifier: Apache-2.0
// Traces of all hosts, against hosts that are only acted.
#include <cerrno>
#include <unistd.h>

#include "tests/unit/run/acted_hosts.h"

extern "C" {
#include "vmm/run/tracer.h"
#include "vmm/trace/record.h"
}

namespace
{

struct Tracer : Verbs {
	struct tracer *t = nullptr;
	std::string path = testing::TempDir() + "pando-trace-" + std::to_string(getpid());

	void SetUp() override
	{
		Verbs::SetUp();
		t = tracer_create(v);
		ASSERT_TRUE(t);
	}
	void TearDown() override
	{
		Verbs::TearDown();
		tracer_destroy(t);
		unlink(path.c_str());
	}
	int start()
	{
		return call([&] { return tracer_start(t, 3, 0, Done, this); });
	}
	int save()
	{
		return call([&] { return tracer_save(t, 3, path.c_str(), Done, this); });
	}
	// Host h answers the verb it was mute to.
	void say(unsigned h, unsigned form, const std::string &text)
	{
		answer(hosts[h], hosts[h].kept, form, text);
		turns();
	}
};

TEST_F(Tracer, RingsThatCannotBeAreRefused)
{
	for (uint64_t records : {~0ull, 1ull << 62, TRACER_RECORDS_MAX + 1ull, TRACER_RECORDS_MIN - 1ull})
		EXPECT_EQ(tracer_start(t, 1, records, nullptr, nullptr), -ERANGE) << records;
}

TEST_F(Tracer, CommandsWaitForEachOtherAndForNothingElse)
{
	ops_started(v);
	hosts[1].mute = "pause";
	stop();
	turns();
	ASSERT_EQ(0, start());
	ASSERT_EQ(0, save());
	turns();
	EXPECT_EQ((Said{"done", "done"}), said); // beside a stop that is under way
	EXPECT_EQ("trace-start{\"records\":0}", hosts[0].verbs[1]);
	EXPECT_EQ("trace-stop{}", hosts[0].verbs[2]);
	EXPECT_EQ(0, access(path.c_str(), F_OK));
}

TEST_F(Tracer, RecordsBeforeTheStartAndAfterTheEnd)
{
	ASSERT_EQ(0, start());
	turns();
	EXPECT_EQ((Said{"done"}), said);
	ops_started(v);
	ops_over(v, OPS_POWEROFF);
	ASSERT_EQ(0, save());
	turns();
	EXPECT_EQ((Said{"done", "SHUTDOWN", "done"}), said);
	EXPECT_EQ(0, access(path.c_str(), F_OK));
}

TEST_F(Tracer, AHostThatSaysNothingIsNamedAndTheNextCommandHasItsTurn)
{
	std::string who = "error: trace stop: host 1 at 10.0.0.2:4000: no answer to ";

	hosts[1].mute = "trace-stop";
	ASSERT_EQ(0, save());
	ASSERT_EQ(0, start());
	turns();
	fake_clock_forward_ms(10001);
	turns();
	EXPECT_EQ((Said{who + "'trace-stop' within 10 s", "done"}), said);
	EXPECT_NE(0, access(path.c_str(), F_OK));
	said.clear();
	ASSERT_EQ(0, save());
	turns();
	say(1, CALL_JSON, "{\"records\":5,\"tsc_khz\":1000}");
	EXPECT_EQ("trace-read{\"first\":0}", hosts[1].verbs.back());
	/* the acted host answers with JSON where bytes are due */
	EXPECT_EQ((Said{"error: host 1 answered with something that is no piece of a trace"}), said);
	said.clear();
	ASSERT_EQ(0, save());
	turns();
	uint64_t stop_call = hosts[1].kept;
	hosts[1].mute = "trace-read";
	answer(hosts[1], stop_call, CALL_JSON, "{\"records\":5,\"tsc_khz\":1000}");
	turns();
	fake_clock_forward_ms(10001);
	turns();
	EXPECT_EQ((Said{who + "'trace-read' within 10 s"}), said);
	EXPECT_NE(0, access(path.c_str(), F_OK));
}

// Each piece in time, and all of them never: a host that gives a record every nine seconds.
TEST_F(Tracer, FetchingThatNeverEndsIsGivenUp)
{
	hosts[1].mute = "trace-stop";
	ASSERT_EQ(0, save());
	turns();
	uint64_t stop_call = hosts[1].kept;
	hosts[1].mute = "trace-read";
	answer(hosts[1], stop_call, CALL_JSON, "{\"records\":1000,\"tsc_khz\":1000}");
	turns();
	unsigned pieces = 0;
	for (; pieces < 100 && said.empty(); pieces++) {
		fake_clock_forward_ms(9000);
		say(1, CALL_BYTES, std::string(TRACE_RECORD_BYTES, 0));
	}
	EXPECT_LT(pieces, 9u);
	ASSERT_EQ(1u, said.size());
	EXPECT_EQ(0u, said[0].find("error: trace stop: ")) << said[0];
	EXPECT_NE(0, access(path.c_str(), F_OK));
}

} // namespace
