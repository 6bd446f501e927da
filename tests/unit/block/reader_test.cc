// SPDX-License-Identifier: Apache-2.0
// Reading for threads that wait, while the loop's thread does the work.
#include "tests/unit/block/fake.h"

#include <atomic>
#include <numeric>
#include <thread>
#include <unistd.h>

namespace
{

struct Reader : ::testing::Test {
	Fake f;
	std::atomic<bool> answer{true}, stop{false};
	std::thread t;

	void SetUp() override
	{
		for (size_t i = 0; i < f.disk.size(); i++)
			f.disk[i] = (uint8_t)(i * 7 + i / 256);
		t = std::thread([this] {
			while (!stop) {
				loop_run(f.l, now_ns() + 1000000);
				while (answer && !f.held.empty())
					f.finish(f.held.size() - 1);
			}
		});
	}
	void TearDown() override
	{
		End();
	}
	void End()
	{
		stop = true;
		if (t.joinable())
			t.join();
	}
};

TEST_F(Reader, AnyBytesFromAnyOffset)
{
	std::vector<uint8_t> v(3 << 20);

	for (uint64_t offset : {0ull, 1ull, 511ull, 512ull, 12345ull})
		for (size_t n : {(size_t)1, (size_t)512, (size_t)1000, v.size()}) {
			ASSERT_EQ(block_read_wait(f.b, offset, v.data(), n, 10000), 0) << offset << " " << n;
			ASSERT_EQ(memcmp(v.data(), f.disk.data() + offset, n), 0) << offset << " " << n;
		}
	EXPECT_EQ(block_read_wait(f.b, (4 << 20) - 1, v.data(), 1, 10000), 0);
	EXPECT_EQ(block_read_wait(f.b, (4 << 20) - 1, v.data(), 2, 10000), -EINVAL);
	EXPECT_EQ(block_read_wait(f.b, UINT64_MAX, v.data(), 2, 10000), -EINVAL);
}

TEST_F(Reader, SeveralThreadsAtOnce)
{
	std::vector<std::thread> all;

	for (unsigned i = 0; i < 4; i++)
		all.emplace_back([this, i] {
			uint8_t b[700];

			for (unsigned k = 0; k < 50; k++) {
				uint64_t at = (i * 50 + k) * 3001;

				ASSERT_EQ(block_read_wait(f.b, at, b, sizeof(b), 10000), 0);
				ASSERT_EQ(memcmp(b, f.disk.data() + at, sizeof(b)), 0);
			}
		});
	for (auto &x : all)
		x.join();
}

TEST(ReaderEarly, WhoComesBeforeTheStartIsServedAfterIt)
{
	Fake f(4096, false);
	uint8_t b[4] = {};
	int r = 1;

	f.make();
	memset(f.disk.data(), 0x42, 4096);
	std::thread t([&] { r = block_read_wait(f.b, 1, b, sizeof(b), 20000); });

	for (;;) { // it waits
		pthread_mutex_lock(&f.b->readers_lock);
		bool there = f.b->readers != nullptr;

		pthread_mutex_unlock(&f.b->readers_lock);
		if (there)
			break;
	}
	f.start();
	f.drain();
	t.join();
	EXPECT_EQ(r, 0);
	EXPECT_EQ(b[3], 0x42);
}

/* The answer may come long after: into memory that is nobody's. */
TEST_F(Reader, AnAnswerThatIsTooLateHurtsNobody)
{
	uint8_t b[512];

	answer = false;
	EXPECT_EQ(block_read_wait(f.b, 0, b, sizeof(b), 20), -ETIMEDOUT);
	answer = true;
	EXPECT_EQ(block_read_wait(f.b, 0, b, sizeof(b), 10000), 0);
	End();
	EXPECT_EQ(f.stats().under_way, 0u);
}

/* The machine ends: nobody waits out a disk that answers nothing. */
TEST_F(Reader, WhoWaitsIsGivenUp)
{
	uint8_t b[512], second[512];
	int r = 1, later = 1;

	answer = false;
	std::thread waits([&] { r = block_read_wait(f.b, 0, b, sizeof(b), 60000); });

	for (bool there = false; !there;) { // it is asked for
		pthread_mutex_lock(&f.b->readers_lock);
		there = f.b->asked != nullptr;
		pthread_mutex_unlock(&f.b->readers_lock);
	}
	uint64_t t = now_ns();

	block_readers_stop(f.b);
	waits.join();
	EXPECT_EQ(r, -ECANCELED);
	std::thread late([&] { later = block_read_wait(f.b, 0, second, sizeof(second), 60000); });

	late.join();
	EXPECT_EQ(later, -ECANCELED);
	EXPECT_LT(now_ns() - t, 30000000000ull); // of the minute that each had
	answer = true;
	while (f.stats().under_way)
		usleep(1000);
	End();
	EXPECT_EQ(f.b->asked, nullptr);
}

TEST(ReaderEarly, WhoWaitsForTheStartIsGivenUpToo)
{
	Fake f(4096, false);
	uint8_t b[4] = {};
	int r = 1;

	f.make();
	std::thread t([&] { r = block_read_wait(f.b, 1, b, sizeof(b), 60000); });

	for (bool there = false; !there;) {
		pthread_mutex_lock(&f.b->readers_lock);
		there = f.b->readers != nullptr;
		pthread_mutex_unlock(&f.b->readers_lock);
	}
	block_readers_stop(f.b);
	t.join();
	EXPECT_EQ(r, -ECANCELED);
	f.start();
	f.drain();
	EXPECT_EQ(f.stats().under_way, 0u);
}

} // namespace
