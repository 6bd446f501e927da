// SPDX-License-Identifier: Apache-2.0
/*
 * Model check of sealed sessions (net/seal/, net/session.c) against an attacker who owns the network: he has every
 * message that was ever sent, and gives any of them to anybody, as often and in whichever order he likes: so he drops,
 * repeats, reorders, reflects and splices. Ciphers are perfect: what was sealed with a key opens with that key and
 * unaltered, else not. Two connectors that differ in role and epoch, two acceptors, some records each way with a change
 * of keys.
 */
#ifndef TESTS_MODEL_SEALING_H
#define TESTS_MODEL_SEALING_H

#include "tests/model/search.h"

#define S_CONNECTORS 2u
#define S_PARTIES    4u // the connectors, and as many acceptors
#define S_RECORDS    3u // of each party; the last is of the next form of its key

enum s_fault {
	S_GOOD,
	S_NO_CONFIRM,   // the acceptor has a session when a hello has come
	S_OFFER_CLEAR,  // the suites of the hello are not authenticated
	S_EPOCH_CLEAR,  // nor its epoch
	S_ROLE_CLEAR,   // nor its role
	S_ANSWER_CLEAR, // the suite that was chosen is not
	S_ONE_KEY,      // both directions have the same key
	S_NO_EPHEMERAL, // the keys come from the cluster's key alone
	S_NO_COUNTER,   // a record opens whatever its turn
	S_OLD_KEY_OPEN, // the stream's key before the last change still opens
	S_NO_WINDOW,    // datagrams that came are not remembered
	S_WINDOW_RESET, // they are forgotten when the key changes
	S_WINDOW_FIRST, // they are remembered before it is clear that they are genuine
	S_SAME_AGAIN,   // a repeat has the number that it had
	S_RESTORED,     // a session goes on from a copy of its state
};

enum s_altered { S_OFFER = 1, S_EPOCH = 2, S_ROLE = 4, S_ANSWER = 8 };
enum s_stage { S_IDLE, S_SAID, S_SESSION };

struct s_party {
	uint8_t stage, peer;
	uint8_t altered;         // of what it heard in the handshake: enum s_altered
	uint8_t sent;            // the number of its next record
	uint8_t sealed;          // ghost: a bit for each number that something was sealed with
	uint8_t next;            // stream: the record it waits for
	uint8_t seen;            // datagrams: its window
	uint8_t phase;           // datagrams: it has taken the next form of the key
	uint8_t over;            // stream: a record was not genuine
	uint8_t took[S_PARTIES]; // ghost: records that it took, a bit each, by who sealed them
};

struct s_state {
	struct s_party p[S_PARTIES];
};

struct s_config {
	const char *name;
	bool datagrams;
	enum s_fault fault;
	const char *finds;
};

enum s_action {
	S_SAY,     // party: a hello
	S_HELLO,   // party (acceptor): the hello of connector arg & 3, altered by arg >> 2
	S_REPLY,   // party (connector): the answer of acceptor arg & 3, altered by arg >> 2
	S_CONFIRM, // party (acceptor): what connector arg showed at its end of the handshake
	S_SEAL,    // party: one more record
	S_AGAIN,   // party: a repeat of its first
	S_GIVE,    // party: record arg >> 2 of party arg & 3
	S_FORGE,   // party: a record of that number that nobody sealed
	S_RESTORE, // party: goes on from the copy that was made when its session began
	S_ACTIONS
};

void s_init(const struct s_config *c, struct s_state *s);
unsigned s_actions(const void *state, struct action *out, unsigned cap);
const char *s_step(void *state, const struct action *a);

#endif
