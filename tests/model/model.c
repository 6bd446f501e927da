// SPDX-License-Identifier: Apache-2.0
// The configurations in which the coherence engines of a small cluster are checked.
#include "tests/model/model.h"

#include <stdlib.h>

// clang-format off
static const struct model_config configs[] = {
	{.name = "planted_fault", .hosts = 2, .pages = 1, .queue_max = 4,
	 .requests_max = 4, .zero_run = 1, .skip_inv = true, .finds = "an old copy can be read"},
	{.name = "2_hosts_1_page", .hosts = 2, .pages = 1, .queue_max = 4,
	 .requests_max = 4, .zero_run = 1, .hold = true, .evict = true},
	{.name = "2_hosts_2_pages_two_homes", .hosts = 2, .pages = 2, .queue_max = 4,
	 .requests_max = 4, .zero_run = 2, .evict = true},
	{.name = "2_hosts_2_pages_hold_evict", .hosts = 2, .pages = 2, .queue_max = 4,
	 .requests_max = 4, .zero_run = 2, .hold = true, .evict = true},
	{.name = "2_hosts_2_pages_migratory", .hosts = 2, .pages = 2, .queue_max = 4,
	 .requests_max = 4, .zero_run = 1, .hold = true, .migratory = COH_MIGRATORY_ALL},
	{.name = "3_hosts_1_page_migratory", .hosts = 3, .pages = 1, .queue_max = 6,
	 .requests_max = 2, .zero_run = 1, .evict = true, .migratory = COH_MIGRATORY_ODD},
	{.name = "2_hosts_2_pages_full_queue", .hosts = 2, .pages = 2, .queue_max = 2,
	 .requests_max = 2, .zero_run = 1, .one_home = true, .evict = true, .hold = true},
	{.name = "2_hosts_2_pages_one_request", .hosts = 2, .pages = 2, .queue_max = 4,
	 .requests_max = 1, .zero_run = 1, .evict = true},
	{.name = "3_hosts_1_page_homes_word", .hosts = 3, .pages = 1, .queue_max = 6,
	 .requests_max = 2, .zero_run = 1, .ask = true, .homes_word = true,
	 .finds = "it has given the page, which never came"},
	{.name = "2_hosts_1_page_nobody_asks", .hosts = 2, .pages = 1, .queue_max = 4,
	 .requests_max = 4, .zero_run = 1, .lose = true,
	 .finds = "deadlock: work in progress and nothing can happen"},
	{.name = "2_hosts_1_page_lost", .hosts = 2, .pages = 1, .queue_max = 4,
	 .requests_max = 4, .zero_run = 1, .hold = true, .evict = true, .ask = true, .lose = true},
	{.name = "2_hosts_2_pages_ask", .hosts = 2, .pages = 2, .queue_max = 2,
	 .requests_max = 1, .zero_run = 1, .one_home = true, .ask = true},
	{.name = "3_hosts_1_page_ask", .hosts = 3, .pages = 1, .queue_max = 6,
	 .requests_max = 2, .zero_run = 1, .ask = true},
	{.name = "3_hosts_1_page_lost", .hosts = 3, .pages = 1, .queue_max = 6,
	 .requests_max = 2, .zero_run = 1, .ask = true, .lose = true, .late = true},
	{.name = "3_hosts_1_page_moves_forward", .hosts = 3, .pages = 1, .queue_max = 6,
	 .requests_max = 2, .zero_run = 1, .path = "01", .forward = true, .finds = "deadlock: work in progress and nothing can happen"},
	{.name = "3_hosts_1_page_moves_busy", .hosts = 3, .pages = 1, .queue_max = 6,
	 .requests_max = 2, .zero_run = 1, .path = "01", .ship_busy = true, .finds = "this host has a copy of a page that is not listed"},
	{.name = "3_hosts_1_page_moves_zero_late", .hosts = 3, .pages = 1, .queue_max = 6,
	 .requests_max = 2, .zero_run = 1, .path = "01", .zero_late = true, .finds = "a written page counts as untouched"},
	{.name = "2_hosts_1_page_moves", .hosts = 2, .pages = 1, .queue_max = 4,
	 .requests_max = 4, .zero_run = 1, .hold = true, .evict = true, .path = "0101", .call_off = true},
	{.name = "3_hosts_1_page_moves", .hosts = 3, .pages = 1, .queue_max = 6,
	 .requests_max = 2, .zero_run = 1, .path = "01"},
	{.name = "2_hosts_1_page_moves_ask", .hosts = 2, .pages = 1, .queue_max = 4,
	 .requests_max = 2, .zero_run = 1, .ask = true, .path = "010"},
	{.name = "3_hosts_1_page_moves_evict", .hosts = 3, .pages = 1, .queue_max = 6,
	 .requests_max = 2, .zero_run = 1, .evict = true, .path = "01", .large = true},
	{.name = "3_hosts_1_page_moves_twice", .hosts = 3, .pages = 1, .queue_max = 6,
	 .requests_max = 2, .zero_run = 1, .path = "012", .large = true},
	{.name = "2_hosts_1_page_goes_one_look", .hosts = 2, .pages = 1, .queue_max = 4,
	 .requests_max = 2, .zero_run = 1, .goes = true, .one_look = true, .finds = "a step of memory that goes was refused"},
	{.name = "2_hosts_1_page_goes_begin_late", .hosts = 2, .pages = 1, .queue_max = 4,
	 .requests_max = 2, .zero_run = 1, .goes = true, .begin_late = true, .finds = "a step of memory that goes was refused"},
	{.name = "2_hosts_1_page_goes", .hosts = 2, .pages = 1, .queue_max = 4,
	 .requests_max = 4, .zero_run = 1, .hold = true, .evict = true, .goes = true},
	{.name = "2_hosts_1_page_goes_ask", .hosts = 2, .pages = 1, .queue_max = 4,
	 .requests_max = 2, .zero_run = 1, .ask = true, .goes = true},
	{.name = "2_hosts_2_pages_goes", .hosts = 2, .pages = 2, .queue_max = 4,
	 .requests_max = 1, .zero_run = 2, .one_home = true, .goes = true},
	{.name = "3_hosts_1_page_goes", .hosts = 3, .pages = 1, .queue_max = 6,
	 .requests_max = 2, .zero_run = 1, .goes = true},
	{.name = "3_hosts_1_page_hold_evict", .hosts = 3, .pages = 1, .queue_max = 6,
	 .requests_max = 2, .zero_run = 1, .hold = true, .evict = true},
};
// clang-format on

