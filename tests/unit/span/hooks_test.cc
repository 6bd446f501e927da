// SPDX-License-Identifier: Apache-2.0
// Two spans find each other over a session; what a machine asks of the other host goes that way.
#include <future>

#include "tests/unit/span/two_spans.h"

namespace
{

struct Hooks : TwoSpans {
	void add_disks(unsigned n)
	{
		char text[256] = "";
		while (n--)
			ASSERT_LE(0, desc_add_card(&desc, CARD_BLK, 0, 0, "{\"path\":\"/disk\"}", text, sizeof(text)))
				<< text;
	}
};

TEST_F(Hooks, SpansConnectAndSayItOnce)
{
	EXPECT_TRUE(until([&] { return side[0].connected && side[1].connected; }));
	for (unsigned i = 0; i < 100; i++) // more messages of the same kind
		turn();
	EXPECT_EQ(1u, side[0].connected);
	EXPECT_EQ(1u, side[1].connected);
	EXPECT_EQ(0u, side[0].strays + side[1].strays) << "a peer is the span's alone";
}

TEST_F(Hooks, AnAccessIsAnsweredAndCancelled)
{
	machine_peer peer = span_hooks(side[1].span);
	msg_io_req req = {};

	req.space = MACHINE_SPACE_PORT, req.addr = 0x70, req.size = 1, req.vcpu = 1;
	auto io = std::async(std::launch::async, [&] { return peer.io(peer.ctx, 0, &req); });
	ASSERT_TRUE(until([&] { return io.wait_for(std::chrono::seconds(0)) == std::future_status::ready; }));
	EXPECT_EQ(0, io.get()); // there is no machine that would say anything
	span_cancel(side[1].span);
	EXPECT_EQ(-ECANCELED, peer.io(peer.ctx, 0, &req));
}

TEST_F(Hooks, InterruptsGoAndAreCounted)
{
	machine_peer peer = span_hooks(side[1].span);
	msg_irq irq = {};
	uint64_t out, in;

	peer.irq(peer.ctx, 0, &irq);
	peer.pass_on(peer.ctx, 0, &irq);
	peer.eoi(peer.ctx, 0, 3);
	ASSERT_TRUE(until([&] {
		span_irqs(side[0].span, &out, &in);
		return in == 3; // without a machine they are over when they come
	}));
	span_irqs(side[1].span, &out, &in);
	EXPECT_EQ(3u, out);
}

// An interrupt that a link loses is waited for by nobody: the next PING tells.
struct HooksPing : Hooks {
	HooksPing()
	{
		silence_ms = 5000; // the PING comes after a second
	}
};

TEST_F(HooksPing, AMessageThatGotLostIsNoticed)
{
	ASSERT_TRUE(until([&] { return side[0].connected && side[1].connected; }));
	EXPECT_EQ(0u, side[0].lost + side[1].lost);
	const_cast<link_peer_stats *>(link_stats(side[1].link, 0))->first_out++; // as if it had been sent
	ASSERT_TRUE(until([&] { return side[0].lost; }));
	EXPECT_EQ(2u, side[0].lost); // host 1, once
	EXPECT_NE(std::string::npos, side[0].why.find("lost or added messages")) << side[0].why;
}

TEST_F(Hooks, ASessionThatEndsIsALostHost)
{
	link_remove(side[1].link, 0);
	ASSERT_TRUE(until([&] { return side[0].lost; }));
	EXPECT_EQ(2u, side[0].lost); // host 1, once
	EXPECT_EQ(0u, side[0].strays);
}

/* More than a link takes at once waits, and goes in its order; words go past it. */
TEST_F(Hooks, DataThatTheLinkHasNoRoomForGoesLater)
{
	enum { kPieces = 300 }; // of 256 KiB
	struct Heard {
		uint64_t pieces = 0, words = 0, pieces_at_word = 0;
		bool in_order = true;
	} heard;
	link_handler h = {&heard,
			  [](void *x, unsigned, const msg *m) {
				  Heard *heard = (Heard *)x;
				  if (m->kind == MSG_DEV_QUEUE && !heard->words++)
					  heard->pieces_at_word = heard->pieces;
				  if (m->kind != MSG_BLK_WRITE)
					  return;
				  heard->in_order &= m->u.blk_write.id == ++heard->pieces && m->blob_bytes == 262144 &&
						     m->blob[262143] == (uint8_t)heard->pieces;
			  },
			  [](void *, unsigned, const char *) {}};
	machine_peer peer = span_hooks(side[1].span);
	std::vector<uint8_t> data(262144);
	msg m = {};

	add_disks(10); // may have 80 MiB under way
	ASSERT_EQ(0, link_set_handler(side[0].link, 1, &h));
	m.kind = MSG_BLK_WRITE;
	m.blob = data.data();
	m.blob_bytes = (uint32_t)data.size();
	for (uint64_t i = 1; i <= kPieces; i++) {
		m.u.blk_write.id = i;
		data.back() = (uint8_t)i;
		ASSERT_EQ(0, peer.card(peer.ctx, 0, &m));
	}
	span_send_outbox(side[1].span);
	EXPECT_GT(kPieces, (int)side[1].span->outbox.tail) << "others have their turn";
	while (side[1].span->outbox.tail != kPieces)
		span_send_outbox(side[1].span);
	EXPECT_NE(nullptr, side[1].span->cards_out[0].first);
	m = {};
	m.kind = MSG_DEV_QUEUE;
	ASSERT_EQ(0, peer.card(peer.ctx, 0, &m));
	EXPECT_TRUE(until([&] { return heard.pieces == kPieces && heard.words; }));
	EXPECT_TRUE(heard.in_order);
	EXPECT_LT(heard.pieces_at_word, (uint64_t)kPieces / 2);
	EXPECT_EQ(nullptr, side[1].span->cards_out[0].first);
	EXPECT_EQ(0u, side[1].span->cards_out[0].letters);
	EXPECT_EQ(0u, side[1].span->cards_out[0].bytes);
	EXPECT_EQ(0u, side[1].lost);
	data.back() = 0;
	m.kind = MSG_BLK_WRITE; // what is not sent at the end is freed
	m.blob = data.data();
	m.blob_bytes = (uint32_t)data.size();
	for (unsigned i = 0; i < kPieces; i++)
		ASSERT_EQ(0, peer.card(peer.ctx, 0, &m));
	span_send_outbox(side[1].span);
}

/* One that asks and takes no answers would have all our memory. */
TEST_F(Hooks, WhoTakesNothingOfWhatItAskedForIsCutOff)
{
	machine_peer peer = span_hooks(side[1].span);
	std::vector<uint8_t> data(262144);
	msg m = {};

	ASSERT_TRUE(until([&] { return side[0].connected && side[1].connected; }));
	add_disks(1); // may have 8 MiB under way, and the link has room for 48
	m.kind = MSG_BLK_REP;
	m.blob = data.data();
	m.blob_bytes = (uint32_t)data.size();
	for (unsigned i = 0; i < 300 && !side[1].lost; i++) {
		ASSERT_EQ(0, peer.card(peer.ctx, 0, &m));
		span_send_outbox(side[1].span); // and the other one's loop does not run
		EXPECT_GE((9u << 20), side[1].span->cards_out[0].bytes);
	}
	EXPECT_EQ(0u, side[1].lost) << "not where it was found, which may be deep in the pager";
	for (unsigned i = 0; i < 10 && !side[1].lost; i++)
		loop_run(link_loop(side[1].link), now_ns());
	ASSERT_EQ(1u, side[1].lost); // host 0, once
	EXPECT_EQ("does not take what it has asked of disks", side[1].why);
	EXPECT_EQ(0u, side[1].span->cards_out[0].bytes);
}

/* The same without data, as answers to writes are. */
TEST_F(Hooks, AnswersWithoutDataAreBoundedAsWell)
{
	machine_desc *d = &desc;

	add_disks(1);
	EXPECT_FALSE(machine_card_crowded(d, 1, 0, 65536, 8u << 20));
	EXPECT_TRUE(machine_card_crowded(d, 1, 0, 65537, 0));
	EXPECT_TRUE(machine_card_crowded(d, 1, 0, 1, (8u << 20) + 1));
	EXPECT_FALSE(machine_card_crowded(d, 0, 1, 1, 8u << 20));
}

/* The guest of a host may be over while others still ask its disks. */
TEST_F(Hooks, WithoutAMachineWhatIsSaidOfDevicesIsDropped)
{
	machine_peer peer = span_hooks(side[1].span);
	uint64_t before;
	msg m = {};

	ASSERT_TRUE(until([&] { return side[0].connected && side[1].connected; }));
	before = side[0].span->bad_msgs;
	m.kind = MSG_BLK_REP;
	ASSERT_EQ(0, peer.card(peer.ctx, 0, &m));
	ASSERT_TRUE(until([&] { return side[0].span->bad_msgs > before; }));
	EXPECT_EQ(before + 1, side[0].span->bad_msgs);
	EXPECT_EQ(0u, side[0].lost);
}

TEST_F(Hooks, WhomTheMachineBlamesIsCutOff)
{
	machine_peer peer = span_hooks(side[1].span);

	ASSERT_TRUE(until([&] { return side[0].connected && side[1].connected; }));
	std::async(std::launch::async, [&] { peer.blame(peer.ctx, 0, "did so"); }).get();
	ASSERT_TRUE(until([&] { return side[1].lost; }));
	EXPECT_EQ(1u, side[1].lost); // host 0, once
	EXPECT_EQ("did so", side[1].why);
}

} // namespace
