// SPDX-License-Identifier: Apache-2.0
// What vCPUs say of the machine's end, in whatever order, is one thing to `pando run`.
#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

extern "C" {
#include "net/now.h"
#include "vmm/host/guest_priv.h"
}

namespace
{

constexpr uint32_t kEpoch = 9;

// A running guest without a machine, and the run side of its control session.
struct GuestNews : testing::Test {
	struct link *run = nullptr;
	std::unique_ptr<struct guest> g{new struct guest()};
	std::vector<std::string> events;

	std::vector<std::string> data; // of events, as JSON
	std::string said[3];           // by port
	std::vector<std::pair<unsigned, uint64_t>> credit;

	static void RunMsg(void *ctx, unsigned, const struct msg *m)
	{
		auto *t = static_cast<GuestNews *>(ctx);
		if (m->kind == MSG_CTL_CONSOLE)
			t->said[m->u.ctl_console.port % 3].append((const char *)m->blob, m->blob_bytes);
		if (m->kind == MSG_CTL_CREDIT)
			t->credit.push_back({m->u.ctl_credit.port, m->u.ctl_credit.total});
		if (m->kind != MSG_CTL_EVENT)
			return;
		std::string blob((const char *)m->blob, m->blob_bytes);
		t->events.push_back(blob.c_str());
		t->data.push_back(blob.substr(t->events.back().size() + 1));
	}
	static void HostMsg(void *, unsigned, const struct msg *)
	{
	}
	static void Down(void *, unsigned, const char *)
	{
	}
	void SetUp() override
	{
		struct link_options o = {};
		o.transport = "loop";
		o.epoch = kEpoch;
		struct link_handler rh = {this, RunMsg, Down}, hh = {g.get(), HostMsg, Down};
		ASSERT_EQ(0, link_create(&run, &o, &rh));
		ASSERT_EQ(0, link_create(&g->link, &o, &hh));
		ASSERT_EQ(0, link_join_loop(run, 0, g->link, GUEST_CONTROL));
		g->loop = link_loop(g->link);
		g->epoch = kEpoch;
		g->phase = GUEST_RUNNING;
		guest_news_init(g.get());
	}
	void TearDown() override
	{
		link_destroy(run);
		link_destroy(g->link);
	}
	void Ends(enum machine_end end, const char *text)
	{
		struct machine_event e = {};
		e.kind = MACHINE_EV_ENDED;
		e.end = end;
		e.text = text;
		guest_news_from_machine(g.get(), &e);
	}
	void Card(enum machine_event_kind kind, uint32_t card, const char *text)
	{
		struct machine_event e = {};
		e.kind = kind;
		e.card = card;
		e.text = text;
		guest_news_from_machine(g.get(), &e);
	}
	void Settle()
	{
		for (int i = 0; i < 3; i++) {
			loop_run(g->loop, now_ns());
			loop_run(link_loop(run), now_ns());
		}
	}
	std::vector<std::string> Names(std::vector<enum host_event> of)
	{
		std::vector<std::string> out;
		for (auto e : of)
			out.push_back(host_event_name(e));
		return out;
	}
};

} // namespace

// The fault: one vCPU reset the machine, another powered it off before that was told, and the power-off was lost.
TEST_F(GuestNews, ConsolesDoNotMix)
{
	std::vector<uint8_t> room(2 * GUEST_CONSOLE_MAX);
	for (unsigned port = 0; port < DESC_CONSOLES; port++)
		g->consoles[port].bytes = &room[port * GUEST_CONSOLE_MAX];
	auto console = [&](machine_event_kind kind, unsigned port, const std::string &text, uint64_t total = 0) {
		struct machine_event e = {};
		e.kind = kind;
		e.port = port;
		e.bytes = (const uint8_t *)text.data();
		e.n = text.size();
		e.total = total;
		guest_news_from_machine(g.get(), &e);
	};
	console(MACHINE_EV_CONSOLE, 0, "serial ");
	console(MACHINE_EV_CONSOLE, 1, "virtio ");
	console(MACHINE_EV_CONSOLE, 0, "again");
	console(MACHINE_EV_CONSOLE_ROOM, 1, "", 4096);
	Settle();
	EXPECT_EQ("serial again", said[0]);
	EXPECT_EQ("virtio ", said[1]);
	ASSERT_EQ(1u, credit.size()) << "of the other one nobody may type";
	EXPECT_EQ(std::make_pair(1u, (uint64_t)4096), credit[0]);
	console(MACHINE_EV_CONSOLE, 1, std::string(GUEST_CONSOLE_MAX, 'x'));
	console(MACHINE_EV_CONSOLE, 1, "lost");
	console(MACHINE_EV_CONSOLE, 0, "kept");
	EXPECT_EQ(4u, guest_console_lost(g.get()));
	Settle();
	EXPECT_EQ("serial againkept", said[0]);
}

