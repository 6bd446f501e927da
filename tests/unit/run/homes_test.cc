// SPDX-License-Identifier: Apache-2.0
// Homes that move, against two hosts that are only acted: what is asked in which order, and what is left when it fails.
#include "tests/unit/run/acted_hosts.h"

extern "C" {
#include "vmm/run/homes.h"
}

namespace
{

struct Homes : VerbsAndMoves {
	struct homes *h = nullptr;
	char why[DESC_REPORT_MAX] = "";
	std::vector<std::string> went; // progress

	void SetUp() override
	{
		ASSERT_EQ("", sample_layout(&desc, {1, 1}, {4, 80}));
		VerbsAndMoves::SetUp();
		h = homes_create(v, &desc);
	}
	void TearDown() override
	{
		VerbsAndMoves::TearDown();
		homes_destroy(h);
	}
	static void Progress(void *ctx, uint64_t moved, uint64_t total)
	{
		static_cast<Homes *>(ctx)->went.push_back(std::to_string(moved / 512) + "/" +
							  std::to_string(total / 512));
	}
	static void HomesDone(void *ctx, const char *error)
	{
		Done(static_cast<Verbs *>(static_cast<Homes *>(ctx)), error);
	}
	static void StopThen(void *ctx, uint64_t moved, uint64_t total)
	{
		Progress(ctx, moved, total);
		homes_stop(static_cast<Homes *>(ctx)->h);
	}
	int move(std::vector<homes_piece> p, homes_progress progress = Progress)
	{
		return call([&] {
			return homes_move(h, p.data(), (unsigned)p.size(), progress, HomesDone, this, why, sizeof(why));
		});
	}
	Said asked(unsigned host)
	{
		Said out;
		for (auto &x : hosts[host].verbs)
			if (x.rfind("homes-", 0) == 0)
				out.push_back(x);
		return out;
	}
};

// Granules 2 and up are host 1's: two runs of 16, 32 MiB each, and one of 8.
TEST_F(Homes, ARunAtATimeThenTheDescription)
{
	ASSERT_EQ(0, move({{2 * 512, 40 * 512, 1, 0}})) << why;
	EXPECT_EQ(-EBUSY, move({{2 * 512, 40 * 512, 1, 0}}));
	turns(200);
	EXPECT_EQ(Said({"done"}), said);
	EXPECT_EQ(Said({"16/40", "32/40", "40/40"}), went);
	Said first(all.begin(), all.begin() + 8);
	EXPECT_EQ(Said({"homes-prepare", "homes-prepare", "homes-go", "homes-go", "homes-commit", "homes-commit",
			"homes-finish", "homes-finish"}),
		  first);
	EXPECT_EQ(24u, all.size());
	EXPECT_EQ("homes-prepare{\"first\":1024,\"pages\":8192,\"from\":1,\"to\":0}", asked(1)[0]);
	EXPECT_EQ("homes-prepare{\"first\":17408,\"pages\":4096,\"from\":1,\"to\":0}", asked(1)[8]);
	EXPECT_EQ("homes-finish{\"first\":17408,\"version\":3,\"pages\":4096,\"to\":0}", asked(0).back());
	EXPECT_EQ(3u, desc.version);
	EXPECT_EQ(2u, desc.ranges_n); // joined again
	EXPECT_EQ(42u * 512, desc_host_pages(&desc, 0));
	EXPECT_FALSE(homes_busy(h));
}

TEST_F(Homes, WhatIsRefusedInPreparingIsCalledOff)
{
	hosts[0].refuse = "homes-prepare";
	ASSERT_EQ(0, move({{2 * 512, 40 * 512, 1, 0}}));
	turns(100);
	EXPECT_EQ(Said({"error: host 0: it will not"}), said);
	EXPECT_EQ(Said({"homes-prepare", "homes-prepare", "homes-cancel", "homes-cancel"}), all);
	EXPECT_EQ(0u, desc.version);
	hosts[0].refuse = "";
	said.clear();
	ASSERT_EQ(0, move({{2 * 512, 1 * 512, 1, 0}}));
	turns(100);
	EXPECT_EQ(Said({"done"}), said);
}

// Once an end was told to go, nobody knows which of the two has it: the guest has to end.
TEST_F(Homes, ThereIsNoWayBackFromGoing)
{
	for (const char *verb : {"homes-go", "homes-commit", "homes-finish"}) {
		said.clear();
		hosts[1].refuse = verb;
		ASSERT_EQ(0, move({{2 * 512, 512, 1, 0}})) << verb;
		turns(100);
		ASSERT_EQ(2u, said.size()) << verb;
		EXPECT_EQ("error: host 1: it will not", said[0]);
		EXPECT_EQ("end: the hosts do not agree on the homes of memory: host 1: it will not", said[1]);
	}
}

TEST_F(Homes, StoppedAtABorder)
{
	ASSERT_EQ(0, move({{2 * 512, 40 * 512, 1, 0}}, StopThen));
	turns(200);
	EXPECT_EQ(Said({"error: stopped"}), said);
	EXPECT_EQ(Said({"16/40"}), went);
	EXPECT_EQ("homes-finish{\"first\":1024,\"version\":1,\"pages\":8192,\"to\":0}", asked(0).back());
	EXPECT_EQ(18u * 512, desc_host_pages(&desc, 0));
	said.clear();
	ASSERT_EQ(0, move({{18 * 512, 24 * 512, 1, 0}})); // the rest
	turns(200);
	EXPECT_EQ(Said({"done"}), said);
	EXPECT_EQ(0u, desc_host_pages(&desc, 1));
	EXPECT_EQ(2u, desc.ranges_n); // of two nodes
}

// A run that fails leaves the homes of those before it, and the description says so.
TEST_F(Homes, WhatMovedBeforeAFailureIsDescribed)
{
	ASSERT_EQ(0, move({{2 * 512, 40 * 512, 1, 0}}, [](void *ctx, uint64_t moved, uint64_t total) {
			  Progress(ctx, moved, total);
			  static_cast<Homes *>(ctx)->hosts[1].refuse = "homes-prepare";
		  }));
	turns(200);
	EXPECT_EQ(Said({"error: host 1: it will not"}), said);
	EXPECT_EQ(18u * 512, desc_host_pages(&desc, 0));
}

TEST_F(Homes, WhatCannotMove)
{
	EXPECT_EQ(-EINVAL, move({}));
	EXPECT_EQ(-EINVAL, move({{0, 512, 1, 0}}));         // another home
	EXPECT_EQ(-EINVAL, move({{1024, 512, 1, 1}}));      // to itself
	EXPECT_EQ(-EINVAL, move({{1024, 512, 1, 2}}));      // no such host
	EXPECT_EQ(-EINVAL, move({{1024, 100, 1, 0}}));      // no whole granule
	EXPECT_EQ(-EINVAL, move({{1024, 41 * 512, 1, 0}})); // behind the memory
	EXPECT_EQ(-EINVAL, move({{1024, UINT64_MAX / 512 * 512, 1, 0}}));
	EXPECT_EQ(-EINVAL, move({{1024, 0, 1, 0}}));
	EXPECT_TRUE(all.empty());
}

// Others have their turn between two runs.
TEST_F(Homes, AStopComesBetweenTwoRuns)
{
	ops_started(v);
	ASSERT_EQ(0, move({{2 * 512, 40 * 512, 1, 0}}));
	EXPECT_EQ(0, stop());
	turns(300);
	auto pause = std::find(all.begin(), all.end(), "pause");
	ASSERT_NE(all.end(), pause);
	EXPECT_EQ(8, std::count_if(all.begin(), pause, [](auto &x) { return x.rfind("homes-", 0) == 0; }));
	EXPECT_EQ(16, std::count_if(pause, all.end(), [](auto &x) { return x.rfind("homes-", 0) == 0; }));
}

struct HomesOfGrown : Homes {
	const uint64_t pages = 2 * DESC_PIECE / PAGE_BYTES, runs = pages / HOMES_RUN_PAGES;
	desc_range r = {};

