// SPDX-License-Identifier: Apache-2.0
#include "vmm/run/run_phase.h"

#include <stdint.h>
#include <stdio.h>

#define ____ 0x80u // no news
#define NO__ 0x81u // refused

// clang-format off
/* Whoever asks twice for the end has no more patience: no host is waited for. */
static const uint8_t next_of[RUN_PHASES][RUN_EVENTS] = {
	/*                  done            late        end         hurry */
	[PHASE_CONNECT] = { PHASE_OFFERS,  PHASE_QUIT, PHASE_QUIT, PHASE_QUIT },
	[PHASE_OFFERS]  = { PHASE_SET_UP,  PHASE_QUIT, PHASE_QUIT, PHASE_QUIT },
	[PHASE_SET_UP]  = { PHASE_IMAGES,  PHASE_QUIT, PHASE_QUIT, PHASE_QUIT },
	[PHASE_IMAGES]  = { PHASE_PEERS,   PHASE_QUIT, PHASE_QUIT, PHASE_QUIT },
	[PHASE_PEERS]   = { PHASE_CREATE,  PHASE_QUIT, PHASE_QUIT, PHASE_QUIT },
	[PHASE_CREATE]  = { PHASE_START,   PHASE_QUIT, PHASE_QUIT, PHASE_QUIT },
	[PHASE_START]   = { PHASE_RUNS,    PHASE_QUIT, PHASE_QUIT, PHASE_QUIT },
	[PHASE_RUNS]    = { NO__,          NO__,       PHASE_QUIT, PHASE_QUIT },
	[PHASE_QUIT]    = { PHASE_SAVE,    PHASE_OVER, ____,       PHASE_OVER },
	[PHASE_SAVE]    = { PHASE_OVER,    PHASE_OVER, ____,       PHASE_OVER },
	[PHASE_OVER]    = { ____,          ____,       ____,       ____       },
};
// clang-format on

const char *run_phase_name(enum run_phase p)
{
	static const char *const names[RUN_PHASES] = {
		[PHASE_CONNECT] = "connect", [PHASE_OFFERS] = "offers", [PHASE_SET_UP] = "set up",
		[PHASE_IMAGES] = "images",   [PHASE_PEERS] = "peers",   [PHASE_CREATE] = "create",
		[PHASE_START] = "start",     [PHASE_RUNS] = "runs",     [PHASE_QUIT] = "quit",
		[PHASE_SAVE] = "save",       [PHASE_OVER] = "over",
	};

	return p < RUN_PHASES ? names[p] : "none";
}

enum run_turn run_phase_turn(enum run_phase p, enum run_event e, enum run_phase *next, char *why, size_t cap)
{
	static const char *const events[RUN_EVENTS] = {"done", "late", "end", "hurry"};
	unsigned to = p < RUN_PHASES && e < RUN_EVENTS ? next_of[p][e] : NO__;

	if (to == ____)
		return RUN_STAYS;
	if (to == NO__) {
		snprintf(why, cap, "'%s' came in the phase '%s', which nothing but 'end' and 'hurry' ends",
			 e < RUN_EVENTS ? events[e] : "?", run_phase_name(p));
		return RUN_REFUSES;
	}
	*next = (enum run_phase)to;
	return RUN_MOVES;
}