TEST_F(GuestNews, AnEndThatFollowsAResetIsTheEnd)
{
	for (enum machine_end end : {MACHINE_POWEROFF, MACHINE_CRASH}) {
		events.clear();
		g->phase = GUEST_RUNNING;
		g->how = (enum machine_end)0;
		Ends(MACHINE_RESET, "by the keyboard controller");
		Ends(end, "over");
		Settle();
		EXPECT_EQ(Names({end == MACHINE_POWEROFF ? HOST_EV_POWEROFF : HOST_EV_CRASHED}), events);
		EXPECT_EQ(GUEST_ENDED, g->phase);
	}
}

TEST_F(GuestNews, AResetThatWasToldDoesNotHideAnEnd)
{
	Ends(MACHINE_RESET, "by the keyboard controller");
	Settle();
	EXPECT_EQ(GUEST_RUNNING, g->phase);
	Ends(MACHINE_POWEROFF, "over");
	Settle();
	EXPECT_EQ(Names({HOST_EV_RESET, HOST_EV_POWEROFF}), events);
}

TEST_F(GuestNews, AnEndStaysTheEndWhateverFollows)
{
	Ends(MACHINE_POWEROFF, "over");
	Ends(MACHINE_RESET, "by the keyboard controller");
	Ends(MACHINE_CRASH, "KVM");
	Settle();
	Ends(MACHINE_CRASH, "KVM");
	Settle();
	EXPECT_EQ(Names({HOST_EV_POWEROFF}), events);
}

// A guest can make a disk fail as often as it likes.
TEST_F(GuestNews, DevicesSpeakOnceASecond)
{
	for (int i = 0; i < 1000; i++)
		Card(MACHINE_EV_CARD_IO_ERROR, 9, i ? "read at 4096: Input/output error" : "first");
	Settle();
	EXPECT_EQ(Names({HOST_EV_DEVICE_ERROR}), events);
	EXPECT_EQ("{\"device\":9,\"text\":\"read at 4096: Input/output error\",\"count\":1000}", data[0]);
	uint64_t first = now_ns();
	events.clear(), data.clear();
	Card(MACHINE_EV_CARD_IO_ERROR, 9, "write at 0: No space left on device");
	Card(MACHINE_EV_CARD_LINK_DOWN, 10, "passt ended");
	Card(MACHINE_EV_CARD_LINK_UP, 10, "passt runs again");
	while (events.empty() && now_ns() < first + 20000000000u)
		Settle();
	Settle();
	EXPECT_GE(now_ns(), first + 900000000u);
	EXPECT_EQ(Names({HOST_EV_DEVICE_ERROR, HOST_EV_DEVICE_LINK}), events);
	EXPECT_EQ("{\"device\":9,\"text\":\"write at 0: No space left on device\",\"count\":1}", data[0]);
	EXPECT_EQ("{\"device\":10,\"up\":true,\"text\":\"passt runs again\"}", data[1]);
}

TEST_F(GuestNews, MoreDevicesThanThereCanBeHarmNobody)
{
	for (uint32_t card = 0; card < 1000; card++)
		Card(MACHINE_EV_CARD_IO_ERROR, card, "x");
	Settle();
	EXPECT_EQ((size_t)GUEST_CARDS_MAX, events.size());
}
