// SPDX-License-Identifier: Apache-2.0
// The configurations in which the hand-over of queues is checked.
#include "tests/model/queues.h"

#include <stdio.h>

// clang-format off
static const struct q_config configs[] = {
	{.name = "queue_no_first_look", .hosts = 2, .queues = 1, .ring = 1, .fault = Q_NO_FIRST_LOOK,
	 .finds = "a request waits, and nobody will look"},
	{.name = "queue_kick_dropped", .hosts = 2, .queues = 1, .ring = 1, .fault = Q_KICK_DROPPED,
	 .finds = "a request waits, and nobody will look"},
	{.name = "queue_hasty_leave", .hosts = 2, .queues = 1, .ring = 1, .fault = Q_HASTY_LEAVE,
	 .finds = "an answer to a host where the queue is not"},
	{.name = "queue_hasty_give", .hosts = 2, .queues = 1, .ring = 1, .fault = Q_HASTY_GIVE,
	 .finds = "a queue has two homes"},
	{.name = "queue_place_lost", .hosts = 2, .queues = 1, .ring = 2, .fault = Q_PLACE_LOST,
	 .finds = "a request is served twice"},
	{.name = "queue_hasty_read", .hosts = 2, .queues = 1, .ring = 1, .mask = true, .fault = Q_HASTY_READ,
	 .finds = "an interrupt by an entry that is no more"},
	{.name = "queue_masked_dropped", .hosts = 2, .queues = 1, .ring = 1, .mask = true, .fault = Q_MASKED_DROPPED,
	 .finds = "an interrupt is lost"},
	{.name = "queue_hasty_reset", .hosts = 2, .queues = 1, .ring = 1, .reset = true, .fault = Q_HASTY_RESET,
	 .finds = "a queue is served after its reset"},
	{.name = "2_hosts_1_queue_entry", .hosts = 2, .queues = 1, .ring = 1, .reset = true, .mask = true},
	{.name = "2_hosts_1_queue_two_chains", .hosts = 2, .queues = 1, .ring = 2, .reset = true, .breaks = true},
	{.name = "2_hosts_1_queue_hold", .hosts = 2, .queues = 1, .ring = 1, .reset = true, .hold = true},
	{.name = "3_hosts_1_queue", .hosts = 3, .queues = 1, .ring = 1, .reset = true, .breaks = true},
	{.name = "3_hosts_1_queue_two_chains", .hosts = 3, .queues = 1, .ring = 2, .reset = true},
	{.name = "3_hosts_1_queue_entry", .hosts = 3, .queues = 1, .ring = 1, .mask = true},
	{.name = "2_hosts_2_queues", .hosts = 2, .queues = 2, .ring = 1, .reset = true, .stays = true},
};
// clang-format on

static enum action_class class_of(const struct action *a)
{
	return a->kind < Q_ADD ? ACTION_WORK : ACTION_NEWS;
}

static bool may_stick(const void *s)
{
	(void)s;
	return false;
}

static void text(const struct action *a, char *buf, size_t cap)
{
	static const char *const names[Q_ACTIONS] = {
		"deliver", "finish",      "round", "take",      "kick",  "sees used", "cont", "reset done",
		"add",     "new home is", "entry", "read back", "reset", "enable",    "hold", "break"};

	if (a->kind == Q_DELIVER)
		snprintf(buf, cap, "deliver h%u -> h%u%s", a->arg % 64u, a->host, a->arg >= 64 ? " past words" : "");
	else
		snprintf(buf, cap, "h%u %s %u", a->host, names[a->kind], a->arg);
}

static const struct search_ops ops = {.state_bytes = sizeof(struct q_state),
				      .pack = q_pack,
				      .unpack = q_unpack,
				      .actions = q_actions,
				      .step = q_step,
				      .class = class_of,
				      .at_rest = q_at_rest,
				      .may_stick = may_stick,
				      .text = text};

static const char *name(unsigned i)
{
	return configs[i].name;
}

static bool check(unsigned i, struct search *s)
{
	static struct q_state init;

	q_init(&configs[i], &init);
	return search_check(s, &ops, &init, configs[i].name, configs[i].finds);
}

const struct model queues_model = {.n = sizeof(configs) / sizeof(configs[0]), .name = name, .check = check};
