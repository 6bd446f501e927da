// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/block/fake.h"

#include <memory>
#include <numeric>

namespace
{

std::vector<uint8_t> pattern(size_t n, unsigned seed = 1)
{
	std::vector<uint8_t> v(n);

	for (size_t i = 0; i < n; i++)
		v[i] = (uint8_t)((i * 31 + seed * 7 + i / 512) & 255);
	return v;
}

TEST(Block, WhatIsWrittenIsThereAndIsRead)
{
	Fake f;
	Request w(BLOCK_WRITE, 4096, 1024), r(BLOCK_READ, 4096, 1024);

	w.data = pattern(1024);
	f.submit(w);
	EXPECT_EQ(w.ended, 0u);
	f.drain();
	EXPECT_EQ(w.ended, 1u);
	EXPECT_EQ(w.result, 0);
	f.submit(r);
	f.drain();
	EXPECT_EQ(r.data, w.data);
	EXPECT_EQ(f.stats().requests[BLOCK_READ], 1u);
	EXPECT_EQ(f.stats().bytes[BLOCK_WRITE], 1024u);
	EXPECT_EQ(f.stats().under_way, 0u);
}

TEST(Block, NothingEndsInsideOfSubmit)
{
	Fake f;
	Request bad(BLOCK_READ, 4 << 20, 512);

	block_submit(f.b, &bad);
	EXPECT_EQ(bad.ended, 0u);
	f.round();
	EXPECT_EQ(bad.result, -EINVAL);
	EXPECT_TRUE(f.held.empty());
}

/* Pieces that come back in another order than they went make the same data. */
TEST(Block, ALongRequestIsCutAndPutTogetherInAnyOrder)
{
	Fake f;
	Request w(BLOCK_WRITE, 512, 3 << 20), r(BLOCK_READ, 512, 3 << 20);
	unsigned n = 0;

	w.data = pattern(3 << 20);
	f.submit(w);
	EXPECT_EQ(f.held.size(), BLOCK_PIECES_REQUEST);
	for (block_piece *p : f.held)
		EXPECT_LE(p->bytes, BOUNCE_LARGE_BYTES);
	f.drain([&](size_t held) { return n++ * 5 % held; });
	f.submit(r);
	f.drain([](size_t held) { return held - 1; });
	EXPECT_EQ(r.data, w.data);
	EXPECT_EQ(memcmp(f.disk.data() + 512, w.data.data(), 3 << 20), 0);
}

TEST(Block, BuffersAreBoundedAndEverybodyGetsThem)
{
	Fake f(64 << 20);
	std::vector<std::unique_ptr<Request>> all;

	for (unsigned i = 0; i < 600; i++) {
		all.emplace_back(new Request(BLOCK_READ, (uint64_t)i * 65536, i % 3 ? 4096 : 65536 * 8));
		block_submit(f.b, all.back().get());
	}
	f.drain();
	for (auto &r : all)
		EXPECT_EQ(r->ended, 1u);
	EXPECT_LE(f.most, BOUNCE_BYTES);
	EXPECT_GT(f.stats().waited, 0u);
	EXPECT_EQ(f.stats().under_way, 0u);
}

/* Copying may wait for pages of other hosts: others of the same thread have their turn meanwhile. */
TEST(Block, ATurnCopiesSoMuchAndNoMore)
{
	Fake f(8 << 20);
	std::deque<Request> all;
	size_t had = 0;

	for (unsigned i = 0; i < 3; i++) {
		all.emplace_back(BLOCK_WRITE, i * (2ull << 20), 2 << 20, (uint8_t)(i + 1));
		block_submit(f.b, &all[i]);
	}
	for (; f.b->poller.turn(f.b->poller.ctx); had = f.held.size())
		ASSERT_LE(f.held.size(), had + BLOCK_TURN_BYTES / BOUNCE_LARGE_BYTES);
	EXPECT_EQ(f.held.size(), BOUNCE_LARGE) << "and what there is room for is all given";
	while (!f.held.empty()) {
		f.finish(0);
		f.round();
	}
	for (Request &r : all)
		EXPECT_EQ(r.ended, 1u);
}

TEST(Block, SmallRequestsPassThoseThatWaitForLargeBuffers)
{
	Fake f(16 << 20);
	std::vector<std::unique_ptr<Request>> large;
	Request small(BLOCK_READ, 0, 4096);

	for (unsigned i = 0; i < 4; i++) { // eight pieces each: 24 large buffers are not enough
		large.emplace_back(new Request(BLOCK_READ, (uint64_t)i << 21, 2 << 20));
		block_submit(f.b, large.back().get());
	}
	f.round();
	EXPECT_EQ(f.held.size(), BOUNCE_LARGE);
	f.submit(small);
	ASSERT_EQ(f.held.size(), BOUNCE_LARGE + 1);
	f.finish(BOUNCE_LARGE);
	EXPECT_EQ(small.result, 0);
	EXPECT_EQ(large[3]->ended, 0u);
	f.drain();
	EXPECT_EQ(large[3]->result, 0);
}

TEST(Block, WhatIsDoneInPartGoesOnAtASector)
{
	Fake f;
	Request w(BLOCK_WRITE, 0, 8192), r(BLOCK_READ, 0, 8192);

	w.data = pattern(8192);
	f.submit(w);
	f.finish(0, 1000); // half a sector is done again
	ASSERT_EQ(f.held.size(), 1u);
	EXPECT_EQ(f.held[0]->offset, 512u);
	EXPECT_EQ(f.held[0]->bytes, 7680u);
	f.drain();
	EXPECT_EQ(w.result, 0);
	f.submit(r);
	f.finish(0, 4096);
	f.finish(0, 1024);
	f.finish(0);
	EXPECT_EQ(r.result, 0);
	EXPECT_EQ(r.data, w.data);
	EXPECT_EQ(f.stats().continued, 3u);
}

TEST(Block, NoProgressIsAnError)
{
	Fake f;
	Request w(BLOCK_WRITE, 0, 4096), r(BLOCK_READ, 0, 4096);

	f.submit(w);
	f.finish(0, 100);
	EXPECT_EQ(w.result, -EIO);
	f.submit(r);
	f.finish(0, 0);
	EXPECT_EQ(r.result, -EIO);
	EXPECT_EQ(f.stats().errors[BLOCK_READ], 1u);
}

TEST(Block, BehindTheEndOfAFileAreZeroes)
{
	Fake f(10000, false);
	Request r(BLOCK_READ, 9728, 512, 0xee), w(BLOCK_WRITE, 9728, 512, 0x11);

	f.info.bytes = 10240;
	f.begin();
	f.b->data_bytes = 10000;
	memset(f.disk.data(), 0x55, 10000);
	f.submit(r);
	f.drain();
	EXPECT_EQ(r.result, 0);
	for (unsigned i = 0; i < 512; i++)
		EXPECT_EQ(r.data[i], i < 272 ? 0x55 : 0) << i;
	f.submit(w); // and what is written there stays
	f.drain();
	f.submit(r);
	f.drain();
	EXPECT_EQ(r.data, w.data);
}

TEST(Block, AnErrorEndsOneRequestOnceWhenAllOfItIsBack)
{
	Fake f;
	Request r(BLOCK_READ, 0, 1 << 20), other(BLOCK_READ, 0, 512);

	block_submit(f.b, &r);
	f.submit(other);
	ASSERT_EQ(f.held.size(), 5u);
	f.finish(1, -ENOSPC);
	f.finish(0, -EIO);
	EXPECT_EQ(r.ended, 0u);
	f.drain();
	EXPECT_EQ(r.ended, 1u);
	EXPECT_EQ(r.result, -ENOSPC); // the first one
	EXPECT_EQ(other.result, 0);
	EXPECT_EQ(f.stats().errors[BLOCK_READ], 1u);
}

TEST(Block, AFailedFlushStaysFailedUntilTheReset)
{
	Fake f;
	Request a(BLOCK_FLUSH, 0, 0), b(BLOCK_FLUSH, 0, 0), c(BLOCK_FLUSH, 0, 0), w(BLOCK_WRITE, 0, 512);

	f.submit(a);
	ASSERT_EQ(f.held[0]->op, BLOCK_FLUSH);
	f.finish(0, -EIO);
	EXPECT_EQ(a.result, -EIO);
	f.submit(b);
	f.round();
	EXPECT_TRUE(f.held.empty());
	EXPECT_EQ(b.result, -EIO);
	f.submit(w); // data is still taken
	f.drain();
	EXPECT_EQ(w.result, 0);
	block_forget(f.b);
	f.submit(c);
	f.drain();
	EXPECT_EQ(c.result, 0);
}

TEST(Block, WithoutAFlushToComeWritesAreStableThemselves)
{
	Fake f;
	Request w(BLOCK_WRITE, 0, 512), z(BLOCK_ZEROES, 0, 512);

	w.stable = z.stable = true;
	f.submit(w);
	EXPECT_TRUE(f.held[0]->stable);
	f.drain();
	f.submit(z);
	ASSERT_EQ(f.held.size(), 1u);
	f.finish(0);
	f.round();
	EXPECT_EQ(z.ended, 0u);
	ASSERT_EQ(f.held.size(), 1u);
	EXPECT_EQ(f.held[0]->op, BLOCK_FLUSH);
	f.finish(0);
	EXPECT_EQ(z.ended, 1u);
	EXPECT_EQ(z.result, 0);
}

TEST(Block, ZeroesThatTheDiskCannotDoAreWritten)
{
	for (bool stable : {false, true}) {
		Fake f;
		Request z(BLOCK_ZEROES, 512, 1 << 20);

		std::iota(f.disk.begin(), f.disk.end(), (uint8_t)1);
		z.stable = stable;
		f.submit(z);
		f.finish(0, -EOPNOTSUPP);
		f.round();
		ASSERT_EQ(f.held.size(), 4u);
		EXPECT_EQ(f.held[0]->op, BLOCK_WRITE);
		EXPECT_EQ(f.held[0]->stable, stable);
		f.drain();
		EXPECT_EQ(z.ended, 1u);
		EXPECT_EQ(z.result, 0);
		EXPECT_EQ(std::count(f.disk.begin() + 512, f.disk.begin() + 512 + (1 << 20), 0), 1 << 20);
		EXPECT_NE(f.disk[511 + (1 << 20) + 2], 0);
		EXPECT_EQ(f.stats().zeroes_written, 1u);
	}
}

TEST(Block, ADiscardThatTheDiskCannotDoIsIgnoredAndCounted)
{
	Fake f;
	Request d(BLOCK_DISCARD, 0, 1 << 20);

	f.submit(d);
	f.finish(0, -EOPNOTSUPP);
	EXPECT_EQ(d.result, 0);
	EXPECT_EQ(f.stats().discards_ignored, 1u);
	f.submit(d);
	f.finish(0, -EIO);
	EXPECT_EQ(d.result, -EIO);
}

TEST(Block, WhatNobodyWantsAnyMoreIsNotDone)
{
	Fake f;
	Request w(BLOCK_WRITE, 0, 4096), r(BLOCK_READ, 0, 4096);

	w.unwanted = true;
	f.submit(w);
	EXPECT_TRUE(f.held.empty());
	EXPECT_EQ(w.result, -ECANCELED);
	f.submit(r);
	r.unwanted = true;
	f.drain();
	EXPECT_EQ(r.result, -ECANCELED);
	EXPECT_EQ(f.stats().canceled, 2u);
	EXPECT_EQ(f.stats().errors[BLOCK_READ], 0u);
}

TEST(Block, WhatTheDiskCouldNotTakeIsGivenAgain)
{
	Fake f;
	Request r(BLOCK_READ, 0, 4096);

	f.submit(r);
	f.finish(0, -EAGAIN);
	ASSERT_EQ(f.held.size(), 1u);
	f.finish(0, -EINTR);
	f.drain();
	EXPECT_EQ(r.result, 0);
}

TEST(Block, ARequestMayBeUsedAgainFromItsOwnEnd)
{
	Fake f;
	Request r(BLOCK_READ, 0, 512);

	r.then = [&] {
		if (r.ended < 5)
			block_submit(f.b, &r);
	};
	f.submit(r);
	f.drain();
	EXPECT_EQ(r.ended, 5u);
}

TEST(Block, AReadOnlyDiskIsNotWritten)
{
	Fake f(4096, false);
	Request w(BLOCK_WRITE, 0, 512), z(BLOCK_ZEROES, 0, 512), d(BLOCK_DISCARD, 0, 512), r(BLOCK_READ, 0, 512),
		s(BLOCK_FLUSH, 0, 0);

	f.info.read_only = true;
	f.begin();
	for (Request *x : {&w, &z, &d, &r, &s})
		f.submit(*x);
	f.drain();
	for (Request *x : {&w, &z, &d})
		EXPECT_EQ(x->result, -EROFS);
	EXPECT_EQ(r.result, 0);
	EXPECT_EQ(s.result, 0);
}

/* Nobody waits for ever for a disk that could not be started. */
TEST(Block, WhatCannotBeStartedFails)
{
	Fake f(4096, false);
	Request r(BLOCK_READ, 0, 512), s(BLOCK_FLUSH, 0, 0);

	f.start_error = -EPERM;
	f.begin();
	f.submit(r);
	f.submit(s);
	EXPECT_EQ(r.result, -EIO);
	EXPECT_EQ(s.result, -EIO);
	EXPECT_TRUE(f.held.empty());
}

/* What the disk has comes back before it is closed; what it has not got is not done. */
TEST(Block, ClosingEndsEachRequestOnce)
{
	Fake f(16 << 20);
	std::vector<std::unique_ptr<Request>> all;

	for (unsigned i = 0; i < 12; i++) {
		all.emplace_back(new Request(BLOCK_WRITE, (uint64_t)i << 20, 1 << 20, 1));
		block_submit(f.b, all.back().get());
	}
	while (f.b->poller.turn(f.b->poller.ctx))
		; // what there is room for
	block_close(f.b);
	f.b = nullptr;
	EXPECT_TRUE(f.held.empty());
	for (unsigned i = 0; i < 12; i++) {
		EXPECT_EQ(all[i]->ended, 1u);
		EXPECT_EQ(all[i]->result, i < 6 ? 0 : -ECANCELED) << i;
	}
}

TEST(Block, AnotherSizeIsNoticedAndTold)
{
	Fake f;
	Request r(BLOCK_READ, 4 << 20, 512);

	f.disk.resize((4 << 20) + 100);
	block_look(f.b);
	f.round();
	EXPECT_EQ(f.resized, 1u);
	EXPECT_EQ(block_info(f.b).bytes, (4u << 20) + 512);
	f.submit(r);
	f.drain();
	EXPECT_EQ(r.result, 0);
	block_look(f.b);
	f.round();
	EXPECT_EQ(f.resized, 1u);
	f.disk.resize(1 << 20);
	Request gone(BLOCK_READ, 2 << 20, 512); // it became shorter, and nobody has looked yet
	f.submit(gone);
	f.drain();
	EXPECT_EQ(gone.result, -EIO);
	EXPECT_EQ(f.resized, 2u);
	EXPECT_EQ(block_info(f.b).bytes, 1u << 20);
}

} // namespace
