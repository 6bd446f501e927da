// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <memory>
#include <thread>

extern "C" {
#include "vmm/span/outbox.h"
}

namespace
{

msg Numbered(uint64_t n)
{
	msg m = {};
	m.kind = MSG_PING;
	m.u.ping.t_sent = n;
	return m;
}

TEST(Outbox, KeepsOrder)
{
	auto o = std::make_unique<outbox>();
	outbox_entry e;
	outbox_init(o.get());
	EXPECT_FALSE(outbox_take(o.get(), &e));
	for (uint64_t i = 0; i < 10; i++) {
		msg m = Numbered(i);
		EXPECT_TRUE(outbox_put(o.get(), (host_id)(i % 3), &m));
	}
	for (uint64_t i = 0; i < 10; i++) {
		ASSERT_TRUE(outbox_take(o.get(), &e));
		EXPECT_EQ(e.to, i % 3);
		EXPECT_EQ(e.msg.u.ping.t_sent, i);
	}
	EXPECT_FALSE(outbox_take(o.get(), &e));
}

TEST(Outbox, CarriesACopyOfTheBlob)
{
	auto o = std::make_unique<outbox>();
	uint8_t blob[] = {1, 2, 3};
	outbox_entry e;
	msg m = Numbered(7);
	outbox_init(o.get());
	m.blob = blob;
	m.blob_bytes = sizeof(blob);
	ASSERT_TRUE(outbox_put(o.get(), 1, &m));
	blob[1] = 9;
	ASSERT_TRUE(outbox_take(o.get(), &e));
	ASSERT_EQ(3u, e.msg.blob_bytes);
	EXPECT_EQ(2, e.msg.blob[1]);
	outbox_free(&e);
	outbox_close(o.get());
	EXPECT_FALSE(outbox_put(o.get(), 1, &m)); // nothing is left behind
	EXPECT_FALSE(outbox_take(o.get(), &e));
}

TEST(Outbox, FullMakesTheSenderWaitAndLosesNothing)
{
	auto o = std::make_unique<outbox>();
	constexpr uint64_t kCount = 3 * OUTBOX_MAX;
	outbox_entry e;
	outbox_init(o.get());
	std::thread sender([&] {
		for (uint64_t i = 0; i < kCount; i++) {
			msg m = Numbered(i);
			ASSERT_TRUE(outbox_put(o.get(), 0, &m));
		}
	});
	for (uint64_t i = 0; i < kCount;) {
		if (outbox_take(o.get(), &e))
			ASSERT_EQ(e.msg.u.ping.t_sent, i++);
		else
			std::this_thread::yield();
	}
	sender.join();
}

TEST(Outbox, CloseFreesAWaitingSender)
{
	auto o = std::make_unique<outbox>();
	outbox_init(o.get());
	bool last = true;
	std::thread sender([&] {
		for (uint64_t i = 0; i <= OUTBOX_MAX; i++) {
			msg m = Numbered(i);
			last = outbox_put(o.get(), 0, &m);
		}
	});
	outbox_close(o.get());
	sender.join();
	EXPECT_FALSE(last);
}

} // namespace
