// SPDX-License-Identifier: Apache-2.0
// A bus as the board has it: accesses by range, messages and work as effects, queues served on the device thread.
#include "tests/unit/card/one_bus.h"

#include <atomic>
#include <chrono>
#include <thread>

namespace
{
struct Bus : OneBus {
	Bus()
	{
		add(CARD_RNG);
		EXPECT_EQ(0, make()) << why;
	}
};

TEST_F(Bus, AnsweredByPortsAndEcam)
{
	EXPECT_EQ(0x10441af4u, cfg(0, 4));
	EXPECT_EQ(0x00081b36u, access(CARD_BUS_ECAM, false, 0, 4));
	access(CARD_BUS_ADDRESS, true, 0, 4, 0x80000800);
	EXPECT_EQ(0x80000800u, access(CARD_BUS_ADDRESS, false, 0, 4));
	EXPECT_EQ(0x10441af4u, access(CARD_BUS_DATA, false, 0, 4));
	EXPECT_EQ(0x1044u, access(CARD_BUS_DATA, false, 2, 2));
	EXPECT_EQ(~0u, access(CARD_BUS_ECAM, false, 2 << 15, 4));
}

TEST_F(Bus, TheQueueIsServedOnTheDeviceThread)
{
	bring_up();
	serve();
	ask(1);
	EXPECT_EQ(DEVICE_FX_WORK, fx.flags);
	EXPECT_EQ(0u, used()); // nothing in memory yet
	serve();
	EXPECT_EQ(1u, used());
	EXPECT_EQ(32u, get_le(&memory[0x3008], 4));
	EXPECT_EQ(0x5a, memory[0x401f]);
	EXPECT_EQ(0, memory[0x4020]);
	ASSERT_EQ(1u, sent.size());
	EXPECT_EQ(0x44, sent[0].vector);
	EXPECT_EQ(3u, sent[0].dest);
	/* Masked meanwhile: the message goes with the access that unmasks it. */
	set(VIRTIO_AT_TABLE + 12, 4, 1);
	ask(2);
	serve();
	EXPECT_EQ(1u, sent.size());
	set(VIRTIO_AT_TABLE + 12, 4, 0);
	ASSERT_EQ(1u, fx.msgs_n);
	EXPECT_EQ(0x44, fx.msgs[0].vector);
}

TEST_F(Bus, AMessageForNoApicIsCounted)
{
	bring_up();
	set(VIRTIO_AT_TABLE, 8, 0x1000);
	ask(1);
	serve();
	EXPECT_EQ(0u, sent.size());
	EXPECT_EQ(1u, card_bus_lost(bus));
}

TEST_F(Bus, NumbersOfACard)
{
	bring_up();
	ask(1);
	serve();
	card_bus_each(
		bus,
		[](void *, const card *c) {
			EXPECT_EQ(CARD_RNG, c->kind);
			EXPECT_EQ(1, c->slot);
			EXPECT_EQ(1u, c->numbers.requests);
			EXPECT_EQ(32u, c->numbers.bytes_in);
			EXPECT_EQ(0u, c->numbers.under_way);
			EXPECT_EQ(0u, c->numbers.broken);
		},
		nullptr);
	put_le(&memory[0x2002], 100, 2); // more than the ring has room for
	set(VIRTIO_AT_NOTIFY, 2, 0);
	serve();
	EXPECT_EQ(79u, get(0x14, 1));
	card_bus_each(
		bus, [](void *, const card *c) { EXPECT_EQ(1u, c->numbers.broken); }, nullptr);
}

TEST_F(Bus, AResetOfTheDriverIsEndedOnTheDeviceThread)
{
	bring_up();
	serve();
	set(0x14, 1, 0);
	EXPECT_EQ(DEVICE_FX_WORK, fx.flags);
	EXPECT_EQ(15u, get(0x14, 1));
	serve();
	EXPECT_EQ(0u, get(0x14, 1));
	bring_up();
}

// From the drain to the reset nothing is begun, though the driver's last request is not looked at yet.
TEST_F(Bus, AResetOfTheMachineComesAfterADrain)
{
	bring_up();
	serve();
	ask(1);
	std::atomic<bool> done(false);
	std::thread waits([&] {
		card_bus_ops.drain(bus);
		done = true;
	});
	while (!done) { // the test is the device thread, and looks all the time
		card_bus_work(bus);
		card_bus_turn(bus);
	}
	waits.join();
	uint64_t before = used();
	put_le(&memory[0x2002], before + 1, 2);
	set(VIRTIO_AT_NOTIFY, 2, 0);
	serve();
	EXPECT_EQ(before, used());
	power_on();
	EXPECT_EQ(0u, cfg(4, 2));
	memset(&memory[0], 0, memory.size());
	bring_up();
	ask(1);
	serve();
	EXPECT_EQ(1u, used());
}

/* What is behind a card takes its time to end; the device thread serves the others meanwhile. */
TEST_F(Bus, NobodyWaitsForOneThatTakesLongToClose)
{
	static std::atomic<bool> ends, gone;
	uint32_t id = 0;

	ends = gone = false;
	card_bus_each(
		bus,
		[](void *x, const card *c) {
			*(uint32_t *)x = c->id;
			((card *)c)->rest.end = [](void *) {
				for (unsigned i = 0; i < 1000 && !ends; i++)
					std::this_thread::sleep_for(std::chrono::milliseconds(10));
			};
		},
		&id);
	ASSERT_EQ(0, card_bus_detach(
			     bus, id, [](void *) { gone = true; }, nullptr));
	serve();
	EXPECT_EQ(-ENOENT, card_bus_detach(bus, id, nullptr, nullptr)) << "the device thread has done with it";
	EXPECT_FALSE(gone);
	ends = true;
	card_bus_destroy(bus);
	bus = nullptr;
	EXPECT_TRUE(gone);
}

TEST_F(Bus, ACardThatCannotBeOpenedIsNamed)
{
	card_bus_destroy(bus);
	bus = nullptr;
	add(CARD_BLK, "{\"path\":\"/nowhere/at/all\"}");
	EXPECT_EQ(-ENOENT, make());
	EXPECT_NE(std::string::npos, std::string(why).find("virtio-blk 9 on host 0: ")) << why;
}
} // namespace
