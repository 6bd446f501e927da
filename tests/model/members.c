// SPDX-License-Identifier: Apache-2.0
// The configurations in which joins and leaves are checked.
#include "tests/model/members.h"

#include <stdio.h>
#include <string.h>

// clang-format off
static const struct m_config configs[] = {
	{.name = "members_count_early", .crashes = 1, .comings = 1, .fault = M_COUNTS_EARLY,
	 .finds = "the guest ended with a host on which nothing of it was"},
	{.name = "members_hasty_join", .crashes = 0, .comings = 1, .fault = M_HASTY_JOIN,
	 .finds = "something of the guest is on a host that a member does not know"},
	{.name = "members_no_look", .crashes = 0, .comings = 1, .fault = M_NO_LOOK,
	 .finds = "something of the guest is on a host that a member cannot reach"},
	{.name = "members_not_its_word", .crashes = 1, .comings = 1, .fault = M_NOT_ITS_WORD,
	 .finds = "the guest ended with a host that had not said that it reaches all"},
	{.name = "members_no_forget", .crashes = 1, .comings = 1, .fault = M_NO_FORGET,
	 .finds = "a join that failed has left something"},
	{.name = "members_leaves_loaded", .crashes = 0, .comings = 1, .fault = M_LEAVES_LOADED,
	 .finds = "something of the guest is on a host that a member does not know"},
	{.name = "members_not_apart", .crashes = 0, .comings = 1, .fault = M_NOT_APART,
	 .finds = "the guest ended, and nobody was lost"},
	{.name = "members_hasty_leave", .crashes = 0, .comings = 2, .fault = M_HASTY_LEAVE,
	 .finds = "a host is said to be free, and a member knows it"},
	{.name = "members_one", .crashes = 2, .comings = 1},
	{.name = "members_place_used_again", .crashes = 2, .comings = 3},
};
// clang-format on

static enum action_class class_of(const struct action *a)
{
	return a->kind < M_BEGIN_JOIN ? ACTION_WORK : ACTION_NEWS;
}

static bool may_stick(const void *s)
{
	return ((const struct m_state *)s)->over;
}

static void text(const struct action *a, char *buf, size_t cap)
{
	static const char *const names[M_ACTIONS] = {"is asked",
						     "is heard",
						     "is called by the new one",
						     "loses the new one",
						     "is lost by the new one",
						     "is seen down",
						     "(a host joins)",
						     "(it leaves)",
						     "(it is used)",
						     "(it is not)",
						     "crashes"};

	snprintf(buf, cap, "h%u %s", a->host, names[a->kind]);
}

static const struct search_ops ops = {.state_bytes = sizeof(struct m_state),
				      .actions = m_actions,
				      .step = m_step,
				      .class = class_of,
				      .at_rest = m_at_rest,
				      .may_stick = may_stick,
				      .text = text};

static const char *name(unsigned i)
{
	return configs[i].name;
}

static bool check(unsigned i, struct search *s)
{
	static struct m_state init;

	m_init(&configs[i], &init);
	return search_check(s, &ops, &init, configs[i].name, configs[i].finds);
}

const struct model members_model = {.n = sizeof(configs) / sizeof(configs[0]), .name = name, .check = check};