	void SetUp() override
	{
		Homes::SetUp();
		ASSERT_EQ("", sample_layout(&desc, {1, 1}, {4, 80}, {4, 4ull << 30, 3}));
		desc.version = 1;
		r = {desc.nodes[2].first, pages, 2, 1, 5};
		ASSERT_EQ(0, desc_fill_memory(&desc, &r, why, sizeof(why))) << why;
		ASSERT_LT(3u, runs);
	}
	long times(const char *verb)
	{
		return std::count(all.begin(), all.end(), verb) / 2;
	}
	bool until_asked(const char *verb, long n)
	{
		for (unsigned i = 0; i < 1000 && times(verb) < n; i++)
			turns(1);
		return times(verb) == n;
	}
};

// Others have their turn between two runs of memory that came later as of any other, and each run is described.
TEST_F(HomesOfGrown, ItMovesRunByRun)
{
	uint32_t version = desc.version;
	ASSERT_EQ(0, move({{r.first, r.pages, 1, 0}})) << why;
	ASSERT_TRUE(until_asked("homes-finish", 2));
	EXPECT_EQ(0, stop());
	turns(600);
	EXPECT_EQ(Said({"STOP", "done", "done"}), said);
	EXPECT_EQ(runs, went.size());
	EXPECT_EQ(version + runs, desc.version);
	EXPECT_EQ(0u, desc_home_of_page(&desc, r.first + r.pages - 1));
	EXPECT_EQ(r.pages, desc_slot_pages(&desc, 5)) << "one piece to the guest";
	auto pause = std::find(all.begin(), all.end(), "pause");
	long before = std::count_if(all.begin(), pause, [](auto &x) { return x.rfind("homes-", 0) == 0; });
	EXPECT_EQ(0, before % 8) << "between two runs";
	EXPECT_LT(before, 8 * (long)runs) << "and not behind the last one";
}

TEST_F(HomesOfGrown, StoppedAPartHasMoved)
{
	ASSERT_EQ(0, move({{r.first, r.pages, 1, 0}}, StopThen)) << why;
	turns(400);
	EXPECT_EQ(Said({"error: stopped"}), said);
	EXPECT_EQ(0u, desc_home_of_page(&desc, r.first));
	EXPECT_EQ(1u, desc_home_of_page(&desc, r.first + HOMES_RUN_PAGES));
	EXPECT_EQ(r.pages, desc_slot_pages(&desc, 5));
	said.clear();
	ASSERT_EQ(0, move({{r.first + HOMES_RUN_PAGES, r.pages - HOMES_RUN_PAGES, 1, 0}})) << why;
	turns(400);
	EXPECT_EQ(Said({"done"}), said);
	EXPECT_EQ(0u, desc_slot(&desc, 5)->home);
	EXPECT_EQ(r.pages, desc_slot(&desc, 5)->pages) << "joined again";
}

// The guest gives it up while its homes move, which is no failure of the move: the rest of it is nowhere.
TEST_F(HomesOfGrown, WhatIsGoneMeanwhileIsLeftOut)
{
	ASSERT_EQ(0, move({{r.first, r.pages, 1, 0}, {2 * 512, 512, 1, 0}},
			  [](void *ctx, uint64_t moved, uint64_t total) {
				  Progress(ctx, moved, total);
				  desc_take_memory(&static_cast<Homes *>(ctx)->desc, 5);
			  }))
		<< why;
	turns(600);
	EXPECT_EQ(Said({"done"}), said);
	EXPECT_EQ(0u, desc_home_of_page(&desc, 2 * 512));
	EXPECT_EQ(2, times("homes-prepare")) << "one of it, and the other piece";
}

// Each step has a time of its own, in which the guest's time is stretched like all else.
TEST_F(Homes, AStepThatTakesLongLeavesTheNextItsTime)
{
	for (unsigned dilate : {1u, 10u}) {
		desc.dilate = dilate;
		said.clear();
		ASSERT_EQ(0, move({{2 * 512, 512, (host_id)(dilate > 1 ? 0 : 1), (host_id)(dilate > 1 ? 1 : 0)}}));
		for (auto [verb, seconds] :
		     {std::pair("homes-prepare", 19u), {"homes-go", 58u}, {"homes-commit", 19u}}) {
			hosts[1].mute = verb;
			hosts[1].kept = 0;
			for (unsigned i = 0; i < 100 && !hosts[1].kept; i++)
				turns(1);
			ASSERT_NE(0u, hosts[1].kept) << verb;
			fake_clock_forward_ms(1000ull * seconds * dilate);
			answer(hosts[1], hosts[1].kept, CALL_JSON, "{}");
		}
		hosts[1].mute = "";
		turns(100);
		EXPECT_EQ(Said({"done"}), said) << dilate;
	}
}

TEST_F(HomesOfGrown, APartOfItMovesToo)
{
	homes_piece out[HOMES_PIECES_MAX];
	ASSERT_EQ(2u, homes_first(&desc, 1, 0, 41 * 512, out)); // granules 2 to 41, and one of the piece
	EXPECT_EQ(40u * 512, out[0].pages);
	EXPECT_EQ(r.first, out[1].first);
	EXPECT_EQ(512u, out[1].pages);
	EXPECT_EQ(0, move({{r.first, 512, 1, 0}})) << why;
	turns(100);
	EXPECT_EQ(Said({"done"}), said);
	EXPECT_EQ(0u, desc_home_of_page(&desc, r.first));
	EXPECT_EQ(1u, desc_home_of_page(&desc, r.first + 512));
}

// As many pieces as the description has room for, and one that would be more is no end of the guest.
TEST_F(Homes, TooManyPiecesAreRefusedBeforeAnythingMoves)
{
	ASSERT_EQ("", sample_layout(&desc, {1, 1}, {4, 1200}));
	page_idx at = 2 * 512;
	int r = 0;
	while (!(r = desc_rehome(&desc, at + 512, 512, 0, why, sizeof(why))))
		at += 2 * 512;
	ASSERT_EQ(-ENOSPC, r);
	EXPECT_EQ(-ENOSPC, move({{at + 512, 512, 1, 0}}));
	turns(100);
	EXPECT_TRUE(all.empty());
	EXPECT_TRUE(said.empty());
	EXPECT_FALSE(homes_busy(h));
}

// What came between the command and its turn may leave no room: nobody was asked, and all is as it was.
TEST_F(Homes, ItIsTriedAgainWhenItsTurnHasCome)
{
	ASSERT_EQ("", sample_layout(&desc, {1, 1}, {4, 1200}));
	ASSERT_EQ(0, move({{400 * 512, 512, 1, 0}})) << why;
	page_idx at = 2 * 512;
	while (!desc_rehome(&desc, at + 512, 512, 0, why, sizeof(why)))
		at += 2 * 512;
	turns(100);
	ASSERT_EQ(1u, said.size());
	EXPECT_NE(std::string::npos, said[0].find("error: memory would be in")) << said[0];
	EXPECT_TRUE(all.empty());
}

TEST_F(Homes, SpreadByRoom)
{
	machine_desc d = sample_desc(4);
	ASSERT_EQ("", sample_layout(&d, {1, 1, 1, 1}, {8, 40, 8, 8})); // granules 4 to 23 are host 1's
	uint64_t room[HOSTS_MAX] = {10 * 512, 99 * 512, 0, 30 * 512 + 100};
	homes_piece out[HOMES_PIECES_MAX];

	ASSERT_EQ(2, homes_spread(&d, 1, room, out, why, sizeof(why))) << why;
	EXPECT_EQ(4u * 512, out[0].first);
	EXPECT_EQ(5u * 512, out[0].pages);
	EXPECT_EQ(0u, out[0].to);
	EXPECT_EQ(9u * 512, out[1].first);
	EXPECT_EQ(15u * 512, out[1].pages);
	EXPECT_EQ(3u, out[1].to);
	room[0] = 7 * 512;
	room[3] = 13 * 512; // all of it is needed
	ASSERT_EQ(2, homes_spread(&d, 1, room, out, why, sizeof(why)));
	EXPECT_EQ(7u * 512, out[0].pages);
	EXPECT_EQ(13u * 512, out[1].pages);
	room[3] = 12 * 512;
	EXPECT_EQ(-ENOSPC, homes_spread(&d, 1, room, out, why, sizeof(why)));
	EXPECT_STREQ(
		"40 MiB of memory have their home on host 1, the other hosts have offered 38 MiB more than they have",
		why);
	ASSERT_EQ(0, desc_rehome(&d, 4 * 512, 20 * 512, 0, why, sizeof(why)));
	EXPECT_EQ(0, homes_spread(&d, 1, room, out, why, sizeof(why))); // nothing is left
}

} // namespace
