// SPDX-License-Identifier: Apache-2.0
/*
 * Model check of hosts that join a running guest and leave it (vmm/run/members.c, members_leave.c, and the hosts' side
 * in vmm/host/serve_members.c). Two members and the place of a third; the run process asks, hosts answer, sessions end
 * when they like, and anybody may crash at any moment. It is the order of the steps that is checked, so hosts are
 * reduced to what they know of the third.
 */
#ifndef TESTS_MODEL_MEMBERS_H
#define TESTS_MODEL_MEMBERS_H

#include "tests/model/search.h"

#define M_MEMBERS 2u
#define M_NEW     2u // the place of the host that comes and goes
#define M_HOSTS   3u

enum m_fault {
	M_GOOD,
	M_COUNTS_EARLY,  // the loss of one that is expected is the guest's
	M_HASTY_JOIN,    // it is a member when the first has acknowledged that
	M_NO_LOOK,       // nobody looks whether all have a session with it
	M_NOT_ITS_WORD,  // the members are asked that, and it itself is not
	M_NO_FORGET,     // what fails is not undone
	M_LEAVES_LOADED, // nobody asks what is on the host that leaves
	M_NOT_APART,     // members let go of it while its loss counts
	M_HASTY_LEAVE,   // its place is free when the first has let go of it
};

enum m_op { M_NO_OP, M_JOIN, M_LEAVE };

enum m_verb {
	V_NONE,
	V_EXPECT,
	V_SET_UP,
	V_CONNECT,
	V_READY,
	V_JOIN,
	V_FORGET,
	V_CHECK,
	V_APART,
	V_LEAVE,
	V_QUIT,
	M_VERBS
};

enum m_answer { A_NONE, A_YES, A_NO };

/* Of each host; of the new one the session is a bit for each member. */
struct m_host {
	uint8_t alive, req, ans;
	uint8_t expects, session, knows; // by a member: which host of that place, 0: none
	uint8_t counted;                 // a loss is the guest's
	uint8_t life;                    // the new one: 0: free, 1: set up, 2: it runs; and which one it is
	uint8_t number;
};

struct m_state {
	struct m_host h[M_HOSTS];
	uint8_t op, step, undoing, asked; // of the run process
	uint8_t gone;                     // it knows that the new one is
	uint8_t told;                     // members are being told that it is one of them
	uint8_t member;                   // ... and all know
	uint8_t used;                     // something of the guest is on the new one
	uint8_t word, early;              // the new one has said that it reaches all members; it crashed before
	uint8_t apart;                    // all have acknowledged that its loss does not count
	uint8_t over;                     // the guest is
	uint8_t crashed_new, crashed_old, crashes;
	uint8_t safe; // it was said that the host of this number can be switched off
};

struct m_config {
	const char *name;
	unsigned crashes, comings; // at most
	enum m_fault fault;
	const char *finds;
};

enum m_action {
	M_DELIVER, // host: a question
	M_ANSWER,  // host: an answer
	M_CONNECT, // host: a member that the new one calls
	M_LOSE,    // host: a member whose session with the new one is over
	M_MISS,    // host: the new one's session with that member is over
	M_DOWN,    // host: whose control session has ended
	M_BEGIN_JOIN,
	M_BEGIN_LEAVE,
	M_USE,
	M_UNUSE,
	M_CRASH,
	M_ACTIONS
};

void m_init(const struct m_config *c, struct m_state *s);
unsigned m_actions(const void *state, struct action *out, unsigned cap);
const char *m_step(void *state, const struct action *a);
bool m_at_rest(const void *state, const char **wrong);

#endif
