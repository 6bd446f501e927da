// SPDX-License-Identifier: Apache-2.0
/*
 * Where `pando run` is between its first connection and its exit, and what may happen there. Pure: a phase and an event
 * in, the next phase out. bring_up.c has what is done in each phase.
 */
#ifndef VMM_RUN_RUN_PHASE_H
#define VMM_RUN_RUN_PHASE_H

#include <stddef.h>

enum run_phase {
	PHASE_CONNECT, // sessions with the hosts
	PHASE_OFFERS,  // what each has to give
	PHASE_SET_UP,  // each knows the machine; boot images begin to go out
	PHASE_IMAGES,  // until they have left
	PHASE_PEERS,   // hosts connect to each other
	PHASE_CREATE,
	PHASE_START,
	PHASE_RUNS,
	PHASE_QUIT, // hosts stop their vCPUs
	PHASE_SAVE, // the trace is fetched from them
	PHASE_OVER,
	RUN_PHASES
};

enum run_event {
	RUN_EV_DONE,  // every host has done what the phase is for
	RUN_EV_LATE,  // one did not in time
	RUN_EV_END,   // the guest is to be ended: it did so itself, its operator did, something failed, a host is lost
	RUN_EV_HURRY, // told to end by a signal
	RUN_EVENTS
};

enum run_turn { RUN_MOVES, RUN_STAYS, RUN_REFUSES };

/* RUN_MOVES: *next is set. RUN_REFUSES: that can't happen there, and why gets a sentence. */
enum run_turn run_phase_turn(enum run_phase p, enum run_event e, enum run_phase *next, char *why, size_t cap);

const char *run_phase_name(enum run_phase p);

#endif
