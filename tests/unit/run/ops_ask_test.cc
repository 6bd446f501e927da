// SPDX-License-Identifier: Apache-2.0
// Operations of one step.
#include "tests/unit/run/acted_hosts.h"

namespace
{

struct Ask : Verbs {
};

TEST_F(Ask, RegistersOfAVcpuThatNoHostTellsAreAnError)
{
	ops_started(v);
	hosts[1].lacks = true;
	for (int vcpu : {OPS_ALL_VCPUS, 1, 0}) {
		static std::string error;
		error.clear();
		ASSERT_EQ(0, ops_registers(
				     v, vcpu,
				     [](void *, const json_t *all, const char *e) {
					     EXPECT_EQ(!e, !!all);
					     error = e ? e : "";
				     },
				     nullptr));
		turns();
		EXPECT_EQ(vcpu ? "the hosts did not tell the registers of every vCPU" : "", error) << vcpu;
	}
}

TEST_F(Ask, CommandsThatNeedNoTurn)
{
	ops_started(v);
	EXPECT_EQ(0, call([&] { return ops_nmi(v, Done, this); }));
	turns();
	EXPECT_EQ(0, call([&] { return ops_powerdown(v, Done, this); }));
	turns();
	EXPECT_EQ((Said{"done", "POWERDOWN", "done"}), said);
	EXPECT_EQ((Said{"nmi{}"}), hosts[1].verbs);
	EXPECT_EQ((Said{"nmi{}", "powerdown{}"}), hosts[0].verbs);
	EXPECT_EQ(-EINVAL, ops_registers(v, 2, nullptr, this));
	static std::string text;
	ASSERT_EQ(0, ops_registers(
			     v, OPS_ALL_VCPUS,
			     [](void *, const json_t *all, const char *) {
				     char *s = json_dumps(all, JSON_COMPACT);
				     text = s;
				     free(s);
			     },
			     nullptr));
	turns();
	EXPECT_NE(std::string::npos, text.find("[{\"vcpu\":0,\"rip\":66},{\"vcpu\":1,\"rip\":67}]")) << text;
}

TEST_F(Ask, ThePowerButtonHasADeadlineToo)
{
	ops_started(v);
	hosts[0].mute = "powerdown";
	ASSERT_EQ(0, ops_powerdown(v, Done, this));
	turns();
	fake_clock_forward_ms(10001);
	turns();
	EXPECT_EQ((Said{"error: powerdown: host 0 at 10.0.0.1:4000: no answer to 'powerdown' within 10 s"}), said);
}

/* ---- any verb, of all hosts ---- */

TEST_F(Ask, AVerbThatIsAnOperationByItself)
{
	static std::string text;
	auto ask = [&](enum op_class cls) {
		text.clear();
		ASSERT_EQ(0, ops_ask_all(
				     v, VERB_CLOCK, json_pack("{s:i}", "x", 1), cls,
				     [](void *, const json_t *all, const char *error) {
					     char *s = json_dumps(all, JSON_COMPACT);
					     text = error ? error : s;
					     free(s);
				     },
				     nullptr));
		turns();
	};

	EXPECT_EQ(-ESHUTDOWN, ops_ask_all(v, VERB_CLOCK, json_object(), OP_FREE, nullptr, nullptr));
	ops_started(v);
	hosts[0].clock = 7, hosts[1].clock = 8;
	ask(OP_STILL);
	EXPECT_EQ(0u, text.find("[{\"host\":0,\"address\":\"10.0.0.1:4000\",\"clock\":7,")) << text;
	EXPECT_NE(std::string::npos, text.find("{\"host\":1,\"address\":\"10.0.0.2:4000\",\"clock\":8,")) << text;
	EXPECT_EQ((Said{"clock{\"x\":1}"}), hosts[1].verbs);
	hosts[1].refuse = "clock";
	ask(OP_FREE);
	EXPECT_EQ("host 1: it will not", text);
	hosts[1].refuse.clear();
	hosts[0].mute = "clock";
	ask(OP_FREE);
	answer(hosts[0], hosts[0].kept, CALL_JSON, "[1]");
	turns();
	EXPECT_EQ("host 0 answered 'clock' with something that is no object", text);
}

} // namespace
