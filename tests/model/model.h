// SPDX-License-Identifier: Apache-2.0
/*
 * Model check: the global state is the canonical state of every engine, the messages on the way
 * (one first-in-first-out channel for each ordered pair), and what the oracle needs: which copies
 * are up to date, which pages were ever written, which vCPU waits. Every step runs the engine's own
 * code.
 */
#ifndef TESTS_MODEL_H
#define TESTS_MODEL_H

#include "coherence/canon.h"
#include "tests/model/search.h"

#define HOSTS   3u
#define PAGES   COH_CANON_PAGES
#define CHANNEL 8u

struct wire {
	uint8_t kind, flags, requester, rights, acks, page, fresh;
	uint64_t txn;
};

struct channel {
	uint8_t n;
	struct wire m[CHANNEL];
};

struct state {
	struct coh_canon host[HOSTS];
	struct channel ch[HOSTS][HOSTS]; // [from][to]
	uint8_t fresh[HOSTS][PAGES];     // the copy is the newest content
	uint8_t blocked[HOSTS][PAGES];   // bit 0: a read waits, bit 1: a write waits
	uint8_t written[PAGES];          // zeroes are no longer the content
	uint8_t lost;                    // a message was lost
	uint8_t told;                    // ... and a host says so: the guest has ended
	struct moving {                  // the home of page 0 moves
		uint8_t phase;           // enum moving_phase
		uint8_t n;               // moves done
		uint8_t mask;            // hosts that have taken the step of this phase
		uint8_t bytes;           // of what is shipped
		uint8_t blob[12];
	} moving;
	struct going {         // the memory of page 0 goes
		uint8_t phase; // enum going_phase
		uint8_t mask;  // hosts that have taken the step of this phase
	} going;
};

enum going_phase {
	GOING_NOT,
	GOING_CLOSE,
	GOING_LOOK,
	GOING_LOOK_AGAIN,
	GOING_TAKE,
	GOING_GONE,
	GOING_BACK // memory came there again
};

enum moving_phase {
	MOVING_NOT,
	MOVING_PREPARE,
	MOVING_FREEZE,
	MOVING_SHIP,
	MOVING_ADOPT,
	MOVING_COMMIT,
	MOVING_FINISH
};

enum action_kind {
	A_READ,
	A_WRITE,
	A_DELIVER,
	A_RAN,
	A_GIVE_UP,
	A_RETRY,
	A_HOLD,
	A_EVICT,
	A_POLICY,
	A_LOSE,
	A_ASK,
	A_MOVE, // the home of page 0 is to move
	A_STEP, // a host takes the next step of that
	A_CALL_OFF,
	A_GO,    // the memory of page 0 is to go
	A_GOING, // a host takes the next step of that
	A_COME,  // it comes again
	ACTIONS
}; // of a struct action, whose arg is a page, or the sender of the message delivered or lost

struct model_config {
	const char *name;
	unsigned hosts, pages, queue_max, requests_max, zero_run, migratory;
	bool one_home, hold, evict;
	bool ask, lose;            // requests are asked about; one message is lost
	bool late;                 // ... and only then they are
	const char *path;          // the hosts whose turn it is to be home of page 0, e.g. "010"; NULL: it stays
	bool call_off;             // ... a move may be called off
	bool skip_inv, homes_word; // planted faults, see world.c
	bool forward, ship_busy, zero_late;
	bool goes;                 // the memory of page 0 goes, and comes again
	bool one_look, begin_late; // ... with planted faults
	const char *finds;         // ... and what has to be found wrong
	bool large;                // only where it is asked for
};

/* world.c: runs engines on states */
void world_init(const struct model_config *c, struct state *s);
/* All actions possible in s, at most cap. */
unsigned world_actions(const struct state *s, struct action *out, unsigned cap);
/* Takes the action. Returns NULL, or what is wrong in the state reached. */
const char *world_step(struct state *s, const struct action *a);
bool world_quiescent(const struct state *s);
/* No vCPU and no request waits for anything. */
bool world_nobody_waits(const struct state *s);
/* What is wrong in a quiescent state, or NULL. */
const char *world_quiescent_wrong(const struct state *s);
void action_text(const struct action *a, char *buf, size_t cap);

/* going.c: the steps of memory that goes. e: an engine of host h as it is at its start */
bool going_step_of(const struct state *s, unsigned h); // whether h may take the step now
const char *going_step(struct state *s, unsigned h, struct coh_engine *e, const struct model_config *cfg);
const char *going_back(struct state *s, unsigned h, struct coh_engine *e, unsigned home); // memory comes again
bool going_is_left(const struct state *s, unsigned hosts);                                // something of what is gone

/* pack.c: one byte string for each state, equal exactly for equal states */
unsigned pack(struct state *s, uint8_t *buf); // renumbers s first
void unpack(const uint8_t *buf, struct state *s);
void pack_config(const struct model_config *c);

#endif
