// SPDX-License-Identifier: Apache-2.0
// A disk in a slot, on a real file: registers, rings and resets as a driver uses them.
#include "tests/unit/card/one_bus.h"

#include <fcntl.h>
#include <thread>
#include <unistd.h>

extern "C" {
#include "net/loop.h"
#include "net/now.h"
#include "vmm/block/ask.h"
#include "vmm/card/disk.h"
#include "vmm/virtio/blk.h"
}

namespace
{

struct Disk : OneBus {
	std::string path;
	uint16_t asked = 0;
	bool gone = false;

	Disk()
	{
		char name[] = "/tmp/pando-disk-XXXXXX";
		int fd = mkstemp(name);
		loop_options o = {"poll", 0};

		path = name;
		EXPECT_EQ(ftruncate(fd, 1 << 20), 0);
		close(fd);
		EXPECT_EQ(loop_create(&host.loop, &o), 0);
		host.vcpus = 3;
		host.number = 0;
	}
	~Disk() override
	{
		card_bus_destroy(bus);
		bus = nullptr;
		loop_destroy(host.loop);
		unlink(path.c_str());
	}
	int Make(const std::string &more = "")
	{
		add(CARD_BLK, ("{\"path\":\"" + path + "\"" + more + "}").c_str());
		int r = make();

		if (r)
			return r;
		woken = true; // as the machine does once
		serve();
		return 0;
	}
	/* The device thread, until cond holds. */
	template <class T> bool Until(T cond)
	{
		uint64_t end = now_ns() + 20000000000ull;

		for (serve(); !cond() && now_ns() < end; serve())
			loop_run(host.loop, now_ns() + 10000000);
		return cond();
	}
	uint64_t Config(unsigned at, unsigned n)
	{
		return get(VIRTIO_AT_CONFIG + at, n);
	}
	/* One request with three descriptors; n bytes of data at 0x8000. Returns its status. */
	void Ask(uint32_t type, uint64_t sector, uint32_t n, bool write)
	{
		unsigned d = asked % 16 * 3;

		put_le(&memory[0x7000], type, 4);
		put_le(&memory[0x7008], sector, 8);
		memory[0x7100] = 0xff;
		Desc(d, 0x7000, 16, 1, d + 1);
		Desc(d + 1, n ? 0x8000 : 0x7100, n ? n : 1, n ? (write ? 3 : 1) : 2, d + 2);
		Desc(d + 2, 0x7100, 1, 2, 0);
		put_le(&memory[0x2004 + 2 * (asked % 256)], d, 2);
		put_le(&memory[0x2002], ++asked, 2);
		set(VIRTIO_AT_NOTIFY, 2, 0);
	}
	uint8_t Do(uint32_t type, uint64_t sector, uint32_t n, bool write)
	{
		Ask(type, sector, n, write);
		EXPECT_TRUE(Until([&] { return used() == asked; }));
		return memory[0x7100];
	}
	void Desc(unsigned i, uint64_t at, uint32_t n, unsigned flags, unsigned next)
	{
		put_le(&memory[0x1000 + 16 * i], at, 8);
		put_le(&memory[0x1008 + 16 * i], n, 4);
		put_le(&memory[0x100c + 16 * i], flags, 2);
		put_le(&memory[0x100e + 16 * i], next, 2);
	}
	void Begin(uint64_t features = BLK_F_FLUSH)
	{
		asked = 0;
		memset(&memory[0], 0, 0x7000);
		bring_up(features);
	}
	card *One()
	{
		card *c = nullptr;

		card_bus_each(
			bus, [](void *x, const card *k) { *(card **)x = (card *)k; }, &c);
		return c;
	}
};

TEST_F(Disk, WhatTheDriverIsTold)
{
	ASSERT_EQ(Make(R"(,"serial":"abc")"), 0) << why;
	EXPECT_EQ(cfg(0, 4), 0x10421af4u);
	Begin();
	EXPECT_EQ(Config(0, 8), 2048u);
	EXPECT_EQ(Config(12, 4), DISK_QUEUE_SIZE - 2);
	EXPECT_EQ(Config(34, 2), 3u); // a queue for each vCPU
	EXPECT_EQ(Do(8, 0, 20, true), BLK_OK);
	EXPECT_STREQ((const char *)&memory[0x8000], "abc");
}

TEST_F(Disk, WritesFlushesAndReads)
{
	ASSERT_EQ(Make(), 0) << why;
	Begin();
	memset(&memory[0x8000], 0x6b, 0x4000);
	EXPECT_EQ(Do(1, 5, 0x4000, false), BLK_OK);
	EXPECT_EQ(Do(4, 0, 0, false), BLK_OK);
	memset(&memory[0x8000], 0, 0x4000);
	EXPECT_EQ(Do(0, 5, 0x4000, true), BLK_OK);
	EXPECT_EQ(memory[0x8000], 0x6b);
	EXPECT_EQ(memory[0xbfff], 0x6b);
	EXPECT_EQ(get_le(&memory[0x3004 + 8 * 2 + 4], 4), 0x4001u);
	EXPECT_FALSE(sent.empty());
	int fd = open(path.c_str(), O_RDONLY);
	uint8_t b = 0;

	EXPECT_EQ(pread(fd, &b, 1, 5 * 512), 1);
	EXPECT_EQ(b, 0x6b);
	close(fd);
	EXPECT_EQ(One()->numbers.bytes_out, 0x4000u);
	EXPECT_EQ(One()->numbers.errors, 0u);
	EXPECT_EQ(One()->numbers.requests, 3u);
	EXPECT_EQ(One()->numbers.writes, 1u);
	EXPECT_EQ(One()->numbers.flushes, 1u);
	EXPECT_EQ(One()->numbers.capacity, 2048u * 512);
	EXPECT_GT(One()->numbers.write_ns, 0u);
	struct block_stats s = block_stats(disk_block(One()));

	EXPECT_EQ(s.requests[BLOCK_FLUSH], 1u);
}

/* The driver's reset ends when nothing is under way, and then nothing is written any more. */
TEST_F(Disk, AResetWithRequestsUnderWay)
{
	ASSERT_EQ(Make(), 0) << why;
	for (unsigned round = 0; round < 20; round++) {
		Begin();
		for (unsigned i = 0; i < 10; i++)
			Ask(0, i * 16, 0x2000, true);
		serve(); // they are taken
		for (unsigned i = 0; i < round % 4; i++)
			loop_run(host.loop, 0);
		set(0x14, 1, 0);
		EXPECT_TRUE(Until([&] { return get(0x14, 1) == 0; }));
		memset(&memory[0], 0x5a, memory.size());
		for (unsigned i = 0; i < 5; i++) {
			loop_run(host.loop, now_ns() + 1000000);
			serve();
		}
		EXPECT_EQ(std::count(memory.begin(), memory.end(), 0x5a), (long)memory.size());
	}
	Begin();
	EXPECT_EQ(Do(0, 0, 512, true), BLK_OK);
}

/* Its queues leave while a request is under way, and are wanted again before it has ended: nobody notifies then. */
TEST_F(Disk, AQueueThatIsAwayForAMoment)
{
	ASSERT_EQ(Make(), 0) << why;
	Begin();
	Ask(0, 0, 0x2000, true);
	serve(); // it is taken
	set_cfg(4, 2, 2);
	serve();
	set_cfg(4, 2, 6);
	serve();
	ASSERT_EQ(used(), 0u);
	Ask(0, 16, 0x2000, true); // its notification comes while the queue leaves
	EXPECT_TRUE(Until([&] { return used() == 2; }));
}

/* Nobody but the request's own end is there to say that the card may be closed. */
TEST_F(Disk, OneThatLeavesIsClosedWhenItsLastRequestHasEnded)
{
	ASSERT_EQ(Make(), 0) << why;
	Begin();
	Ask(0, 0, 0x2000, true);
	serve(); // it is taken, and the loop is not run
	uint32_t id = One()->id;
	ASSERT_EQ(0, card_bus_detach(
			     bus, id, [](void *x) { *(bool *)x = true; }, &gone));
	EXPECT_EQ(-EBUSY, card_bus_detach(bus, id, nullptr, nullptr));
	serve();
	card *c = One();
	ASSERT_TRUE(c) << "one is under way in it";
	for (uint64_t end = now_ns() + 20000000000ull; c->f.s.under_way && now_ns() < end;)
		loop_run(host.loop, now_ns() + 10000000);
	EXPECT_FALSE(gone);
	card_bus_turn(bus); // as after each round of the loop
	serve();
	EXPECT_TRUE(gone);
	EXPECT_EQ(-ENOENT, card_bus_detach(bus, id, nullptr, nullptr));
	EXPECT_EQ(0u, used());
}

/* What is shown of a disk at rest is all that it has done. */
TEST_F(Disk, NumbersAreOfTheLastRequestToo)
{
	ASSERT_EQ(Make(), 0) << why;
	Begin();
	EXPECT_EQ(Do(1, 0, 0x2000, false), BLK_OK);
	EXPECT_EQ(One()->numbers.bytes_out, 0x2000u);
	EXPECT_GT(One()->numbers.write_ns, 0u);
	EXPECT_EQ(Do(0, 0, 0x1000, true), BLK_OK);
	EXPECT_EQ(One()->numbers.bytes_in, 0x1000u);
	EXPECT_EQ(Do(4, 0, 0, false), BLK_OK);
	EXPECT_GT(One()->numbers.flush_ns, 0u);
}

/* The guest's end does not wait for a disk that does not answer, nor does a reset that waits for it; then it answers.
 */
TEST_F(Disk, TheEndDuringAResetThatWaits)
{
	ASSERT_EQ(Make(), 0) << why;
	Begin();
	for (unsigned i = 0; i < 4; i++)
		Ask(0, i * 16, 0x2000, true);
	serve(); // they are taken, and the loop is not run
	std::thread reset([&] {
		card_bus_ops.drain(bus);
		power_on();
	});
	card_bus_stop(bus);
	reset.join();
	EXPECT_EQ(One()->f.s.under_way, 4u);
	EXPECT_TRUE(Until([&] { return One()->f.s.under_way == 0; }));
}

TEST_F(Disk, AnErrorIsToldOnceASecond)
{
	ASSERT_EQ(Make(), 0) << why;
	Begin();
	ASSERT_EQ(truncate(path.c_str(), 4096), 0); // behind its back
	for (unsigned i = 0; i < 5; i++)
		EXPECT_EQ(Do(0, 1024, 512, true), BLK_IOERR);
	ASSERT_GE(told.size(), 1u);
	EXPECT_LE(told.size(), 2u);
	EXPECT_NE(told[0].find("read of 512 bytes at 524288 of "), std::string::npos) << told[0];
	EXPECT_NE(told[0].find(path), std::string::npos) << told[0];
}

TEST_F(Disk, ANewSizeIsToldToTheDriver)
{
	ASSERT_EQ(Make(), 0) << why;
	Begin();
	uint64_t generation = get(0x15, 1);

	ASSERT_EQ(truncate(path.c_str(), 2 << 20), 0);
	EXPECT_EQ(Do(0, 2048, 512, true), BLK_IOERR); // it does not know yet
	EXPECT_TRUE(Until([&] { return Config(0, 8) == 4096; }));
	EXPECT_NE(get(0x15, 1), generation);
	EXPECT_EQ(Do(0, 2048, 512, true), BLK_OK);
}

TEST_F(Disk, AReadOnlyDiskRefusesWritesOnly)
{
	ASSERT_EQ(Make(R"(,"read-only":true)"), 0) << why;
	Begin();
	EXPECT_EQ(Do(1, 0, 512, false), BLK_IOERR);
	EXPECT_EQ(Do(0, 0, 512, true), BLK_OK);
	EXPECT_EQ(Do(4, 0, 0, false), BLK_OK);
	EXPECT_EQ(Do(8, 0, 20, true), BLK_OK);
}

TEST_F(Disk, WhatCannotBeOpenedIsNamed)
{
	unlink(path.c_str());
	EXPECT_EQ(Make(), -ENOENT);
	EXPECT_NE(std::string(why).find(path + ": No such file"), std::string::npos) << why;
}

/* Queue 0 is served on host 1, which is the test as well. */
struct FarDisk : Disk {
	card_far far = {};
	std::vector<card_word> words;
	unsigned answers = 0;

