// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "tests/unit/conf/sample.h"

namespace
{

struct BoardDesc : testing::Test {
	machine_desc d = sample_desc(3, 1, 512);
	char why[DESC_REPORT_MAX] = "";

	void SetUp() override
	{
		ASSERT_EQ("", sample_layout(&d, {1, 1, 1}, {512, 512, 512}));
		ASSERT_EQ(0, desc_check(&d, why, sizeof(why))) << why;
	}
	int move(uint32_t to)
	{
		return desc_move_board(&d, to, why, sizeof(why));
	}
	int follows(const machine_desc &was)
	{
		return desc_follows(&was, &d, why, sizeof(why));
	}
};

TEST_F(BoardDesc, TheChipsGoAndTheCardsStay)
{
	ASSERT_LE(0, desc_add_card(&d, CARD_RNG, 0, 1, nullptr, why, sizeof(why))) << why;
	machine_desc was = d;
	uint32_t card = d.devices[d.devices_n - 1].id;

	EXPECT_EQ(0u, d.board);
	ASSERT_EQ(0, move(2)) << why;
	EXPECT_EQ(2u, d.board);
	EXPECT_EQ(was.version + 1, d.version);
	EXPECT_EQ(0, desc_check(&d, why, sizeof(why))) << why;
	EXPECT_EQ(0, follows(was)) << why;
	for (unsigned i = 0; i < d.devices_n; i++)
		EXPECT_EQ(d.devices[i].id == card ? 0u : 2u, d.devices[i].host) << d.devices[i].kind;
	EXPECT_EQ(2, desc_console_host(&d, DESC_CONSOLE_SERIAL));
	char *json = desc_to_json(&d);
	machine_desc back;
	ASSERT_EQ(0, desc_from_json(json, strlen(json), &back, why, sizeof(why))) << why;
	EXPECT_EQ(2u, back.board);
	free(json);
}

TEST_F(BoardDesc, WhatRefusesIt)
{
	EXPECT_EQ(-ENOENT, move(3));
	EXPECT_EQ(-ENOENT, move(UINT32_MAX));
	EXPECT_EQ(-EEXIST, move(0));
	EXPECT_STREQ("the board is on host 0 already", why);
	d.devices[2].host = 1;
	EXPECT_EQ(-EBUSY, move(2));
	EXPECT_NE(nullptr, strstr(why, "on host 1 and not with the board")) << why;
	EXPECT_EQ(0u, d.board);
}

TEST_F(BoardDesc, AHalfMovedOneIsNoNextVersion)
{
	machine_desc was = d;

	ASSERT_EQ(0, move(1)) << why;
	d.devices[1].host = 0;
	EXPECT_EQ(-EINVAL, follows(was));
	d = was;
	d.version++;
	d.board = 1;
	EXPECT_EQ(-EINVAL, follows(was)) << "the chips have stayed";
	d.board = 0;
	d.devices[0].host = 1;
	EXPECT_EQ(-EINVAL, follows(was));
}

// It comes to a host that is there, and the one that had it is there still.
TEST_F(BoardDesc, NobodyComesOrGoesInTheSameVersion)
{
	machine_desc was = d;

	ASSERT_EQ(0, move(1)) << why;
	d.hosts[0].address[0] = 0;
	EXPECT_EQ(-EINVAL, follows(was));
}

TEST_F(BoardDesc, WhatHoldsAHost)
{
	EXPECT_EQ(-EBUSY, desc_board_holds(&d, 0, why, sizeof(why)));
	EXPECT_EQ(0, desc_board_holds(&d, 1, why, sizeof(why)));
	ASSERT_EQ(0, move(1)) << why;
	EXPECT_EQ(0, desc_board_holds(&d, 0, why, sizeof(why)));
	EXPECT_EQ(-EBUSY, desc_board_holds(&d, 1, why, sizeof(why)));
	ASSERT_LE(0, desc_add_card(&d, CARD_RNG, 2, 1, nullptr, why, sizeof(why))) << why;
	EXPECT_EQ(-EBUSY, desc_board_holds(&d, 0, why, sizeof(why))) << "the first PCI bus";
	EXPECT_EQ(0, desc_board_holds(&d, 2, why, sizeof(why)));
}

// Any host can leave, and another be in its place.
TEST_F(BoardDesc, TheFirstHostLeavesAndAnotherComes)
{
	host_id at[] = {1, 1, 2};

	ASSERT_EQ(0, move(1)) << why;
	ASSERT_EQ(0, desc_rehome(&d, 0, desc_host_pages(&d, 0), 1, why, sizeof(why))) << why;
	machine_desc was = d;
	ASSERT_EQ(0, desc_leave(&d, 0, at, why, sizeof(why))) << why;
	EXPECT_EQ(0, desc_check(&d, why, sizeof(why))) << why;
	EXPECT_EQ(0, follows(was)) << why;
	was = d;
	ASSERT_EQ(0, desc_join(&d, 0, "new:1", at, why, sizeof(why))) << why;
	EXPECT_EQ(0, desc_check(&d, why, sizeof(why))) << why;
	EXPECT_EQ(0, follows(was)) << why;
	was = d;
	ASSERT_EQ(0, move(0)) << why;
	EXPECT_EQ(0, follows(was)) << why;
}

} // namespace
