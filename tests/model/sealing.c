// SPDX-License-Identifier: Apache-2.0
// The configurations in which sealed sessions are checked.
#include "tests/model/sealing.h"

#include <stdio.h>
#include <string.h>

#define NOT_MET "an acceptor has a session that its connector has not"
#define DIFFER  "both ends of a session differ about it"
#define TWICE   "a record was taken twice"
#define NOT_ITS "a record was taken that was not sent there"

// clang-format off
static const struct s_config configs[] = {
	{.name = "sealing_no_confirm", .fault = S_NO_CONFIRM, .finds = NOT_MET},
	{.name = "sealing_offer_clear", .fault = S_OFFER_CLEAR, .finds = DIFFER},
	{.name = "sealing_epoch_clear", .fault = S_EPOCH_CLEAR, .finds = DIFFER},
	{.name = "sealing_role_clear", .fault = S_ROLE_CLEAR, .finds = DIFFER},
	{.name = "sealing_answer_clear", .fault = S_ANSWER_CLEAR, .finds = DIFFER},
	{.name = "sealing_no_ephemeral", .fault = S_NO_EPHEMERAL, .finds = NOT_MET},
	{.name = "sealing_one_key", .fault = S_ONE_KEY, .finds = NOT_ITS},
	{.name = "sealing_no_counter", .fault = S_NO_COUNTER, .finds = "a record was taken out of its turn"},
	{.name = "sealing_old_key_open", .fault = S_OLD_KEY_OPEN, .finds = TWICE},
	{.name = "sealing_restored", .fault = S_RESTORED, .finds = "a number was sealed with twice"},
	{.name = "sealing_datagram_one_key", .datagrams = true, .fault = S_ONE_KEY, .finds = NOT_ITS},
	{.name = "sealing_no_window", .datagrams = true, .fault = S_NO_WINDOW, .finds = TWICE},
	{.name = "sealing_window_reset", .datagrams = true, .fault = S_WINDOW_RESET, .finds = TWICE},
	{.name = "sealing_window_first", .datagrams = true, .fault = S_WINDOW_FIRST,
	 .finds = "a forged record keeps a genuine one out"},
	{.name = "sealing_same_again", .datagrams = true, .fault = S_SAME_AGAIN, .finds = "a number was sealed with twice"},
	{.name = "sealing_stream"},
	{.name = "sealing_datagrams", .datagrams = true},
};
// clang-format on

static void text(const struct action *a, char *buf, size_t cap)
{
	static const char *const names[S_ACTIONS] = {"says hello",        "hears the hello of",   "hears the answer of",
						     "sees the proof of", "seals one more",       "seals one again",
						     "gets a record of",  "gets a forged record", "is restored"};

	snprintf(buf, cap, "%s%u %s %s%u (%u)", a->host < S_CONNECTORS ? "c" : "a", a->host % S_CONNECTORS,
		 names[a->kind], (a->arg & 3) < S_CONNECTORS ? "c" : "a", a->arg % S_CONNECTORS, a->arg >> 2);
}

static const struct search_ops ops = {
	.state_bytes = sizeof(struct s_state), .actions = s_actions, .step = s_step, .text = text};

static const char *name(unsigned i)
{
	return configs[i].name;
}

static bool check(unsigned i, struct search *s)
{
	static struct s_state init;

	s_init(&configs[i], &init);
	return search_check(s, &ops, &init, configs[i].name, configs[i].finds);
}

const struct model sealing_model = {.n = sizeof(configs) / sizeof(configs[0]), .name = name, .check = check};
