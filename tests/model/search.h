// SPDX-License-Identifier: Apache-2.0
/*
 * The search of a model check. A model is a state, packed as a byte string that is equal exactly for equal states, and
 * the actions that are possible in it. Each state that can be reached is checked (step() says what is wrong in it), and
 * from each of them the work that is under way has to come to rest without news.
 */
#ifndef TESTS_MODEL_SEARCH_H
#define TESTS_MODEL_SEARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PACKED_MAX 1024u  // bytes of a packed state
#define STATE_MAX  16384u // of one that is not

struct action {
	uint8_t kind, host, arg;
	bool none;
};

enum action_class {
	ACTION_NEWS,   // from outside: never needed to come to rest
	ACTION_WORK,   // brings what is under way nearer to its end
	ACTION_IN_TURN // the same; those that stand side by side are tried one after the other
};

struct search_ops {
	size_t state_bytes;
	/* Both NULL: all of the state is bytes that say something, and is packed as it stands. */
	unsigned (*pack)(void *state, uint8_t *buf); // may renumber the state first. At most PACKED_MAX
	void (*unpack)(const uint8_t *buf, void *state);
	unsigned (*actions)(const void *state, struct action *out, unsigned cap); // all that are possible
	const char *(*step)(void *state, const struct action *a); // NULL, or what is wrong in the state reached
	/* All three NULL: nobody need ever do anything. */
	enum action_class (*class)(const struct action *a);
	bool (*at_rest)(const void *state, const char **wrong); // nothing is under way; *wrong is set if it should be
	bool (*may_stick)(const void *state);                   // it need not come to rest
	void (*text)(const struct action *a, char *buf, size_t cap);
};

struct search {
	const struct search_ops *ops;
	uint8_t *arena;
	size_t used;
	uint32_t *table; // units + 1
	size_t slots, states, transitions;
	size_t limit;   // states
	double seconds; // of one configuration
	bool large;     // those that take very long, too
};

void search_init(struct search *s);
/*
 * Visits what can be reached from init, and prints a line about it. finds: what has to be found wrong, NULL: nothing.
 * Returns whether it was so.
 */
bool search_check(struct search *s, const struct search_ops *ops, void *init, const char *name, const char *finds);

/* The models (model.c, queues.c): every configuration, or the one of that name. False: one of them was not as expected.
 */
struct model {
	unsigned n;
	const char *(*name)(unsigned i);
	bool (*check)(unsigned i, struct search *s);
};
extern const struct model coherence_model, queues_model, members_model, sealing_model, board_model, entering_model,
	claiming_model;

#endif