static unsigned pack_state(void *s, uint8_t *buf)
{
	return pack(s, buf);
}

static void unpack_state(const uint8_t *buf, void *s)
{
	unpack(buf, s);
}

static unsigned actions(const void *s, struct action *out, unsigned cap)
{
	return world_actions(s, out, cap);
}

static const char *step(void *s, const struct action *a)
{
	return world_step(s, a);
}

static enum action_class class_of(const struct action *a)
{
	if (a->kind == A_ASK)
		return ACTION_IN_TURN;
	return a->kind == A_MOVE || a->kind == A_GO || a->kind == A_COME || a->kind == A_CALL_OFF ||
			       a->kind == A_READ || a->kind == A_WRITE || a->kind == A_GIVE_UP || a->kind == A_RAN ||
			       a->kind == A_EVICT || a->kind == A_LOSE
		       ? ACTION_NEWS
		       : ACTION_WORK;
}

static bool at_rest(const void *state, const char **wrong)
{
	const struct state *s = state;

	if (s->told)
		return true;
	if (!world_quiescent(s))
		return false;
	*wrong = world_quiescent_wrong(s);
	return true;
}

static bool may_stick(const void *state)
{
	const struct state *s = state;

	return s->lost && world_nobody_waits(s);
}

static const struct search_ops ops = {.state_bytes = sizeof(struct state),
				      .pack = pack_state,
				      .unpack = unpack_state,
				      .actions = actions,
				      .step = step,
				      .class = class_of,
				      .at_rest = at_rest,
				      .may_stick = may_stick,
				      .text = action_text};

static const char *name(unsigned i)
{
	return configs[i].name;
}

static bool check(unsigned i, struct search *s)
{
	static struct state init;

	if (configs[i].large && !s->large)
		return true;
	world_init(&configs[i], &init);
	return search_check(s, &ops, &init, configs[i].name, configs[i].finds);
}

const struct model coherence_model = {.n = sizeof(configs) / sizeof(configs[0]), .name = name, .check = check};