	static FarDisk *me(void *x)
	{
		return static_cast<FarDisk *>(self(x));
	}
	FarDisk()
	{
		far.home = [](void *, const handover_entry *) -> host_id { return 1; };
		far.tell = [](void *x, host_id to, uint32_t, const card_word *w) {
			EXPECT_EQ(1, to);
			me(x)->words.push_back(*w);
		};
		far.answer = [](void *x, host_id to, uint32_t, const block_answer *a) {
			EXPECT_EQ(1, to);
			EXPECT_EQ(0, a->error);
			me(x)->answers++;
		};
		host.far = &far;
	}
	~FarDisk() override
	{
		card_bus_destroy(bus); // which says something
		bus = nullptr;
	}
};

/* A card whose queue is on its way to another host keeps nobody from the registers of the next one. */
TEST_F(FarDisk, WhoReadsAnotherCardDoesNotWait)
{
	static std::vector<uint64_t> answered;
	add(CARD_RNG, nullptr, 2);
	ASSERT_EQ(Make(), 0) << why;
	host.answer = [](void *, device_request *, uint64_t value) { answered.push_back(value); };
	answered.clear();
	Begin();
	serve();
	ASSERT_EQ(words.size(), 1u); // ON, which is not answered
	auto late = [&](unsigned range, uint64_t offset) {
		device_access a = {};
		a.range = (uint8_t)range;
		a.offset = offset;
		a.size = 4;
		a.request = (device_request *)this;
		return card_bus_ops.access(bus, &a, &fx) == DEVICE_LATER;
	};
	EXPECT_FALSE(late(CARD_BUS_ECAM, 2 << 15));
	EXPECT_FALSE(late(CARD_BUS_ECAM, 9 << 15)) << "nothing is there";
	EXPECT_TRUE(late(CARD_BUS_ECAM, slot << 15));
	EXPECT_TRUE(late(CARD_BUS_WINDOW, bar - windows.first + 0x14));
	access(CARD_BUS_ADDRESS, true, 0, 4, 0x80000000u | 2 << 11);
	EXPECT_FALSE(late(CARD_BUS_DATA, 0));
	access(CARD_BUS_ADDRESS, true, 0, 4, 0x80000000u | slot << 11);
	EXPECT_TRUE(late(CARD_BUS_DATA, 0));
	serve();
	EXPECT_TRUE(answered.empty());
	card_word done = words[0];
	done.m.kind = HANDOVER_ON_DONE;
	ASSERT_EQ(card_bus_word(bus, 1, slot, &done), 0);
	serve();
	EXPECT_EQ(answered.size(), 3u);
}

/*
 * Nobody waits for the other host then: its request is under way while the reset goes on, and ends later. A few times:
 * who waits for the reset may go on at once or later.
 */
TEST_F(FarDisk, TheEndInTheMidstOfAResetWithARequestOfAnotherHostUnderWay)
{
	ASSERT_EQ(Make(), 0) << why;
	for (unsigned round = 0; round < 20; round++) {
		block_ask a = {};
		std::atomic<bool> over{false};

		words.clear();
		answers = 0;
		Begin();
		serve();
		ASSERT_EQ(words.size(), 1u);
		card_word done = words[0];

		done.m.kind = HANDOVER_ON_DONE;
		ASSERT_EQ(card_bus_word(bus, 1, slot, &done), 0);
		a.id = 1;
		a.turn = done.m.turn;
		a.op = BLOCK_READ;
		a.bytes = a.reach = 512;
		ASSERT_EQ(card_bus_ask(bus, 1, slot, &a), 0);
		std::thread resets([&] {
			card_bus_ops.drain(bus);
			power_on();
		});
		while (words.back().m.kind != HANDOVER_OFF)
			card_bus_work(bus);
		card_bus_turn(bus); // it waits for host 1
		std::thread ends([&] {
			card_bus_stop(bus);
			over = true;
		});
		while (!over)
			card_bus_turn(bus);
		resets.join();
		ends.join();
		EXPECT_EQ(answers, 0u);
		EXPECT_TRUE(Until([&] { return answers == 1; }));
		card_bus_destroy(bus);
		bus = nullptr;
		ASSERT_EQ(make(), 0) << why;
		woken = true;
		serve();
	}
}

} // namespace
